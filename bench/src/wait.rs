//! Waiting for what tells nobody: another process, or a state that is only there to be looked at.

use anyhow::{Result, ensure};
use std::time::{Duration, Instant};

/// Longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks every few milliseconds, with a deadline: a benchmark that never ends is worse than one that fails.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !is_so() {
        ensure!(began.elapsed() < PATIENCE, "{what}: not within {} s", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
