//! Sign-in by another party that speaks OpenID Connect.

use crate::authz::{Kind, Resource};
use crate::{Label, Name, ProviderId, SecretId, Time, UserId, WorkspaceId};
use serde::{Deserialize, Serialize};

/// A party whose word about who somebody is counts here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    pub id: ProviderId,
    /// As paths name it.
    pub slug: Name,
    pub name: Label,
    pub preset: Preset,
    /// Exactly as its tokens say it.
    pub issuer: String,
    pub client_id: String,
    /// Where the client's secret is kept; public clients have none.
    pub client_secret: Option<SecretId>,
    pub scopes: Vec<String>,
    pub is_enabled: bool,
    /// Addresses count as proven although the provider does not say so. For providers of a single organisation.
    pub trusts_email: bool,
    /// Unknown people with a proven address in one of these domains get an account when they first come.
    pub domains: Vec<String>,
    pub created_at: Time,
}

/// What is known of a provider beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Nothing but its discovery document.
    #[default]
    Generic,
    Google,
    Microsoft,
}

impl Preset {
    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Preset::Generic => "generic",
            Preset::Google => "google",
            Preset::Microsoft => "microsoft",
        }
    }
}

impl std::str::FromStr for Preset {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Preset::Generic, Preset::Google, Preset::Microsoft].into_iter().find(|p| p.as_str() == text).ok_or(())
    }
}

impl Resource for Provider {
    const KIND: Kind = Kind::Platform;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }
}

/// Who somebody is at a provider. The subject never changes its owner, an e-mail address may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub provider: ProviderId,
    pub issuer: String,
    pub subject: String,
    pub user: UserId,
}

/// True for a path on this server that a browser may be sent to after signing in: it begins with one slash, and nothing in it
/// can make a browser leave.
pub fn is_local_path(path: &str) -> bool {
    let starts_inside = path.starts_with('/') && !path.starts_with("//");
    let is_plain = path.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '\\' | '<' | '>' | '"' | '\''));
    starts_inside && is_plain && path.len() <= 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_followed() {
        for good in ["/", "/workloads", "/workloads/wl_1?tab=log#end", "/a//b", "/@evil.example"] {
            assert!(is_local_path(good), "{good}");
        }
        for evil in [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "evil.example",
            "/ü",
            "\u{0}/",
            "/%\u{7f}",
        ] {
            assert!(!is_local_path(evil), "{evil:?}");
        }
    }
}
