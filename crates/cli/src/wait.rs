//! Waiting with a moving line for people, and a truthful end for scripts.

use crate::api::Api;
use crate::exit::Trouble;
use crate::ground;
use crate::show::{at, clean, text};
use anyhow::Result;
use futures_util::future::{Either, select};
use indicatif::{ProgressBar, ProgressStyle};
use ostler_wire::job::JobView;
use serde_json::Value;
use std::time::Duration;

/// How often something is looked at again.
const LOOK: Duration = Duration::from_millis(400);

/// How long to wait.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Wait {
    /// Wait until it is done. The exit code says whether it was.
    #[arg(long)]
    pub wait: bool,
    /// With --wait: at most this long, for example 90s, 10m or 1h.
    #[arg(long, value_name = "SPAN", default_value = "45m", value_parser = span)]
    pub timeout: Duration,
}

/// `90s`, `10m`, `1h`, `7d`; a number alone is seconds.
pub(crate) fn span(input: &str) -> Result<Duration, String> {
    let (number, unit) = input.split_at(input.find(|c: char| !c.is_ascii_digit()).unwrap_or(input.len()));
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => 0,
    };
    let secs =
        number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).filter(|secs| (1..1 << 32).contains(secs));
    secs.map(Duration::from_secs).ok_or_else(|| "write a span like 90s, 10m, 1h or 7d".to_owned())
}

/// A line that moves while something is waited for; silent where nobody watches.
pub(crate) struct Moving(ProgressBar);

impl Moving {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(100);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }
    pub(crate) fn say(&self, words: &str) {
        self.0.set_message(clean(words));
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Looks again and again until `look` has an answer, or the time is over.
pub(crate) async fn until<T>(
    limit: Duration,
    late: impl FnOnce() -> String,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let looking = Box::pin(async {
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            ground::pause(LOOK).await;
        }
    });
    match select(looking, ground::pause(limit)).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => Err(Trouble::Late(late()).into()),
    }
}

/// Waits for a job. One that failed or was cancelled is an error, in its own words.
pub(crate) async fn job(api: &Api, id: &str, limit: Duration) -> Result<Value> {
    let moving = Moving::new();
    let late = || format!("not done in time; it goes on: ostler job wait {id}");
    until(limit, late, async || {
        let seen = api.get(&format!("/jobs/{id}")).await?;
        let job: JobView = serde_json::from_value(seen.clone())?;
        let step = job.steps.iter().find(|s| s.state == ostler_wire::job::StepState::Running);
        let last =
            seen["log"].as_array().and_then(|log| log.last()).map(|line| text(&line["text"])).unwrap_or_default();
        moving.say(&format!("{} {} {last}", job.kind, step.map(|s| s.name.as_str()).unwrap_or_default()));
        match job.state {
            state if !state.is_final() => Ok(None),
            ostler_model::job::State::Succeeded => Ok(Some(seen)),
            state => {
                let why = job.error.map(|why| clean(&why)).unwrap_or_else(|| state.as_str().to_owned());
                Err(Trouble::Failed(format!("{why}\n  What happened: ostler job get {id}")).into())
            }
        }
    })
    .await
}

/// Waits until the node has reported this state for what is wanted now.
pub(crate) async fn state(api: &Api, path: &str, wanted: &str, limit: Duration) -> Result<Value> {
    let moving = Moving::new();
    let noun = if path.starts_with("/game/") { "game" } else { "workload" };
    // Its id, which needs no quotes and survives a new name.
    let id = path.rsplit('/').next().unwrap_or_default();
    let late = || format!("it was not {wanted} in time; how it is: ostler {noun} get {id}");
    until(limit, late, async || {
        let seen = api.get(path).await?;
        let is_current = seen["observed_generation"].as_u64() >= seen["generation"].as_u64();
        let (now, reason) = (text(&seen["state"]), text(at(&seen, "reason")));
        moving.say(&format!("{now} {reason}"));
        match now.as_str() {
            now if is_current && now == wanted => Ok(Some(seen)),
            // It runs; what is wrong with it is said, and is no reason to wait any longer.
            "degraded" if is_current && wanted == "running" => Ok(Some(seen)),
            "failed" if is_current => {
                let why = if reason.is_empty() { "for a reason that is not known".to_owned() } else { reason };
                Err(Trouble::Failed(format!("it failed: {why}\n  What it printed: ostler {noun} console {id}")).into())
            }
            _ => Ok(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_units_and_nonsense_is_refused() {
        assert_eq!(span("90"), Ok(Duration::from_secs(90)));
        assert_eq!(span("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(span("7d"), Ok(Duration::from_secs(604_800)));
        for bad in ["", "0", "m", "-1s", "1w", "1.5h", "99999999999999999999s", "99999999999d"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
