//! Who demands a second factor of whom, and what happens to those who have none when their grace is over.
//!
//! The platform's demand then leaves only the endpoints with which a factor is set up; a workspace's demand closes that
//! workspace and nothing else, because its owner must not be able to lock somebody out of other people's workspaces.

use crate::app::App;
use crate::http::{Allowed, Confirmed, Endpoint, Error, Json, Result, Routes, View};
use ostler_model::authz::{Platform, Read, Write};
use ostler_model::factor::{Requirement, Standing};
use ostler_model::workspace::Workspace;
use ostler_model::{Millis, Time};
use ostler_wire::factor::{DemandView, FactorStanding, RequirementInput, RequirementView};

/// When nothing is said.
const GRACE_DAYS: u32 = 7;
const DAY: Millis = Millis::secs(24 * 3600);

pub(super) fn routes() -> Routes {
    Routes::new("factor")
        .get("/api/v1/auth/mfa/requirement", get)
        .put("/api/v1/auth/mfa/requirement", put)
        .get("/api/v1/workspaces/{workspace}/mfa/requirement", get_in)
        .put("/api/v1/workspaces/{workspace}/mfa/requirement", put_in)
}

/// Whether everybody on the platform must have a second factor.
pub async fn get(app: App, _: Allowed<Platform, Read>, _: ()) -> Result<View<RequirementView>> {
    Ok(View(view(app.store.factor_requirement(None).await?)))
}

/// Demand a second factor of everybody on the platform, or no longer.
///
/// Who has none may go on for the grace. After it, only setting one up is possible; API keys of theirs stop working, too.
pub async fn put(
    app: App,
    platform: Confirmed<Allowed<Platform, Write>>,
    Json(input): Json<RequirementInput>,
) -> Result<View<RequirementView>> {
    let made = app.store.factor_require(&platform.grant, grace(&input), app.clock.now()).await?;
    Ok(View(view(made)))
}

/// Whether everybody in the workspace must have a second factor.
pub async fn get_in(app: App, workspace: Allowed<Workspace, Read>, _: ()) -> Result<View<RequirementView>> {
    Ok(View(view(app.store.factor_requirement(Some(workspace.resource.id)).await?)))
}

/// Demand a second factor of everybody in the workspace, or no longer.
///
/// Who has none may go on for the grace. After it, the workspace is closed to them until they have one.
pub async fn put_in(
    app: App,
    workspace: Confirmed<Allowed<Workspace, Write>>,
    Json(input): Json<RequirementInput>,
) -> Result<View<RequirementView>> {
    let (id, now) = (workspace.resource.id, app.clock.now());
    let made = app.store.factor_require_in(&workspace.grant, id, grace(&input), now).await?;
    Ok(View(view(made)))
}

/// Refuses what somebody may not do before they have a factor that the platform demands.
pub(crate) fn gate(endpoint: &Endpoint, standing: &Standing, now: Time) -> Result<()> {
    let leads_out = matches!(endpoint.noun, "factor" | "session") || endpoint.action() == "user.me";
    let sets_rules = endpoint.verb.starts_with("put") || endpoint.verb == "reset";
    if standing.is_locked(now) && (!leads_out || sets_rules) {
        return Err(needed());
    }
    Ok(())
}

/// The answer to those who need a factor first.
pub(crate) fn needed() -> Error {
    let message = "a second factor is demanded of you and your time to set one up is over; set one up first".to_owned();
    Error::Forbidden { code: "second_factor_needed", message }
}

/// Where somebody stands, for themselves.
pub(crate) fn standing_view(standing: &Standing, now: Time) -> FactorStanding {
    let demand = |demand: &ostler_model::factor::Demand| DemandView {
        workspace: demand.workspace,
        due: demand.due,
        is_overdue: !standing.has_factor && demand.due <= now,
    };
    FactorStanding { has_factor: standing.has_factor, demands: standing.demands.iter().map(demand).collect() }
}

fn grace(input: &RequirementInput) -> Option<Millis> {
    input.is_required.then(|| Millis(u64::from(input.grace_days.unwrap_or(GRACE_DAYS)) * DAY.0))
}

fn view(requirement: Option<Requirement>) -> RequirementView {
    RequirementView {
        is_required: requirement.is_some(),
        since: requirement.map(|r| r.since),
        grace_days: requirement.map(|r| u32::try_from(r.grace.0 / DAY.0).unwrap_or(u32::MAX)),
    }
}
