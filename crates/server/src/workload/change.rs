//! Changing and deleting a workload.

use super::create::invalid;
use super::guard::{guard, isolated, within_ceilings};
use super::power::refused;
use super::view::view;
use super::{remove, secret};
use crate::app::App;
use crate::http::{Accepted, Allowed, Error, Json, Query, Result, View};
use ostler_model::authz::Write;
use ostler_model::template::Template;
use ostler_model::workload::kind::check_variables;
use ostler_model::workload::{Power, Spec, Workload};
use ostler_model::{JobId, SecretId, Time};
use ostler_store::{Paging, Reach};
use ostler_wire::job::JobAccepted;
use ostler_wire::workload::{WorkloadDelete, WorkloadUpdate, WorkloadView};
use serde_json::Value;
use std::collections::BTreeMap;

/// Change a workload's name, variables or limits. What is absent stays; limits take effect at once where the node can,
/// everything else at the next start, or now with `restart`.
pub async fn update(
    app: App,
    workload: Allowed<Workload, Write>,
    Json(body): Json<WorkloadUpdate>,
) -> Result<View<WorkloadView>> {
    let before = &workload.resource;
    guard(&workload.caller.authority, before.kind)?;
    if before.power == Power::Absent {
        return Err(refused(&app, before, ostler_store::Rule::Deleting.into()));
    }
    let now = app.clock.now();
    let entry = app.templates.find(&before.spec.template);
    let entry = entry.ok_or_else(|| Error::conflict("no_template", "its template does not exist any more"))?;
    let mut spec = before.spec.clone();
    spec.limits = body.limits.unwrap_or(spec.limits);
    within_ceilings(&workload.caller.authority, &spec.limits, Some(&before.spec.limits))?;
    if body.restart
        && before.power == Power::On
        && let Some(node) = before.node
    {
        isolated(&app.store.node_get(node).await?, before.spec.runtime)?;
    }
    if let Some(changes) = &body.variables {
        merge(&entry.template, &mut spec, changes);
        check(&entry.template, &spec)?;
    }
    let sealed = secret::take_out(&entry.template, &mut spec, &app.ids);
    seal(&app, &workload, &sealed, now).await?;
    let done = app.store.workload_update(&workload.grant, body.name.as_ref(), Some(&spec), body.restart, now).await;
    // Whichever of the two specs is not in use leaves secrets behind that nobody refers to.
    let (kept, dropped) = if done.is_ok() { (&spec, &before.spec) } else { (&before.spec, &spec) };
    let kept = secret::references(kept);
    let unused: Vec<SecretId> = secret::references(dropped).into_iter().filter(|id| !kept.contains(id)).collect();
    secret::forget(&app.store, before.workspace, unused, now).await;
    let after = done.map_err(|error| refused(&app, before, error))?;
    Ok(View(view(&app, after).await?))
}

/// Delete a workload with everything that belongs to it. Answers with the job that waits until its node has confirmed that
/// nothing is left.
pub async fn delete(
    app: App,
    workload: Allowed<Workload, Write>,
    Query(how): Query<WorkloadDelete>,
) -> Result<Accepted<JobAccepted>> {
    guard(&workload.caller.authority, workload.resource.kind)?;
    let now = app.clock.now();
    let target = workload.resource.id.to_string();
    let job_id: JobId = app.ids.next();
    let job = ostler_store::job::New {
        id: job_id,
        workspace: Some(workload.resource.workspace),
        kind: remove::KIND.to_owned(),
        target: target.clone(),
        input: "{}".to_owned(),
        step: Some(remove::FIRST.to_owned()),
        due_at: now,
    };
    let was_absent = workload.resource.power == Power::Absent;
    app.store.workload_set_absent(&workload.grant, how.force, Some(&job), now).await?;
    app.jobs.wake();
    // Asked twice, or by two at once: the job of the first is the one to follow.
    let filter = ostler_store::job::Filter {
        reach: Reach::everything(),
        kind: Some(remove::KIND.to_owned()),
        target: Some(target.clone()),
        is_final: None,
    };
    let jobs = app.store.job_list(&filter, &Paging::first(1)).await?;
    let job_id = match jobs.items.first() {
        Some(job) => job.id,
        None if was_absent => app.store.job_create(&workload.grant, &job, now).await?.id,
        None => job_id,
    };
    Ok(Accepted(JobAccepted { job_id, target: Some(target) }))
}

/// The changes over what is there. `null` returns a variable to its default; a secret's dots mean that it stays.
fn merge(template: &Template, spec: &mut Spec, changes: &BTreeMap<String, Value>) {
    for (name, value) in changes {
        let is_secret = template.variables.iter().any(|v| v.name.as_str() == name && v.is_secret());
        match value {
            Value::Null => drop(spec.variables.remove(name)),
            Value::String(text) if is_secret && text == secret::DOTS => {}
            value => drop(spec.variables.insert(name.clone(), value.clone())),
        }
    }
}

/// Checks every value; secrets that are sealed already were checked when they came.
fn check(template: &Template, spec: &Spec) -> Result<()> {
    let mut plain = spec.clone();
    plain.variables.retain(|name, value| {
        let is_secret = template.variables.iter().any(|v| v.name.as_str() == name && v.is_secret());
        !(is_secret && secret::reference(value).is_some())
    });
    check_variables(template, &plain).map_err(invalid)
}

async fn seal(
    app: &App,
    workload: &Allowed<Workload, Write>,
    sealed: &[(SecretId, ostler_model::Secret)],
    now: Time,
) -> Result<()> {
    if sealed.is_empty() {
        return Ok(());
    }
    let place = ostler_model::authz::Collection::<Workload>::of(workload.resource.workspace);
    let grant = crate::http::allow::<_, Write>(&workload.caller, &place)?;
    Ok(secret::seal(&app.store, &grant, sealed, now).await?)
}
