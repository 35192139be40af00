//! Waiting for a fact, with a deadline: the only place of these tests that sleeps.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks `look` until it has an answer. Fails with `what` and the last error when `within` has passed.
pub fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        let last = match look() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => String::new(),
            Err(error) => format!(": {error:#}"),
        };
        if Instant::now() >= deadline {
            bail!("waited {within:?} in vain until {what}{last}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The same for what must be awaited.
pub async fn until_async<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        let last = match look().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => String::new(),
            Err(error) => format!(": {error:#}"),
        };
        if Instant::now() >= deadline {
            bail!("waited {within:?} in vain until {what}{last}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
