//! Where agents dial.

use crate::app::App;
use crate::fleet::{Opening, report_grant, signed, way};
use crate::http::{Error, NodeLink, Raw, Result, Upgrade};
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use ostler_model::node::{Lease, Node};
use ostler_wire::link::UPGRADE;
use ostler_wire::link::proof::{For, HEADER, Way};
use ostler_wire::link::sign::{Dialled, Signed};

/// Open a link: what agents dial. The connection is upgraded, to a bare one or to a WebSocket whose binary messages carry the same
/// bytes, and then the agent serves HTTP/2 on it. Without an upgrade the node gets its lease and 426.
pub async fn link(app: App, node: NodeLink, Raw(mut request): Raw) -> Result<Upgrade> {
    let from = node.caller.origin.address.clone();
    let node = app.store.node_find(node.node).await?.ok_or(Error::Credentials)?;
    let signed = signed(request.headers()).ok_or(Error::Credentials)?;
    let lease = lease(&app, &node, signed.dialled.as_ref(), from.as_deref()).await?;
    let now = app.clock.now();
    let upgrades = request.extensions().get::<hyper::upgrade::OnUpgrade>().is_some();
    let saw = way(request.headers());
    let answer = match saw {
        Way::Bare if upgrades => switch(UPGRADE),
        Way::WebSocket if upgrades => websocket(request.headers())?,
        _ => {
            let mut answer = answer(StatusCode::UPGRADE_REQUIRED, UPGRADE);
            prove(&app, &signed, (saw, lease), answer.headers_mut());
            return Ok(Upgrade(answer));
        }
    };
    let proof = app.link_key.prove(For::Link, &signed, saw, (lease, now));
    let held = lease.map(|lease| lease.number).zip(signed.dialled.map(|dialled| dialled.boot));
    let opening = Opening { proof, lease: held };
    let upgrade = hyper::upgrade::on(&mut request);
    let fleet = app.fleet.clone();
    app.spawn.spawn("node.link", async move {
        match upgrade.await {
            Ok(io) if saw == Way::WebSocket => {
                let io = ostler_runtime::in_messages(TokioIo::new(io), false).await;
                fleet.attach(&node, opening, io).await;
            }
            Ok(io) => fleet.attach(&node, opening, TokioIo::new(io)).await,
            Err(error) => tracing::debug!(node.id = %node.id, %error, "a link ended before it began"),
        }
    });
    Ok(Upgrade(answer))
}

/// The lease of the agent's process, or why it gets none.
async fn lease(app: &App, node: &Node, dialled: Option<&Dialled>, from: Option<&str>) -> Result<Option<Lease>> {
    let boot = dialled.map(|dialled| dialled.boot);
    let is_held = app.fleet.is_held(node.id, boot).await;
    let lease = match dialled {
        // An agent of an older release knows no leases; one that has had one is not older.
        None if !is_held && !app.store.node_has_lease(node.id).await? => return Ok(None),
        None if !is_held => {
            let message = "an agent of a newer release was this node: upgrade this one. To go back to the older release, run: \
                           ostler node accept NAME";
            return Err(Error::conflict("node_copied", message));
        }
        Some(Dialled { lease, boot, .. }) if !is_held => {
            let (nonce, now) = (app.ids.bytes(), app.clock.now());
            app.store.node_lease(&report_grant(node), (*lease, *boot), nonce, now).await?
        }
        None | Some(_) => None,
    };
    if lease.is_some() {
        return Ok(lease);
    }
    tracing::warn!(node.id = %node.id, node.name = %node.name, from, "another machine shows this node's key and was refused");
    app.fleet.conflict(node, from).await?;
    Err(Error::conflict(
        "node_copied",
        format!(
            "another machine is the node {name} now: this one's state is a copy, or was restored from a backup. On a copy, make \
             it a node of its own: ostler agent leave --abandon, then ostler agent join. If this is the one that is to be \
             {name}, stop the other and run: ostler node accept {name}",
            name = node.name
        ),
    ))
}

/// Signs an answer that is no link, if who asks wants to know who answers.
pub(crate) fn prove(app: &App, signed: &Signed, (saw, lease): (Way, Option<Lease>), headers: &mut HeaderMap) {
    let proof = app.link_key.prove(For::Answer, signed, saw, (lease, app.clock.now()));
    if let Some(value) = proof.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(HEADER, value);
    }
}

fn websocket(headers: &HeaderMap) -> Result<Response<Body>> {
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| version == Some(b"13"));
    let key = key.ok_or_else(|| Error::Malformed("this is no handshake of a WebSocket of version 13".to_owned()))?;
    let mut answer = switch("websocket");
    let accept = ostler_runtime::accept_key(key.as_bytes());
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        answer.headers_mut().insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if headers.get(header::SEC_WEBSOCKET_PROTOCOL).is_some_and(|protocol| protocol == UPGRADE) {
        answer.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(UPGRADE));
    }
    Ok(answer)
}

fn switch(to: &'static str) -> Response<Body> {
    answer(StatusCode::SWITCHING_PROTOCOLS, to)
}

fn answer(status: StatusCode, upgrade: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static(upgrade));
    response
}
