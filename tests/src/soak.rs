//! How long a test pushes against a bound.

use std::time::Duration;

/// What `cargo xtask soak --minutes` says, and otherwise what CI has time for.
pub fn minutes(otherwise: Duration) -> Duration {
    let said = std::env::var("OSTLER_SOAK_MINUTES").ok().and_then(|text| text.parse::<f64>().ok());
    said.filter(|minutes| *minutes > 0.0).map_or(otherwise, |minutes| Duration::from_secs_f64(minutes * 60.0))
}
