//! Endpoints about the audit trail.

use crate::app::App;
use crate::http::{Allowed, Collected, Query, Result, Routes, View, page, paging};
use ostler_model::WorkspaceId;
use ostler_model::audit::Entry;
use ostler_model::authz::{Collection, Platform, Read};
use ostler_store::audit::Filter;
use ostler_wire::Page;
use ostler_wire::audit::{AuditQuery, AuditView};

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("audit").get("/api/v1/audit-logs", list_platform).get("/api/v1/workspaces/{workspace}/audit-logs", list)
}

impl Collected for Entry {}

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
