//! Nodes, and the single-use tokens with which machines become nodes.

use crate::db::error::{Result, Rule, StoreError};
use crate::db::page::{Page, Paging, Reach, Select, page};
use crate::db::redact::Told;
use crate::db::row::{Row, unreadable};
use crate::db::store::{Store, change, read};
use crate::db::tx::{Note, Tx};
use crate::db::value::args;
use ostler_model::audit::Outcome;
use ostler_model::authz::{Actor, ActorKind, Collection, Grant, Origin, Report, Write};
use ostler_model::event::Fact;
use ostler_model::node::{Facts, Isolation, JoinToken, Node};
use ostler_model::workload::Workload;
use ostler_model::workload::left::{Left, left};
use ostler_model::workload::place::PORT_TAKEN_FOR;
use ostler_model::{JoinTokenId, Name, NodeId, Time, WorkspaceId};
use serde_json::json;
use std::collections::BTreeMap;

/// A machine that wants to become a node.
#[derive(Debug, Clone)]
pub struct Joining {
    pub id: NodeId,
    /// Made unique by a number when it is taken.
    pub name: Name,
    /// Ed25519, 32 bytes.
    pub public_key: Vec<u8>,
    pub facts: Facts,
}

/// What is promised to the workloads on a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub workloads: u32,
    pub memory_bytes: u64,
    pub cpu_millis: u64,
    /// Given out, and, for placement, those that foreign programs hold.
    pub ports: u32,
}

/// The most nodes that placement looks at.
const CANDIDATES_MOST: u32 = 5000;

