//! Live measurements of a node, streamed only while somebody watches.

use crate::app::App;
use crate::fleet::Lines;
use crate::http::{Allowed, Error, EventStream, Raw, Result};
use crate::realtime::sse::{self, Gone, Pipe};
use crate::realtime::standing::Standing;
use ostler_model::authz::{Read, VerbKind, decide};
use ostler_model::node::Node;
use ostler_wire::stats::NodeStats;

/// Follow what a node uses, as Server-Sent Events of one measurement each. Ends when it goes away.
pub async fn stats(app: App, node: Allowed<Node, Read>, Raw(request): Raw) -> Result<EventStream> {
    let standing = Standing::new(&app, request.headers()).await.ok_or(Error::Credentials)?;
    let lines = app.fleet.lines::<NodeStats>(node.resource.id, "/stats").await?;
    let (own, node) = (app.clone(), node.resource);
    Ok(EventStream(sse::respond(&app, "node.stats", move |pipe| write(own, pipe, standing, node, lines))))
}

async fn write(
    app: App,
    pipe: Pipe,
    mut standing: Standing,
    node: Node,
    mut lines: Lines<NodeStats>,
) -> Result<(), Gone> {
    pipe.send("retry: 3000\n\n".to_owned()).await?;
    let mut said_at = app.clock.now();
    loop {
        let line = tokio::select! {
            line = lines.next() => Some(line),
            () = pipe.gone() => return Err(Gone),
            () = standing.moved() => None,
        };
        // Rights may have been taken away since the last measurement.
        let who = standing.now().await.map_err(|_| Gone)?.ok_or(Gone)?;
        if decide(who, &node, VerbKind::Read).is_err() {
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
