//! Making a workload.

use super::guard::{guard, within_ceilings};
use super::place::{self, Found};
use super::{provision, secret};
use crate::app::App;
use crate::http::{Accepted, Allowed, Error, InFamily, Json, Result};
use ostler_model::authz::{Collection, Grant, Write};
use ostler_model::template::Template;
use ostler_model::workload::kind::{LowerError, check_variables};
use ostler_model::workload::{Kind, Power, Runtime, Spec, Workload};
use ostler_model::{JobId, NodeId, Secret, WorkloadId, WorkspaceId};
use ostler_store::workload::Hosting;
use ostler_wire::error::FieldError;
use ostler_wire::job::JobAccepted;
use ostler_wire::workload::WorkloadCreate;

/// Create a workload from a template. Answers at once with the job that finds a node, installs it and starts it; the job's
/// `target` is the new workload. Until it is installed, a failure releases everything again.
pub async fn create(
    app: App,
    all: Allowed<Collection<Workload>, Write>,
    body: InFamily<Json<WorkloadCreate>>,
) -> Result<Accepted<JobAccepted>> {
    let InFamily { kind, input: Json(body) } = body;
    if let Some(entry) = app.templates.find(&body.template) {
        guard(&all.caller.authority, entry.template.kind)?;
        within_ceilings(&all.caller.authority, &body.limits.unwrap_or(entry.template.limits), None)?;
    }
    make(&app, &all.grant, kind, body).await.map(Accepted)
}

/// Makes a workload in the workspace that the grant is for.
pub(crate) async fn make(
    app: &App,
    grant: &Grant<Collection<Workload>, Write>,
    kind: Option<Kind>,
    body: WorkloadCreate,
) -> Result<JobAccepted> {
    let workspace = grant.workspace().ok_or(Error::NotFound)?;
    let entry = app.templates.find(&body.template);
    let template = &entry.ok_or_else(|| unknown_template(app))?.template;
    if kind.is_some_and(|kind| kind != template.kind) {
        return Err(Error::field("template", format!("{} is for workloads of another kind", template.name)));
    }
    let mut spec = Spec {
        template: template.name.to_string(),
        runtime: Runtime::Process,
        variables: body.variables.clone(),
        limits: body.limits.unwrap_or(template.limits),
    };
    check_variables(template, &spec).map_err(invalid)?;
    let ports: Vec<String> = template.ports.iter().map(|port| port.name.to_string()).collect();
    let (runtime, node) = choose(app, workspace, template, &body, &spec, ports.len()).await?;
    spec.runtime = runtime;
    let now = app.clock.now();
    let sealed = secret::take_out(template, &mut spec, &app.ids);
    let sealed_ids = secret::references(&spec);
    secret::seal(&app.store, grant, &sealed, now).await?;
    let (id, job_id): (WorkloadId, JobId) = (app.ids.next(), app.ids.next());
    let new = ostler_store::workload::New {
        id,
        kind: template.kind,
        name: body.name,
        spec,
        node,
        power: if body.start { Power::On } else { Power::Off },
        ports,
        hosting: hosting(app, template.kind),
    };
    let input = provision::Input { node: body.node };
    let job = ostler_store::job::New {
        id: job_id,
        workspace: Some(workspace),
        kind: provision::KIND.to_owned(),
        target: id.to_string(),
        input: serde_json::to_string(&input).map_err(anyhow::Error::from)?,
        step: Some(provision::FIRST.to_owned()),
        due_at: now,
    };
    if let Err(error) = app.store.workload_create(grant, &new, Some(&job), now).await {
        secret::forget(&app.store, workspace, sealed_ids, now).await;
        return Err(error.into());
    }
    app.jobs.wake();
    Ok(JobAccepted { job_id, target: Some(id.to_string()) })
}

/// The way to run it and, when one takes it now, the node. The template's order of preference decides.
async fn choose(
    app: &App,
    workspace: WorkspaceId,
    template: &Template,
    body: &WorkloadCreate,
    spec: &Spec,
    ports: usize,
) -> Result<(Runtime, Option<NodeId>)> {
    let offered = template.runtimes.offered();
    let wanted: Vec<Runtime> = match body.runtime {
        Some(one) if !offered.contains(&one) => {
            let all: Vec<&str> = offered.iter().map(|r| r.as_str()).collect();
            return Err(Error::field("runtime", format!("{} runs as {}", template.name, all.join(" or "))));
        }
        Some(one) => vec![one],
        None => offered,
    };
    if let Some(node) = body.node {
        let nodes = app.store.node_candidates(workspace, app.clock.now()).await?;
        if !nodes.iter().any(|(candidate, _)| candidate.id == node) {
            return Err(Error::field("node", "there is no such node in this workspace"));
        }
    }
    let fleet = app.fleet.clone();
    let is_online: place::IsOnline = std::sync::Arc::new(move |node| fleet.is_online(node));
    let mut later = None;
    let mut refusals = Vec::new();
    let mut codes = Vec::new();
    for runtime in wanted {
        let demand = place::demand(runtime, spec.limits, ports);
        match place::find(&app.store, &is_online, workspace, body.node, &demand, app.clock.now()).await? {
            Found::Node(node) => return Ok((runtime, Some(node))),
            Found::Later(_) => later = later.or(Some(runtime)),
            Found::Nowhere { code, why } => {
                refusals.push(why);
                codes.push(code);
            }
        }
    }
    match later {
        // A node that is away is worth waiting for; the job says so.
        Some(runtime) => Ok((runtime, None)),
        None => {
            // One way to run it would do once the nodes isolate processes; that is the remedy.
            let code = if codes.contains(&"not_isolated") { "not_isolated" } else { "no_room" };
            Err(Error::conflict(code, refusals.join("; ")))
        }
    }
}

/// What a workload gets that is to host a worker of matches.
fn hosting(app: &App, kind: Kind) -> Option<Hosting> {
    match kind {
        Kind::Game => None,
        Kind::MatchHost => {
            let key = app.ids.bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let workers = (app.config.matches.here(), app.config.matches.workers);
            Some(Hosting { secret: (app.ids.next(), Secret::new(key)), workers })
        }
    }
}

fn unknown_template(app: &App) -> Error {
    let names: Vec<&str> = app.templates.iter().map(|entry| entry.template.name.as_str()).collect();
    Error::field("template", format!("use one of {}", names.join(", ")))
}

/// Values that cannot be used, field by field.
pub(super) fn invalid(errors: Vec<LowerError>) -> Error {
    Error::Invalid(errors.into_iter().map(|e| FieldError { field: e.field, message: e.message }).collect())
}
