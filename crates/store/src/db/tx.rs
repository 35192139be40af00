//! A transaction that collects events and audit entries and writes them last.
//!
//! Sequence numbers come from counter rows in the same transaction, so they have no gaps, and they are taken as the last thing
//! before the commit, so their order is the order of the commits on both databases.

use super::conn::Conn;
use super::error::Result;
use super::redact::Told;
use super::value::args;
use crate::archive::Touched;
use ostler_model::audit::{Entry, Outcome};
use ostler_model::authz::{Actor, Grant, Origin, Resource, Verb};
use ostler_model::event::{Event, Fact};
use ostler_model::search::Shelf;
use ostler_model::{AuditId, Id as _, Time, WorkspaceId};
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

/// A change under way. Statements go through the [`Conn`] that it dereferences to.
pub(crate) struct Tx {
    pub(super) conn: Conn,
    at: Time,
    events: Vec<Event>,
    audits: Vec<Note>,
    searched: Vec<(Shelf, String)>,
    touched: Touched,
}

/// An audit entry that has no place in its chain yet.
pub(crate) struct Note {
    pub(crate) workspace: Option<WorkspaceId>,
    pub(crate) actor: Actor,
    pub(crate) origin: Origin,
    pub(crate) action: String,
    pub(crate) target_kind: String,
    pub(crate) target_id: String,
    pub(crate) outcome: Outcome,
    pub(crate) told: Told,
}

impl Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

impl Tx {
    pub(super) fn new(conn: Conn, at: Time) -> Self {
        let (events, audits) = (Vec::new(), Vec::new());
        Self { conn, at, events, audits, searched: Vec::new(), touched: Touched::default() }
    }
    /// Remembers a fact, caused by whoever holds the grant.
    pub(crate) fn event<R: Resource, V: Verb>(
        &mut self,
        grant: &Grant<R, V>,
        workspace: Option<WorkspaceId>,
        fact: Fact,
    ) {
        self.event_by(grant.actor(), workspace, fact);
    }
    /// Remembers a fact, caused by this actor.
    pub(crate) fn event_by(&mut self, actor: &Actor, workspace: Option<WorkspaceId>, fact: Fact) {
        self.touched.event(&actor.kind, workspace);
        self.events.push(Event { seq: 0, at: self.at, workspace, fact, actor: actor.label.clone() });
    }
    /// Has the search look at these again, where no fact of the change names them.
    pub(crate) fn searched(&mut self, shelf: Shelf, cause: impl std::fmt::Display) {
        self.searched.push((shelf, cause.to_string()));
    }
    /// Remembers what was done with the grant, to the grant's own resource kind and this target.
    pub(crate) fn audit<R: Resource, V: Verb>(
        &mut self,
        grant: &Grant<R, V>,
        action: &str,
        target: impl std::fmt::Display,
        told: Told,
    ) {
        self.audit_in(grant, grant.workspace(), action, target, told);
    }
    /// The same, in the chain of another workspace than the grant's.
    pub(crate) fn audit_in<R: Resource, V: Verb>(
        &mut self,
        grant: &Grant<R, V>,
        workspace: Option<WorkspaceId>,
        action: &str,
        target: impl std::fmt::Display,
        told: Told,
    ) {
        self.note(Note {
            workspace,
            actor: grant.actor().clone(),
            origin: grant.origin().clone(),
            action: action.to_owned(),
            target_kind: action.split('.').next().unwrap_or_default().to_owned(),
            target_id: target.to_string(),
            outcome: Outcome::Done,
            told,
        });
    }
    /// Remembers an entry made by hand.
    pub(crate) fn note(&mut self, note: Note) {
        if note.outcome == Outcome::Done {
            self.touched.action(&note.actor.kind, note.workspace, &note.action);
        }
        self.audits.push(note);
    }
    /// Serialises this transaction with every other that locks the same name, until it ends.
    ///
    /// SQLite has one writer at a time anyway; PostgreSQL takes an advisory lock.
    pub(crate) async fn lock(&mut self, name: &str) -> Result<()> {
        if self.is_postgres() {
            let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
            let mut first = [0; 8];
            first.copy_from_slice(&digest.as_ref()[..8]);
            self.one(
                "SELECT 1 AS locked FROM (SELECT pg_advisory_xact_lock($1)) AS taken",
                args![i64::from_be_bytes(first)],
            )
            .await?;
        }
        Ok(())
    }
    pub(super) fn has_facts(&self) -> bool {
        !self.events.is_empty() || !self.audits.is_empty()
    }
    /// Refuses what an archived workspace refuses. It may wait for an archiving that holds the workspace's row and still has
    /// to commit: nothing may be held here that every commit needs.
    pub(super) async fn check_touched(&mut self) -> Result<()> {
        self.touched.check(&mut self.conn).await
    }
    /// Writes what was collected. The counter comes before the chains, the chains in order: so two commits never deadlock.
    pub(super) async fn write_facts(&mut self) -> Result<Vec<Event>> {
        let events = self.write_events().await?;
        self.write_audits().await?;
        Ok(events)
    }

