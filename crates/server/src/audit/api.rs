//! Endpoints about the audit trail.

use super::{export, notary};
use crate::app::App;
use crate::http::{Allowed, Collected, Download, Error, Json, Query, Raw, Result, Routes, View, page, paging};
use ostler_model::WorkspaceId;
use ostler_model::audit::Entry;
use ostler_model::authz::{Collection, Platform, Read, Write};
use ostler_store::audit::{Ends, Filter, Place};
use ostler_store::token::Purpose;
use ostler_wire::Page;
use ostler_wire::audit::{
    AuditChain, AuditCheckpoints, AuditExportQuery, AuditKey, AuditPlace, AuditQuery, AuditRetention, AuditView,
};

/// Kept for at least this long: shorter would let whoever did something wait for it to be forgotten.
const KEEP_LEAST: u32 = 30;
const KEEP_MOST: u32 = 36_500;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("audit")
        .get("/api/v1/audit-logs", list_platform)
        .get("/api/v1/audit-logs/export", export_platform)
        .get("/api/v1/audit-logs/chain", chain_platform)
        .post("/api/v1/audit-logs/checkpoints", checkpoint)
        .get("/api/v1/audit-logs/retention", retention)
        .put("/api/v1/audit-logs/retention", retain)
        .get("/api/v1/workspaces/{workspace}/audit-logs", list)
        .get("/api/v1/workspaces/{workspace}/audit-logs/export", export_all)
        .get("/api/v1/workspaces/{workspace}/audit-logs/chain", chain)
}

impl Collected for Entry {
    const OUTLIVES_WORKSPACE: bool = true;
}

/// List what was done, and refused, in a workspace; newest first.
pub async fn list(
    app: App,
    all: Allowed<Collection<Entry>, Read>,
    Query(query): Query<AuditQuery>,
) -> Result<View<Page<AuditView>>> {
    entries(&app, all.resource.workspace_id(), query).await
}

/// List what was done, and refused, on the platform itself; newest first.
pub async fn list_platform(
    app: App,
    _: Allowed<Platform, Read>,
    Query(query): Query<AuditQuery>,
) -> Result<View<Page<AuditView>>> {
    entries(&app, None, query).await
}

/// Export a workspace's trail, oldest first, as JSON lines or CSV.
///
/// The file is written while it is read; a connection that is cut means that it is not whole. `after` continues an earlier one.
pub async fn export_all(
    app: App,
    all: Allowed<Collection<Entry>, Read>,
    (Query(query), Raw(request)): (Query<AuditExportQuery>, Raw),
) -> Result<Download<export::Trail>> {
    let workspace = all.resource.workspace_id().ok_or(Error::NotFound)?;
    export::begin(&app, request.headers(), Some(workspace), query).await
}

/// Export the platform's own trail, oldest first, as JSON lines or CSV.
pub async fn export_platform(
    app: App,
    _: Allowed<Platform, Read>,
    (Query(query), Raw(request)): (Query<AuditExportQuery>, Raw),
) -> Result<Download<export::Trail>> {
    export::begin(&app, request.headers(), None, query).await
}

/// Read what a workspace's whole trail can be checked against: where it begins and ends, signed checkpoints, and their keys.
pub async fn chain(app: App, all: Allowed<Collection<Entry>, Read>, _: ()) -> Result<View<AuditChain>> {
    let workspace = all.resource.workspace_id().ok_or(Error::NotFound)?;
    ends(&app, Some(workspace)).await
}

/// Read what the platform's whole trail can be checked against.
pub async fn chain_platform(app: App, _: Allowed<Platform, Read>, _: ()) -> Result<View<AuditChain>> {
    ends(&app, None).await
}

/// Sign a checkpoint of every chain that has moved since its last one. The server does so by itself every hour.
pub async fn checkpoint(app: App, platform: Allowed<Platform, Write>, _: ()) -> Result<View<AuditCheckpoints>> {
    let made = notary::checkpoints(&app, true).await?;
    app.store.audit_note(&platform.grant, "audit.checkpoint", made.len() as u64, app.clock.now()).await?;
    Ok(View(AuditCheckpoints { items: made.into_iter().map(Into::into).collect() }))
}

/// Read how long entries are kept.
pub async fn retention(app: App, _: Allowed<Platform, Read>, _: ()) -> Result<View<AuditRetention>> {
    Ok(View(AuditRetention { keep_days: notary::keep_days(&app).await? }))
}

/// Say how long entries are kept. What is older is let go within the hour; the chain keeps an anchor where it begins then.
pub async fn retain(
    app: App,
    platform: Allowed<Platform, Write>,
    Json(input): Json<AuditRetention>,
) -> Result<View<AuditRetention>> {
    let now = app.clock.now();
    match input.keep_days {
        Some(days) if (KEEP_LEAST..=KEEP_MOST).contains(&days) => {
            app.store.setting_set(&platform.grant, notary::KEEP_DAYS, &days.to_string(), now).await?;
        }
        Some(_) => return Err(Error::field("keep_days", format!("use {KEEP_LEAST} to {KEEP_MOST}, or leave it out"))),
        None => {
            app.store.setting_set(&platform.grant, notary::KEEP_DAYS, "", now).await?;
        }
    }
    Ok(View(input))
}

async fn ends(app: &App, workspace: Option<WorkspaceId>) -> Result<View<AuditChain>> {
    let Ends { anchor, head } = app.store.audit_ends(workspace).await?;
    let marks = app.store.audit_checkpoints(workspace, anchor.seq).await?;
    let keys = app.store.signing_keys(Purpose::Audit).await?;
    let place = |place: Place| AuditPlace { seq: place.seq, hash: place.hash };
    Ok(View(AuditChain {
        chain: workspace.map_or_else(|| "platform".to_owned(), |id| id.to_string()),
        workspace,
        anchor: place(anchor),
        head: place(head),
        checkpoints: marks.into_iter().map(Into::into).collect(),
        keys: keys.into_iter().map(|key| AuditKey { id: key.id, public_key: hex::encode(key.public) }).collect(),
    }))
}

async fn entries(app: &App, workspace: Option<WorkspaceId>, query: AuditQuery) -> Result<View<Page<AuditView>>> {
    let paging = paging(query.limit, query.cursor.as_deref())?;
    let filter = Filter {
        workspace,
        actor_id: query.actor,
        action: query.action,
        target_id: query.target,
        outcome: query.outcome,
        from: query.from,
        until: query.until,
    };
    Ok(View(page(app.store.audit_list(&filter, &paging).await?, view)))
}

fn view(entry: Entry) -> AuditView {
    AuditView {
        id: entry.id,
        seq: entry.seq,
        at: entry.at,
        workspace: entry.workspace,
        actor_kind: entry.actor_kind,
        actor_id: entry.actor_id,
        actor_label: entry.actor_label,
        action: entry.action,
        target_kind: entry.target_kind,
        target_id: entry.target_id,
        outcome: entry.outcome,
        request_id: entry.request_id,
        address: entry.address,
        user_agent: entry.user_agent,
        details: entry.details.and_then(|text| serde_json::from_str(&text).ok()),
        hash: entry.hash,
    }
}
