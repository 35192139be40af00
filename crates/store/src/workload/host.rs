//! Which workload hosts which worker of matches.
//!
//! A worker's index is given out with the workload's row and goes with it: two at once never get the same one, and what the
//! worker's matches come to when it goes is written in the same transaction.

use super::from_row;
use crate::db::error::{Result, Rule};
use crate::db::row::Row;
use crate::db::store::{Store, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::matches::changed;
use ostler_model::authz::{Grant, Resource, Verb};
use ostler_model::matches::{GameId, Lost, Phase};
use ostler_model::workload::Workload;
use ostler_model::{Secret, SecretId, Time, WorkloadId, WorkspaceId};

/// What a workload gets that is to host a worker.
#[derive(Debug, Clone)]
pub struct Hosting {
    /// The worker's key, by the id under which it is sealed.
    pub secret: (SecretId, Secret),
    /// The workers that may be hosted by workloads: the first, and how many there are in all.
    pub workers: (u32, u32),
}

/// A workload that hosts a worker.
#[derive(Debug, Clone)]
pub struct Host {
    pub worker: u32,
    /// The worker's key; its owner is the workload.
    pub secret: SecretId,
    pub workload: Workload,
}

impl Store {
    /// Every host, in order of its worker.
    pub async fn match_hosts(&self) -> Result<Vec<Host>> {
        read!(self, "match_hosts", |db| {
            let sql = "SELECT w.*, h.worker, h.secret_id FROM match_host h JOIN workload w ON w.id = h.workload_id
                       ORDER BY h.worker";
            let rows = db.all(sql, args![]).await?;
            let host = |row: &Row| {
                Ok(Host { worker: row.get("worker")?, secret: row.get("secret_id")?, workload: from_row(row)? })
            };
            rows.iter().map(host).collect()
        })
    }
    /// The worker that this workload hosts, and the id of its key.
    pub async fn match_host(&self, id: WorkloadId) -> Result<Option<(u32, SecretId)>> {
        read!(self, "match_host", |db| {
            let row = db.opt("SELECT worker, secret_id FROM match_host WHERE workload_id = $1", args![id]).await?;
            row.map(|row| Ok((row.get("worker")?, row.get("secret_id")?))).transpose()
        })
    }
}

/// Gives the lowest worker that has no host to a new workload, with its key.
pub(super) async fn give(tx: &mut Tx, store: &Store, id: WorkloadId, hosting: &Hosting, at: Time) -> Result<u32> {
    let (secret, key) = &hosting.secret;
    for worker in hosting.workers.0..hosting.workers.1 {
        // Somebody who is about to take the same one is waited for here.
        let row = tx
            .opt(
                "INSERT INTO match_host (workload_id, worker, secret_id) VALUES ($1, $2, $3)
                 ON CONFLICT (worker) DO NOTHING RETURNING worker",
                args![id, worker, secret],
            )
            .await?;
        if row.is_none() {
            continue;
        }
        let (key_id, sealed) = crate::secret::sealed(store.key(), *secret, &id.to_string(), key);
        tx.exec(
            "INSERT INTO secret (id, owner, key_id, sealed, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $5)",
            args![secret, id.to_string(), key_id, sealed, at],
        )
        .await?;
        return Ok(worker);
    }
    Err(Rule::NoFreeWorker.into())
}

/// A workload is about to go: if it hosts a worker, the worker's key goes too, and what it hosted is over.
pub(crate) async fn release<R: Resource, V: Verb>(
    tx: &mut Tx,
    grant: &Grant<R, V>,
    id: WorkloadId,
    at: Time,
) -> Result<()> {
    let row = tx.opt("DELETE FROM match_host WHERE workload_id = $1 RETURNING worker, secret_id", args![id]).await?;
    let Some(row) = row else { return Ok(()) };
    let (worker, secret): (u32, SecretId) = (row.get("worker")?, row.get("secret_id")?);
    tx.exec("DELETE FROM secret WHERE id = $1 AND owner = $2", args![secret, id.to_string()]).await?;
    let over = tx
        .all(
            "UPDATE game_match SET phase = 'finished', lost = $2, ended_at = $3
             WHERE worker = $1 AND phase IN ('lobby', 'active') RETURNING id, workspace_id, players",
            args![worker, Lost::HostDeleted.as_str(), at],
        )
        .await?;
    for row in over {
        let (game, workspace): (GameId, Option<WorkspaceId>) = (row.get("id")?, row.get("workspace_id")?);
        tx.event(grant, workspace, changed(game, Phase::Finished, row.get("players")?));
    }
    Ok(())
}
