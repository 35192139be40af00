//! Proofs of bots: that one asks, and that the match is one of its own.

use crate::app::App;
use crate::http::{Access, Call, Caller, Collected, Error, Found, Load, Lookup, Proof, Result};
use http::StatusCode;
use ostler_model::authz::{ActorKind, Authority, Grant, Verb, authorize};
use ostler_model::matches::{Bot as Named, GameId, Match};
use std::sync::Arc;

/// A bot asks.
#[derive(Debug, Clone)]
pub struct Bot {
    /// Absent for the platform's own.
    pub named: Option<Arc<Named>>,
    pub caller: Arc<Caller>,
    /// The worker that the path's prefix names.
    pub worker: Option<u32>,
}

impl Proof for Bot {
    const ACCESS: Access = Access::Bot;
    async fn prove(call: &Call) -> Result<Self> {
        let caller = call.caller.clone().ok_or(Error::Credentials)?;
        match caller.authority.actor.kind {
            ActorKind::Bot(_) => Ok(Self { named: call.bot.clone(), caller, worker: call.worker }),
            _ => Err(Error::Credentials),
        }
    }
}

/// A bot asks about a match of its own; the platform's own about any.
#[derive(Debug, Clone)]
pub struct OfBot<V> {
    pub resource: Match,
    pub grant: Grant<Match, V>,
}

impl<V: Verb> Proof for OfBot<V> {
    const ACCESS: Access = Access::Bot;
    async fn prove(call: &Call) -> Result<Self> {
        let bot = Bot::prove(call).await?;
        let id = named(call)?;
        let resource = call.app.store.match_find(id).await?.ok_or(Error::NotFound)?;
        let grant = authorize(&bot.caller.authority, &resource, &bot.caller.origin)?;
        Ok(Self { resource, grant })
    }
}

/// Anybody who knows a match's id.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    pub id: GameId,
}

impl Proof for Open {
    const ACCESS: Access = Access::Public;
    async fn prove(call: &Call) -> Result<Self> {
        Ok(Self { id: named(call)? })
    }
}

/// The match that the path names: 400 when it is no id, or when the prefix names another worker than its owner.
fn named(call: &Call) -> Result<GameId> {
    let wrong = |code, message: String| Error::Worker { status: StatusCode::BAD_REQUEST, code, message };
    let id: GameId = call
        .param("game")
        .unwrap_or_default()
        .parse()
        .map_err(|error: ostler_model::matches::MatchIdError| wrong("invalid_id", error.to_string()))?;
    match call.worker {
        Some(worker) if worker != call.app.matches.owner(id) => {
            Err(wrong("wrong_worker", "Another worker owns this match.".to_owned()))
        }
        _ => Ok(id),
    }
}

impl Collected for Match {}
impl Collected for Named {}

impl Load for Match {
    const FOUND: Found = Found::Param("match");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let Some(id) = find.id("match") else { return Ok(None) };
        Ok(app.store.match_find(id).await?)
    }
}

impl Load for Named {
    const FOUND: Found = Found::Param("bot");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let Some(id) = find.id("bot") else { return Ok(None) };
        Ok(app.store.bot_find(id).await?)
    }
}

/// Whether somebody sees what belongs to the platform itself.
pub(super) fn is_of_platform(who: &Authority) -> bool {
    who.is_platform_admin && who.limit.is_none()
}