impl Store {
    /// Creates a join token. Only the hash of its secret is stored.
    pub async fn join_token_create(
        &self,
        grant: &Grant<Collection<Node>, Write>,
        token: &JoinToken,
        token_hash: &[u8],
        at: Time,
    ) -> Result<JoinToken> {
        change!(self, "join_token_create", at, |tx| {
            let workspace = grant.workspace();
            tx.exec(
                "INSERT INTO join_token (id, workspace_id, token_hash, label, created_by, created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                args![
                    token.id,
                    workspace,
                    token_hash,
                    token.label,
                    token.created_by,
                    token.created_at,
                    token.expires_at
                ],
            )
            .await?;
            tx.audit(grant, "node.invite", token.id, Told::made(&invited(token)));
            Ok(JoinToken { workspace, used_at: None, node: None, ..token.clone() })
        })
    }
    /// A join token by id, if there is one.
    pub async fn join_token_find(&self, id: JoinTokenId) -> Result<Option<JoinToken>> {
        read!(self, "join_token_find", |db| {
            let row = db.opt("SELECT * FROM join_token WHERE id = $1", args![id]).await?;
            row.as_ref().map(token_from_row).transpose()
        })
    }
    /// A workspace's join tokens, used ones too, newest first. `None` lists those for shared nodes.
    pub async fn join_token_list(&self, workspace: Option<WorkspaceId>, paging: &Paging) -> Result<Page<JoinToken>> {
        read!(self, "join_token_list", |db| {
            let mut select = Select::new("SELECT * FROM join_token");
            match workspace {
                Some(id) => select.when("workspace_id = ?", id),
                None => select.plain("workspace_id IS NULL"),
            };
            let (sql, values) = select.page("id", paging);
            let items = db.all(sql, values).await?.iter().map(token_from_row).collect::<Result<Vec<_>>>()?;
            Ok(page(items, paging, |t| t.id.to_string()))
        })
    }
    /// Ends a token that nobody has used. True when there was one.
    pub async fn join_token_revoke(
        &self,
        grant: &Grant<Collection<Node>, Write>,
        id: JoinTokenId,
        at: Time,
    ) -> Result<bool> {
        change!(self, "join_token_revoke", at, |tx| {
            let home = home(grant.workspace());
            let row = tx
                .opt(
                    "DELETE FROM join_token WHERE id = $1 AND used_at IS NULL
                         AND COALESCE(workspace_id, 'platform') = $2 RETURNING *",
                    args![id, home],
                )
                .await?;
            if let Some(row) = &row {
                tx.audit(grant, "node.uninvite", id, Told::gone(&invited(&token_from_row(row)?)));
            }
            Ok(row.is_some())
        })
    }

    /// Spends a join token and makes the node. The token is the proof here, and it works once: of many attempts at the same
    /// time exactly one succeeds. The same machine asking again (the answer was lost) gets the node that it already is.
    pub async fn node_join(&self, token_hash: &[u8], joining: &Joining, origin: &Origin, at: Time) -> Result<Node> {
        change!(self, "node_join", at, |tx| {
            let spent = tx
                .opt(
                    "UPDATE join_token SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2
                     RETURNING id, workspace_id",
                    args![token_hash, at],
                )
                .await?;
            let Some(spent) = spent else { return already_joined(tx, token_hash, joining).await };
            let workspace: Option<WorkspaceId> = spent.get("workspace_id")?;
            let name = free_name(tx, workspace, &joining.name).await?;
            let node = insert(tx, workspace, name, joining, at).await?;
            let token: JoinTokenId = spent.get("id")?;
            tx.exec("UPDATE join_token SET node_id = $2 WHERE id = $1", args![token, node.id]).await?;
            let actor = Actor { kind: ActorKind::Node(node.id), label: node.name.to_string() };
            tx.event_by(&actor, workspace, Fact::NodeJoined { id: node.id, name: node.name.to_string() });
            tx.note(Note {
                workspace,
                actor,
                origin: origin.clone(),
                action: "node.join".to_owned(),
                target_kind: "node".to_owned(),
                target_id: node.id.to_string(),
                outcome: Outcome::Done,
                // Not called a token: what is called so is taken for a secret.
                told: Told::made(&told(&node)).with("invitation", token),
            });
            Ok(node)
        })
    }
    /// A node by id.
    pub async fn node_get(&self, id: NodeId) -> Result<Node> {
        self.node_find(id).await?.ok_or_else(|| StoreError::missing("node", id))
    }
    /// A node by id, if there is one.
    pub async fn node_find(&self, id: NodeId) -> Result<Option<Node>> {
        read!(self, "node_find", |db| {
            let row = db.opt("SELECT * FROM node WHERE id = $1", args![id]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// A node by name in a workspace, or among the shared ones when there is none.
    pub async fn node_by_name(&self, workspace: Option<WorkspaceId>, name: &Name) -> Result<Option<Node>> {
        read!(self, "node_by_name", |db| {
            let row = db.opt("SELECT * FROM node WHERE home = $1 AND name = $2", args![home(workspace), name]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// The nodes within reach and, when asked, those that the platform shares; newest first.
    pub async fn node_list(&self, reach: &Reach, with_shared: bool, paging: &Paging) -> Result<Page<Node>> {
        read!(self, "node_list", |db| {
            let mut select = Select::new("SELECT * FROM node");
            if let Some(workspaces) = &reach.workspaces {
                let mut homes: Vec<String> = workspaces.iter().map(|id| home(Some(*id))).collect();
                if with_shared {
                    homes.push(home(None));
                }
                select.among("home", &homes);
            }
            if let Some(only) = &reach.only {
                select.among("id", only);
            }
            let (sql, values) = select.page("id", paging);
            let items = db.all(sql, values).await?.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            Ok(page(items, paging, |n| n.id.to_string()))
        })
    }
    /// The nodes that somebody in a workspace may see, newest first: of its own those in `own`, and those that the platform
    /// shares; of all these, those in `scope`. Without a list, all.
    pub async fn node_list_part(
        &self,
        workspace: WorkspaceId,
        own: Option<&[String]>,
        scope: Option<&[String]>,
        paging: &Paging,
    ) -> Result<Page<Node>> {
        read!(self, "node_list_part", |db| {
            let mut select = Select::new("SELECT * FROM node");
            select.among("home", &[home(Some(workspace)), home(None)]);
            if let Some(own) = own {
                select.among_or("id", own, "workspace_id IS NULL");
            }
            if let Some(scope) = scope {
                select.among("id", scope);
            }
            let (sql, values) = select.page("id", paging);
            let items = db.all(sql, values).await?.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            Ok(page(items, paging, |n| n.id.to_string()))
        })
    }
    /// What is promised on each of these nodes. Nodes without workloads are present with zeros.
    pub async fn node_usage(&self, ids: &[NodeId]) -> Result<BTreeMap<NodeId, Usage>> {
        read!(self, "node_usage", |db| {
            let mut out: BTreeMap<NodeId, Usage> = ids.iter().map(|id| (*id, Usage::default())).collect();
            let mut select = Select::new(
                "SELECT node_id, COUNT(*) AS n, CAST(SUM(memory_bytes) AS BIGINT) AS memory_bytes,
                        CAST(SUM(cpu_millis) AS BIGINT) AS cpu_millis FROM workload",
            );
            select.among("node_id", ids);
            let (sql, values) = select.tail(" GROUP BY node_id");
            for row in db.all(sql, values).await? {
                let usage = out.entry(row.get("node_id")?).or_default();
                usage.workloads = row.get("n")?;
                usage.memory_bytes = row.get("memory_bytes")?;
                usage.cpu_millis = row.get("cpu_millis")?;
            }
            let mut select = Select::new("SELECT node_id, COUNT(*) AS n FROM port");
            select.among("node_id", ids);
            let (sql, values) = select.tail(" GROUP BY node_id");
            for row in db.all(sql, values).await? {
                out.entry(row.get("node_id")?).or_default().ports = row.get("n")?;
            }
            Ok(out)
        })
    }
    /// Every node that may take workloads of this workspace, with what is promised there and which ports foreign programs
    /// hold; for placement.
    pub async fn node_candidates(&self, workspace: WorkspaceId, at: Time) -> Result<Vec<(Node, Usage)>> {
        let nodes: Vec<Node> = read!(self, "node_candidates", |db| {
            let mut select = Select::new("SELECT * FROM node");
            select.among("home", &[home(Some(workspace)), home(None)]);
            let (sql, values) = select.end(" ORDER BY id LIMIT ?", CANDIDATES_MOST);
            db.all(sql, values).await?.iter().map(from_row).collect()
        })?;
        let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
        let mut usage = self.node_usage(&ids).await?;
        let taken: Vec<(NodeId, u32)> = read!(self, "node_candidates", |db| {
            let mut select = Select::new("SELECT node_id, COUNT(*) AS n FROM port_taken");
            select.among("node_id", &ids).when("seen_at > ?", at - PORT_TAKEN_FOR);
            let (sql, values) = select.tail(" GROUP BY node_id");
            db.all(sql, values).await?.iter().map(|row| Ok((row.get("node_id")?, row.get("n")?))).collect()
        })?;
        for (node, count) in taken {
            usage.entry(node).or_default().ports += count;
        }
        let with_usage = |node: Node| {
            let usage = usage.get(&node.id).copied().unwrap_or_default();
            (node, usage)
        };
        Ok(nodes.into_iter().map(with_usage).collect())
    }
    /// Changes a node; what is `None` stays.
    pub async fn node_update(
        &self,
        grant: &Grant<Node, Write>,
        name: Option<&Name>,
        is_draining: Option<bool>,
        min_isolation: Option<Isolation>,
        at: Time,
    ) -> Result<Node> {
        change!(self, "node_update", at, |tx| {
            // Writing nothing keeps others out until the end, and says what it is now.
            let before = tx.opt("UPDATE node SET name = name WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let before = from_row(&before.ok_or_else(|| StoreError::missing("node", grant.id()))?)?;
            let row = tx
                .opt(
                    // Another demand of isolation is sent to the node with what it shall run.
                    "UPDATE node SET name = COALESCE($2, name), is_draining = COALESCE($3, is_draining),
                         min_isolation = COALESCE($4, min_isolation), desired_seq = desired_seq + $5 WHERE id = $1
                     RETURNING *",
                    args![
                        grant.id(),
                        name,
                        is_draining,
                        min_isolation.map(Isolation::as_str),
                        i64::from(min_isolation.is_some_and(|min| min != before.min_isolation))
                    ],
                )
                .await?;
            let node = from_row(&row.ok_or_else(|| StoreError::missing("node", grant.id()))?)?;
            tx.event(grant, node.workspace, Fact::NodeChanged { id: node.id });
            tx.audit(grant, "node.update", node.id, Told::changed(&told(&before), &told(&node)));
            Ok(node)
        })
    }
    /// Takes over what a node says of itself. Nothing is written and nobody is told when it says nothing new.
    pub async fn node_set_facts(&self, grant: &Grant<Node, Report>, facts: &Facts, at: Time) -> Result<Node> {
        let text = serde_json::to_string(facts).expect("facts are plain data that JSON can hold");
        change!(self, "node_set_facts", at, |tx| {
            let row = tx
                .opt("UPDATE node SET facts = $2 WHERE id = $1 AND facts <> $2 RETURNING *", args![grant.id(), text])
                .await?;
            if let Some(row) = row {
                let node = from_row(&row)?;
                tx.event(grant, node.workspace, Fact::NodeChanged { id: node.id });
                return Ok(node);
            }
            let row = tx.opt("SELECT * FROM node WHERE id = $1", args![grant.id()]).await?;
            from_row(&row.ok_or_else(|| StoreError::missing("node", grant.id()))?)
        })
    }
    /// Tells everybody that a node has come or gone.
    pub async fn node_set_online(&self, grant: &Grant<Node, Report>, is_online: bool, at: Time) -> Result<()> {
        change!(self, "node_set_online", at, |tx| {
            let row = tx
                .opt(
                    "UPDATE node SET seen_at = CASE WHEN $2 THEN $3 ELSE seen_at END WHERE id = $1
                     RETURNING id, workspace_id",
                    args![grant.id(), is_online, at],
                )
                .await?;
            let row = row.ok_or_else(|| StoreError::missing("node", grant.id()))?;
            let id = row.get("id")?;
            let fact = if is_online { Fact::NodeOnline { id } } else { Fact::NodeOffline { id } };
            tx.event(grant, row.get("workspace_id")?, fact);
            Ok(())
        })
    }
    /// Notes when nodes were last heard of. Called now and then with many at once; an older time changes nothing.
    pub async fn node_seen(&self, seen: &[(NodeId, Time)], at: Time) -> Result<()> {
        change!(self, "node_seen", at, |tx| {
            for (id, seen_at) in seen {
                tx.exec(
                    "UPDATE node SET seen_at = $2 WHERE id = $1 AND (seen_at IS NULL OR seen_at < $2)",
                    args![id, seen_at],
                )
                .await?;
            }
            Ok(())
        })
    }
    /// Deletes a node. With workloads on it only when forced; then they are forgotten too, for machines that are lost for good:
    /// each is written down in its workspace's trail with what may be left of it. Answers with those that were forgotten.
    pub async fn node_delete(&self, grant: &Grant<Node, Write>, is_forced: bool, at: Time) -> Result<Vec<Workload>> {
        change!(self, "node_delete", at, |tx| {
            // Taking the row first keeps placements away until this has ended.
            let row = tx.opt("UPDATE node SET name = name WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let node = from_row(&row.ok_or_else(|| StoreError::missing("node", grant.id()))?)?;
            let rows = tx.all("SELECT * FROM workload WHERE node_id = $1 ORDER BY id", args![node.id]).await?;
            let lost = rows.iter().map(crate::workload::from_row).collect::<Result<Vec<Workload>>>()?;
            if !lost.is_empty() && !is_forced {
                return Err(Rule::NodeInUse.into());
            }
            for workload in &lost {
                let fact = Fact::WorkloadDeleted { id: workload.id, name: workload.name.to_string() };
                tx.event(grant, Some(workload.workspace), fact);
                let left = left(workload, &node);
                let told = Told::gone(&json!({ "name": workload.name, "node": node.id })).with("left", &left);
                tx.audit_in(grant, Some(workload.workspace), "workload.forget", workload.id, told);
                crate::workload::host::release(tx, grant, workload.id, at).await?;
            }
            tx.exec("DELETE FROM workload WHERE node_id = $1", args![node.id]).await?;
            tx.exec("DELETE FROM node WHERE id = $1", args![node.id]).await?;
            tx.event(grant, node.workspace, Fact::NodeDeleted { id: node.id, name: node.name.to_string() });
            let all_left: Vec<Left> = lost.iter().take(LEFT_MOST).map(|workload| left(workload, &node)).collect();
            let told = Told::gone(&told(&node)).with("is_forced", is_forced).with("workloads_lost", lost.len());
            tx.audit(grant, "node.delete", node.id, told.with("left", all_left));
            Ok(lost)
        })
    }
}

/// Workloads of a forgotten node that its own audit entry names; each has an entry of its own besides.
const LEFT_MOST: usize = 100;

/// What the audit trail says about a node.
fn told(node: &Node) -> serde_json::Value {
    json!({ "name": node.name, "is_draining": node.is_draining, "min_isolation": node.min_isolation, "public_key": hex::encode(&node.public_key) })
}

/// What it says about a join token.
fn invited(token: &JoinToken) -> serde_json::Value {
    json!({ "label": token.label, "expires_at": token.expires_at })
}

/// What names are unique in: the workspace, or the platform.
pub(crate) fn home(workspace: Option<WorkspaceId>) -> String {
    workspace.map_or_else(|| "platform".to_owned(), |id| id.to_string())
}

async fn already_joined(tx: &mut Tx, token_hash: &[u8], joining: &Joining) -> Result<Node> {
    let row = tx
        .opt(
            "SELECT n.* FROM join_token t JOIN node n ON n.id = t.node_id WHERE t.token_hash = $1 AND n.public_key = $2",
            args![token_hash, joining.public_key],
        )
        .await?;
    from_row(&row.ok_or(Rule::JoinToken)?)
}

async fn free_name(tx: &mut Tx, workspace: Option<WorkspaceId>, wanted: &Name) -> Result<Name> {
    let home = home(workspace);
    tx.lock(&format!("node names of {home}")).await?;
    let mut number = 1_u32;
    let mut name = wanted.clone();
    while tx.opt("SELECT id FROM node WHERE home = $1 AND name = $2", args![home, name]).await?.is_some() {
        number += 1;
        // A name has at most 63 characters, so a long one gives way to its number.
        let stem = wanted.as_str().get(..52).unwrap_or(wanted.as_str()).trim_end_matches('-');
        name = format!("{stem}-{number}").parse().expect("a name with a number at its end is a name");
    }
    Ok(name)
}

async fn insert(tx: &mut Tx, workspace: Option<WorkspaceId>, name: Name, joining: &Joining, at: Time) -> Result<Node> {
    let facts = serde_json::to_string(&joining.facts).expect("facts are plain data that JSON can hold");
    let row = tx
        .one(
            "INSERT INTO node (id, workspace_id, home, name, public_key, facts, is_draining, desired_seq, joined_at)
             VALUES ($1, $2, $3, $4, $5, $6, FALSE, 0, $7) RETURNING *",
            args![joining.id, workspace, home(workspace), name, joining.public_key, facts, at],
        )
        .await?;
    from_row(&row)
}

pub(crate) fn from_row(row: &Row) -> Result<Node> {
    Ok(Node {
        id: row.get("id")?,
        workspace: row.get("workspace_id")?,
        name: row.get("name")?,
        public_key: row.get("public_key")?,
        facts: row.json("facts")?,
        is_draining: row.get("is_draining")?,
        min_isolation: row.get::<String>("min_isolation")?.parse().map_err(|()| unreadable("min_isolation"))?,
        desired_seq: row.get("desired_seq")?,
        joined_at: row.get("joined_at")?,
        seen_at: row.get("seen_at")?,
    })
}

fn token_from_row(row: &Row) -> Result<JoinToken> {
    Ok(JoinToken {
        id: row.get("id")?,
        workspace: row.get("workspace_id")?,
        created_by: row.get("created_by")?,
        label: row.get("label")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        used_at: row.get("used_at")?,
        node: row.get("node_id")?,
    })
}
