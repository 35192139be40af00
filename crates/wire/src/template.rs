//! Templates.

use ostler_model::template::Template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A template with the JSON Schema that forms are made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateView {
    pub template: Template,
    /// JSON Schema of `variables` when a workload is made.
    pub variables_schema: serde_json::Value,
    /// The YAML source.
    pub source: String,
}
