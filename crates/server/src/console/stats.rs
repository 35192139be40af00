//! Live measurements, streamed only while somebody watches.

use super::{node, path, refused};
use crate::app::App;
use crate::fleet::Lines;
use crate::http::{Allowed, Error, EventStream, Raw, Result};
use crate::realtime::sse::{self, Gone, Pipe};
use crate::realtime::standing::Standing;
use ostler_model::authz::{Read, VerbKind, decide};
use ostler_model::workload::Workload;
use ostler_wire::stats::WorkloadStats;

/// Follow what a workload uses, as Server-Sent Events of one measurement each. Ends when its node goes away.
pub async fn stats(app: App, workload: Allowed<Workload, Read>, Raw(request): Raw) -> Result<EventStream> {
    let standing = Standing::new(&app, request.headers()).await.ok_or(Error::Credentials)?;
    let node = node(&workload.resource)?;
    let lines = app.fleet.lines::<WorkloadStats>(node, &path(&workload.resource, "stats")).await.map_err(refused)?;
    let (own, workload) = (app.clone(), workload.resource);
    Ok(EventStream(sse::respond(&app, "workload.stats", move |pipe| write(own, pipe, standing, workload, lines))))
}

async fn write(
    app: App,
    pipe: Pipe,
    mut standing: Standing,
    workload: Workload,
    mut lines: Lines<WorkloadStats>,
) -> Result<(), Gone> {
    pipe.send("retry: 3000\n\n".to_owned()).await?;
    let mut said_at = app.clock.now();
    loop {
        let line = tokio::select! {
            line = lines.next() => Some(line),
            () = pipe.gone() => return Err(Gone),
            () = standing.moved() => None,
        };
        let who = standing.now().await.map_err(|_| Gone)?.ok_or(Gone)?;
        if decide(who, &workload, VerbKind::Read).is_err() {
            return Ok(());
        }
        match line {
            Some(Some(Ok(stats))) => match serde_json::to_string(&stats) {
                Ok(json) => pipe.send(format!("data: {json}\n\n")).await?,
                Err(error) => tracing::error!(%error, "a measurement could not be written as JSON"),
            },
            Some(Some(Err(_)) | None) => return Ok(()),
            None if app.clock.now().since(said_at) < sse::KEEP_ALIVE => continue,
            None => pipe.send(": still here\n\n".to_owned()).await?,
        }
        said_at = app.clock.now();
    }
}
