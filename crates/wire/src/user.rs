//! People.

use ostler_model::user::{Email, State};
use ostler_model::{Label, Secret, Time, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person, as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserView {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub state: State,
    pub is_platform_admin: bool,
    /// The address has proved itself: by mail, or by a provider that is trusted with its domain. While it has not, others
    /// cannot add this person to a workspace by it.
    #[serde(default)]
    pub is_email_verified: bool,
    pub created_at: Time,
}

/// Invites a person. They are there at once and can do nothing before they accept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserCreate {
    pub email: Email,
    pub name: Label,
    #[serde(default)]
    pub is_platform_admin: bool,
}

/// Changes what is named about a person and leaves the rest.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserUpdate {
    #[serde(default)]
    pub email: Option<Email>,
    #[serde(default)]
    pub name: Option<Label>,
    #[serde(default)]
    pub is_platform_admin: Option<bool>,
    /// `false` keeps them out and ends their sessions; `true` lets them in again.
    #[serde(default)]
    pub is_active: Option<bool>,
}

/// Something that still refers to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReferenceView {
    /// Its noun.
    pub kind: String,
    pub id: String,
    pub name: String,
}

/// What refers to a person: they can be deleted when this is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct References {
    pub items: Vec<ReferenceView>,
}

/// Changes your own name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeUpdate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    /// What you mean when you name no workspace: an id or a short name; an empty text for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub default_workspace: Option<String>,
}

/// Changes your own password. Your other sessions end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    pub current_password: Secret,
    /// 12 to 256 characters.
    pub new_password: Secret,
}

/// What you prefer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreferencesView {
    /// An IANA name such as `Europe/Berlin`; the workspace's own when absent.
    pub timezone: Option<String>,
    /// Mail about what needs somebody at once.
    pub critical_mail: bool,
    /// Mail about machines that join.
    pub enrollment_mail: bool,
}

/// Changes what is named and leaves the rest.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreferencesUpdate {
    /// An IANA name; an empty text for the workspace's own.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub timezone: Option<String>,
    #[serde(default)]
    pub critical_mail: Option<bool>,
    #[serde(default)]
    pub enrollment_mail: Option<bool>,
}
