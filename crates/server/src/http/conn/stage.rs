//! What one connection is doing, and until when: shared by its socket, its requests and the table.

use ostler_model::Millis;
use ostler_model::bounds::http as bound;
use ostler_runtime::Clock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// HTTP/2 begins with these 24 bytes, and then an empty frame of settings has nine.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD: u64 = 9;
/// A request that waits for its client this long may be cut when there is no room for others.
const SLOW: Duration = Duration::from_secs(2);

/// A connection without a whole request is given this long before it counts as one that does nothing.
const YOUNG: Duration = Duration::from_secs(1);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing has come yet.
    Silent,
    /// A head, or HTTP/2's preface with its settings, has begun.
    Head,
    /// Between requests.
    Idle,
    /// Requests are under way.
    Busy,
    /// It is over; what still comes is thrown away.
    Closing,
    /// It is no HTTP any more.
    Upgraded,
}

/// In this order connections leave when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Readiness {
    /// Silent or half-sent for a while.
    Useless,
    /// Between requests, or so young that its request may be on the way.
    Unused,
    /// Its client does not send, or does not read.
    Slow,
}

/// One connection's progress.
pub(super) struct Progress {
    clock: Clock,
    /// Ends the connection, to make room.
    pub leave: CancellationToken,
    inner: Mutex<Inner>,
}

struct Inner {
    stage: Stage,
    since: Instant,
    /// Bytes read so far.
    read: u64,
    is_http2: bool,
    /// Part of a refused request was not read.
    is_unread: bool,
    /// Requests under way.
    requests: usize,
    next: u64,
    waits: Vec<Wait>,
    /// Since when each request's body is waited for, by the key of its wait.
    reading: Vec<(u64, Instant)>,
}

/// An answer whose body is not yet taken.
struct Wait {
    key: u64,
    /// It is the reader's turn since then; `None` while the answer is made.
    since: Option<Instant>,
    /// How long it was the reader's turn before that.
    before: Duration,
    bytes: u64,
    is_stream: bool,
}

impl Wait {
    /// When its reader has had enough time.
    fn until(&self) -> Option<Instant> {
        let stall = Millis(bound::WRITE_STALL_MS).std();
        let since = self.since?;
        if self.is_stream {
            return Some(since + stall);
        }
        let earned = Duration::from_millis(self.bytes.saturating_mul(1000) / bound::WRITE_RATE);
        Some(since + stall.min((stall + earned).saturating_sub(self.before)))
    }
}

/// Until when a connection may do what it does.
pub(super) struct Due {
    pub stage: Stage,
    pub at: Instant,
}

