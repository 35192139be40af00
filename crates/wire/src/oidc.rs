//! Sign-in by another party that speaks OpenID Connect.

use ostler_model::oidc::Preset;
use ostler_model::{Label, Name, ProviderId, Secret, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A party that people may sign in with, as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderLink {
    pub slug: String,
    pub name: String,
    pub preset: Preset,
    /// Send the browser there; add `?next=` with a path of this server.
    pub start: String,
}

/// The parties that people may sign in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderLinks {
    pub items: Vec<ProviderLink>,
}

/// An account at a provider that signs you in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentityView {
    pub provider: ProviderId,
    pub slug: String,
    pub name: String,
    pub created_at: Time,
    pub last_used_at: Time,
}

/// The accounts at providers that sign you in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identities {
    pub items: Vec<IdentityView>,
}

/// Where to send the browser to link a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkStarted {
    pub location: String,
}

/// A party that people may sign in with, as admins see it. The client's secret is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderView {
    pub id: ProviderId,
    pub slug: String,
    pub name: String,
    pub preset: Preset,
    pub issuer: String,
    pub client_id: String,
    pub has_client_secret: bool,
    pub scopes: Vec<String>,
    pub is_enabled: bool,
    pub trusts_email: bool,
    pub domains: Vec<String>,
    /// What the provider has to be told to send browsers back to.
    pub redirect_uri: Option<String>,
    pub created_at: Time,
}

/// Adds a provider. It is asked for its discovery document first.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderCreate {
    pub slug: Name,
    pub name: Label,
    #[serde(default)]
    pub preset: Preset,
    /// Not needed for Google; for Microsoft `https://login.microsoftonline.com/<tenant id>/v2.0`.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub issuer: Option<String>,
    #[schemars(length(min = 1, max = 512))]
    pub client_id: String,
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// `openid email profile` when absent.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub scopes: Option<Vec<String>>,
    #[serde(default)]
    pub is_enabled: Option<bool>,
    #[serde(default)]
    pub trusts_email: bool,
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub domains: Vec<String>,
}

/// Changes what is named and leaves the rest.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderUpdate {
    #[serde(default)]
    pub name: Option<Label>,
    #[serde(default)]
    #[schemars(length(min = 1, max = 512))]
    pub client_id: Option<String>,
    /// An empty one removes it.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub scopes: Option<Vec<String>>,
    #[serde(default)]
    pub is_enabled: Option<bool>,
    #[serde(default)]
    pub trusts_email: Option<bool>,
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub domains: Option<Vec<String>>,
}

/// Asks a provider for its discovery document and its keys, and saves nothing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderTest {
    #[serde(default)]
    pub preset: Preset,
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub issuer: Option<String>,
}

/// What a provider says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderTested {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    /// Keys that its statements can be checked with here.
    pub keys: usize,
}

/// Where to go after signing in.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcStart {
    /// A path of this server; `/` when absent.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub next: Option<String>,
}
