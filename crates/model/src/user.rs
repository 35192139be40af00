//! People and their browser sessions.

use crate::authz::{Kind, Resource, RoleRef};
use crate::text::is_shown;
use crate::{InviteId, Label, SessionId, Time, UserId, WorkspaceId};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// A person. Exists once for the whole platform; belongs to workspaces through memberships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub email: Email,
    pub name: Label,
    pub state: State,
    pub is_platform_admin: bool,
    /// The address has proved itself: by a mail that was read, by a provider that is trusted with its domain, or by the
    /// platform's word.
    pub is_email_verified: bool,
    /// What they mean when they name no workspace.
    pub default_workspace: Option<WorkspaceId>,
    pub created_at: Time,
}

/// Whether a person can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Invited, has not accepted yet.
    Invited,
    Active,
    /// May not sign in; sessions and keys are refused.
    Deactivated,
}

/// An e-mail address in the one spelling under which it is unique: trimmed, lower case, composed, and its domain in the form
/// that name servers know (`xn--exmple-cua.org`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct Email(String);

/// A text that is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use an address like name@example.org, at most 254 characters")]
pub struct EmailError;

impl Email {
    /// An address that was kept by an earlier release, which accepted more: one that is none today stays as it was.
    pub fn kept(text: String) -> Self {
        text.parse().unwrap_or(Self(text))
    }
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl std::fmt::Display for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Email {
    type Err = EmailError;
    fn from_str(text: &str) -> Result<Self, EmailError> {
        let (local, domain) = text.trim().rsplit_once('@').ok_or(EmailError)?;
        let local: String = local.to_lowercase().nfc().collect();
        let domain = ascii(domain)?;
        let plain = |s: &str| !s.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@') && is_shown(s);
        let domain_ok = domain.contains('.')
            && domain.split('.').all(|l| !l.is_empty() && !l.starts_with('-') && !l.ends_with('-'))
            || domain == "localhost";
        let text = format!("{local}@{domain}");
        if local.is_empty() || local.len() > 64 || text.len() > 254 || !plain(&local) || !plain(&domain) || !domain_ok {
            return Err(EmailError);
        }
        Ok(Self(text))
    }
}

/// A domain in the form that name servers know.
fn ascii(domain: &str) -> Result<String, EmailError> {
    let lower = domain.to_ascii_lowercase();
    if lower.is_ascii() && !lower.split('.').any(|label| label.starts_with("xn--")) {
        return Ok(lower);
    }
    idna::domain_to_ascii(domain).map_err(|_| EmailError)
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Email {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Email".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "email", "maxLength": 254, "examples": ["ada@example.org"]})
    }
}

impl Resource for User {
    const KIND: Kind = Kind::User;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }
    fn owner(&self) -> Option<UserId> {
        Some(self.id)
    }
}

/// What carries a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// A browser, by its cookie.
    #[default]
    Browser,
    /// A program or an app, by access and refresh tokens.
    Token,
}

impl SessionKind {
    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            SessionKind::Browser => "browser",
            SessionKind::Token => "token",
        }
    }
}

/// One sign-in of a person: a browser, or a program with tokens. The secret itself is never stored, only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    pub kind: SessionKind,
    pub created_at: Time,
    pub seen_at: Time,
    pub expires_at: Time,
    pub address: Option<String>,
    pub user_agent: Option<String>,
}

impl Resource for Session {
    const KIND: Kind = Kind::Session;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }
    fn owner(&self) -> Option<UserId> {
        Some(self.user)
    }
}

/// A person as whoever administers the platform deals with them: belongs to nobody, so being oneself gives no right to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed(pub User);

impl Resource for Managed {
    const KIND: Kind = Kind::User;
    fn id(&self) -> String {
        self.0.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }
}

/// An invitation: what makes an address a person who can sign in. Its secret is never stored, only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    pub id: InviteId,
    pub user: UserId,
    pub email: Email,
    /// What the inviter calls them.
    pub name: Label,
    /// The address has an account: it is accepted by signing in.
    pub has_account: bool,
    /// The right to administer the platform comes with it.
    pub is_platform_admin: bool,
    /// The place in a workspace that comes with it.
    pub place: Option<Place>,
    /// It went to the address by mail.
    pub is_mailed: bool,
    pub invited_by: Option<UserId>,
    pub created_at: Time,
    pub expires_at: Time,
    pub accepted_at: Option<Time>,
    pub revoked_at: Option<Time>,
}

/// A place in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub workspace: WorkspaceId,
    pub role: RoleRef,
}

/// What has become of an invitation or a link to set a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    Open,
    /// It has done what it was for; it works once.
    Used,
    /// A later one took its place, or somebody withdrew it.
    Revoked,
    Expired,
}

impl LinkState {
    /// From what is on record.
    pub fn of(used_at: Option<Time>, revoked_at: Option<Time>, expires_at: Time, now: Time) -> Self {
        match (used_at, revoked_at) {
            (Some(_), _) => LinkState::Used,
            (None, Some(_)) => LinkState::Revoked,
            (None, None) if expires_at <= now => LinkState::Expired,
            (None, None) => LinkState::Open,
        }
    }
}

impl Invite {
    /// What has become of it.
    pub fn state(&self, now: Time) -> LinkState {
        LinkState::of(self.accepted_at, self.revoked_at, self.expires_at, now)
    }
}

impl Resource for Invite {
    const KIND: Kind = Kind::Member;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.place.map(|place| place.workspace)
    }
}

/// What a person prefers. Mail that somebody must get (invitations, new passwords) asks for no preference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    /// An IANA name; the workspace's own when absent.
    pub timezone: Option<String>,
    /// Mail about events that need somebody at once.
    pub critical_mail: bool,
    /// Mail about machines that join.
    pub enrollment_mail: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { timezone: None, critical_mail: true, enrollment_mail: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f35_an_address_has_one_spelling() {
        let of = |text: &str| text.parse::<Email>().map(|email| email.to_string()).ok();
        let plain = Some("ada@xn--exmple-cua.org".to_owned());
        for same in [
            "ada@exämple.org",
            "ada@xn--exmple-cua.org",
            " ADA@EXÄMPLE.org ",
            "ada@exa\u{308}mple.org",
            "ada@XN--exmple-cua.ORG",
        ] {
            assert_eq!(of(same), plain, "{same}");
        }
        assert_eq!(of("rene\u{301}@example.org"), of("ren\u{e9}@example.org"));
        assert_eq!(of("Ada@Example.org").as_deref(), Some("ada@example.org"));
        assert_eq!(of("root@localhost").as_deref(), Some("root@localhost"));
        for wrong in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@example",
            "a b@example.org",
            "ada@-x.org",
            "ada@xn--\u{e4}.org",
            "a\u{200B}da@example.org",
        ] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }
}
