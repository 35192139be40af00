//! The audit trail: append-only, one hash chain per workspace and one for the platform.

use crate::db::error::{Result, StoreError};
use crate::db::page::{Page, Paging, Select, page};
use crate::db::row::{Row, unreadable};
use crate::db::store::{Store, change, read};
use crate::db::tx::{Note, chain_name};
use crate::db::value::args;
use ostler_model::audit::{Entry, Outcome};
use ostler_model::authz::{Actor, Kind, Origin};
use ostler_model::{Time, WorkspaceId};

/// Something that somebody tried and was not allowed to do.
#[derive(Debug, Clone)]
pub struct Refused<'a> {
    pub actor: &'a Actor,
    pub origin: &'a Origin,
    /// `None` puts it into the platform's chain.
    pub workspace: Option<WorkspaceId>,
    /// Noun and verb, for example `workload.start`.
    pub action: &'a str,
    pub target_kind: Kind,
    pub target_id: &'a str,
    /// Why, as far as that may be told. JSON without secrets.
    pub details: Option<serde_json::Value>,
}

/// Which entries a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// One workspace's chain, or the platform's when `None`.
    pub workspace: Option<WorkspaceId>,
    pub actor_id: Option<String>,
    pub action: Option<String>,
    pub target_id: Option<String>,
    pub outcome: Option<Outcome>,
    pub from: Option<Time>,
    pub until: Option<Time>,
}

/// What a look at a whole chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every entry follows from the one before, up to the chain's head.
    Whole { entries: u64, head: String },
    /// This entry is missing, changed or out of place.
    Broken { seq: u64 },
}

/// Entries looked at per query while verifying.
const VERIFY_BATCH: u64 = 1000;

impl Store {
    /// Writes down a refused attempt.
    pub async fn audit_refused(&self, refused: Refused<'_>, at: Time) -> Result<()> {
        change!(self, "audit_refused", at, |tx| {
            tx.note(Note {
                workspace: refused.workspace,
                actor: refused.actor.clone(),
                origin: refused.origin.clone(),
                action: refused.action.to_owned(),
                target_kind: refused.target_kind.as_str().to_owned(),
                target_id: refused.target_id.to_owned(),
                outcome: Outcome::Refused,
                details: refused.details.as_ref().map(ToString::to_string),
            });
            Ok(())
        })
    }
    /// A chain's entries, newest first.
    pub async fn audit_list(&self, filter: &Filter, paging: &Paging) -> Result<Page<Entry>> {
        read!(self, "audit_list", |db| {
            let mut select = Select::new("SELECT * FROM audit");
            select
                .when("chain = ?", chain_name(filter.workspace))
                .when_some("actor_id = ?", filter.actor_id.as_ref())
                .when_some("action = ?", filter.action.as_ref())
                .when_some("target_id = ?", filter.target_id.as_ref())
                .when_some("outcome = ?", filter.outcome.map(outcome_text))
                .when_some("at >= ?", filter.from)
                .when_some("at < ?", filter.until);
            let (sql, values) = select.page_seq("seq", paging);
            let rows = db.all(sql, values).await?;
            let entries = rows.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            Ok(page(entries, paging, |entry| entry.seq.to_string()))
        })
    }
    /// Recomputes a whole chain. Reads it in batches, so a long one holds nothing up.
    pub async fn audit_verify(&self, workspace: Option<WorkspaceId>) -> Result<Verdict> {
        let chain = chain_name(workspace);
        // The head first: entries that are added meanwhile are beyond it and not looked at.
        let head = read!(self, "audit_verify", |db| {
            db.opt("SELECT seq, hash FROM chain WHERE name = $1", args![chain]).await
        })?;
        let (last, head): (u64, String) = match head {
            Some(row) => (row.get("seq")?, row.get("hash")?),
            None => (0, String::new()),
        };
        let (mut seq, mut previous) = (0, String::new());
        while seq < last {
            let entries = self.audit_batch(&chain, seq, last).await?;
            if entries.is_empty() {
                return Ok(Verdict::Broken { seq: seq + 1 });
            }
            for entry in entries {
                seq += 1;
                let fits = entry.seq == seq && entry.previous == previous && entry.hash == entry.digest();
                if !fits || entry.workspace != workspace {
                    return Ok(Verdict::Broken { seq });
                }
                previous = entry.hash;
            }
        }
        Ok(if previous == head { Verdict::Whole { entries: last, head } } else { Verdict::Broken { seq: last } })
    }

    async fn audit_batch(&self, chain: &str, after: u64, last: u64) -> Result<Vec<Entry>> {
        read!(self, "audit_verify", |db| {
            let rows = db
                .all(
                    "SELECT * FROM audit WHERE chain = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4",
                    args![chain, after, last, VERIFY_BATCH],
                )
                .await?;
            rows.iter().map(from_row).collect()
        })
    }
}

/// The stored spelling.
pub(crate) fn outcome_text(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Refused => "refused",
    }
}

fn from_row(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        id: row.get("id")?,
        seq: row.get("seq")?,
        at: row.get("at")?,
        workspace: row.get("workspace_id")?,
        actor_kind: row.get("actor_kind")?,
        actor_id: row.get("actor_id")?,
        actor_label: row.get("actor_label")?,
        action: row.get("action")?,
        target_kind: row.get("target_kind")?,
        target_id: row.get("target_id")?,
        outcome: match row.get::<String>("outcome")?.as_str() {
            "done" => Outcome::Done,
            "refused" => Outcome::Refused,
            _ => return Err(unreadable("outcome")),
        },
        request_id: row.get("request_id")?,
        address: row.get("address")?,
        user_agent: row.get("user_agent")?,
        details: row.get("details")?,
        hash: row.get("hash")?,
        previous: row.get("previous")?,
    })
}
