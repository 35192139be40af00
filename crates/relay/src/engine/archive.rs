//! A finished match, kept: who played, every turn, who won. No addresses and nothing that lets anybody in.

use super::turn::turn_frame;
use super::{Match, seat::Seat};
use ostler_model::Time;
use ostler_model::matches::{Config, GameId};
use ostler_wire::matches::{Client, GameStartInfo, ServerFrame};
use serde_json::Value;
use serde_json::value::RawValue;

/// Text that is no archive.
#[derive(Debug, thiserror::Error)]
#[error("this is no archive of a match")]
pub struct ArchiveError(#[from] serde_json::Error);

/// A finished match.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// The match.
    #[serde(rename = "gameID")]
    pub game_id: GameId,
    /// The title's name.
    pub title: String,
    /// The configuration.
    pub config: Config,
    /// Who took part.
    pub players: Vec<Client>,
    /// When the lobby was made, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it started; never, for a lobby that closed.
    pub started_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// How long it was played.
    pub duration_ms: u64,
    /// Who won, if the players agreed.
    pub winner: Option<Value>,
    /// What each player achieved, as the winning vote said.
    pub all_players_stats: Option<Value>,
    /// What every player was told at the start, as it was written.
    pub start_info: Option<Box<RawValue>>,
    /// Every turn, as it was sent.
    pub turns: Vec<Box<RawValue>>,
}

impl Match {
    /// The match as it is kept.
    pub fn archive(&self) -> Result<Archive, ArchiveError> {
        let raw = |text: &String| RawValue::from_string(text.clone());
        let span = self.started_at.zip(self.ended_at).map_or(0, |(from, to)| to.since(from).0);
        Ok(Archive {
            game_id: self.id,
            title: self.title().to_owned(),
            config: self.config.clone(),
            players: self.seats.iter().map(Seat::client).collect(),
            created_at: self.created_at.as_millis(),
            started_at: self.started_at.map(Time::as_millis),
            ended_at: self.ended_at.map(Time::as_millis),
            duration_ms: span,
            winner: self.winner.as_ref().map(|(winner, _)| winner.clone()),
            all_players_stats: self.winner.as_ref().map(|(_, stats)| stats.clone()),
            start_info: self.start_info.as_ref().map(raw).transpose()?,
            turns: self.turns.iter().map(raw).collect::<Result<_, _>>()?,
        })
    }
}

impl Archive {
    /// Reads an archive.
    pub fn read(text: &str) -> Result<Self, ArchiveError> {
        Ok(serde_json::from_str(text)?)
    }

    /// The frames that a spectator of the whole match got: `start`, then every turn from `from` on.
    pub fn replay(&self, from: usize) -> impl Iterator<Item = String> + '_ {
        let info = self.start_info.as_ref().map_or("null", |info| info.get());
        let created = self.created_at;
        let start = format!(r#"{{"type":"start","turns":[],"gameStartInfo":{info},"lobbyCreatedAt":{created}}}"#);
        std::iter::once(start).chain(self.turns.iter().skip(from).map(|turn| turn_frame(turn.get())))
    }

    /// What everybody was told at the start.
    pub fn game_start_info(&self) -> Option<GameStartInfo> {
        serde_json::from_str(self.start_info.as_ref()?.get()).ok()
    }

    /// The last frame of a replay.
    pub fn end_frame(&self) -> String {
        ServerFrame::Error { error: "finished".to_owned(), message: None }.text()
    }
}
