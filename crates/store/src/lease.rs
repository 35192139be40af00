//! Leases of nodes: which machine is the node, and when another one claimed to be.

use crate::db::error::{Result, StoreError};
use crate::db::page::Select;
use crate::db::redact::Told;
use crate::db::row::{Row, unreadable};
use crate::db::store::{Store, change, read};
use crate::db::value::args;
use ostler_model::authz::{Grant, Report, Write};
use ostler_model::event::Fact;
use ostler_model::node::Node;
use ostler_model::node::lease::{Boot, Conflict, Decision, Kept, Lease, decide};
use ostler_model::{Millis, NodeId, Time};
use serde_json::json;
use std::collections::BTreeMap;

/// A conflict that goes on is told again after this long.
const TELL_EVERY: Millis = Millis::secs(600);

impl Store {
    /// Hands a lease to an agent's process: the one it has, or a new one with this nonce. `None` when another machine is the node.
    pub async fn node_lease(
        &self,
        grant: &Grant<Node, Report>,
        (shown, boot): (Option<Lease>, Boot),
        nonce: [u8; 16],
        at: Time,
    ) -> Result<Option<Lease>> {
        change!(self, "node_lease", at, |tx| {
            // Writing nothing keeps others out until the end, and says what it is now.
            let row = tx.opt("UPDATE node SET name = name WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let kept = kept(&row.ok_or_else(|| StoreError::missing("node", grant.id()))?)?;
            let number = match (decide(kept.as_ref(), shown, &boot), kept) {
                (Decision::Copied, _) => return Ok(None),
                (Decision::Same, Some(kept)) => return Ok(Some(kept.now)),
                (Decision::Same, None) => 1,
                (Decision::Next(number), _) => number,
            };
            let next = Lease { number, nonce };
            tx.exec(
                "UPDATE node SET lease = $2, lease_before = $3, lease_is_stored = FALSE, lease_boot = $4 WHERE id = $1",
                args![grant.id(), next.to_string(), shown.map(|lease| lease.to_string()), boot[..]],
            )
            .await?;
            Ok(Some(next))
        })
    }
    /// Notes that the agent's process has stored its lease. False when another one has the node's lease by now.
    pub async fn node_lease_stored(&self, id: NodeId, lease: u32, boot: Boot, at: Time) -> Result<bool> {
        change!(self, "node_lease_stored", at, |tx| {
            let row = tx.opt("UPDATE node SET name = name WHERE id = $1 RETURNING *", args![id]).await?;
            let kept = row.as_ref().map(kept).transpose()?.flatten();
            let Some(kept) = kept.filter(|kept| kept.now.number == lease && kept.boot == boot) else {
                return Ok(false);
            };
            if !kept.is_stored {
                tx.exec("UPDATE node SET lease_is_stored = TRUE WHERE id = $1", args![id]).await?;
            }
            Ok(true)
        })
    }
    /// Whether the node has ever had a lease: then its agent shows one.
    pub async fn node_has_lease(&self, id: NodeId) -> Result<bool> {
        read!(self, "node_has_lease", |db| {
            let sql = "SELECT id FROM node WHERE id = $1 AND lease IS NOT NULL";
            Ok(db.opt(sql, args![id]).await?.is_some())
        })
    }
    /// The process that each of these nodes is, of those that have a lease.
    pub async fn node_boots(&self, ids: &[NodeId]) -> Result<BTreeMap<NodeId, Boot>> {
        read!(self, "node_boots", |db| {
            let mut select = Select::new("SELECT * FROM node");
            select.plain("lease IS NOT NULL").among("id", ids);
            let (sql, values) = select.tail("");
            let mut out = BTreeMap::new();
            for row in db.all(sql, values).await? {
                if let Some(kept) = kept(&row)? {
                    out.insert(row.get("id")?, kept.boot);
                }
            }
            Ok(out)
        })
    }
    /// Takes the lease back: the machine that shows the node's key next is the node.
    pub async fn node_accept_next(&self, grant: &Grant<Node, Write>, at: Time) -> Result<()> {
        change!(self, "node_accept_next", at, |tx| {
            let row = tx.opt("UPDATE node SET name = name WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let row = row.ok_or_else(|| StoreError::missing("node", grant.id()))?;
            tx.exec(
                "UPDATE node SET lease = NULL, lease_before = NULL, lease_is_stored = FALSE, lease_boot = NULL,
                     conflict_at = NULL, conflict_from = NULL WHERE id = $1",
                args![grant.id()],
            )
            .await?;
            tx.event(grant, row.get("workspace_id")?, Fact::NodeChanged { id: row.get("id")? });
            let lease = |number: Option<u32>| json!({ "lease": number });
            let told = Told::changed(&lease(kept(&row)?.map(|kept| kept.now.number)), &lease(None));
            tx.audit(grant, "node.accept_next", grant.id(), told);
            Ok(())
        })
    }
    /// Notes that another machine showed the node's key. Tells everybody when that is new.
    pub async fn node_conflict(&self, grant: &Grant<Node, Report>, from: Option<&str>, at: Time) -> Result<()> {
        change!(self, "node_conflict", at, |tx| {
            let row = tx.opt("UPDATE node SET name = name WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let row = row.ok_or_else(|| StoreError::missing("node", grant.id()))?;
            let before: Option<Time> = row.get("conflict_at")?;
            tx.exec("UPDATE node SET conflict_at = $2, conflict_from = $3 WHERE id = $1", args![grant.id(), at, from])
                .await?;
            if before.is_none_or(|before| at.since(before) >= TELL_EVERY) {
                tx.event(grant, row.get("workspace_id")?, Fact::NodeChanged { id: row.get("id")? });
            }
            Ok(())
        })
    }
    /// Conflicts of these nodes since then.
    pub async fn node_conflicts(&self, ids: &[NodeId], since: Time) -> Result<BTreeMap<NodeId, Conflict>> {
        read!(self, "node_conflicts", |db| {
            let mut select = Select::new("SELECT id, conflict_at, conflict_from FROM node");
            select.when("conflict_at >= ?", since).among("id", ids);
            let (sql, values) = select.tail("");
            let mut out = BTreeMap::new();
            for row in db.all(sql, values).await? {
                let conflict = Conflict { at: row.get("conflict_at")?, from: row.get("conflict_from")? };
                out.insert(row.get("id")?, conflict);
            }
            Ok(out)
        })
    }
}

fn kept(row: &Row) -> Result<Option<Kept>> {
    let text = |column: &str| -> Result<Option<Lease>> {
        let text: Option<String> = row.get(column)?;
        text.map(|text| text.parse().map_err(|_| unreadable(column))).transpose()
    };
    let boot: Option<Vec<u8>> = row.get("lease_boot")?;
    let (Some(now), Some(boot)) = (text("lease")?, boot) else { return Ok(None) };
    let boot = boot.try_into().map_err(|_| unreadable("lease_boot"))?;
    Ok(Some(Kept { now, before: text("lease_before")?, is_stored: row.get("lease_is_stored")?, boot }))
}
