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
    pub created_at: Time,
}

/// Creates a person who can sign in with the given password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserCreate {
    pub email: Email,
    pub name: Label,
    /// 12 to 256 characters.
    pub password: Secret,
    #[serde(default)]
    pub is_platform_admin: bool,
}
