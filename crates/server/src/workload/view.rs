//! A workload as people see it.

use super::secret;
use crate::app::App;
use crate::http::Result;
use ostler_model::node::Node;
use ostler_model::template::{Template, Values, render};
use ostler_model::workload::state::{Wanted, state};
use ostler_model::workload::{Phase, Power, State, Workload};
use ostler_model::{NodeId, Time};
use ostler_wire::workload::WorkloadView;
use std::collections::HashMap;

/// One workload.
pub(crate) async fn view(app: &App, workload: Workload) -> Result<WorkloadView> {
    Ok(views(app, vec![workload]).await?.remove(0))
}

/// Many workloads; each node is looked up once.
pub(crate) async fn views(app: &App, workloads: Vec<Workload>) -> Result<Vec<WorkloadView>> {
    let mut nodes: HashMap<NodeId, Option<Node>> = HashMap::new();
    for id in workloads.iter().filter_map(|w| w.node) {
        if let std::collections::hash_map::Entry::Vacant(entry) = nodes.entry(id) {
            entry.insert(app.store.node_find(id).await?);
        }
    }
    let mut out = Vec::with_capacity(workloads.len());
    for workload in workloads {
        let node = workload.node.and_then(|id| nodes.get(&id)).and_then(Option::as_ref);
        let is_restart_pending = is_restart_pending(app, &workload, node).await;
        out.push(one(app, workload, node, is_restart_pending));
    }
    Ok(out)
}

/// How it is now, in one word.
pub(crate) fn state_of(app: &App, workload: &Workload) -> (State, Option<String>) {
    let want = Wanted { power: workload.power, generation: workload.generation, restart: workload.restart };
    match workload.node {
        Some(node) => state(want, workload.report.as_ref(), app.fleet.is_online(node)),
        None if workload.power == Power::Absent => (State::Deleting, None),
        None => (State::Pending, Some("waits for a node that takes it".to_owned())),
    }
}

fn one(app: &App, workload: Workload, node: Option<&Node>, is_restart_pending: bool) -> WorkloadView {
    let (state, reason) = state_of(app, &workload);
    let template = app.templates.find(&workload.spec.template).map(|entry| &entry.template);
    let address = template.zip(node).and_then(|(template, node)| address(template, &workload, node));
    let report = workload.report.as_ref();
    let is_running = matches!(state, State::Running | State::Degraded);
    WorkloadView {
        is_ready: is_running,
        since: report.and_then(|report| since(&report.seen.phase)),
        observed_generation: report.map_or(0, |report| report.generation),
        players: report.filter(|_| is_running).and_then(|report| report.players),
        crashes: report.map_or(0, |report| report.seen.crashes),
        conditions: report.map(|report| report.conditions.clone()).unwrap_or_default(),
        variables: secret::shown(&workload.spec),
        id: workload.id,
        workspace: workload.workspace,
        kind: workload.kind,
        name: workload.name,
        template: workload.spec.template,
        runtime: workload.spec.runtime,
        state,
        reason,
        power: workload.power,
        generation: workload.generation,
        is_restart_pending,
        node: workload.node,
        node_name: node.map(|node| node.name.to_string()),
        ports: workload.ports,
        address,
        limits: workload.spec.limits,
        created_at: workload.created_at,
        changed_at: workload.changed_at,
    }
}

fn since(phase: &Phase) -> Option<Time> {
    match phase {
        Phase::Preparing { since }
        | Phase::Starting { since }
        | Phase::Running { since }
        | Phase::Stopping { since, .. }
        | Phase::Removing { since } => Some(*since),
        Phase::Stopped | Phase::Failed { .. } | Phase::Gone => None,
    }
}

/// What runs was started from something else than what is wanted now.
async fn is_restart_pending(app: &App, workload: &Workload, node: Option<&Node>) -> bool {
    let (Some(node), Some(report)) = (node, &workload.report) else { return false };
    let runs = matches!(report.seen.phase, Phase::Starting { .. } | Phase::Running { .. });
    if !runs || report.generation < workload.generation {
        return false;
    }
    let revision = app.lowering.revision(workload, node).await;
    revision.is_some_and(|revision| report.seen.started.as_deref() != Some(&*revision))
}

/// How people reach it.
fn address(template: &Template, workload: &Workload, node: &Node) -> Option<String> {
    let connect = template.connect.as_deref()?;
    let mut values = Values::new();
    for variable in template.variables.iter().filter(|v| !v.is_secret()) {
        if let Ok(text) = variable.resolve(workload.spec.variables.get(variable.name.as_str())) {
            values.insert(variable.name.to_string(), text);
        }
    }
    for (name, port) in &workload.ports {
        values.insert(format!("port.{name}"), port.to_string());
    }
    // Stands before a port in every template.
    values.insert("address".into(), ostler_model::address::host(&node.facts.address));
    values.insert("name".into(), workload.name.to_string());
    render(connect, &values, &[]).ok()
}
