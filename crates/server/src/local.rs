//! What `ostler up` asks of the server in its own process: a node for this machine, and a first game to look at.
//!
//! Acts as the platform setting itself up, through the same grants and rooms as everybody else.

use crate::app::App;
use crate::{node, workload};
use anyhow::{Context as _, Result};
use ostler_model::authz::Collection;
use ostler_model::authz::{Authority, Grant, Origin, Platform, Resource, SystemReason, Verb, Write, authorize};
use ostler_model::node::Node;
use ostler_model::workload::{State, Workload, state};
use ostler_model::{Secret, WorkloadId};
use ostler_store::{Paging, Reach};
use ostler_wire::node::JoinTokenCreate;
use ostler_wire::workload::WorkloadCreate;
use std::sync::Arc;

/// Remembers that the demo has been made, so that deleting it is final.
const DEMO: &str = "demo_workload";

fn grant<R: Resource, V: Verb>(what: &R) -> Result<Grant<R, V>> {
    let who = Authority::system(SystemReason::Setup);
    authorize(&who, what, &Arc::new(Origin::default()))
        .map_err(|denied| anyhow::anyhow!("the platform may not set this up: {denied:?}"))
}

/// A join token for a node that all workspaces share.
pub async fn join_token(app: &App) -> Result<Secret> {
    let nodes: Grant<Collection<Node>, Write> = grant(&Collection::platform())?;
    let made = node::make_token(app, &nodes, None, JoinTokenCreate::default()).await;
    Ok(Secret::new(made.context("could not make a join token for this machine")?.token))
}

/// Makes the demo game once there is a workspace: `None` before that, and when it was made and deleted again.
pub async fn demo(app: &App) -> Result<Option<WorkloadId>> {
    if let Some(text) = app.store.setting_get(DEMO).await? {
        let id = text.parse().context("the stored id of the demo cannot be read")?;
        return Ok(app.store.workload_find(id).await?.map(|w| w.id));
    }
    let first = app.store.workspace_list(&Reach::everything(), &Paging::first(1)).await?;
    let Some(workspace) = first.items.into_iter().next() else { return Ok(None) };
    let all: Grant<Collection<Workload>, Write> = grant(&Collection::of(workspace.id))?;
    let body = WorkloadCreate {
        name: "Demo world".parse().expect("it is a label"),
        template: "luanti".to_owned(),
        runtime: None,
        variables: [("title".to_owned(), "Demo world".into())].into(),
        limits: None,
        node: None,
        start: true,
    };
    let made = workload::make(app, &all, None, body).await.context("could not make the demo")?;
    let id: WorkloadId = made.target.context("a new workload has an id")?.parse()?;
    let platform: Grant<Platform, Write> = grant(&Platform)?;
    app.store.setting_set(&platform, DEMO, &id.to_string(), app.clock.now()).await?;
    Ok(Some(id))
}

/// How a workload is, in one word and a sentence, and where players reach it. `None` when it is gone.
pub async fn look(app: &App, id: WorkloadId) -> Result<Option<(State, Option<String>, Option<u16>)>> {
    let Some(workload) = app.store.workload_find(id).await? else { return Ok(None) };
    let is_online = workload.node.is_some_and(|node| app.fleet.is_online(node));
    let wanted = state::Wanted { power: workload.power, generation: workload.generation, restart: workload.restart };
    let (state, reason) = state::state(wanted, workload.report.as_ref(), is_online);
    Ok(Some((state, reason, workload.ports.values().next().copied())))
}
