//! Titles: games as data. A manifest holds the JSON Schemas of a game's configuration and of its gameplay intents.

use serde_json::{Map, Value};

/// A match's configuration: the title's schema says what may be in it.
pub type Config = Map<String, Value>;

/// Who may find and join a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GameType {
    /// Only who knows its id.
    Private,
    /// Anyone.
    Public,
    /// Nobody else. The relay hosts none.
    Singleplayer,
}

/// What the relay knows about one game.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// Its short name.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Time between turns.
    pub turn_ms: u64,
    /// Fewest players that a start needs.
    pub min_players: u32,
    /// Most players that any configuration allows.
    pub max_players: u32,
    /// Fields that a partial update clears when it leaves them out. All others stay as they were.
    #[serde(default)]
    pub cleared_when_omitted: Vec<String>,
    /// What a new match has where its maker says nothing.
    pub defaults: Config,
    /// JSON Schema of the configuration.
    pub config_schema: Value,
    /// JSON Schema of one gameplay intent.
    pub intent_schema: Value,
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the title's manifest cannot be read: {0}")]
pub struct TitleError(#[from] serde_json::Error);

impl Title {
    /// Reads a manifest.
    pub fn read(manifest: &str) -> Result<Self, TitleError> {
        Ok(serde_json::from_str(manifest)?)
    }

    /// The configuration after a partial update. What the update leaves out stays, except the fields that the title
    /// clears; `null` unsets a field, and the title's default does not come back.
    pub fn updated(&self, config: &Config, partial: &Config) -> Config {
        let mut next = config.clone();
        for field in &self.cleared_when_omitted {
            if !partial.contains_key(field) {
                next.remove(field);
            }
        }
        for (field, value) in partial {
            if value.is_null() {
                next.remove(field);
            } else {
                next.insert(field.clone(), value.clone());
            }
        }
        next
    }

    /// The configuration of a new match.
    pub fn created(&self, partial: &Config) -> Config {
        self.updated(&self.defaults, partial)
    }

    /// Who may join. Nothing said means private; anything unknown is `None`.
    pub fn game_type(config: &Config) -> Option<GameType> {
        match config.get("gameType") {
            None | Some(Value::Null) => Some(GameType::Private),
            Some(Value::String(text)) => match text.as_str() {
                "Private" => Some(GameType::Private),
                "Public" => Some(GameType::Public),
                "Singleplayer" => Some(GameType::Singleplayer),
                _ => None,
            },
            Some(_) => None,
        }
    }

    /// Most players of a match with this configuration.
    pub fn seats(&self, config: &Config) -> u32 {
        let asked = config.get("maxPlayers").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        asked.unwrap_or(self.max_players).min(self.max_players)
    }

    /// How long after the start button the match starts, in milliseconds. The configuration says it in seconds.
    pub fn start_delay_ms(config: &Config) -> u64 {
        config.get("startDelay").and_then(Value::as_u64).unwrap_or(0).saturating_mul(1000)
    }
}

/// The titles that every installation has.
pub fn builtin() -> Vec<Title> {
    [include_str!("titles/openfront.json"), include_str!("titles/tic-tac-toe.json")]
        .into_iter()
        .map(|text| Title::read(text).expect("built-in manifests are read by a test"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Config {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_partial_update_leaves_what_it_omits_but_host_cheats() {
        let title = builtin().remove(0);
        let config = title.created(&object(json!({"bots": 7, "maxTimerValue": 30, "hostCheats": {"gold": true}})));
        assert_eq!(config["bots"], 7);
        let next = title.updated(&config, &object(json!({"difficulty": "Hard"})));
        assert_eq!((&next["bots"], &next["difficulty"]), (&json!(7), &json!("Hard")));
        assert_eq!(next.get("hostCheats"), None, "omitted means cleared");
        let kept = title.updated(&config, &object(json!({"hostCheats": {"gold": true}, "maxTimerValue": null})));
        assert!(kept.contains_key("hostCheats") && !kept.contains_key("maxTimerValue"));
    }

    #[test]
    fn built_in_titles_are_read_and_start_private() {
        let titles = builtin();
        assert_eq!(titles.iter().map(|t| t.id.as_str()).collect::<Vec<_>>(), ["openfront", "tic-tac-toe"]);
        for title in titles {
            assert_eq!(Title::game_type(&title.created(&Config::new())), Some(GameType::Private));
            assert!(title.turn_ms >= 10 && title.min_players <= title.max_players);
        }
    }
}
