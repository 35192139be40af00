//! A title with its schemas compiled, once for all its matches.

use jsonschema::Validator;
use ostler_model::matches::{Config, Title, builtin};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A manifest whose schemas are no schemas.
#[derive(Debug, thiserror::Error)]
#[error("the {part} schema of title {title} is wrong: {why}")]
pub struct RulesError {
    title: String,
    part: &'static str,
    why: String,
}

/// One title, ready to judge configurations and intents.
#[derive(Debug)]
pub struct Rules {
    /// The manifest.
    pub title: Title,
    config: Validator,
    intent: Validator,
}

impl Rules {
    /// Compiles a title's schemas. Schemas can refer only to themselves: nothing is fetched.
    pub fn new(title: Title) -> Result<Self, RulesError> {
        let compile = |part, schema: &Value| {
            jsonschema::validator_for(schema).map_err(|error| RulesError {
                title: title.id.clone(),
                part,
                why: error.to_string(),
            })
        };
        let (config, intent) = (compile("config", &title.config_schema)?, compile("intent", &title.intent_schema)?);
        Ok(Self { title, config, intent })
    }

    /// The built-in titles by name.
    pub fn builtin() -> BTreeMap<String, Arc<Rules>> {
        let compiled = |title: Title| Self::new(title).expect("a test compiles the built-in schemas");
        builtin().into_iter().map(|title| (title.id.clone(), Arc::new(compiled(title)))).collect()
    }

    /// Why this configuration is none of this title, in one sentence.
    pub fn config_problem(&self, config: &Config) -> Option<String> {
        let value = Value::Object(config.clone());
        let error = self.config.iter_errors(&value).next()?;
        Some(format!("{} {error}", error.instance_path()).trim().chars().take(300).collect())
    }

    /// Whether the game itself understands this intent.
    pub fn knows_intent(&self, intent: &Map<String, Value>) -> bool {
        // The names of management belong to the relay in every title, whatever a schema allows.
        self.intent.is_valid(&Value::Object(intent.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_built_in_titles_judge() {
        let rules = Rules::builtin();
        let (front, toe) = (&rules["openfront"], &rules["tic-tac-toe"]);
        let config =
            |rules: &Rules, value: Value| rules.config_problem(&rules.title.created(value.as_object().unwrap()));
        assert_eq!(config(front, json!({"bots": 400, "maxTimerValue": 120, "playerTeams": "Duos"})), None);
        for wrong in [json!({"bots": 401}), json!({"maxTimerValue": 0}), json!({"cheese": 1}), json!({"bots": null})] {
            assert!(config(front, wrong.clone()).is_some(), "{wrong}");
        }
        assert!(toe.knows_intent(json!({"type": "mark_cell", "cell": 8}).as_object().unwrap()));
        for wrong in [json!({"type": "mark_cell", "cell": 9}), json!({"type": "attack"}), json!({"cell": 1})] {
            assert!(!toe.knows_intent(wrong.as_object().unwrap()), "{wrong}");
        }
    }
}
