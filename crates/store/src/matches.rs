//! What is remembered of matches: who made them, where they are, how far they have come.

use crate::db::error::{Result, StoreError};
use crate::db::page::{Page, Paging, Select, page};
use crate::db::redact::Told;
use crate::db::row::{Row, unreadable};
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use ostler_model::authz::{Collection, Grant, Report, Write};
use ostler_model::event::Fact;
use ostler_model::matches::{GameId, Lost, Maker, Match, Phase};
use ostler_model::{BotId, Time, WorkspaceId};
use serde_json::json;

/// Which matches a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those of this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Also those that the platform's own bot made.
    pub with_platform: bool,
    /// Those that this bot made; `Some(None)` for the platform's own.
    pub bot: Option<Option<BotId>>,
    /// Only those that are over, or only those that are not.
    pub is_over: Option<bool>,
}

/// What a worker says of a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub id: GameId,
    /// Nobody will remember it any more: the process ended between the worker's answer and the row. Then it is the platform's.
    pub is_orphan: bool,
    pub title: String,
    pub worker: u32,
    pub phase: Phase,
    pub players: u32,
    pub turns: u64,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    /// It is over, and its worker knows nothing of how it ended.
    pub lost: Option<Lost>,
}

impl Store {
    /// Remembers a match that a worker has made. The grant is one on this very match: a bot's reaches no further.
    pub async fn match_create(&self, grant: &Grant<Match, Write>, new: &Match, at: Time) -> Result<Match> {
        if grant.id() != new.id.to_string() || grant.workspace() != new.workspace {
            return Err(StoreError::missing("match", new.id));
        }
        change!(self, "match_create", at, |tx| {
            insert(tx, new).await?;
            tx.event(grant, new.workspace, changed(new.id, new.phase, new.players));
            tx.audit(grant, "match.create", new.id, Told::made(&json!({ "title": new.title, "worker": new.worker })));
            Ok(new.clone())
        })
    }
    /// A match by id, if there is one.
    pub async fn match_find(&self, id: GameId) -> Result<Option<Match>> {
        read!(self, "match_find", |db| {
            let row = db.opt("SELECT * FROM game_match WHERE id = $1", args![id]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// Matches, newest first.
    pub async fn match_list(&self, filter: &Filter, paging: &Paging) -> Result<Page<Match>> {
        read!(self, "match_list", |db| {
            let mut select = Select::new("SELECT * FROM game_match");
            if filter.with_platform {
                select.when_some("(workspace_id = ? OR workspace_id IS NULL)", filter.workspace);
            } else {
                select.when_some("workspace_id = ?", filter.workspace);
            }
            match filter.bot {
                Some(Some(bot)) => select.when("maker_id = ?", bot),
                Some(None) => select.plain("maker = 'platform'"),
                None => &mut select,
            };
            match filter.is_over {
                Some(true) => select.plain("phase = 'finished'"),
                Some(false) => select.plain("phase <> 'finished'"),
                None => &mut select,
            };
            let (sql, values) = select.page("place", paging);
            let rows = db.all(sql, values).await?;
            let items = rows.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            Ok(page(items, paging, place))
        })
    }
    /// Every match of these workers that is not over, as far as is known here.
    pub async fn match_live(&self) -> Result<Vec<Match>> {
        read!(self, "match_live", |db| {
            db.all("SELECT * FROM game_match WHERE phase <> 'finished' ORDER BY place", args![])
                .await?
                .iter()
                .map(from_row)
                .collect()
        })
    }
    /// Takes over what workers say, many at once. What is over stays over. Answers which ones have no row (yet).
    pub async fn match_report(
        &self,
        grant: &Grant<Collection<Match>, Report>,
        seen: &[Seen],
        at: Time,
    ) -> Result<Vec<GameId>> {
        change!(self, "match_report", at, |tx| {
            let mut unknown = Vec::new();
            for one in seen {
                let row = tx
                    .opt(
                        "UPDATE game_match SET phase = $2, players = $3, turns = $4,
                             started_at = COALESCE(started_at, $5), ended_at = COALESCE(ended_at, $6), lost = $7
                         WHERE id = $1 AND phase <> 'finished' RETURNING workspace_id",
                        args![
                            one.id,
                            one.phase.as_str(),
                            one.players,
                            one.turns,
                            one.started_at,
                            one.ended_at,
                            one.lost.map(Lost::as_str)
                        ],
                    )
                    .await?;
                let workspace: Option<WorkspaceId> = match row {
                    Some(row) => row.get("workspace_id")?,
                    None => match tx.opt("SELECT 1 AS found FROM game_match WHERE id = $1", args![one.id]).await? {
                        Some(_) => continue,
                        None if !one.is_orphan => {
                            unknown.push(one.id);
                            continue;
                        }
                        None => {
                            insert(tx, &orphan(one)).await?;
                            None
                        }
                    },
                };
                tx.event(grant, workspace, changed(one.id, one.phase, one.players));
            }
            Ok(unknown)
        })
    }
}

pub(crate) fn changed(id: GameId, phase: Phase, players: u32) -> Fact {
    Fact::MatchChanged { id, phase, players }
}

/// Nobody knows who made it, so it is the platform's.
fn orphan(seen: &Seen) -> Match {
    Match {
        id: seen.id,
        workspace: None,
        title: seen.title.clone(),
        maker: Maker::Platform,
        made_by: "unknown".to_owned(),
        worker: seen.worker,
        phase: seen.phase,
        players: seen.players,
        turns: seen.turns,
        created_at: seen.created_at,
        started_at: seen.started_at,
        ended_at: seen.ended_at,
        lost: seen.lost,
    }
}

async fn insert(tx: &mut Tx, new: &Match) -> Result<()> {
    let (maker, maker_id) = match new.maker {
        Maker::Bot(id) => ("bot", Some(id.to_string())),
        Maker::Platform => ("platform", None),
        Maker::User(id) => ("user", Some(id.to_string())),
    };
    tx.exec(
        "INSERT INTO game_match (id, place, workspace_id, title, maker, maker_id, made_by, worker, phase, players,
             turns, created_at, started_at, ended_at, lost)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        args![
            new.id,
            place(new),
            new.workspace,
            new.title,
            maker,
            maker_id,
            new.made_by,
            new.worker,
            new.phase.as_str(),
            new.players,
            new.turns,
            new.created_at,
            new.started_at,
            new.ended_at,
            new.lost.map(Lost::as_str)
        ],
    )
    .await
    .map(|_| ())
}

/// Sorts by time; ids of matches do not.
fn place(one: &Match) -> String {
    format!("{:015}-{}", one.created_at.as_millis().max(0), one.id)
}

pub(crate) fn from_row(row: &Row) -> Result<Match> {
    let maker = match row.get::<String>("maker")?.as_str() {
        "bot" => Maker::Bot(row.get("maker_id")?),
        "platform" => Maker::Platform,
        "user" => Maker::User(row.get("maker_id")?),
        _ => return Err(unreadable("maker")),
    };
    Ok(Match {
        id: row.get("id")?,
        workspace: row.get("workspace_id")?,
        title: row.get("title")?,
        maker,
        made_by: row.get("made_by")?,
        worker: row.get("worker")?,
        phase: row.parse("phase")?,
        players: row.get("players")?,
        turns: row.get("turns")?,
        created_at: row.get("created_at")?,
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
        lost: match row.get::<Option<String>>("lost")? {
            Some(text) => Some(text.parse().map_err(|()| unreadable("lost"))?),
            None => None,
        },
    })
}
