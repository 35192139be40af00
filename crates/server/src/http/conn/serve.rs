//! Serving one connection, HTTP/1.1 or HTTP/2, until it ends or its time is up.

use super::body::{Leftover, Paced, Taken};
use super::io::Guarded;
use super::stage::{Progress, Stage};
use crate::app::App;
use crate::http::client::{Hop, Peer};
use crate::http::router::Front;
use crate::limits;
use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use ostler_model::Millis;
use ostler_model::bounds::http as bound;
use ostler_runtime::{Clock, HttpSpawn, HttpTimer, Sleep};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower::Service as _;

/// Serves it. Asked to drain, it finishes what is under way.
pub(super) async fn connection(
    app: &App,
    front: Front,
    stream: Guarded,
    progress: Arc<Progress>,
    (peer, hop): (Peer, Hop),
    executor: HttpSpawn,
) {
    let own = progress.clone();
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(hop);
        answer(front.clone(), own.clone(), request)
    });
    let builder = builder(&app.clock, executor);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    let mut drain = pin!(app.drain.cancelled());
    let mut leave = pin!(progress.leave.cancelled());
    let (mut is_asked, mut watch) = (false, Watch { at: None });
    let ended = std::future::poll_fn(|cx| {
        if leave.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some("there was no room".to_owned()));
        }
        if !is_asked && drain.as_mut().poll(cx).is_ready() {
            is_asked = true;
            connection.as_mut().graceful_shutdown();
        }
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(ended.err().map(|error| error.to_string()));
            }
            let Poll::Ready(stage) = watch.poll(cx, &progress) else { return Poll::Pending };
            if stage != Stage::Idle {
                return Poll::Ready(Some(format!("its time was up: {stage:?}")));
            }
            // Between requests a connection is told; once, and then it has the time of one that closes.
            is_asked = true;
            progress.close();
            connection.as_mut().graceful_shutdown();
        }
    })
    .await;
    if let Some(why) = ended {
        tracing::debug!(why, peer = %peer.0, "a connection ended early");
    }
}

fn builder(clock: &Clock, executor: HttpSpawn) -> auto::Builder<HttpSpawn> {
    let mut builder = auto::Builder::new(executor);
    let timer = HttpTimer::new(clock.clone());
    // Heads and idle connections have their deadlines in `stage`; hyper's own would end where an idle one is told first.
    builder.http1().timer(timer.clone()).header_read_timeout(None::<Duration>).max_buf_size(limits::HEADER_BYTES);
    builder
        .http2()
        .timer(timer)
        .max_concurrent_streams(limits::STREAMS)
        .max_header_list_size(u32::try_from(limits::HEADER_BYTES).unwrap_or(u32::MAX))
        .max_send_buf_size(usize::try_from(bound::SEND_BUFFER).unwrap_or(usize::MAX))
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Answers one request, with the bodies of both directions watched.
async fn answer(
    mut front: Front,
    progress: Arc<Progress>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let under_way = progress.begin();
    let is_http1 = request.version() < Version::HTTP_2;
    let waits_for_word = request.headers().contains_key(header::EXPECT);
    let left = Leftover::default();
    let request = request.map(|body| Body::new(Paced::new(body, &under_way, left.clone())));
    let mut response = match front.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        progress.upgrade();
        return Ok(response);
    }
    // HTTP/2 ends the stream alone.
    if is_http1 && !left.drain(&progress, waits_for_word).await {
        progress.leaves_unread();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    Ok(response.map(|body| Body::new(Taken::new(body, under_way, is_stream))))
}

/// The timer of the present stage. Set anew only when something is due earlier than it rings, which is seldom.
struct Watch {
    at: Option<(Instant, Sleep)>,
}

impl Watch {
    /// Ready when the connection's time is up.
    fn poll(&mut self, cx: &mut Context<'_>, progress: &Progress) -> Poll<Stage> {
        loop {
            let (due, now) = (progress.due(), progress.now());
            if due.at <= now {
                return Poll::Ready(due.stage);
            }
            if self.at.as_ref().is_none_or(|(at, _)| due.at < *at) {
                let left = due.at.saturating_duration_since(now).as_micros().div_ceil(1000);
                let sleep = progress.clock().sleep(Millis(u64::try_from(left).unwrap_or(u64::MAX)));
                self.at = Some((due.at, sleep));
            }
            let Some((_, sleep)) = &mut self.at else { return Poll::Pending };
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.at = None;
        }
    }
}
