//! Server-Sent Events: a bounded pipe into a response.

use crate::app::App;
use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderValue, Response, header};
use ostler_model::Millis;
use ostler_runtime::Clock;
use std::convert::Infallible;
use std::future::Future;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Chunks between the writer and the connection.
const CHUNKS: usize = 16;
/// A reader that takes nothing for this long is let go; it continues where it was.
const SLOW: Millis = Millis::secs(30);
/// A comment after this long without anything, so that proxies keep the connection.
pub const KEEP_ALIVE: Millis = Millis::secs(15);

/// Writes to one reader.
pub struct Pipe {
    to: mpsc::Sender<Bytes>,
    clock: Clock,
}

/// The reader is gone, or too slow.
#[derive(Debug)]
pub struct Gone;

impl Pipe {
    /// Sends text that is already in the form of Server-Sent Events.
    pub async fn send(&self, text: String) -> Result<(), Gone> {
        match self.clock.timeout(SLOW, self.to.send(text.into())).await {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(Gone),
        }
    }
    /// Resolves when the reader has gone away.
    pub async fn gone(&self) {
        self.to.closed().await;
    }
}

/// A response that a background task writes, until it ends, the reader goes, or the server stops.
pub fn respond<F>(app: &App, name: &'static str, write: impl FnOnce(Pipe) -> F) -> Response<Body>
where
    F: Future<Output = Result<(), Gone>> + Send + 'static,
{
    let (to, from) = mpsc::channel(CHUNKS);
    let work = write(Pipe { to, clock: app.clock.clone() });
    let drain = app.drain.clone();
    app.spawn.spawn(name, async move {
        tokio::select! {
            _ = work => {}
            () = drain.cancelled() => {}
        }
    });
    let mut response = Response::new(Body::from_stream(ReceiverStream::new(from).map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Otherwise nginx collects a few kilobytes before it passes anything on.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
