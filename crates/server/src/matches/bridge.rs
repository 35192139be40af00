//! A socket to a worker with the platform in between: to one on a node, or for whoever is known here and may lose the right
//! to it.

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
use ostler_model::Millis;
use ostler_model::authz::{VerbKind, decide};
use ostler_model::matches::Match;
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};

/// A worker upgrades at once, or not at all.
const TIME: Millis = Millis::secs(10);

/// Passes an upgrade on, and stands between the two ends until one of them, the right or the server ends.
pub(super) async fn bridge(app: &App, door: &Door, mut request: Request, held: Option<Held>) -> Result<Response<Body>> {
    let caller = hyper::upgrade::on(&mut request);
    let ours = door.connect(app).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(ours)).await.map_err(|error| Error::Internal(error.into()))?;
    app.spawn.spawn("match.socket.wire", async move { drop(connection.with_upgrades().await) });
    let asked = app.clock.timeout(TIME, sender.send_request(request)).await.ok_or_else(away)?;
    let mut answer = asked.map_err(|_| away())?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(answer.map(Body::new));
    }
    let worker = hyper::upgrade::on(&mut answer);
    let (clock, drain) = (app.clock.clone(), app.drain.clone());
    app.spawn.spawn("match.socket", async move {
        let (Ok(caller), Ok(worker)) = (caller.await, worker.await) else { return };
        let (mut caller, mut worker) = (TokioIo::new(caller), TokioIo::new(worker));
        tokio::select! {
            _ = copy_bidirectional(&mut caller, &mut worker) => {}
            () = lost(held) => {}
            () = drain.cancelled() => {}
        }
        // Whoever does not read the end gets none.
        drop(clock.timeout(TIME, caller.shutdown()).await);
    });
    Ok(answer.map(Body::new))
}

/// The right by which a socket is open, of whoever is known here.
pub(super) struct Held {
    pub(super) of: Match,
    pub(super) verb: VerbKind,
    pub(super) standing: Standing,
}

/// Resolves when the right is gone; never without one.
async fn lost(held: Option<Held>) {
    match held {
        Some(held) => held.lost().await,
        None => std::future::pending().await,
    }
}

impl Held {
    /// Resolves when the right is gone.
    async fn lost(mut self) {
        loop {
            self.standing.moved().await;
            match self.standing.now().await {
                Ok(Some(who)) if decide(who, &self.of, self.verb).is_ok() => {}
                // A database that is busy takes no rights away.
                Err(_) => {}
                Ok(_) => return,
            }
        }
    }
}
