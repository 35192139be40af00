//! Room on nodes: what may be promised to a workload, and which ports it gets.
//!
//! The node's row is held while anything is promised on it, so nothing is promised twice, whatever happens at the same time.

use super::change::{current, desired, locked, told};
use crate::db::error::{Result, Rule, StoreError};
use crate::db::redact::Told;
use crate::db::store::{Store, change};
use crate::db::tx::Tx;
use crate::db::value::args;
use ostler_model::authz::{Grant, Write};
use ostler_model::bounds::workload::{
    WORKSPACE_PORTS_ON_SHARED_NODE, WORKSPACE_SHARED_CPU_MILLIS, WORKSPACE_SHARED_MEMORY, WORKSPACE_WORKLOADS,
};
use ostler_model::node::Node;
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::place::{PORT_TAKEN_FOR, free_cpu_millis};
use ostler_model::workload::{Runtime, Spec, Workload};
use ostler_model::{NodeId, Time, WorkloadId, WorkspaceId};
use std::collections::{BTreeMap, HashSet};

/// What is asked of a node.
pub(super) struct Ask {
    workspace: WorkspaceId,
    /// How it runs, for one that is not on the node yet.
    new: Option<Runtime>,
    /// On top of what it has.
    memory_bytes: u64,
    cpu_millis: u64,
}

impl Ask {
    /// A workload that comes to the node.
    pub(super) fn new(workspace: WorkspaceId, spec: &Spec) -> Self {
        let Limits { memory_bytes, cpu_millis, .. } = spec.limits;
        Self { workspace, new: Some(spec.runtime), memory_bytes, cpu_millis: cpu_millis.into() }
    }
    /// One that is there gets other limits.
    pub(super) fn more(workspace: WorkspaceId, before: &Limits, after: &Limits) -> Self {
        let memory_bytes = after.memory_bytes.saturating_sub(before.memory_bytes);
        let cpu_millis = after.cpu_millis.saturating_sub(before.cpu_millis).into();
        Self { workspace, new: None, memory_bytes, cpu_millis }
    }
}

impl Store {
    /// Gives a workload other ports in the place of those that foreign programs hold on its node, and remembers the held ones
    /// for a while. `pick` chooses among the free ones, so that a program that holds the next ten is not met ten times.
    /// `None` when there are none left; then the workload keeps what it has.
    pub async fn workload_move_ports(
        &self,
        grant: &Grant<Workload, Write>,
        taken: &[String],
        pick: u64,
        at: Time,
    ) -> Result<Option<Workload>> {
        change!(self, "workload_move_ports", at, |tx| {
            let before = locked(tx, grant).await?;
            let Some(node) = before.node else { return Ok(Some(before)) };
            let row =
                tx.opt("UPDATE node SET desired_seq = desired_seq + 1 WHERE id = $1 RETURNING *", args![node]).await?;
            let node = crate::node::from_row(&row.ok_or_else(|| StoreError::missing("node", node))?)?;
            let mut ports = before.ports.clone();
            for name in taken {
                let Some(port) = before.ports.get(name) else { continue };
                tx.exec(
                    "INSERT INTO port_taken (node_id, port, seen_at) VALUES ($1, $2, $3)
                     ON CONFLICT (node_id, port) DO UPDATE SET seen_at = excluded.seen_at",
                    args![node.id, port, at],
                )
                .await?;
                let free = free_ports(tx, &node, at).await?;
                let Some(at_most) = u64::try_from(free.len()).ok().filter(|n| *n > 0) else { return Ok(None) };
                let port = free[usize::try_from(pick % at_most).unwrap_or(0)];
                tx.exec(
                    "UPDATE port SET port = $3 WHERE node_id = $1 AND workload_id = $2 AND name = $4",
                    args![node.id, before.id, port, name],
                )
                .await?;
                ports.insert(name.clone(), port);
            }
            let text = serde_json::to_string(&ports).expect("names and numbers are JSON");
            tx.exec(
                "UPDATE workload SET ports = $2, generation = generation + 1, changed_at = $3 WHERE id = $1",
                args![before.id, text, at],
            )
            .await?;
            let after = current(tx, before.id).await?;
            desired(tx, grant, &after);
            tx.audit(grant, "workload.move_ports", before.id, Told::changed(&told(&before), &told(&after)));
            Ok(Some(after))
        })
    }
}

/// Refuses one workload more than a workspace may have.
pub(super) async fn count(tx: &mut Tx, workspace: WorkspaceId) -> Result<()> {
    tx.lock(&format!("workloads of {workspace}")).await?;
    let sql = "SELECT COUNT(*) AS n FROM workload WHERE workspace_id = $1";
    let there: u64 = tx.one(sql, args![workspace]).await?.get("n")?;
    if there >= WORKSPACE_WORKLOADS { Err(Rule::TooManyWorkloads.into()) } else { Ok(()) }
}

