//! Events: facts with a sequence number. They are written by the changes themselves; here they are only read and let go.

use crate::db::error::Result;
use crate::db::page::{Reach, Select};
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::value::args;
use ostler_model::Time;
use ostler_model::authz::{Collection, Grant, Kind, Write};
use ostler_model::event::Event;

/// Which events are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of these workspaces (and, with `only`, about these things). Events of the platform itself have no workspace
    /// and are within reach only without a limit to workspaces.
    pub reach: Reach,
    /// Only these topics; all when empty.
    pub topics: Vec<Kind>,
    /// Only about the thing with this id.
    pub subject: Option<String>,
}

impl Store {
    /// Events after a sequence number, oldest first.
    pub async fn event_list(&self, filter: &Filter, after: u64, limit: u32) -> Result<Vec<Event>> {
        read!(self, "event_list", |db| {
            let mut select = filtered(filter);
            select.when("seq > ?", after);
            let (sql, values) = select.end(" ORDER BY seq LIMIT ?", limit);
            db.all(sql, values).await?.iter().map(from_row).collect()
        })
    }
    /// Events before a sequence number (or the end), newest first; for histories that people page through.
    pub async fn event_history(&self, filter: &Filter, before: Option<u64>, limit: u32) -> Result<Vec<Event>> {
        read!(self, "event_history", |db| {
            let mut select = filtered(filter);
            select.when_some("seq < ?", before);
            let (sql, values) = select.end(" ORDER BY seq DESC LIMIT ?", limit);
            db.all(sql, values).await?.iter().map(from_row).collect()
        })
    }
    /// The newest sequence number; zero when there is none yet.
    pub async fn event_head(&self) -> Result<u64> {
        read!(self, "event_head", |db| {
            db.one("SELECT value FROM counter WHERE name = 'event'", vec![]).await?.get("value")
        })
    }
    /// The oldest sequence number that is still there; `None` when there is none. Who asks for older ones has missed some.
    pub async fn event_oldest(&self) -> Result<Option<u64>> {
        read!(self, "event_oldest", |db| { db.one("SELECT MIN(seq) AS seq FROM event", vec![]).await?.get("seq") })
    }
    /// Removes up to `limit` events older than a time and says how many.
    pub async fn event_expire(
        &self,
        _grant: &Grant<Collection<Event>, Write>,
        before: Time,
        limit: u32,
        at: Time,
    ) -> Result<u64> {
        change!(self, "event_expire", at, |tx| {
            // Oldest first and by sequence: what remains is always the end of the sequence without holes.
            let gone = tx
                .exec(
                    "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE seq <
                         (SELECT COALESCE(MIN(seq), (SELECT value + 1 FROM counter WHERE name = 'event')) FROM event
                          WHERE at >= $1)
                         ORDER BY seq LIMIT $2)",
                    args![before, limit],
                )
                .await?;
            let oldest =
                "SELECT COALESCE(MIN(seq), (SELECT value + 1 FROM counter WHERE name = 'event')) AS seq FROM event";
            let oldest = tx.one(oldest, vec![]).await?.get("seq")?;
            crate::search::forget_before(tx, oldest).await?;
            Ok(gone)
        })
    }
}

fn filtered(filter: &Filter) -> Select {
    let mut select = Select::new("SELECT * FROM event");
    select.within(&filter.reach, "workspace_id", "subject").when_some("subject = ?", filter.subject.as_ref());
    if !filter.topics.is_empty() {
        let topics: Vec<String> = filter.topics.iter().map(|topic| topic.as_str().to_owned()).collect();
        select.among("topic", &topics);
    }
    select
}

pub(crate) fn from_row(row: &Row) -> Result<Event> {
    Ok(Event {
        seq: row.get("seq")?,
        at: row.get("at")?,
        workspace: row.get("workspace_id")?,
        fact: row.json("fact")?,
        actor: row.get("actor")?,
    })
}
