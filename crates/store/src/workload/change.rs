//! Changes of what is wanted.

use super::host::{Hosting, give, release};
use super::room::{Ask, count, give_ports, take_node};
use super::{from_row, name_key};
use crate::db::error::{Result, Rule, StoreError};
use crate::db::redact::Told;
use crate::db::store::{Store, change};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::job;
use ostler_model::authz::{Collection, Grant, Operate, Resource, Verb, Write};
use ostler_model::event::Fact;
use ostler_model::workload::left::Left;
use ostler_model::workload::{Kind, Power, Spec, Workload};
use ostler_model::{Label, NodeId, Time, WorkloadId};
use serde_json::json;
use std::collections::BTreeSet;

/// A workload to be. Its workspace is the grant's.
#[derive(Debug, Clone)]
pub struct New {
    pub id: WorkloadId,
    pub kind: Kind,
    pub name: Label,
    pub spec: Spec,
    /// Where it runs; `None` leaves that to [`Store::workload_place`].
    pub node: Option<NodeId>,
    pub power: Power,
    /// Names of the ports to give out on the node.
    pub ports: Vec<String>,
    /// For one that hosts a worker of matches.
    pub hosting: Option<Hosting>,
}

/// A new wish of the owner about power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desire {
    Start,
    /// Stop; when forced, without asking first.
    Stop {
        is_forced: bool,
    },
    /// Stop and start again; starts what is stopped.
    Restart,
}

