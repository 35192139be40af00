//! The frames of a match's socket, and what HTTP says about a match. Names are the protocol's, in camel case.
//!
//! Read strictly: an unknown type, an unknown field or a field of another type is an error, never a guess.

use ostler_model::matches::{ClientId, Config, GameId};
use serde_json::{Map, Value};

/// The largest frame that a client may send. An intent has a tighter limit of its own.
pub const FRAME_LIMIT_BYTES: usize = 64 * 1024;

/// What a client says.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ClientFrame {
    /// Take a place in a match.
    Join {
        /// The match.
        #[serde(rename = "gameID")]
        game_id: GameId,
        /// The secret by which this person is known again.
        token: String,
        /// The name to show.
        username: String,
        /// The clan to show.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clan_tag: Option<String>,
    },
    /// Come back to the place held before.
    Rejoin {
        /// The match.
        #[serde(rename = "gameID")]
        game_id: GameId,
        /// The secret of the first join.
        token: String,
        /// How many turns the client has: the first that it still needs.
        last_turn: u64,
        /// The run of the last `start`, by which the server knows whether these turns are still the match's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<u32>,
    },
    /// Do something.
    Intent {
        /// An object with a `type`.
        intent: Map<String, Value>,
    },
    /// Still here.
    Ping {},
    /// What the client's simulation looked like after a turn.
    Hash {
        /// Its hash.
        hash: i64,
        /// The turn.
        turn_number: u64,
    },
    /// Who won, as this client sees it.
    Winner {
        /// The winner.
        winner: Value,
        /// What each player achieved.
        all_players_stats: Value,
    },
    /// Something for the operator's log.
    Log {
        /// The text.
        log: String,
    },
}

impl ClientFrame {
    /// Reads a frame. Any text at all may come in; it never panics.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > FRAME_LIMIT_BYTES {
            return None;
        }
        serde_json::from_str(text).ok()
    }
}

/// One player, as everybody sees them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Client {
    /// The place in the match.
    #[serde(rename = "clientID")]
    pub client_id: ClientId,
    /// The name to show.
    pub username: String,
    /// The clan to show.
    #[serde(rename = "clanTag", default, skip_serializing_if = "Option::is_none")]
    pub clan_tag: Option<String>,
}

/// A match, as HTTP and the lobby show it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GameInfo {
    /// The match.
    #[serde(rename = "gameID")]
    pub game_id: GameId,
    /// Who is connected, in the order in which they came.
    pub clients: Vec<Client>,
    /// How many are connected.
    pub num_clients: usize,
    /// When it starts, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<i64>,
    /// How long until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms_until_start: Option<u64>,
    /// The configuration.
    pub game_config: Config,
}

/// Game info for the bot that made the match: also where it lives.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// The match.
    #[serde(flatten)]
    pub info: GameInfo,
    /// Which worker owns it.
    pub worker_index: u32,
    /// The prefix that reaches that worker: `w0`.
    pub worker_path: String,
}

/// Numbers about one match.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GameStats {
    /// The match.
    #[serde(rename = "gameID")]
    pub game_id: GameId,
    /// `lobby`, `active` or `finished`.
    pub phase: String,
    /// Turns closed so far.
    pub turns: usize,
    /// Gameplay waits.
    pub is_paused: bool,
    /// Intents that came too fast, too early or during a pause.
    pub dropped_intents: u64,
    /// Players put out.
    pub kicked: usize,
    /// Players whose simulation went its own way.
    pub desynced: usize,
    /// Who won.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winner: Option<Value>,
    /// What each player achieved, as the winning vote said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_players_stats: Option<Value>,
}

/// What every player gets to know at the start; the same for all.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GameStartInfo {
    /// The match.
    #[serde(rename = "gameID")]
    pub game_id: GameId,
    /// The configuration, final.
    pub config: Config,
    /// Who was there when it started.
    pub players: Vec<Client>,
}

/// One closed turn: what happens next, for everybody.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// Counts from 0 without gaps.
    pub turn_number: u64,
    /// In the order in which the server took them, each stamped with its sender.
    pub intents: Vec<Map<String, Value>>,
}

/// What the server says. `turns` and `turn` are written from stored text, so a client sees the same bytes whenever it asks.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    /// The lobby changed.
    LobbyInfo {
        /// The match.
        lobby: GameInfo,
        /// Who you are; absent for spectators.
        #[serde(rename = "myClientID", default, skip_serializing_if = "Option::is_none")]
        my_client_id: Option<ClientId>,
    },
    /// It starts in a moment: load the map.
    Prestart {
        /// The map.
        game_map: String,
        /// Its size.
        game_map_size: String,
    },
    /// It runs.
    Start {
        /// Every turn since the one asked for.
        turns: Vec<Turn>,
        /// The same for all.
        game_start_info: GameStartInfo,
        /// When the lobby was made, in milliseconds since the Unix epoch.
        lobby_created_at: i64,
        /// Who you are; absent for spectators.
        #[serde(rename = "myClientID", default, skip_serializing_if = "Option::is_none")]
        my_client_id: Option<ClientId>,
        /// The run that these turns are of, to be said in `rejoin`; absent for spectators.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<u32>,
    },
    /// The worker lost turns that you have seen. Go back to where you were after the first `last_turn` of them; `start`
    /// follows with the turns from there on.
    Resync {
        /// How many turns still hold.
        last_turn: u64,
    },
    /// A turn was closed.
    Turn {
        /// It.
        turn: Turn,
    },
    /// Your simulation went its own way.
    Desync {
        /// After this turn.
        turn: u64,
        /// What most have; `null` when no hash has a majority.
        correct_hash: Option<i64>,
        /// How many have it.
        clients_with_correct_hash: usize,
        /// Out of how many.
        total_active_clients: usize,
        /// What you have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        your_hash: Option<i64>,
    },
    /// The answer to a ping.
    Ping {},
    /// Something is wrong, and usually the socket closes after it.
    Error {
        /// A stable code, for example `full-lobby` or `kick_reason.invalid_message`.
        error: String,
        /// A sentence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
}

impl ServerFrame {
    /// As text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("frames are plain data with text keys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_strictly() {
        assert_eq!(ClientFrame::read(r#"{"type":"ping"}"#), Some(ClientFrame::Ping {}));
        let join = r#"{"type":"join","gameID":"aB3dE5gH","token":"t","username":"Ada"}"#;
        assert!(matches!(ClientFrame::read(join), Some(ClientFrame::Join { clan_tag: None, .. })));
        assert!(ClientFrame::read(r#"{"type":"hash","hash":-3,"turnNumber":10}"#).is_some());
        for wrong in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"type":"teleport"}"#,
            r#"{"type":"ping","extra":1}"#,
            r#"{"type":"ping"} x"#,
            r#"{"type":"intent","intent":[]}"#,
            r#"{"type":"rejoin","gameID":"aB3dE5gH","token":"t","lastTurn":-1}"#,
            r#"{"type":"join","gameID":"ADMINBOT","token":"t","username":"Ada"}"#,
            r#"{"type":"hash","hash":1.5,"turnNumber":10}"#,
        ] {
            assert_eq!(ClientFrame::read(wrong), None, "{wrong}");
        }
        assert_eq!(ClientFrame::read(&"[".repeat(60_000)), None);
    }
}