    /// Lets other servers on this database know that rights may have changed. The last statement before the commit, so that
    /// its row is held for as short as possible.
    pub(super) async fn rights_moved(&mut self) -> Result<()> {
        self.conn.exec("UPDATE counter SET value = value + 1 WHERE name = 'rights'", vec![]).await.map(|_| ())
    }

    async fn write_events(&mut self) -> Result<Vec<Event>> {
        let mut events = std::mem::take(&mut self.events);
        let searched = std::mem::take(&mut self.searched);
        if events.is_empty() && searched.is_empty() {
            return Ok(events);
        }
        let row = self
            .conn
            .one("UPDATE counter SET value = value + $1 WHERE name = 'event' RETURNING value", args![events.len()])
            .await?;
        let last: u64 = row.get("value")?;
        let first = last + 1 - events.len() as u64;
        for (seq, event) in (first..).zip(&mut events) {
            event.seq = seq;
        }
        let names = crate::search::follow(&mut self.conn, &events, searched).await?;
        for (event, name) in events.iter().zip(&names) {
            let fact = serde_json::to_string(&event.fact).expect("facts are plain data that JSON can hold");
            self.conn
                .exec(
                    "INSERT INTO event (seq, at, workspace_id, topic, subject, fact, actor, about)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    args![
                        event.seq,
                        event.at,
                        event.workspace,
                        event.fact.topic().as_str(),
                        event.fact.subject(),
                        fact,
                        event.actor,
                        name
                    ],
                )
                .await?;
        }
        let told: Vec<_> = events.iter().zip(&names).map(|(event, name)| (event, name.as_deref())).collect();
        crate::search::tell(&mut self.conn, &told).await?;
        Ok(events)
    }

    async fn write_audits(&mut self) -> Result<()> {
        let mut chains: BTreeMap<String, Vec<Note>> = BTreeMap::new();
        for note in std::mem::take(&mut self.audits) {
            chains.entry(chain_name(note.workspace)).or_default().push(note);
        }
        for (chain, notes) in chains {
            let (mut seq, mut previous) = self.chain_head(&chain).await?;
            for note in notes {
                seq += 1;
                let entry = entry(note, seq, previous, &chain, self.at);
                self.insert_audit(&chain, &entry).await?;
                previous = entry.hash;
            }
            self.conn.exec("UPDATE chain SET seq = $2, hash = $3 WHERE name = $1", args![chain, seq, previous]).await?;
        }
        Ok(())
    }

    /// The place and the hash of a chain's last entry, which nobody else goes on from until the transaction ends.
    async fn chain_head(&mut self, chain: &str) -> Result<(u64, String)> {
        // Nearly always it is there.
        let there = if self.is_postgres() {
            "SELECT seq, hash FROM chain WHERE name = $1 FOR UPDATE"
        } else {
            "SELECT seq, hash FROM chain WHERE name = $1"
        };
        let head = match self.conn.opt(there, args![chain]).await? {
            Some(head) => head,
            None => {
                let sql = "INSERT INTO chain (name, seq, hash) VALUES ($1, 0, '')
                           ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING seq, hash";
                self.conn.one(sql, args![chain]).await?
            }
        };
        Ok((head.get("seq")?, head.get("hash")?))
    }
    async fn insert_audit(&mut self, chain: &str, e: &Entry) -> Result<()> {
        self.conn
            .exec(
                "INSERT INTO audit (id, chain, seq, at, workspace_id, actor_kind, actor_id, actor_label, action,
                     target_kind, target_id, outcome, request_id, address, user_agent, details, hash, previous)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
                args![
                    e.id,
                    chain,
                    e.seq,
                    e.at,
                    e.workspace,
                    e.actor_kind,
                    e.actor_id,
                    e.actor_label,
                    e.action,
                    e.target_kind,
                    e.target_id,
                    crate::audit::outcome_text(e.outcome),
                    e.request_id,
                    e.address,
                    e.user_agent,
                    e.details,
                    e.hash,
                    e.previous
                ],
            )
            .await
            .map(|_| ())
    }
}

/// The chain that entries of this workspace belong to.
pub(crate) fn chain_name(workspace: Option<WorkspaceId>) -> String {
    workspace.map_or_else(|| "platform".to_owned(), |id| id.to_string())
}

fn entry(note: Note, seq: u64, previous: String, chain: &str, at: Time) -> Entry {
    // The place in the chain is unique, so the id needs no randomness: it is the time and a digest of that place.
    let place = ring::digest::digest(&ring::digest::SHA256, format!("{chain}/{seq}/{previous}").as_bytes());
    let mut bits = [0; 16];
    bits.copy_from_slice(&place.as_ref()[..16]);
    let details = note.told.into_details(&note.action);
    let mut entry = Entry {
        id: AuditId::from_parts(at, u128::from_be_bytes(bits)),
        seq,
        at,
        workspace: note.workspace,
        actor_kind: note.actor.kind.as_str().to_owned(),
        actor_id: note.actor.kind.id(),
        actor_label: note.actor.label,
        action: note.action,
        target_kind: note.target_kind,
        target_id: note.target_id,
        outcome: note.outcome,
        request_id: note.origin.request_id.map(|id| id.to_string()),
        address: note.origin.address,
        user_agent: note.origin.user_agent,
        details,
        hash: String::new(),
        previous,
    };
    entry.hash = entry.digest();
    entry
}