/// Takes the node's row, raises its sequence, and proves that it is open to the workspace and has room.
pub(super) async fn take_node(tx: &mut Tx, id: NodeId, ask: &Ask) -> Result<Node> {
    let row = tx.opt("UPDATE node SET desired_seq = desired_seq + 1 WHERE id = $1 RETURNING *", args![id]).await?;
    let node = crate::node::from_row(&row.ok_or_else(|| StoreError::missing("node", id))?)?;
    if let Some(runtime) = ask.new {
        if node.workspace.is_some_and(|home| home != ask.workspace) {
            return Err(Rule::ForeignNode.into());
        }
        // Facts and demand were looked at before, but may have changed since.
        if node.facts.can.admits(runtime, node.min_isolation).is_err() {
            return Err(Rule::NotIsolated.into());
        }
    }
    // The room was looked at before, but another workload may have taken it since.
    let sql = "SELECT CAST(COALESCE(SUM(memory_bytes), 0) AS BIGINT) AS memory_bytes,
                      CAST(COALESCE(SUM(cpu_millis), 0) AS BIGINT) AS cpu_millis FROM workload WHERE node_id = $1";
    let used = tx.one(sql, args![id]).await?;
    let (memory_used, cpu_used): (u64, u64) = (used.get("memory_bytes")?, used.get("cpu_millis")?);
    if ask.memory_bytes > 0 && memory_used.saturating_add(ask.memory_bytes) > node.facts.memory_bytes {
        return Err(Rule::NodeFull.into());
    }
    let free = free_cpu_millis(u64::from(node.facts.cpu_count) * 1000, cpu_used);
    if ask.cpu_millis > 0 && free.is_some_and(|free| ask.cpu_millis > free) {
        return Err(Rule::NodeFull.into());
    }
    if node.workspace.is_none() {
        share(tx, ask).await?;
    }
    Ok(node)
}

/// Refuses more of the platform's nodes than one workspace may reserve.
async fn share(tx: &mut Tx, ask: &Ask) -> Result<()> {
    // Placements on different nodes would each see the sum without the other.
    tx.lock(&format!("share of {}", ask.workspace)).await?;
    let sql = "SELECT CAST(COALESCE(SUM(w.memory_bytes), 0) AS BIGINT) AS memory_bytes,
                      CAST(COALESCE(SUM(w.cpu_millis), 0) AS BIGINT) AS cpu_millis
               FROM workload w JOIN node n ON n.id = w.node_id WHERE w.workspace_id = $1 AND n.workspace_id IS NULL";
    let used = tx.one(sql, args![ask.workspace]).await?;
    let (memory, cpu): (u64, u64) = (used.get("memory_bytes")?, used.get("cpu_millis")?);
    let is_over = |more: u64, used: u64, most: u64| more > 0 && used.saturating_add(more) > most;
    if is_over(ask.memory_bytes, memory, WORKSPACE_SHARED_MEMORY)
        || is_over(ask.cpu_millis, cpu, WORKSPACE_SHARED_CPU_MILLIS)
    {
        return Err(Rule::TooMuchShared.into());
    }
    Ok(())
}

/// Gives out the lowest free ports of the node's range. The node's row is held, so no two workloads get the same ones.
pub(super) async fn give_ports(
    tx: &mut Tx,
    node: &Node,
    (workspace, id): (WorkspaceId, WorkloadId),
    names: &[String],
    at: Time,
) -> Result<()> {
    if node.workspace.is_none() && !names.is_empty() {
        let sql = "SELECT COUNT(*) AS n FROM port p JOIN workload w ON w.id = p.workload_id
                   WHERE p.node_id = $1 AND w.workspace_id = $2";
        let held: u64 = tx.one(sql, args![node.id, workspace]).await?.get("n")?;
        if held.saturating_add(names.len() as u64) > WORKSPACE_PORTS_ON_SHARED_NODE {
            return Err(Rule::TooManyPorts.into());
        }
    }
    let mut free = free_ports(tx, node, at).await?.into_iter();
    let mut given: BTreeMap<&str, u16> = BTreeMap::new();
    for name in names {
        let port = free.next().ok_or(Rule::NoFreePort)?;
        tx.exec(
            "INSERT INTO port (node_id, port, workload_id, name) VALUES ($1, $2, $3, $4)",
            args![node.id, port, id, name],
        )
        .await?;
        given.insert(name, port);
    }
    let text = serde_json::to_string(&given).expect("names and numbers are JSON");
    tx.exec("UPDATE workload SET ports = $2 WHERE id = $1", args![id, text]).await.map(|_| ())
}

/// Ports of the node's range that no workload has and that no foreign program held lately, the lowest first.
async fn free_ports(tx: &mut Tx, node: &Node, at: Time) -> Result<Vec<u16>> {
    let old = at - PORT_TAKEN_FOR;
    tx.exec("DELETE FROM port_taken WHERE node_id = $1 AND seen_at <= $2", args![node.id, old]).await?;
    let mut used = HashSet::new();
    let sql = "SELECT port FROM port WHERE node_id = $1 UNION SELECT port FROM port_taken WHERE node_id = $1";
    for row in tx.all(sql, args![node.id]).await? {
        used.insert(row.get::<u16>("port")?);
    }
    let (first, last) = node.facts.port_range;
    Ok((first..=last).filter(|port| *port != 0 && !used.contains(port)).collect())
}
