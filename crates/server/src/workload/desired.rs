//! From a row to what its node shall do.

use super::secret;
use crate::template::Catalog;
use ostler_model::WorkloadId;
use ostler_model::node::Node;
use ostler_model::workload::kind::{self, Facts};
use ostler_model::workload::{Blueprint, Desired, Kind, Workload};
use ostler_store::{Store, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a row cannot be turned into something that a node can do.
#[derive(Debug, thiserror::Error)]
pub enum NotLowered {
    #[error("there is no template {0} any more")]
    Template(String),
    #[error("{0}")]
    Values(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Turns rows into blueprints. Cheap to clone.
#[derive(Clone)]
pub struct Lowering {
    store: Store,
    catalog: Catalog,
    /// How many workers share the matches.
    match_workers: u32,
    /// Revisions by workload and generation: views ask for them again and again.
    revisions: Arc<Mutex<Revisions>>,
}

type Revisions = HashMap<WorkloadId, (u64, Arc<str>)>;

/// Revisions that are remembered; at about 100 bytes each.
const REVISIONS: usize = 20_000;

impl Lowering {
    /// With these templates, secrets from this store, and so many workers that share the matches.
    pub fn new(store: Store, catalog: Catalog, match_workers: u32) -> Self {
        Self { store, catalog, match_workers, revisions: Arc::default() }
    }

    /// What the node shall do for this workload.
    pub async fn desired(&self, workload: &Workload, node: &Node) -> Result<Desired, NotLowered> {
        Ok(Desired {
            id: workload.id,
            generation: workload.generation,
            power: workload.power,
            is_forced: workload.is_forced,
            restart: workload.restart,
            blueprint: self.blueprint(workload, node).await?,
            min_isolation: node.min_isolation,
        })
    }

    /// The revision of what is wanted now; `None` when it cannot be lowered.
    pub async fn revision(&self, workload: &Workload, node: &Node) -> Option<Arc<str>> {
        let known = self.revisions.lock().unwrap_or_else(PoisonError::into_inner).get(&workload.id).cloned();
        if let Some((_, revision)) = known.filter(|(generation, _)| *generation == workload.generation) {
            return Some(revision);
        }
        let revision: Arc<str> = self.blueprint(workload, node).await.ok()?.revision.into();
        let mut revisions = self.revisions.lock().unwrap_or_else(PoisonError::into_inner);
        if revisions.len() >= REVISIONS {
            revisions.clear();
        }
        revisions.insert(workload.id, (workload.generation, revision.clone()));
        Some(revision)
    }

    /// What the server gives to workloads of this kind.
    async fn given(&self, workload: &Workload) -> Result<BTreeMap<&'static str, String>, NotLowered> {
        match workload.kind {
            Kind::Game => Ok(BTreeMap::new()),
            Kind::MatchHost => {
                let host = self.store.match_host(workload.id).await?;
                let (worker, secret) = host.ok_or_else(|| NotLowered::Values("it hosts no worker".to_owned()))?;
                let key = self.store.secret_get(secret, &workload.id.to_string()).await?;
                let (worker, workers) = (worker.to_string(), self.match_workers.to_string());
                Ok([("match.worker", worker), ("match.workers", workers), ("match.key", key.reveal().to_owned())]
                    .into())
            }
        }
    }

    /// What the workload consists of on this node.
    pub async fn blueprint(&self, workload: &Workload, node: &Node) -> Result<Blueprint, NotLowered> {
        let entry = self
            .catalog
            .find(&workload.spec.template)
            .ok_or_else(|| NotLowered::Template(workload.spec.template.clone()))?;
        let spec = secret::put_in(&self.store, workload).await?;
        let facts = Facts {
            given: self.given(workload).await?,
            name: workload.name.to_string(),
            address: node.facts.address.clone(),
            ports: workload.ports.clone(),
        };
        kind::lower(&entry.template, &spec, &facts).map_err(|errors| {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            NotLowered::Values(all.join("; "))
        })
    }
}
