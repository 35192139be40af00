//! Matches: what identifies them, what a title says about its game, and who may do what in one.
//!
//! Pure data and one pure judgement ([`authorise`]). The engine that orders turns lives in the `relay` crate.

mod authorise;
mod id;
mod record;
mod title;

pub use authorise::{Actor, Ask, Game, Refusal, Verdict, authorise};
pub use id::{ClientId, GameId, MatchIdError, owner};
pub use record::{Bot, Lost, Maker, Match};
pub use title::{Config, GameType, Title, TitleError, builtin};

/// How far a match has come. It never goes back.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Players gather; the configuration may change.
    Lobby,
    /// Turns are closed and sent.
    Active,
    /// It is over and will be archived.
    Finished,
}

impl Phase {
    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Lobby => "lobby",
            Phase::Active => "active",
            Phase::Finished => "finished",
        }
    }
}

impl std::str::FromStr for Phase {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Phase::Lobby, Phase::Active, Phase::Finished].into_iter().find(|phase| phase.as_str() == text).ok_or(())
    }
}
