//! The way to a worker that a workload hosts on some node: HTTP/1.1 over forwarded streams.
//!
//! Plain requests share a few connections; a socket has one of its own. Whatever is wrong on the way, the worker is away:
//! whether its node has no link, the workload does not run, or it does not answer.

use super::ask::away;
use crate::app::App;
use crate::fleet::{Fleet, FleetError, Forward};
use crate::http::{Error, Result};
use axum::body::Body;
use axum::extract::Request;
use http::{HeaderValue, Response, header};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use ostler_model::{Millis, NodeId, WorkloadId};
use ostler_runtime::{Clock, Spawn};
use ostler_wire::link::tuning;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// The port of the template under which a host listens.
const PORT: &str = "http";
/// Connections that wait for the next request.
const IDLE_MOST: usize = 8;
/// Sockets at once. A few of a node's forwards are kept for requests: whoever is in charge must get through to a full worker.
const SOCKETS_MOST: usize = tuning::FORWARDS_MOST - 50;
/// From a request to the head of its answer. A worker answers from memory.
const TIME: Millis = Millis::secs(10);

/// A worker on a node.
pub(super) struct Remote {
    pub(super) workload: WorkloadId,
    pub(super) node: NodeId,
    fleet: Fleet,
    clock: Clock,
    spawn: Spawn,
    idle: Mutex<Vec<SendRequest<Body>>>,
    sockets: Arc<Semaphore>,
}

impl Remote {
    /// The way to this workload.
    pub(super) fn new(app: &App, workload: WorkloadId, node: NodeId) -> Self {
        let (fleet, clock, spawn) = (app.fleet.clone(), app.clock.clone(), app.spawn.clone());
        let (idle, sockets) = (Mutex::default(), Arc::new(Semaphore::new(SOCKETS_MOST)));
        Self { workload, node, fleet, clock, spawn, idle, sockets }
    }

    /// A connection for a socket.
    pub(super) async fn socket(&self) -> Result<Forward> {
        let full = |_| Error::Unavailable {
            message: "the match's worker has as many players as its node can take".to_owned(),
            retry_after: Millis::secs(30),
        };
        let slot = self.sockets.clone().try_acquire_owned().map_err(full)?;
        Ok(self.open().await?.holding(slot))
    }

    async fn open(&self) -> Result<Forward> {
        self.fleet.forward(self.node, self.workload, PORT).await.map_err(|error| self.away(&error))
    }

    /// Sends a request that is no upgrade.
    pub(super) async fn send(&self, mut request: Request) -> Result<Response<Body>> {
        // HTTP/1.1 wants one; the worker has no use for it.
        request.headers_mut().insert(header::HOST, HeaderValue::from_static("match-host"));
        let sent = self.clock.timeout(TIME, self.exchange(request)).await;
        sent.unwrap_or_else(|| {
            tracing::debug!(workload.id = %self.workload, "a match's worker did not answer in time");
            Err(away())
        })
    }

    async fn exchange(&self, mut request: Request) -> Result<Response<Body>> {
        while let Some(mut sender) = self.rested() {
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok(self.answered(sender, answer)),
                // The other end closed it while it rested, and nothing was sent: another one.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(away()),
                },
            }
        }
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.open().await?)).await.map_err(|_| away())?;
        self.spawn.spawn("match.remote", async move { drop(connection.await) });
        let answer = sender.send_request(request).await.map_err(|error| {
            tracing::debug!(workload.id = %self.workload, %error, "a match's worker broke off");
            away()
        })?;
        Ok(self.answered(sender, answer))
    }

    /// A connection whose last answer has been read to its end.
    fn rested(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        let at = idle.iter().position(SendRequest::is_ready)?;
        Some(idle.swap_remove(at))
    }

    fn answered(&self, sender: SendRequest<Body>, answer: Response<hyper::body::Incoming>) -> Response<Body> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MOST {
            idle.push(sender);
        }
        answer.map(Body::new)
    }

    fn away(&self, error: &FleetError) -> Error {
        tracing::debug!(workload.id = %self.workload, %error, "a match's worker cannot be reached");
        away()
    }
}
