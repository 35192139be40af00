//! Typed variables: what a person may choose, and the check of every value.

use super::flat::Flat;
use crate::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

/// One choice that a template leaves open.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    pub name: Name,
    /// The field's label.
    pub title: String,
    /// Help under the field.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub help: String,
    #[serde(flatten)]
    pub of: VariableType,
}

// A flattened enum cannot refuse unknown fields by itself; `Flat` can, and says which field belongs to which type.
impl<'de> Deserialize<'de> for Variable {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Flat::deserialize(d)?.variable().map_err(serde::de::Error::custom)
    }
}

/// The type with its bounds and default. Without a default the value is required.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum VariableType {
    /// One line of text.
    String {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        default: Option<String>,
        #[serde(default)]
        min_length: usize,
        #[serde(default = "line_most")]
        max_length: usize,
        /// Where the program counts bytes and cuts what is more: most characters that are no plain letters have several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_bytes: Option<usize>,
        /// Regular expression that the whole value must match.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pattern: Option<String>,
    },
    /// Text of several lines.
    Text {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        default: Option<String>,
        #[serde(default = "text_most")]
        max_length: usize,
    },
    Integer {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        default: Option<i64>,
        min: i64,
        max: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
    },
    Boolean {
        #[serde(default)]
        default: bool,
    },
    Choice {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        default: Option<String>,
        options: Vec<String>,
    },
    /// One line that is never shown again. Empty unless given.
    Secret {
        #[serde(default = "line_most")]
        max_length: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_bytes: Option<usize>,
    },
}

pub(super) fn line_most() -> usize {
    200
}
pub(super) fn text_most() -> usize {
    8000
}

/// Why a value is not acceptable, in words that name the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);

impl Variable {
    /// No default and no empty value: somebody must choose.
    pub fn is_required(&self) -> bool {
        match &self.of {
            VariableType::String { default, .. }
            | VariableType::Text { default, .. }
            | VariableType::Choice { default, .. } => default.is_none(),
            VariableType::Integer { default, .. } => default.is_none(),
            VariableType::Boolean { .. } | VariableType::Secret { .. } => false,
        }
    }

    /// True when the value must not be shown.
    pub fn is_secret(&self) -> bool {
        matches!(self.of, VariableType::Secret { .. })
    }

    /// The value as text for rendering: the given one if acceptable, else the default.
    pub fn resolve(&self, given: Option<&Value>) -> Result<String, ValueError> {
        match given {
            None | Some(Value::Null) => self.default_text().ok_or_else(|| ValueError("a value is required".into())),
            Some(value) => self.accept(value),
        }
    }

    fn default_text(&self) -> Option<String> {
        match &self.of {
            VariableType::String { default, .. }
            | VariableType::Text { default, .. }
            | VariableType::Choice { default, .. } => default.clone(),
            VariableType::Integer { default, .. } => default.map(|n| n.to_string()),
            VariableType::Boolean { default } => Some(default.to_string()),
            VariableType::Secret { .. } => Some(String::new()),
        }
    }

    fn accept(&self, value: &Value) -> Result<String, ValueError> {
        let no = |text: String| Err(ValueError(text));
        match (&self.of, value) {
            (VariableType::String { min_length, max_length, max_bytes, pattern, .. }, Value::String(s)) => {
                fits(s, *max_bytes)?;
                let n = s.chars().count();
                if n < *min_length || n > *max_length {
                    return no(format!("use {min_length} to {max_length} characters"));
                }
                if s.chars().any(char::is_control) {
                    return no("use one line without control characters".into());
                }
                match pattern.as_deref().map(whole_match) {
                    Some(Ok(re)) if !re.is_match(s) => {
                        no(format!("must match {}", pattern.as_deref().unwrap_or_default()))
                    }
                    Some(Err(_)) => no("the template's pattern is broken".into()),
                    Some(Ok(_)) | None => Ok(s.clone()),
                }
            }
            (VariableType::Secret { max_length, max_bytes }, Value::String(s)) => {
                fits(s, *max_bytes)?;
                if s.chars().count() > *max_length || s.chars().any(char::is_control) {
                    return no(format!("use one line of at most {max_length} characters"));
                }
                Ok(s.clone())
            }
            (VariableType::Text { max_length, .. }, Value::String(s)) => {
                if s.chars().count() > *max_length || s.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
                    return no(format!(
                        "use at most {max_length} characters, with no control characters but line breaks and tabs"
                    ));
                }
                Ok(s.clone())
            }
            (VariableType::Integer { min, max, .. }, Value::Number(n)) => match n.as_i64() {
                Some(n) if (*min..=*max).contains(&n) => Ok(n.to_string()),
                _ => no(format!("use a whole number from {min} to {max}")),
            },
            (VariableType::Boolean { .. }, Value::Bool(b)) => Ok(b.to_string()),
            (VariableType::Choice { options, .. }, Value::String(s)) if options.contains(s) => Ok(s.clone()),
            (VariableType::Choice { options, .. }, _) => no(format!("use one of {}", options.join(", "))),
            (VariableType::Integer { min, max, .. }, _) => no(format!("use a whole number from {min} to {max}")),
            (VariableType::Boolean { .. }, _) => no("use true or false".into()),
            (VariableType::String { .. } | VariableType::Text { .. } | VariableType::Secret { .. }, _) => {
                no("use text".into())
            }
        }
    }

    /// The JSON Schema of one value, with the widget hints that forms use.
    pub fn schema(&self) -> Value {
        let mut schema = match &self.of {
            VariableType::String { default, min_length, max_length, pattern, .. } => {
                let mut s =
                    json!({"type": "string", "minLength": min_length, "maxLength": max_length, "default": default});
                if let Some(p) = pattern {
                    s["pattern"] = json!(format!("^(?:{p})$"));
                }
                s
            }
            VariableType::Text { default, max_length } => {
                json!({"type": "string", "maxLength": max_length, "default": default, "x-widget": "text"})
            }
            VariableType::Integer { default, min, max, unit } => {
                json!({"type": "integer", "minimum": min, "maximum": max, "default": default, "x-unit": unit})
            }
            VariableType::Boolean { default } => json!({"type": "boolean", "default": default}),
            VariableType::Choice { default, options } => json!({"type": "string", "enum": options, "default": default}),
            VariableType::Secret { max_length, .. } => {
                json!({"type": "string", "maxLength": max_length, "writeOnly": true, "x-widget": "secret"})
            }
        };
        if let Value::Object(map) = &mut schema {
            map.retain(|_, v| !v.is_null());
            map.insert("title".into(), json!(self.title));
            if !self.help.is_empty() {
                map.insert("description".into(), json!(self.help));
            }
        }
        schema
    }
}

fn fits(value: &str, max_bytes: Option<usize>) -> Result<(), ValueError> {
    match max_bytes {
        Some(most) if value.len() > most => Err(ValueError(format!(
            "use fewer characters, or plainer ones: the program takes {most} bytes, and this has {}",
            value.len()
        ))),
        _ => Ok(()),
    }
}

/// A pattern that must match the whole value.
pub(super) fn whole_match(pattern: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build()
}
