//! The clock and the task family in the shapes that hyper asks for, so that connections live by them, too.

use crate::{Clock, Spawn};
use hyper::rt::{Executor, Sleep, Timer};
use ostler_model::Millis;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// hyper's timer on a [`Clock`].
#[derive(Clone, Debug)]
pub struct HttpTimer(Clock);

impl HttpTimer {
    /// A timer that follows this clock.
    pub fn new(clock: Clock) -> Self {
        Self(clock)
    }
}

impl Timer for HttpTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        let span = Millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        Box::pin(HttpSleep(Mutex::new(self.0.sleep(span))))
    }
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        // A span, not a time of day: setting the clock back must not keep a dead connection for an hour. Rounded up, because
        // a wait that ends too early only begins anew.
        self.sleep(deadline.saturating_duration_since(self.0.instant()) + Duration::from_micros(999))
    }
    fn now(&self) -> Instant {
        self.0.instant()
    }
}

/// hyper wants its sleeps to be `Sync`, which the lock makes them; nobody ever waits for it.
struct HttpSleep(Mutex<crate::Sleep>);

impl Future for HttpSleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}

impl Sleep for HttpSleep {}

/// hyper's executor on a [`Spawn`]: what a connection starts ends with the family.
#[derive(Clone, Debug)]
pub struct HttpSpawn(Spawn);

impl HttpSpawn {
    /// An executor whose tasks belong to this family.
    pub fn new(spawn: Spawn) -> Self {
        Self(spawn)
    }
}

impl<F> Executor<F> for HttpSpawn
where
    F: Future + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn_unnamed(async move {
            future.await;
        });
    }
}
