//! The audit trail: append-only, one hash chain per workspace and one for the platform.

use crate::db::error::{Result, StoreError};
use crate::db::page::{Page, Paging, Select, page};
use crate::db::redact::Told;
use crate::db::row::{Row, unreadable};
use crate::db::store::{Store, change, read, snapshot};
use crate::db::tx::{Note, chain_name};
use crate::db::value::args;
use ostler_model::audit::{Checkpoint, Entry, Outcome, Walk};
use ostler_model::authz::{Actor, Collection, Grant, Kind, Origin, Resource, Verb, Write};
use ostler_model::{Time, WorkspaceId};
use serde_json::json;

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

/// An entry's place: its number in its chain, and its hash. Zero and nothing before the first one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub seq: u64,
    pub hash: String,
}

/// Where a chain begins and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// The last entry that was let go.
    pub anchor: Place,
    /// The newest entry.
    pub head: Place,
}

/// Entries looked at per query while verifying.
const VERIFY_BATCH: u32 = 1000;

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
                told: Told::elsewhere(refused.details.clone()),
            });
            Ok(())
        })
    }
    /// Writes down something that changes nothing else, and to how many things it was done.
    pub async fn audit_note<R: Resource>(
        &self,
        grant: &Grant<R, Write>,
        action: &str,
        count: u64,
        at: Time,
    ) -> Result<()> {
        self.audit_done(grant, action, Some(json!({ "count": count })), at).await
    }
    /// Writes down what was done somewhere else than in this database, on a node for example.
    pub async fn audit_done<R: Resource, V: Verb>(
        &self,
        grant: &Grant<R, V>,
        action: &str,
        details: Option<serde_json::Value>,
        at: Time,
    ) -> Result<()> {
        change!(self, "audit_done", at, |tx| {
            tx.audit(grant, action, grant.id(), Told::elsewhere(details.clone()));
            Ok(())
        })
    }
    /// Whether anything was ever done in this workspace; also when it is gone.
    pub async fn audit_has(&self, workspace: WorkspaceId) -> Result<bool> {
        read!(self, "audit_has", |db| {
            let sql = "SELECT name FROM chain WHERE name = $1";
            Ok(db.opt(sql, args![chain_name(Some(workspace))]).await?.is_some())
        })
    }
    /// A chain's entries, newest first.
    pub async fn audit_list(&self, filter: &Filter, paging: &Paging) -> Result<Page<Entry>> {
        read!(self, "audit_list", |db| {
            let select = filtered(filter);
            let (sql, values) = select.page_seq("seq", paging);
            let rows = db.all(sql, values).await?;
            let entries = rows.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            Ok(page(entries, paging, |entry| entry.seq.to_string()))
        })
    }
    /// A chain's entries after a sequence number, oldest first: what an export reads, piece by piece.
    pub async fn audit_after(&self, filter: &Filter, after: u64, limit: u32) -> Result<Vec<Entry>> {
        read!(self, "audit_after", |db| {
            let mut select = filtered(filter);
            select.when("seq > ?", after);
            let (sql, values) = select.end(" ORDER BY seq LIMIT ?", limit);
            db.all(sql, values).await?.iter().map(from_row).collect()
        })
    }
    /// Where a chain begins and ends now.
    pub async fn audit_ends(&self, workspace: Option<WorkspaceId>) -> Result<Ends> {
        let chain = chain_name(workspace);
        snapshot!(self, "audit_ends", |db| {
            let place = |row: Option<Row>| -> Result<Place> {
                Ok(match row {
                    Some(row) => Place { seq: row.get("seq")?, hash: row.get("hash")? },
                    None => Place::default(),
                })
            };
            let anchor = db.opt("SELECT seq, hash FROM audit_anchor WHERE chain = $1", args![chain]).await?;
            let head = db.opt("SELECT seq, hash FROM chain WHERE name = $1", args![chain]).await?;
            Ok(Ends { anchor: place(anchor)?, head: place(head)? })
        })
    }
    /// Recomputes a whole chain, and compares it with its checkpoints. Reads it in batches, so a long one holds nothing up.
    pub async fn audit_verify(&self, workspace: Option<WorkspaceId>) -> Result<Verdict> {
        // The ends first: entries that are added meanwhile are beyond and not looked at.
        let Ends { anchor, head } = self.audit_ends(workspace).await?;
        let mut marks = self.audit_checkpoints(workspace, anchor.seq).await?.into_iter().peekable();
        let mut walk = Walk::after(workspace, anchor.seq, anchor.hash);
        let filter = Filter { workspace, ..Filter::default() };
        while walk.position().0 < head.seq {
            let entries = self.audit_after(&filter, walk.position().0, VERIFY_BATCH).await?;
            if entries.is_empty() {
                return Ok(Verdict::Broken { seq: walk.position().0 + 1 });
            }
            for entry in entries.into_iter().filter(|entry| entry.seq <= head.seq) {
                if let Err(broken) = walk.step(&entry) {
                    return Ok(Verdict::Broken { seq: broken.seq() });
                }
                while marks.next_if(|mark| mark.seq < entry.seq).is_some() {}
                if marks.peek().is_some_and(|mark| mark.seq == entry.seq && mark.hash != entry.hash) {
                    return Ok(Verdict::Broken { seq: entry.seq });
                }
            }
        }
        let (seq, hash) = walk.position();
        let is_beyond = marks.any(|mark| mark.seq > seq);
        Ok(if hash == head.hash && !is_beyond {
            Verdict::Whole { entries: seq, head: head.hash }
        } else {
            Verdict::Broken { seq }
        })
    }
    /// The chains that have moved on and whose last checkpoint is older than a time or further back than so many entries.
    pub async fn audit_due(&self, older_than: Time, entries: u64, limit: u32) -> Result<Vec<(String, Place)>> {
        read!(self, "audit_due", |db| {
            let rows = db
                .all(
                    "SELECT c.name, c.seq, c.hash FROM chain c LEFT JOIN
                         (SELECT chain, MAX(seq) AS seq, MAX(at) AS at FROM audit_checkpoint GROUP BY chain) p
                         ON p.chain = c.name
                     WHERE c.seq > 0 AND (p.seq IS NULL OR (c.seq > p.seq AND (p.at <= $1 OR c.seq >= p.seq + $2)))
                     ORDER BY c.name LIMIT $3",
                    args![older_than, entries, limit],
                )
                .await?;
            let read = |row: &Row| Ok((row.get("name")?, Place { seq: row.get("seq")?, hash: row.get("hash")? }));
            rows.iter().map(read).collect()
        })
    }
    /// Keeps a signed checkpoint. One that is there already stays as it is.
    pub async fn audit_checkpoint(
        &self,
        _grant: &Grant<Collection<Entry>, Write>,
        mark: &Checkpoint,
        at: Time,
    ) -> Result<()> {
        change!(self, "audit_checkpoint", at, |tx| {
            tx.exec(
                "INSERT INTO audit_checkpoint (chain, seq, hash, at, key_id, signature) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (chain, seq) DO NOTHING",
                args![mark.chain, mark.seq, mark.hash, mark.at, mark.key_id, mark.signature],
            )
            .await
            .map(|_| ())
        })
    }
    /// A chain's checkpoints from a sequence number on, oldest first; the newest thousand.
    pub async fn audit_checkpoints(&self, workspace: Option<WorkspaceId>, from: u64) -> Result<Vec<Checkpoint>> {
        read!(self, "audit_checkpoints", |db| {
            let sql = "SELECT * FROM audit_checkpoint WHERE chain = $1 AND seq >= $2 ORDER BY seq DESC LIMIT 1000";
            let rows = db.all(sql, args![chain_name(workspace), from]).await?;
            let read = |row: &Row| {
                Ok(Checkpoint {
                    chain: row.get("chain")?,
                    seq: row.get("seq")?,
                    hash: row.get("hash")?,
                    at: row.get("at")?,
                    key_id: row.get("key_id")?,
                    signature: row.get("signature")?,
                })
            };
            rows.iter().rev().map(read).collect()
        })
    }
    /// Every chain there is.
    pub async fn audit_chains(&self) -> Result<Vec<String>> {
        read!(self, "audit_chains", |db| {
            let rows = db.all("SELECT name FROM chain ORDER BY name", args![]).await?;
            rows.iter().map(|row| row.get("name")).collect()
        })
    }
    /// Lets go of up to `limit` of a chain's oldest entries that were written before a time, and remembers where it begins
    /// now. The newest entry stays, and what was let go is itself an entry. Answers how many went.
    pub async fn audit_trim(
        &self,
        grant: &Grant<Collection<Entry>, Write>,
        chain: &str,
        before: Time,
        limit: u32,
        at: Time,
    ) -> Result<u64> {
        change!(self, "audit_trim", at, |tx| {
            tx.lock("audit trim").await?;
            let row = tx
                .one(
                    "SELECT MIN(seq) AS first, MAX(seq) AS last, MIN(CASE WHEN at >= $2 THEN seq END) AS kept
                     FROM audit WHERE chain = $1",
                    args![chain, before],
                )
                .await?;
            let (Some(first), Some(last)) = (row.get::<Option<u64>>("first")?, row.get::<Option<u64>>("last")?) else {
                return Ok(0);
            };
            // Only a whole beginning goes: an entry with an earlier time behind a later one stays.
            let kept = row.get::<Option<u64>>("kept")?.unwrap_or(last).min(last).min(first + u64::from(limit));
            let through = kept.saturating_sub(1);
            if through < first {
                return Ok(0);
            }
            let sql = "SELECT hash, workspace_id FROM audit WHERE chain = $1 AND seq = $2";
            let row = tx.one(sql, args![chain, through]).await?;
            let hash: String = row.get("hash")?;
            let gone = tx.exec("DELETE FROM audit WHERE chain = $1 AND seq <= $2", args![chain, through]).await?;
            tx.exec(
                "INSERT INTO audit_anchor (chain, seq, hash, at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, at = excluded.at",
                args![chain, through, hash, at],
            )
            .await?;
            let told = Told::act().with("entries", gone).with("through", through).with("hash", hash);
            let told = told.with("written_before", before);
            tx.audit_in(grant, row.get("workspace_id")?, "audit.trim", chain, told);
            Ok(gone)
        })
    }
}

fn filtered(filter: &Filter) -> Select {
    let mut select = Select::new("SELECT * FROM audit");
    select
        .when("chain = ?", chain_name(filter.workspace))
        .when_some("actor_id = ?", filter.actor_id.as_ref())
        .when_some("action = ?", filter.action.as_ref())
        .when_some("target_id = ?", filter.target_id.as_ref())
        .when_some("outcome = ?", filter.outcome.map(outcome_text))
        .when_some("at >= ?", filter.from)
        .when_some("at < ?", filter.until);
    select
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
