//! A socket to a worker that the platform can cut: for whoever is known here, and may lose the right to it.

use super::ask::away;
use super::door::Door;
use crate::app::App;
use crate::http::{Error, Result};
use crate::realtime::standing::Standing;
use axum::body::Body;
use axum::extract::Request;
use http::{Response, StatusCode};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use ostler_model::Millis;
use ostler_model::authz::{VerbKind, decide};
use ostler_model::matches::Match;
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tower::ServiceExt as _;

/// Bytes that may wait between the two halves: a few turns.
const PIPE: usize = 64 << 10;
/// A worker upgrades at once, or not at all.
const TIME: Millis = Millis::secs(10);

/// Passes an upgrade on, and stands between the two ends for as long as the right lasts.
pub(super) async fn bridge(
    app: &App,
    door: &Door,
    mut request: Request,
    (of, verb, standing): (Match, VerbKind, Standing),
) -> Result<Response<Body>> {
    let caller = hyper::upgrade::on(&mut request);
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let service = door.service().map_request(|request: Request<hyper::body::Incoming>| request.map(Body::new));
    app.spawn.spawn("match.socket.worker", async move {
        let served = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(theirs), TowerToHyperService::new(service))
            .with_upgrades();
        if let Err(error) = served.await {
            tracing::debug!(%error, "a match's socket ended early");
        }
    });
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(ours)).await.map_err(|error| Error::Internal(error.into()))?;
    app.spawn.spawn("match.socket.wire", async move { drop(connection.with_upgrades().await) });
    let asked = app.clock.timeout(TIME, sender.send_request(request)).await.ok_or_else(away)?;
    let mut answer = asked.map_err(|_| away())?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(answer.map(Body::new));
    }
    let worker = hyper::upgrade::on(&mut answer);
    let clock = app.clock.clone();
    let held = Held { app: app.clone(), of, verb, standing };
    app.spawn.spawn("match.socket", async move {
        let (Ok(caller), Ok(worker)) = (caller.await, worker.await) else { return };
        let (mut caller, mut worker) = (TokioIo::new(caller), TokioIo::new(worker));
        tokio::select! {
            _ = copy_bidirectional(&mut caller, &mut worker) => {}
            () = held.lost() => {}
        }
        // Whoever does not read the end gets none.
        drop(clock.timeout(TIME, caller.shutdown()).await);
    });
    Ok(answer.map(Body::new))
}

/// The right by which a socket is open.
struct Held {
    app: App,
    of: Match,
    verb: VerbKind,
    standing: Standing,
}

impl Held {
    /// Resolves when the right is gone, or the server ends.
    async fn lost(mut self) {
        let drain = self.app.drain.clone();
        loop {
            tokio::select! {
                () = self.standing.moved() => {}
                () = drain.cancelled() => return,
            }
            match self.standing.now().await {
                Ok(Some(who)) if decide(who, &self.of, self.verb).is_ok() => {}
                // A database that is busy takes no rights away.
                Err(_) => {}
                Ok(_) => return,
            }
        }
    }
}