impl Store {
    /// Creates a workload, with its place and ports when a node is given, and with the job that sees it through.
    pub async fn workload_create(
        &self,
        grant: &Grant<Collection<Workload>, Write>,
        new: &New,
        job: Option<&job::New>,
        at: Time,
    ) -> Result<Workload> {
        change!(self, "workload_create", at, |tx| {
            let workspace = grant.workspace().ok_or_else(|| StoreError::missing("workspace", grant.id()))?;
            count(tx, workspace).await?;
            let node = match new.node {
                Some(id) => Some(take_node(tx, id, &Ask::new(workspace, &new.spec)).await?),
                None => None,
            };
            let spec = serde_json::to_string(&new.spec).expect("a spec is plain data that JSON can hold");
            tx.exec(
                "INSERT INTO workload (id, workspace_id, kind, name, name_key, spec, node_id, power, is_forced, restart,
                     generation, ports, memory_bytes, cpu_millis, report_seq, observed_generation, created_at, changed_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, FALSE, 0, 1, '{}', $9, $10, 0, 0, $11, $11)",
                args![
                    new.id,
                    workspace,
                    new.kind.as_str(),
                    new.name,
                    name_key(&new.name),
                    spec,
                    new.node,
                    new.power.as_str(),
                    new.spec.limits.memory_bytes,
                    new.spec.limits.cpu_millis,
                    at
                ],
            )
            .await?;
            if let Some(node) = &node {
                give_ports(tx, node, (workspace, new.id), &new.ports, at).await?;
            }
            let worker = match &new.hosting {
                Some(hosting) => Some(give(tx, self, new.id, hosting, at).await?),
                None => None,
            };
            if let Some(job) = job {
                job::insert(tx, grant, job, at).await?;
            }
            let workload = current(tx, new.id).await?;
            tx.event(grant, Some(workspace), Fact::WorkloadCreated { id: new.id, name: new.name.to_string() });
            let mut after = told(&workload);
            if let Some(worker) = worker {
                after["worker"] = json!(worker);
            }
            tx.audit(grant, "workload.create", new.id, Told::made(&after));
            Ok(workload)
        })
    }
    /// Puts a workload that is nowhere yet on a node and gives it ports there. The same node again changes nothing, so a job
    /// step may repeat this.
    pub async fn workload_place(
        &self,
        grant: &Grant<Workload, Write>,
        node: NodeId,
        ports: &[String],
        at: Time,
    ) -> Result<Workload> {
        change!(self, "workload_place", at, |tx| {
            let before = locked(tx, grant).await?;
            match before.node {
                Some(on) if on == node => return Ok(before),
                Some(_) => return Err(Rule::Placed.into()),
                None => {}
            }
            if before.power == Power::Absent {
                return Err(Rule::Deleting.into());
            }
            let place = take_node(tx, node, &Ask::new(before.workspace, &before.spec)).await?;
            tx.exec(
                "UPDATE workload SET node_id = $2, generation = generation + 1, changed_at = $3, report = NULL,
                     report_seq = 0, observed_generation = 0 WHERE id = $1",
                args![before.id, node, at],
            )
            .await?;
            give_ports(tx, &place, (before.workspace, before.id), ports, at).await?;
            let after = current(tx, before.id).await?;
            desired(tx, grant, &after);
            tx.audit(grant, "workload.place", before.id, Told::changed(&told(&before), &told(&after)));
            Ok(after)
        })
    }
    /// Sets what the owner wants about power. The agent learns of it through the event of the same transaction.
    pub async fn workload_set_power(
        &self,
        grant: &Grant<Workload, Operate>,
        desire: Desire,
        at: Time,
    ) -> Result<Workload> {
        change!(self, "workload_set_power", at, |tx| {
            let before = locked(tx, grant).await?;
            if before.power == Power::Absent {
                return Err(Rule::Deleting.into());
            }
            let (power, is_forced, restart, action) = match desire {
                Desire::Start => (Power::On, false, 0, "workload.start"),
                Desire::Stop { is_forced: false } => (Power::Off, false, 0, "workload.stop"),
                Desire::Stop { is_forced: true } => (Power::Off, true, 0, "workload.kill"),
                Desire::Restart => (Power::On, false, i64::from(before.power == Power::On), "workload.restart"),
            };
            tx.exec(
                "UPDATE workload SET power = $2, is_forced = $3, restart = restart + $4, generation = generation + 1,
                     changed_at = $5 WHERE id = $1",
                args![before.id, power.as_str(), is_forced, restart, at],
            )
            .await?;
            let after = wanted(tx, grant, &before).await?;
            tx.audit(grant, action, before.id, Told::changed(&told(&before), &told(&after)));
            Ok(after)
        })
    }
    /// Changes name and spec; what is `None` stays. With `restart` it takes effect now where a restart is needed.
    pub async fn workload_update(
        &self,
        grant: &Grant<Workload, Write>,
        name: Option<&Label>,
        spec: Option<&Spec>,
        restart: bool,
        at: Time,
    ) -> Result<Workload> {
        change!(self, "workload_update", at, |tx| {
            let before = locked(tx, grant).await?;
            if before.power == Power::Absent {
                return Err(Rule::Deleting.into());
            }
            let name = name.unwrap_or(&before.name);
            let spec = spec.unwrap_or(&before.spec);
            if let Some(node) = before.node {
                take_node(tx, node, &Ask::more(before.workspace, &before.spec.limits, &spec.limits)).await?;
            }
            let text = serde_json::to_string(spec).expect("a spec is plain data that JSON can hold");
            tx.exec(
                "UPDATE workload SET name = $2, name_key = $3, spec = $4, memory_bytes = $5, cpu_millis = $6,
                     restart = restart + $7, generation = generation + 1, changed_at = $8 WHERE id = $1",
                args![
                    before.id,
                    name,
                    name_key(name),
                    text,
                    spec.limits.memory_bytes,
                    spec.limits.cpu_millis,
                    i64::from(restart && before.power == Power::On),
                    at
                ],
            )
            .await?;
            let after = current(tx, before.id).await?;
            desired(tx, grant, &after);
            let told = Told::changed(&told(&before), &told(&after)).with("variables", variables(&before, &after));
            tx.audit(grant, "workload.update", before.id, told);
            Ok(after)
        })
    }
    /// Wants the workload gone, and starts the job that sees it through. Asking twice changes nothing and starts nothing.
    pub async fn workload_set_absent(
        &self,
        grant: &Grant<Workload, Write>,
        is_forced: bool,
        job: Option<&job::New>,
        at: Time,
    ) -> Result<Workload> {
        change!(self, "workload_set_absent", at, |tx| {
            let before = locked(tx, grant).await?;
            if before.power == Power::Absent && (before.is_forced || !is_forced) {
                return Ok(before);
            }
            tx.exec(
                "UPDATE workload SET power = 'absent', is_forced = $2, generation = generation + 1, changed_at = $3
                 WHERE id = $1",
                args![before.id, is_forced, at],
            )
            .await?;
            if let (Some(job), true) = (job, before.power != Power::Absent) {
                job::insert(tx, grant, job, at).await?;
            }
            let after = wanted(tx, grant, &before).await?;
            tx.audit(grant, "workload.delete", before.id, Told::changed(&told(&before), &told(&after)));
            Ok(after)
        })
    }
    /// Forgets a workload and frees its ports. For jobs, once its node has reported it gone, or has none. True when it was there.
    pub async fn workload_remove(&self, grant: &Grant<Workload, Write>, at: Time) -> Result<bool> {
        change!(self, "workload_remove", at, |tx| {
            let Some(gone) = delete(tx, grant, at).await? else { return Ok(false) };
            tx.audit(grant, "workload.remove", gone.id, Told::gone(&told(&gone)));
            Ok(true)
        })
    }
    /// Forgets a workload whose node does not answer, without that node's word that nothing is left. What may be left is
    /// written down. Answers with the workload as it was; `None` when it is gone already.
    pub async fn workload_forget(
        &self,
        grant: &Grant<Workload, Write>,
        left: &Left,
        at: Time,
    ) -> Result<Option<Workload>> {
        change!(self, "workload_forget", at, |tx| {
            let Some(gone) = delete(tx, grant, at).await? else { return Ok(None) };
            tx.audit(grant, "workload.forget", gone.id, Told::gone(&told(&gone)).with("left", left));
            Ok(Some(gone))
        })
    }
}

