//! Bodies with a pace: a request's must keep coming, an answer's must keep being taken.

use super::stage::{Progress, Request};
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use ostler_model::Millis;
use ostler_model::bounds::http as bound;
use ostler_runtime::Sleep;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Reading what is left of a body may take this long, while the client waits for its refusal.
const DRAIN_TIME: Millis = Millis::secs(1);

/// The request's body came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the request's body came too slowly")]
pub struct TooSlow;

/// A request's body.
pub(super) struct Paced {
    /// Taken when it goes to the leftovers.
    inner: Option<Incoming>,
    progress: Arc<Progress>,
    key: u64,
    left: Leftover,
    bytes: u64,
    /// How long it was waited for so far.
    waited: Duration,
    /// Waited for since then, and the timer that ends it. The lock is never contended: bodies must be `Sync`.
    waiting: Option<(Instant, Mutex<Sleep>)>,
}

/// What a request leaves of its body.
#[derive(Clone, Default)]
pub(super) struct Leftover(Arc<Mutex<Left>>);

#[derive(Default)]
struct Left {
    body: Option<Incoming>,
    was_read: bool,
    was_slow: bool,
}

impl Paced {
    pub(super) fn new(inner: Incoming, of: &Request, left: Leftover) -> Self {
        let progress = of.progress().clone();
        let inner = Some(inner);
        Self { inner, progress, key: of.key(), left, bytes: 0, waited: Duration::ZERO, waiting: None }
    }
    /// How much longer it may be waited for.
    fn patience(&self) -> Duration {
        let stall = Millis(bound::BODY_STALL_MS).std();
        let earned = Duration::from_millis(self.bytes.saturating_mul(1000) / bound::BODY_RATE);
        stall.min((stall + earned).saturating_sub(self.waited))
    }
    fn came(&mut self) {
        if let Some((since, _)) = self.waiting.take() {
            self.waited += self.progress.now().saturating_duration_since(since);
            self.progress.reading(self.key, None);
        }
    }
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = axum::BoxError;
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let Some(inner) = this.inner.as_mut() else { return Poll::Ready(None) };
        if this.bytes == 0 {
            this.left.lock().was_read = true;
        }
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            this.came();
            if let Some(Ok(data)) = &frame {
                this.bytes = this.bytes.saturating_add(data.data_ref().map_or(0, |data| data.len() as u64));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if this.waiting.is_none() {
            let (now, patience) = (this.progress.now(), this.patience());
            let span = Millis(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX));
            this.waiting = Some((now, Mutex::new(this.progress.clock().sleep(span))));
            this.progress.reading(this.key, Some(now));
        }
        if let Some((_, sleep)) = &mut this.waiting {
            ready!(sleep.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx));
        }
        this.came();
        this.left.lock().was_slow = true;
        Poll::Ready(Some(Err(TooSlow.into())))
    }
    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }
    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, Incoming::size_hint)
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.progress.reading(self.key, None);
        if let Some(inner) = self.inner.take().filter(|inner| !inner.is_end_stream()) {
            self.left.lock().body = Some(inner);
        }
    }
}

impl Leftover {
    /// Reads what the request left of its body, as far as that is little. False when the connection cannot be used again.
    pub(super) async fn drain(&self, progress: &Progress, waits_for_word: bool) -> bool {
        let (body, was_read, was_slow) = {
            let mut left = self.lock();
            (left.body.take(), left.was_read, left.was_slow)
        };
        let Some(mut body) = body else { return true };
        // Who waits for `100 Continue` has not sent it, and reading would ask for it.
        if was_slow || (waits_for_word && !was_read) {
            return false;
        }
        let read = async {
            let mut count = 0;
            loop {
                match body.frame().await {
                    None => return true,
                    Some(Err(_)) => return false,
                    Some(Ok(frame)) => count += frame.data_ref().map_or(0, |data| data.len() as u64),
                }
                if count > bound::DRAIN_BYTES {
                    return false;
                }
            }
        };
        progress.clock().timeout(DRAIN_TIME, read).await.unwrap_or(false)
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer is handed over in pieces of this size: what HTTP/2 holds for a slow reader, and how finely a reader's pace is seen.
const PIECE: usize = 64 << 10;

/// An answer's body. The request is under way until its end.
pub(super) struct Taken {
    inner: Body,
    /// What is left of a large frame.
    rest: Bytes,
    request: Request,
}

impl Taken {
    pub(super) fn new(inner: Body, request: Request, is_stream: bool) -> Self {
        request.answers(is_stream);
        Self { inner, rest: Bytes::new(), request }
    }
}

impl http_body::Body for Taken {
    type Data = Bytes;
    type Error = axum::Error;
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        this.request.turn(None);
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        this.request.turn(Some(piece.len() as u64));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}
