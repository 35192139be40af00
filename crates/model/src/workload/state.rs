//! One word for people: how a workload is, from what is wanted, what was reported and whether its node answers.

use super::{Phase, Power, Report, Status, Why};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A workload's state. It never claims what the node has not reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Accepted, not reported by its node yet.
    Pending,
    /// Files, packages or images are being put in place.
    Installing,
    Starting,
    /// Ready for use.
    Running,
    /// Runs, but a resource failed or a limit is not enforced.
    Degraded,
    Stopping,
    Stopped,
    /// Broken; the reason says why and when it tries again.
    Failed,
    Deleting,
    /// Its node does not answer.
    Unknown,
}

impl State {
    /// Every state.
    pub const ALL: [State; 10] = [
        State::Pending,
        State::Installing,
        State::Starting,
        State::Running,
        State::Degraded,
        State::Stopping,
        State::Stopped,
        State::Failed,
        State::Deleting,
        State::Unknown,
    ];
    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Installing => "installing",
            State::Starting => "starting",
            State::Running => "running",
            State::Degraded => "degraded",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
            State::Failed => "failed",
            State::Deleting => "deleting",
            State::Unknown => "unknown",
        }
    }
    /// Something is under way.
    pub const fn is_changing(self) -> bool {
        matches!(self, State::Pending | State::Installing | State::Starting | State::Stopping | State::Deleting)
    }
}

/// What is wanted, as far as the state depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub power: Power,
    pub generation: u64,
    pub restart: u64,
}

/// The state and, where there is something to say, the reason in a sentence.
pub fn state(want: Wanted, report: Option<&Report>, is_node_online: bool) -> (State, Option<String>) {
    let Some(report) = report else {
        let reason = (!is_node_online).then(|| "its node is away".to_owned());
        return (if want.power == Power::Absent { State::Deleting } else { State::Pending }, reason);
    };
    if !is_node_online {
        let state = if want.power == Power::Absent { State::Deleting } else { State::Unknown };
        return (state, Some(format!("its node is away; last seen {}", word(&report.seen.phase))));
    }
    let is_applied = report.generation >= want.generation;
    let (state, reason) = settled(want, report, is_applied);
    if want.power == Power::Absent && state != State::Failed { (State::Deleting, reason) } else { (state, reason) }
}

fn settled(want: Wanted, report: &Report, is_applied: bool) -> (State, Option<String>) {
    let on = want.power == Power::On;
    match &report.seen.phase {
        Phase::Preparing { .. } => (State::Installing, changing(report)),
        Phase::Starting { .. } => (if on { State::Starting } else { State::Stopping }, None),
        Phase::Running { .. } if !on || report.seen.restart < want.restart => (State::Stopping, None),
        Phase::Running { .. } => degraded(report).map_or((State::Running, None), |why| (State::Degraded, Some(why))),
        Phase::Stopping { .. } => (State::Stopping, None),
        Phase::Stopped | Phase::Gone | Phase::Failed { .. } if on && report.held().is_some() => {
            (State::Pending, report.held().map(|held| held.message.clone()))
        }
        Phase::Stopped | Phase::Gone if on => (State::Starting, None),
        Phase::Stopped | Phase::Gone if !is_applied => (State::Pending, None),
        Phase::Stopped | Phase::Gone => (State::Stopped, None),
        // A newer wish is on its way to the node; the old failure no longer describes what will be.
        Phase::Failed { .. } if !is_applied => (State::Pending, None),
        Phase::Failed { why, retry_at } => (State::Failed, Some(failure(why, *retry_at, report))),
        Phase::Removing { .. } => (State::Deleting, None),
    }
}

fn word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Stopped => "stopped",
        Phase::Preparing { .. } => "installing",
        Phase::Starting { .. } => "starting",
        Phase::Running { .. } => "running",
        Phase::Stopping { .. } => "stopping",
        Phase::Failed { .. } => "failed",
        Phase::Removing { .. } => "being removed",
        Phase::Gone => "gone",
    }
}

fn changing(report: &Report) -> Option<String> {
    report
        .conditions
        .iter()
        .find(|c| c.status == Status::Changing)
        .map(|c| if c.message.is_empty() { c.resource.clone() } else { format!("{}: {}", c.resource, c.message) })
}

fn degraded(report: &Report) -> Option<String> {
    report.conditions.iter().find(|c| c.status == Status::Failed).map(|c| format!("{}: {}", c.resource, c.message))
}

fn failure(why: &Why, retry_at: Option<crate::Time>, report: &Report) -> String {
    let mut text = match why {
        Why::Prepare { message } => format!("could not be installed: {message}"),
        Why::Start { message } => format!("could not be started: {message}"),
        Why::NotReady => "was not ready in time and was killed".to_owned(),
        Why::Remove { message } => format!("could not be removed: {message}"),
        Why::Exited => match &report.seen.exit {
            Some(exit) if exit.is_out_of_memory => "was killed because it used more memory than its limit".to_owned(),
            Some(exit) => match (exit.code, exit.signal) {
                (_, Some(signal)) => format!("was ended by signal {signal}"),
                (Some(code), None) => format!("ended with status {code}"),
                (None, None) => "ended".to_owned(),
            },
            None => "ended".to_owned(),
        },
    };
    match retry_at {
        Some(at) => text.push_str(&format!("; tries again at {at} (failure {} in a row)", report.seen.crashes)),
        None => text.push_str("; start it to try again"),
    }
    text
}
