//! Keeps the rows of matches true: asks the workers what they have, and writes down what has changed.
//!
//! A row that its worker does not have any more is over; the archive says how it ended. A match without a row (the process
//! ended between the worker's answer and the row) is the platform's.

use super::ask::{ask, away};
use super::door::Door;
use crate::app::App;
use crate::http::{Error, Result};
use futures_util::future::join_all;
use http::Method;
use ostler_model::authz::{Authority, Collection, Grant, Origin, Report, SystemReason, authorize};
use ostler_model::matches::{GameId, Lost, Match, Phase};
use ostler_model::{Millis, Time};
use ostler_store::matches::Seen;
use ostler_wire::matches::GameInfo;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a change may go unseen when nobody says that there is one.
const EVERY: Millis = Millis::secs(1);
/// A worker lists what it has from memory.
const TIME: Millis = Millis::secs(3);
/// A match that its worker does not list, and that is in no archive, is given up after this: its journal was set aside.
const LOST: Millis = Millis::secs(30);
/// Looks between two at whether there are bots: another server may have made the first.
const BOTS_EVERY: u32 = 30;

/// Looks between two at the rows themselves: another server may have written some.
const ROWS_EVERY: u32 = 30;

#[derive(Deserialize)]
struct Games {
    items: Vec<Game>,
    /// Absent from workers of before there was such a thing.
    #[serde(default = "yes")]
    takes_new: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Game {
    info: GameInfo,
    title: String,
    phase: Phase,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ended {
    title: String,
    players: Vec<IgnoredAny>,
    created_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    turns: Vec<IgnoredAny>,
}

/// What was last written of a match that is not over.
struct Known {
    worker: u32,
    phase: Phase,
    players: u32,
    created_at: Time,
    started_at: Option<Time>,
    title: String,
    /// When it was first seen here.
    seen_at: Time,
    /// Since when its worker has not listed it.
    missing_since: Option<Time>,
}

/// Looks for as long as the server runs.
pub(crate) async fn watch(app: &App) {
    let mut known: Option<BTreeMap<GameId, Known>> = None;
    let mut round = 0_u32;
    loop {
        let _ = app.clock.timeout(EVERY, app.matches.changed.notified()).await;
        round = round.wrapping_add(1);
        let doors = app.matches.doors();
        if doors.is_empty() {
            continue;
        }
        if let Err(error) = look(app, &doors, &mut known, round).await {
            tracing::warn!(%error, "the matches could not be looked at; the next round tries again");
            // What was kept may be ahead of the rows now.
            known = None;
        }
    }
}

async fn look(app: &App, doors: &[Door], known: &mut Option<BTreeMap<GameId, Known>>, round: u32) -> Result<()> {
    if round.is_multiple_of(BOTS_EVERY) {
        app.matches.note_named(app.store.bot_any().await?);
    }
    let known = match known {
        Some(known) => known,
        None => known.insert(app.store.match_live().await?.into_iter().map(remembered).collect()),
    };
    // Before the workers are asked: what is remembered by now and not listed then has ended.
    let mut more = app.matches.born();
    if round.is_multiple_of(ROWS_EVERY) {
        more.extend(app.store.match_live().await?);
    }
    for (id, one) in more.into_iter().map(remembered) {
        known.entry(id).or_insert(one);
    }
    let mut seen = Vec::new();
    // At once, so that one that hangs holds up no other for long.
    let asked = doors.iter().map(|door| async move {
        let games = app.clock.timeout(TIME, ask::<Games>(app, door, Method::GET, "/games", None)).await;
        (door, games.unwrap_or_else(|| Err(away())))
    });
    for (door, games) in join_all(asked).await {
        let told = match games {
            Ok(games) => {
                door.note(games.items.len(), games.takes_new);
                one_worker(app, door, games, known, &mut seen).await
            }
            Err(error) => Err(error),
        };
        match told {
            Ok(()) => {}
            // What it has is not known, which is not the same as nothing.
            Err(Error::Unavailable { .. }) => door.note_away(),
            Err(error) => {
                door.note_away();
                tracing::warn!(worker = door.index(), %error, "a match worker cannot be understood");
            }
        }
    }
    if !seen.is_empty() {
        let who = Authority::system(SystemReason::Reconcile);
        let grant: Grant<Collection<Match>, Report> =
            authorize(&who, &Collection::platform(), &Arc::new(Origin::default()))?;
        for id in app.store.match_report(&grant, &seen, app.clock.now()).await? {
            // Whoever made it is about to write its row: the next round tells again.
            if let Some(one) = known.get_mut(&id) {
                one.players = u32::MAX;
            }
        }
    }
    Ok(())
}

async fn one_worker(
    app: &App,
    door: &Door,
    games: Games,
    known: &mut BTreeMap<GameId, Known>,
    seen: &mut Vec<Seen>,
) -> Result<()> {
    let now = app.clock.now();
    let listed: BTreeMap<GameId, Game> = games.items.into_iter().map(|game| (game.info.game_id, game)).collect();
    for (id, game) in &listed {
        // One that has just ended is about to be archived, and is taken from there.
        if game.phase == Phase::Finished {
            continue;
        }
        let players = u32::try_from(game.info.num_clients).unwrap_or(u32::MAX);
        let one = known.entry(*id).or_insert_with(|| Known {
            worker: door.index(),
            phase: Phase::Lobby,
            players: u32::MAX,
            created_at: now,
            started_at: None,
            title: game.title.clone(),
            seen_at: now,
            missing_since: None,
        });
        one.missing_since = None;
        if (one.phase, one.players) == (game.phase, players) {
            continue;
        }
        (one.phase, one.players) = (game.phase, players);
        if game.phase == Phase::Active && one.started_at.is_none() {
            one.started_at = Some(now);
        }
        seen.push(Seen {
            id: *id,
            is_orphan: now.since(one.seen_at) >= LOST,
            title: one.title.clone(),
            worker: one.worker,
            phase: one.phase,
            players,
            turns: 0,
            created_at: one.created_at,
            started_at: one.started_at,
            ended_at: None,
            lost: None,
        });
    }
    let missing: Vec<GameId> = known
        .iter()
        .filter(|(id, one)| one.worker == door.index() && !listed.contains_key(*id))
        .map(|(id, _)| *id)
        .collect();
    for id in missing {
        let Some(one) = known.get_mut(&id) else { continue };
        let since = *one.missing_since.get_or_insert(now);
        match ended(app, door, id).await? {
            Some(ended) => seen.push(over(id, one, ended, now)),
            None if now.since(since) < LOST => continue,
            None => seen.push(lost(id, one, now)),
        }
        known.remove(&id);
    }
    Ok(())
}

async fn ended(app: &App, door: &Door, id: GameId) -> Result<Option<Ended>> {
    match ask(app, door, Method::GET, &format!("/archive/{id}"), None).await {
        Ok(ended) => Ok(Some(ended)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

fn over(id: GameId, one: &Known, ended: Ended, now: Time) -> Seen {
    Seen {
        id,
        is_orphan: true,
        title: ended.title,
        worker: one.worker,
        phase: Phase::Finished,
        players: u32::try_from(ended.players.len()).unwrap_or(u32::MAX),
        turns: ended.turns.len() as u64,
        created_at: Time::from_millis(ended.created_at),
        started_at: ended.started_at.map(Time::from_millis),
        ended_at: Some(ended.ended_at.map_or(now, Time::from_millis)),
        lost: None,
    }
}

fn lost(id: GameId, one: &Known, now: Time) -> Seen {
    tracing::error!(game = %id, "a match is neither at its worker nor in its archive");
    Seen {
        id,
        is_orphan: false,
        title: one.title.clone(),
        worker: one.worker,
        phase: Phase::Finished,
        players: one.players,
        turns: 0,
        created_at: one.created_at,
        started_at: one.started_at,
        ended_at: Some(now),
        lost: Some(Lost::Missing),
    }
}

fn remembered(row: Match) -> (GameId, Known) {
    let known = Known {
        worker: row.worker,
        phase: row.phase,
        players: row.players,
        created_at: row.created_at,
        started_at: row.started_at,
        title: row.title,
        seen_at: row.created_at,
        missing_since: None,
    };
    (row.id, known)
}
