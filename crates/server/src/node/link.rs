//! Where agents dial.

use crate::app::App;
use crate::http::{Error, NodeLink, Raw, Result, Upgrade};
use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use ostler_wire::link::UPGRADE;

/// Open a link: what agents dial. The connection is upgraded, and then the agent serves HTTP/2 on it.
pub async fn link(app: App, node: NodeLink, Raw(mut request): Raw) -> Result<Upgrade> {
    let node = app.store.node_find(node.node).await?.ok_or(Error::Credentials)?;
    let wanted = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !wanted.eq_ignore_ascii_case(UPGRADE) || request.extensions().get::<hyper::upgrade::OnUpgrade>().is_none() {
        return Ok(Upgrade(answer(StatusCode::UPGRADE_REQUIRED)));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let fleet = app.fleet.clone();
    app.spawn.spawn("node.link", async move {
        match upgrade.await {
            Ok(io) => fleet.attach(&node, TokioIo::new(io)).await,
            Err(error) => tracing::debug!(node.id = %node.id, %error, "a link ended before it began"),
        }
    });
    Ok(Upgrade(answer(StatusCode::SWITCHING_PROTOCOLS)))
}

fn answer(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static(UPGRADE));
    response
}
