//! A variable as people write it: one flat mapping, read strictly, then sorted by its type.

use super::variable::{line_most, text_most};
use super::{Variable, VariableType};
use crate::Name;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flat {
    name: Name,
    title: String,
    #[serde(default)]
    help: String,
    r#type: Type,
    #[serde(default)]
    default: Option<Value>,
    #[serde(default)]
    min_length: Option<usize>,
    #[serde(default)]
    max_length: Option<usize>,
    #[serde(default)]
    max_bytes: Option<usize>,
    #[serde(default)]
    pattern: Option<String>,
    #[serde(default)]
    min: Option<i64>,
    #[serde(default)]
    max: Option<i64>,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    options: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    String,
    Text,
    Integer,
    Boolean,
    Choice,
    Secret,
}

impl Type {
    const fn as_str(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::Text => "text",
            Type::Integer => "integer",
            Type::Boolean => "boolean",
            Type::Choice => "choice",
            Type::Secret => "secret",
        }
    }
    /// The fields that this type has besides name, title, help and type.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Type::String => &["default", "min_length", "max_length", "max_bytes", "pattern"],
            Type::Text => &["default", "max_length"],
            Type::Integer => &["default", "min", "max", "unit"],
            Type::Boolean => &["default"],
            Type::Choice => &["default", "options"],
            Type::Secret => &["max_length", "max_bytes"],
        }
    }
}

impl Flat {
    /// The variable, or which field does not fit its type.
    pub(super) fn variable(self) -> Result<Variable, String> {
        let name = self.name.clone();
        self.sorted().map_err(|why| format!("variable {name}: {why}"))
    }

    fn sorted(self) -> Result<Variable, String> {
        self.only_its_own()?;
        let bound = |n: Option<i64>, field| n.ok_or_else(|| format!("an integer needs {field}"));
        let of = match self.r#type {
            Type::String => VariableType::String {
                default: text(self.default)?,
                min_length: self.min_length.unwrap_or(0),
                max_length: self.max_length.unwrap_or_else(line_most),
                max_bytes: self.max_bytes,
                pattern: self.pattern,
            },
            Type::Text => VariableType::Text {
                default: text(self.default)?,
                max_length: self.max_length.unwrap_or_else(text_most),
            },
            Type::Integer => VariableType::Integer {
                default: match self.default {
                    None => None,
                    Some(value) => Some(value.as_i64().ok_or("default must be a whole number")?),
                },
                min: bound(self.min, "min")?,
                max: bound(self.max, "max")?,
                unit: self.unit,
            },
            Type::Boolean => VariableType::Boolean {
                default: match self.default {
                    None => false,
                    Some(value) => value.as_bool().ok_or("default must be true or false")?,
                },
            },
            Type::Choice => VariableType::Choice {
                default: text(self.default)?,
                options: self.options.ok_or("a choice needs options, a list of texts")?,
            },
            Type::Secret => VariableType::Secret {
                max_length: self.max_length.unwrap_or_else(line_most),
                max_bytes: self.max_bytes,
            },
        };
        Ok(Variable { name: self.name, title: self.title, help: self.help, of })
    }

    fn only_its_own(&self) -> Result<(), String> {
        let given = [
            ("default", self.default.is_some()),
            ("min_length", self.min_length.is_some()),
            ("max_length", self.max_length.is_some()),
            ("max_bytes", self.max_bytes.is_some()),
            ("pattern", self.pattern.is_some()),
            ("min", self.min.is_some()),
            ("max", self.max.is_some()),
            ("unit", self.unit.is_some()),
            ("options", self.options.is_some()),
        ];
        let own = self.r#type.fields();
        match given.iter().find(|(field, is_given)| *is_given && !own.contains(field)) {
            None => Ok(()),
            Some((field, _)) => {
                Err(format!("{field} does not belong to type {}; use {}", self.r#type.as_str(), own.join(", ")))
            }
        }
    }
}

/// YAML reads `1.20` and `yes` as something else than text; whoever means text puts it in quotes.
fn text(default: Option<Value>) -> Result<Option<String>, String> {
    match default {
        None => Ok(None),
        Some(Value::String(s)) => Ok(Some(s)),
        Some(other) => Err(format!("default must be text; write \"{other}\" in quotes")),
    }
}
