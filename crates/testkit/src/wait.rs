//! Waiting for a fact, with a deadline: the only place of these tests that sleeps.

use std::time::{Duration, Instant};

/// Long enough for a busy machine, short enough for a person.
const LIMIT: Duration = Duration::from_secs(30);

/// Asks `look` until it has an answer. Panics with `what` when half a minute has passed.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {LIMIT:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Asks until it is so.
pub async fn until_so(what: &str, mut is_so: impl FnMut() -> bool) {
    until(what, async || is_so().then_some(())).await;
}

/// The pause between two looks of a test that polls in its own way, and the beat of one that moves simulated time by hand.
/// Never a way to let a race settle.
pub async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}
