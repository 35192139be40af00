//! The clock.

use ostler_model::{Millis, Time};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

/// A wait until a point in time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where time comes from. Two implementations: the system's, and the simulation's in `testkit`.
pub trait ClockSource: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Time;
    /// Resolves at the given time, at once when it has passed.
    fn sleep_until(&self, at: Time) -> Sleep;
    /// Now, as a point that never goes back when somebody sets the clock; for measuring spans.
    fn instant(&self) -> Instant;
}

/// A shared clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn ClockSource>);

impl Clock {
    /// Any source as a clock.
    pub fn new(source: impl ClockSource) -> Self {
        Self(Arc::new(source))
    }
    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(SystemClock)
    }
    /// Now.
    pub fn now(&self) -> Time {
        self.0.now()
    }
    /// Now, as a point that never goes back; for measuring spans.
    pub fn instant(&self) -> Instant {
        self.0.instant()
    }
    /// Waits until a point in time.
    pub fn sleep_until(&self, at: Time) -> Sleep {
        self.0.sleep_until(at)
    }
    /// Waits for a span.
    pub fn sleep(&self, span: Millis) -> Sleep {
        self.0.sleep_until(self.now() + span)
    }
    /// The future's output, or `None` when the span passes first.
    pub async fn timeout<F: Future>(&self, span: Millis, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            out = future => Some(out),
            () = self.sleep(span) => None,
        }
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// The machine's clock. Waits are measured by the monotonic clock, so setting the wall clock moves no deadline by more than one wait.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl ClockSource for SystemClock {
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
    fn sleep_until(&self, at: Time) -> Sleep {
        let span = at.since(self.now());
        Box::pin(tokio::time::sleep(span.std()))
    }
    fn instant(&self) -> Instant {
        Instant::now()
    }
}
