//! Forwards: a stream of bytes to a TCP port of something that runs here.
//!
//! The control plane names a workload and a port by the blueprint's name for it, never a number or an address: what is
//! dialled is what the *current* blueprint keeps for that workload, on this machine, while it runs. Both halves close on
//! their own; a stream on which nothing moves, or whose other end takes nothing, ends. What this room does not do: know
//! what is said on the stream.

mod pipe;

use crate::agent::Agent;
use crate::limits;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use ostler_model::WorkloadId;
use ostler_model::workload::blueprint::{self, What};
use ostler_model::workload::{Blueprint, Phase};
use ostler_wire::link::FORWARD;

/// `CONNECT /workloads/{id}/ports/{port}`.
pub(crate) async fn forward(
    State(agent): State<Agent>,
    Path((id, name)): Path<(WorkloadId, String)>,
    mut request: Request,
) -> Result<StatusCode, Response> {
    let no = |status: StatusCode, why: String| (status, why).into_response();
    if request.extensions().get::<Protocol>().is_none_or(|protocol| protocol.as_str() != FORWARD) {
        return Err(no(StatusCode::BAD_REQUEST, format!("connect with the protocol {FORWARD}")));
    }
    let here = agent.supervisor().running_of(id);
    let here = here.ok_or_else(|| no(StatusCode::NOT_FOUND, "no such workload is here".to_owned()))?;
    let port = tcp_port(&here.blueprint, &name)
        .ok_or_else(|| no(StatusCode::NOT_FOUND, format!("{name:?} is not one of its TCP ports")))?;
    let run = here.run.filter(|_| matches!(here.phase, Phase::Running { .. }));
    let run = run.ok_or_else(|| no(StatusCode::CONFLICT, "it is not running".to_owned()))?;
    let slot = agent.0.forwards.clone().try_acquire_owned();
    let slot = slot.map_err(|_| no(StatusCode::SERVICE_UNAVAILABLE, "too many forwards are open here".to_owned()))?;
    let clock = agent.0.clock.clone();
    let stream = match clock.timeout(limits::DIAL_LIMIT, run.dial(port)).await {
        Some(Ok(stream)) => stream,
        Some(Err(error)) => return Err(no(StatusCode::BAD_GATEWAY, format!("its port cannot be reached: {error}"))),
        None => return Err(no(StatusCode::BAD_GATEWAY, "its port does not answer".to_owned())),
    };
    // What comes in small pieces is meant to arrive in small pieces.
    drop(stream.set_nodelay(true));
    let upgrade = hyper::upgrade::on(&mut request);
    agent.0.spawn.spawn("forward", async move {
        let _slot = slot;
        // The link may break before the answer is out; then nobody is there.
        let Ok(upgraded) = upgrade.await else { return };
        let end = pipe::both(&clock, TokioIo::new(upgraded), stream).await;
        tracing::debug!(workload = %id, port, %end, "a forward ended");
    });
    Ok(StatusCode::OK)
}

/// The number of a TCP port that the blueprint keeps under this name.
fn tcp_port(blueprint: &Blueprint, wanted: &str) -> Option<u16> {
    blueprint.resources.iter().find_map(|resource| match &resource.what {
        What::Port { name, port, protocol } if name == wanted && *protocol != blueprint::Protocol::Udp => Some(*port),
        _ => None,
    })
}
