//! The server itself: is it there, is it ready, which version is it?

use ostler_model::{BootId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The process answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthView {
    /// Always `ostler`.
    pub service: String,
    /// Always `ok`: a process that is not does not answer.
    pub status: String,
    pub timestamp: Time,
    pub started_at: Time,
    /// Another one after each start.
    pub boot_id: BootId,
}

/// The server can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadyView {
    /// Always `ready`; the answer is 503 otherwise.
    pub status: String,
    /// `sqlite` or `postgres`.
    pub database: String,
    /// Agents with a link to this process.
    pub nodes_connected: u32,
}

/// Which version this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionView {
    pub version: String,
    /// The API's version, as in its paths.
    pub api: String,
}
