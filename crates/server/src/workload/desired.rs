//! From a row to what its node shall do.

use super::secret;
use crate::template::Catalog;
use ostler_model::node::Node;
use ostler_model::workload::kind::{self, Facts};
use ostler_model::workload::{Blueprint, Desired, Workload};
use ostler_store::{Store, StoreError};

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
}

impl Lowering {
    /// With these templates, and secrets from this store.
    pub fn new(store: Store, catalog: Catalog) -> Self {
        Self { store, catalog }
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
        })
    }

    /// What the workload consists of on this node.
    pub async fn blueprint(&self, workload: &Workload, node: &Node) -> Result<Blueprint, NotLowered> {
        let entry = self
            .catalog
            .find(&workload.spec.template)
            .ok_or_else(|| NotLowered::Template(workload.spec.template.clone()))?;
        let spec = secret::put_in(&self.store, workload).await?;
        let facts = Facts {
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
