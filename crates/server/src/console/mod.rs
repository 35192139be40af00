//! A workload's own standard input and output, and its live measurements: all of it comes from its node, over the link.
//!
//! Nothing is kept here. When the node is away there is nothing to show, and the answer says so. Whoever follows is asked for
//! their rights again every second.

mod lines;
mod socket;
mod stats;

use crate::app::App;
use crate::fleet::FleetError;
use crate::http::{Error, Result, Routes};
use ostler_model::authz::{Grant, Operate};
use ostler_model::workload::Workload;
use ostler_model::{Millis, NodeId};
use serde_json::json;

/// The room's endpoints; those under `/api/v1/workloads` exist once more under each family.
pub fn routes() -> Routes {
    Routes::new("console")
        .get("/api/v1/workloads/{workload}/console", socket::console)
        .get("/api/v1/workloads/{workload}/console/lines", lines::lines)
        .post("/api/v1/workloads/{workload}/console/command", lines::command)
        .get("/api/v1/workloads/{workload}/stats", stats::stats)
}

/// Where a workload is.
fn node(workload: &Workload) -> Result<NodeId> {
    workload
        .node
        .ok_or_else(|| Error::Unavailable { message: "it is on no node yet".to_owned(), retry_after: Millis::secs(5) })
}

/// A node's refusal, in the API's words.
fn refused(error: FleetError) -> Error {
    match error {
        FleetError::Away(node) | FleetError::Late(node) | FleetError::Cut { node, .. } => Error::NodeAway { node },
        FleetError::Refused { status, message, .. } if status == http::StatusCode::NOT_FOUND => {
            // The node does not know the workload yet, or not any more.
            Error::Conflict {
                code: "not_there",
                message: said(message, "its node has nothing of it yet"),
                details: None,
            }
        }
        FleetError::Refused { status, message, .. } if status.is_client_error() => {
            Error::Conflict { code: "not_running", message: said(message, "it does not run"), details: None }
        }
        error @ (FleetError::Refused { .. } | FleetError::Unreadable { .. }) => {
            tracing::warn!(%error, "a node gave a bad answer");
            Error::Unavailable { message: "its node could not answer".to_owned(), retry_after: Millis::secs(5) }
        }
    }
}

fn said(message: String, otherwise: &str) -> String {
    if message.is_empty() { otherwise.to_owned() } else { message }
}

fn path(workload: &Workload, rest: &str) -> String {
    format!("/workloads/{}/{rest}", workload.id)
}

/// Writes a command to the workload's standard input, and into the trail that somebody did. Its text is not written there:
/// what people type into consoles is full of passwords.
async fn type_in(app: &App, workload: &Workload, grant: &Grant<Workload, Operate>, command: &str) -> Result<()> {
    if command.is_empty() || command.len() > 4096 || command.chars().any(char::is_control) {
        return Err(Error::field("command", "give one line of 1 to 4096 bytes without control characters"));
    }
    let body = ostler_wire::console::ConsoleCommand { command: command.to_owned() };
    let told = app.fleet.tell(node(workload)?, http::Method::POST, &path(workload, "console"), &body).await;
    told.map_err(refused)?;
    let details = json!({ "bytes": command.len() });
    app.store.audit_done(grant, "workload.command", Some(details), app.clock.now()).await?;
    Ok(())
}
