//! First run.

use ostler_model::user::Email;
use ostler_model::{Label, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether there is an admin yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetupStatus {
    /// `setup` until the first admin exists, then `installed`.
    pub state: SetupState,
    pub version: String,
}

/// Where the installation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetupState {
    Setup,
    Installed,
}

/// Creates the first admin and the first workspace. Possible once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Install {
    /// The one-time secret that the server printed when it first started.
    pub secret: Secret,
    pub email: Email,
    pub name: Label,
    /// 12 to 256 characters.
    pub password: Secret,
    /// Name of the first workspace; `Home` when absent.
    #[serde(default)]
    pub workspace: Option<Label>,
}
