//! The one error envelope.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every error answer carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// A stable code from docs/reference/errors.md.
    pub error: String,
    /// A sentence that says what happened and what to do.
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
    /// The fields that are wrong, for 422.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    pub request_id: String,
}

/// One field and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// Path in the body or the parameter's name, for example `variables.motd`.
    pub field: String,
    pub message: String,
}