/// Removes the row with its ports, and tells its node and everybody.
async fn delete(tx: &mut Tx, grant: &Grant<Workload, Write>, at: Time) -> Result<Option<Workload>> {
    if let Ok(id) = grant.id().parse() {
        release(tx, grant, id, at).await?;
    }
    let row = tx.opt("DELETE FROM workload WHERE id = $1 RETURNING *", args![grant.id()]).await?;
    let Some(row) = row else { return Ok(None) };
    let gone = from_row(&row)?;
    if let Some(node) = gone.node {
        tx.exec("UPDATE node SET desired_seq = desired_seq + 1 WHERE id = $1", args![node]).await?;
    }
    let name = gone.name.to_string();
    tx.event(grant, Some(gone.workspace), Fact::WorkloadDeleted { id: gone.id, name });
    Ok(Some(gone))
}

/// The grant's workload as it is now, its row taken until the end of the transaction.
pub(super) async fn locked<V: Verb>(tx: &mut Tx, grant: &Grant<Workload, V>) -> Result<Workload> {
    let row = tx.opt("UPDATE workload SET id = id WHERE id = $1 RETURNING *", args![grant.id()]).await?;
    from_row(&row.ok_or_else(|| StoreError::missing("workload", grant.id()))?)
}

pub(super) async fn current(tx: &mut Tx, id: WorkloadId) -> Result<Workload> {
    from_row(&tx.one("SELECT * FROM workload WHERE id = $1", args![id]).await?)
}

/// After a change of wishes that asks nothing more of the node's room: raises the node's sequence and tells.
async fn wanted<V: Verb>(tx: &mut Tx, grant: &Grant<Workload, V>, before: &Workload) -> Result<Workload> {
    if let Some(node) = before.node {
        tx.exec("UPDATE node SET desired_seq = desired_seq + 1 WHERE id = $1", args![node]).await?;
    }
    let after = current(tx, before.id).await?;
    desired(tx, grant, &after);
    Ok(after)
}

pub(super) fn desired<R: Resource, V: Verb>(tx: &mut Tx, grant: &Grant<R, V>, after: &Workload) {
    tx.event(grant, Some(after.workspace), Fact::WorkloadDesired { id: after.id, generation: after.generation });
}

/// What the audit trail says about a workload. Not its variables: any of them may be a secret.
pub(super) fn told(workload: &Workload) -> serde_json::Value {
    json!({
        "name": workload.name, "kind": workload.kind.as_str(), "template": workload.spec.template, "node": workload.node,
        "power": workload.power.as_str(), "is_forced": workload.is_forced, "restart": workload.restart,
        "limits": workload.spec.limits, "ports": workload.ports,
    })
}

/// The names of the variables that an update changed.
fn variables<'a>(before: &'a Workload, after: &'a Workload) -> BTreeSet<&'a String> {
    let (old, new) = (&before.spec.variables, &after.spec.variables);
    old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).collect()
}