impl Progress {
    pub(super) fn new(clock: &Clock) -> Arc<Self> {
        let inner = Inner {
            stage: Stage::Silent,
            since: clock.instant(),
            read: 0,
            is_http2: false,
            is_unread: false,
            requests: 0,
            next: 0,
            waits: Vec::new(),
            reading: Vec::new(),
        };
        Arc::new(Self { clock: clock.clone(), leave: CancellationToken::new(), inner: Mutex::new(inner) })
    }
    pub(super) fn now(&self) -> Instant {
        self.clock.instant()
    }
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }
    pub(super) fn stage(&self) -> Stage {
        self.lock().stage
    }
    /// These bytes have come.
    pub(super) fn read(&self, bytes: &[u8]) {
        let now = self.now();
        let mut inner = self.lock();
        if inner.read == 0 {
            inner.is_http2 =
                PREFACE.starts_with(&bytes[..bytes.len().min(PREFACE.len())]) && bytes.first() == Some(&b'P');
        }
        inner.read = inner.read.saturating_add(bytes.len() as u64);
        let is_introduced = inner.is_http2 && inner.read >= PREFACE.len() as u64 + FRAME_HEAD;
        match inner.stage {
            Stage::Silent | Stage::Head if is_introduced => inner.enter(Stage::Idle, now),
            Stage::Silent => inner.enter(Stage::Head, now),
            // Frames of HTTP/2 between requests (pings, windows) begin nothing.
            Stage::Idle if !inner.is_http2 => inner.enter(Stage::Head, now),
            _ => {}
        }
    }
    /// A request has come whole but for its body.
    pub(super) fn begin(self: &Arc<Self>) -> Request {
        let now = self.now();
        let mut inner = self.lock();
        inner.requests += 1;
        inner.enter(Stage::Busy, now);
        inner.next += 1;
        Request { progress: self.clone(), key: inner.next }
    }
    /// It becomes something else.
    pub(super) fn upgrade(&self) {
        let now = self.now();
        self.lock().enter(Stage::Upgraded, now);
    }
    /// It is over. True when something had begun to come that was not answered, or had to be refused half-read.
    pub(super) fn close(&self) -> bool {
        let now = self.now();
        let mut inner = self.lock();
        let is_unfinished = inner.is_unread || matches!(inner.stage, Stage::Head | Stage::Busy);
        inner.enter(Stage::Closing, now);
        is_unfinished
    }
    /// A request was refused, and what is left of it will not be read.
    pub(super) fn leaves_unread(&self) {
        self.lock().is_unread = true;
    }
    /// Until when it may do what it does now.
    pub(super) fn due(&self) -> Due {
        let inner = self.lock();
        let limit = match inner.stage {
            Stage::Silent => bound::FIRST_BYTE_MS,
            Stage::Head => bound::HEAD_MS,
            Stage::Idle => bound::IDLE_MS,
            Stage::Closing => bound::LINGER_MS,
            Stage::Busy | Stage::Upgraded => {
                // Nothing can be overdue before the shortest time that a reader has from now on.
                let waits = inner.waits.iter().filter_map(Wait::until).min();
                let look_again = self.now() + Millis(bound::WRITE_STALL_MS).std();
                return Due { stage: inner.stage, at: waits.map_or(look_again, |at| at.min(look_again)) };
            }
        };
        Due { stage: inner.stage, at: inner.since + Millis(limit).std() }
    }
    /// How readily it leaves when there is no room, and since when. `None` when it must not.
    pub(super) fn readiness(&self) -> Option<(Readiness, Instant)> {
        let now = self.now();
        let inner = self.lock();
        match inner.stage {
            Stage::Silent | Stage::Head if now.saturating_duration_since(inner.since) >= YOUNG => {
                Some((Readiness::Useless, inner.since))
            }
            Stage::Silent | Stage::Head | Stage::Idle | Stage::Closing => Some((Readiness::Unused, inner.since)),
            Stage::Busy => {
                let waits = inner.waits.iter().filter(|wait| !wait.is_stream).filter_map(|wait| wait.since);
                let oldest = waits.chain(inner.reading.iter().map(|(_, since)| *since)).min()?;
                // Others on the same connection may be well under way.
                let is_alone = inner.requests <= 1;
                (is_alone && now.saturating_duration_since(oldest) >= SLOW).then_some((Readiness::Slow, oldest))
            }
            Stage::Upgraded => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn enter(&mut self, stage: Stage, now: Instant) {
        if self.stage != stage && !(self.stage == Stage::Upgraded && stage != Stage::Closing) {
            (self.stage, self.since) = (stage, now);
        }
    }
}

/// A request under way: from its head to the end of its answer.
pub(super) struct Request {
    progress: Arc<Progress>,
    key: u64,
}

impl Request {
    pub(super) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }
    /// Its answer begins; from here on it is also the reader's turn.
    pub(super) fn answers(&self, is_stream: bool) {
        let now = self.progress.now();
        let wait = Wait { key: self.key, since: Some(now), before: Duration::ZERO, bytes: 0, is_stream };
        self.progress.lock().waits.push(wait);
    }
    /// `None`: the reader has taken what there was, and it is the server's turn. Otherwise so many bytes are handed over, and it
    /// is the reader's.
    pub(super) fn turn(&self, handed: Option<u64>) {
        let now = self.progress.now();
        let mut inner = self.progress.lock();
        let Some(wait) = inner.waits.iter_mut().find(|wait| wait.key == self.key) else { return };
        match handed {
            None => {
                if let Some(since) = wait.since.take() {
                    wait.before += now.saturating_duration_since(since);
                }
            }
            Some(bytes) => {
                wait.bytes = wait.bytes.saturating_add(bytes);
                wait.since = Some(now);
            }
        }
    }
    /// Tells it from others on the same connection.
    pub(super) fn key(&self) -> u64 {
        self.key
    }
}

impl Progress {
    /// Notes that a request's body is waited for, or is not.
    pub(super) fn reading(&self, key: u64, since: Option<Instant>) {
        let mut inner = self.lock();
        inner.reading.retain(|(own, _)| *own != key);
        if let Some(since) = since {
            inner.reading.push((key, since));
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let now = self.progress.now();
        let mut inner = self.progress.lock();
        let key = self.key;
        inner.waits.retain(|wait| wait.key != key);
        inner.requests = inner.requests.saturating_sub(1);
        if inner.requests == 0 && inner.stage == Stage::Busy {
            inner.enter(Stage::Idle, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_something_else_keeps_its_place() {
        let progress = Progress::new(&Clock::system());
        progress.read(b"GET /link HTTP/1.1\r\n\r\n");
        let request = progress.begin();
        progress.upgrade();
        drop(request);
        progress.read(b"frames");
        assert_eq!(progress.stage(), Stage::Upgraded);
        assert_eq!(progress.readiness(), None, "it is never asked to leave");
        assert!(progress.due().at > progress.now() + Duration::from_secs(50));
    }

    #[test]
    fn a_stream_is_bound_by_its_pauses_and_an_answer_by_its_pace() {
        let progress = Progress::new(&Clock::system());
        let now = progress.now();
        let wait = |before: u64, bytes: u64, is_stream: bool| Wait {
            key: 0,
            since: Some(now),
            before: Duration::from_secs(before),
            bytes,
            is_stream,
        };
        let left = |wait: Wait| wait.until().unwrap().saturating_duration_since(now).as_secs();
        assert_eq!(left(wait(0, 0, false)), 60);
        assert_eq!(left(wait(50, 0, false)), 10);
        assert_eq!(left(wait(50, 4096 * 30, false)), 40, "what was taken buys time");
        assert_eq!(left(wait(50, u64::MAX, false)), 60, "but no longer pause");
        assert_eq!(left(wait(5000, 0, true)), 60);
    }
}
