//! Opens and closes the doors to workers that workloads host, as those come and go.
//!
//! Rows say which workload hosts which worker, and events say when to look again. Whether a host answers is no business of
//! this: a door to one that is away stays, and says so.

use super::door::Door;
use super::remote::Remote;
use crate::app::App;
use ostler_model::event::Fact;
use ostler_model::workload::Power;
use ostler_model::{Millis, WorkloadId};
use ostler_store::StoreError;
use std::collections::HashSet;

/// After a failure of the database.
const AGAIN: Millis = Millis::secs(1);

/// Follows hosts for as long as the server runs.
pub(crate) async fn follow(app: &App) {
    // Subscribed before the first look, so that nothing falls in between.
    let mut news = app.bus.follow();
    let mut known = look(app).await;
    loop {
        let concerns = |fact: &Fact| match fact {
            Fact::WorkloadCreated { .. } => true,
            Fact::WorkloadDesired { id, .. } | Fact::WorkloadDeleted { id, .. } => known.contains(id),
            _ => false,
        };
        if news.next().await.iter().any(|event| concerns(&event.fact)) {
            known = look(app).await;
        }
    }
}

/// Looks until it has worked; answers which workloads are hosts.
async fn look(app: &App) -> HashSet<WorkloadId> {
    loop {
        match open(app).await {
            Ok(known) => return known,
            Err(error) => tracing::warn!(%error, "which workloads host matches is not known; trying again"),
        }
        app.clock.sleep(AGAIN).await;
    }
}

async fn open(app: &App) -> Result<HashSet<WorkloadId>, StoreError> {
    let hosts = app.store.match_hosts().await?;
    let known = hosts.iter().map(|host| host.workload.id).collect();
    let numbers = &app.config.matches;
    let mut doors = Vec::new();
    for host in hosts {
        let (id, index) = (host.workload.id, host.worker);
        if !(numbers.here()..numbers.workers).contains(&index) {
            tracing::warn!(workload.id = %id, worker = index, "a workload hosts a worker of matches that the settings give to nobody");
            continue;
        }
        let Some(node) = host.workload.node.filter(|_| host.workload.power != Power::Absent) else { continue };
        let before = app.matches.door(index).filter(|door| door.leads_to(id, node));
        let door = match before {
            Some(door) => door,
            None => {
                let key = app.store.secret_get(host.secret, &id.to_string()).await?;
                Door::remote(index, key, Remote::new(app, id, node))
            }
        };
        doors.push(door);
    }
    app.matches.attach_remote(doors);
    Ok(known)
}
