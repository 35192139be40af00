//! Matches: what identifies them, what a title says about its game, and who may do what in one.
//!
//! Pure data and one pure judgement ([`authorise`]). The engine that orders turns lives in the `relay` crate.

mod authorise;
mod id;
mod title;

pub use authorise::{Actor, Ask, Game, Refusal, Verdict, authorise};
pub use id::{ClientId, GameId, MatchIdError, owner};
pub use title::{Config, GameType, Title, TitleError, builtin};

/// How far a match has come. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Players gather; the configuration may change.
    Lobby,
    /// Turns are closed and sent.
    Active,
    /// It is over and will be archived.
    Finished,
}
