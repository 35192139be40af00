//! Workloads: what is wanted, where, and what the node last said.
//!
//! Every change of what is wanted raises the workload's generation and its node's `desired_seq` in the same transaction. The
//! node's row is taken by everything that places, grows or removes something on it, so promises are never made twice.

mod change;
pub(crate) mod host;
mod report;
mod room;

pub use change::{Desire, New};
pub use host::{Host, Hosting};
pub use report::Applied;

use crate::db::conn::Conn;
use crate::db::error::{Result, StoreError};
use crate::db::page::{Page, Paging, Reach, Select, page};
use crate::db::row::{Row, unreadable};
use crate::db::store::{Store, read, snapshot};
use crate::db::value::args;
use ostler_model::node::Node;
use ostler_model::workload::{Kind, Power, Workload};
use ostler_model::{Label, NodeId, WorkloadId, WorkspaceId};

/// Which workloads a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub reach: Reach,
    pub kind: Option<Kind>,
    pub node: Option<NodeId>,
    /// Part of the name, in any case.
    pub search: Option<String>,
}

/// Everything that one node shall run, as of one moment.
#[derive(Debug, Clone)]
pub struct OnNode {
    /// Its `desired_seq` belongs to exactly these workloads.
    pub node: Node,
    pub workloads: Vec<Workload>,
}

impl Store {
    /// A workload by id, if there is one.
    pub async fn workload_find(&self, id: WorkloadId) -> Result<Option<Workload>> {
        read!(self, "workload_find", |db| { find(db, id).await })
    }
    /// A workload by id.
    pub async fn workload_get(&self, id: WorkloadId) -> Result<Workload> {
        self.workload_find(id).await?.ok_or_else(|| StoreError::missing("workload", id))
    }
    /// A workload by its name in a workspace, in any case, if there is one.
    pub async fn workload_by_name(&self, workspace: WorkspaceId, name: &Label) -> Result<Option<Workload>> {
        read!(self, "workload_by_name", |db| {
            let sql = "SELECT * FROM workload WHERE workspace_id = $1 AND name_key = $2";
            let row = db.opt(sql, args![workspace, name_key(name)]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// Workloads, newest first.
    pub async fn workload_list(&self, filter: &Filter, paging: &Paging) -> Result<Page<Workload>> {
        read!(self, "workload_list", |db| {
            let mut select = Select::new("SELECT * FROM workload");
            select
                .within(&filter.reach, "workspace_id", "id")
                .when_some("kind = ?", filter.kind.map(Kind::as_str))
                .when_some("node_id = ?", filter.node)
                .when_some("name_key LIKE ? ESCAPE '!'", filter.search.as_deref().map(pattern));
            let (sql, values) = select.page("id", paging);
            let items = db.all(sql, values).await?.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            Ok(page(items, paging, |w| w.id.to_string()))
        })
    }
    /// How many workloads lie within reach.
    pub async fn workload_count(&self, reach: &Reach) -> Result<u64> {
        read!(self, "workload_count", |db| {
            let mut select = Select::new("SELECT COUNT(*) AS n FROM workload");
            select.within(reach, "workspace_id", "id");
            let (sql, values) = select.done();
            db.one(sql, values).await?.get("n")
        })
    }
    /// What a node shall run, with the `desired_seq` that belongs to it.
    pub async fn workload_on_node(&self, id: NodeId) -> Result<OnNode> {
        snapshot!(self, "workload_on_node", |db| {
            let row = db.opt("SELECT * FROM node WHERE id = $1", args![id]).await?;
            let node = crate::node::from_row(&row.ok_or_else(|| StoreError::missing("node", id))?)?;
            let rows = db.all("SELECT * FROM workload WHERE node_id = $1 ORDER BY id", args![id]).await?;
            Ok(OnNode { node, workloads: rows.iter().map(from_row).collect::<Result<_>>()? })
        })
    }
    /// One workload together with its node's `desired_seq`, as of one moment; for sending a single change.
    pub async fn workload_with_seq(&self, id: WorkloadId) -> Result<Option<(Workload, u64)>> {
        snapshot!(self, "workload_with_seq", |db| {
            let Some(workload) = find(db, id).await? else { return Ok(None) };
            let seq = match workload.node {
                Some(node) => {
                    db.one("SELECT desired_seq FROM node WHERE id = $1", args![node]).await?.get("desired_seq")?
                }
                None => 0,
            };
            Ok(Some((workload, seq)))
        })
    }
}

async fn find(db: &mut Conn, id: WorkloadId) -> Result<Option<Workload>> {
    let row = db.opt("SELECT * FROM workload WHERE id = $1", args![id]).await?;
    row.as_ref().map(from_row).transpose()
}

/// The form in which names are unique and searched.
fn name_key(name: &Label) -> String {
    name.as_str().to_lowercase()
}

/// The text anywhere in the name, with the pattern's own signs taken literally.
fn pattern(search: &str) -> String {
    let mut out = String::from("%");
    for c in search.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            out.push('!');
        }
        out.push(c);
    }
    out.push('%');
    out
}

fn power(row: &Row) -> Result<Power> {
    match row.get::<String>("power")?.as_str() {
        "on" => Ok(Power::On),
        "off" => Ok(Power::Off),
        "absent" => Ok(Power::Absent),
        _ => Err(unreadable("power")),
    }
}

pub(crate) fn from_row(row: &Row) -> Result<Workload> {
    let kind = row.get::<String>("kind")?;
    Ok(Workload {
        id: row.get("id")?,
        workspace: row.get("workspace_id")?,
        kind: Kind::ALL.into_iter().find(|k| k.as_str() == kind).ok_or_else(|| unreadable("kind"))?,
        name: row.get("name")?,
        spec: row.json("spec")?,
        node: row.get("node_id")?,
        power: power(row)?,
        is_forced: row.get("is_forced")?,
        restart: row.get("restart")?,
        generation: row.get("generation")?,
        ports: row.json("ports")?,
        report: match row.get::<Option<String>>("report")? {
            Some(text) => Some(serde_json::from_str(&text).map_err(|_| unreadable("report"))?),
            None => None,
        },
        created_at: row.get("created_at")?,
        changed_at: row.get("changed_at")?,
    })
}
