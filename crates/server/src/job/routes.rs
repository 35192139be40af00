//! Jobs, over the API.

use super::flow;
use crate::app::App;
use crate::http::{
    Allowed, Collected, Error, Found, Load, Lookup, Query, Result, Routes, View, page, paging, reach_within,
};
use ostler_model::authz::{Operate, Read, Within};
use ostler_model::job::Job;
use ostler_store::job::Filter;
use ostler_wire::Page;
use ostler_wire::job::{JobDetail, JobLine, JobQuery, JobView, StepView};
use serde_json::json;

/// Lines of the log that are shown with a job.
const LINES: u32 = 1000;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("job")
        .get("/api/v1/jobs", list)
        .get("/api/v1/workspaces/{workspace}/jobs", list)
        .get("/api/v1/jobs/{job}", get)
        .post("/api/v1/jobs/{job}/cancel", cancel)
}

/// The long operations of a workspace that you may see, newest first.
pub async fn list(
    app: App,
    all: Allowed<Within<Job>, Read>,
    Query(query): Query<JobQuery>,
) -> Result<View<Page<JobView>>> {
    let filter = Filter { reach: reach_within(&all), kind: query.kind, target: query.target, is_final: query.is_final };
    let jobs = app.store.job_list(&filter, &paging(query.limit, query.cursor.as_deref())?).await?;
    Ok(View(page(jobs, |job| view(&app, job))))
}

/// A long operation with its steps, its progress and its log.
pub async fn get(app: App, job: Allowed<Job, Read>, _: ()) -> Result<View<JobDetail>> {
    let lines = app.store.job_lines(job.resource.id, 0, LINES).await?;
    let log = lines.into_iter().map(|line| JobLine { seq: line.seq, at: line.at, text: line.text }).collect();
    Ok(View(JobDetail { job: view(&app, job.resource), log }))
}

/// Stop a long operation and take back what it did. Possible until its point of no return.
pub async fn cancel(app: App, job: Allowed<Job, Operate>, _: ()) -> Result<View<JobView>> {
    let steps = app.jobs.recipes().find(&job.resource.kind).map_or(&[][..], |recipe| recipe.steps());
    if !job.resource.state.is_final() && !flow::can_cancel(&job.resource, steps) {
        return Err(Error::Conflict {
            code: "cannot_cancel",
            message: "it is past its point of no return and will be finished".to_owned(),
            details: Some(json!({ "state": job.resource.state, "step": job.resource.step })),
        });
    }
    let cancelled = app.store.job_cancel(&job.grant, app.clock.now()).await?;
    app.jobs.wake();
    Ok(View(view(&app, cancelled)))
}

fn view(app: &App, job: Job) -> JobView {
    let steps = app.jobs.recipes().find(&job.kind).map_or(&[][..], |recipe| recipe.steps());
    JobView {
        steps: flow::views(&job, steps)
            .into_iter()
            .map(|(name, state)| StepView { name: name.to_owned(), state })
            .collect(),
        can_cancel: flow::can_cancel(&job, steps),
        id: job.id,
        workspace: job.workspace,
        kind: job.kind,
        target: job.target,
        state: job.state,
        progress: job.progress,
        error: job.error,
        created_by: job.created_by,
        created_at: job.created_at,
        started_at: job.started_at,
        finished_at: job.finished_at,
    }
}

impl Load for Job {
    const FOUND: Found = Found::Param("job");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        match find.id("job") {
            Some(id) => Ok(app.store.job_find(id).await?),
            None => Ok(None),
        }
    }
}

impl Collected for Job {}
