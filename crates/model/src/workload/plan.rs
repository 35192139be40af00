//! What an agent does next for one workload: [`plan`], and how what happened changes what is seen: [`Seen::after`].
//!
//! Both are pure. The supervisor only fetches, calls and applies; the simulation and the model tests drive the same functions.

use super::blueprint::Blueprint;
use super::blueprint::RestartRule;
use crate::node::Isolation;
use crate::{Millis, Time, WorkloadId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the owner wants of a workload on this node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Desired {
    pub id: WorkloadId,
    /// Grows with every change; an agent never goes back to an older one.
    pub generation: u64,
    pub power: Power,
    /// Stop without asking first.
    pub is_forced: bool,
    /// Counts the restarts that were asked for.
    pub restart: u64,
    pub blueprint: Blueprint,
    /// The weakest isolation with which it may start; the node's owner decides.
    #[serde(default, skip_serializing_if = "Isolation::is_none")]
    pub min_isolation: Isolation,
}

/// The direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Power {
    On,
    Off,
    /// Stopped, and everything removed.
    Absent,
}

impl Power {
    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Power::On => "on",
            Power::Off => "off",
            Power::Absent => "absent",
        }
    }
}

/// How a workload is on its node. Kept in the agent's journal, so it survives the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    pub phase: Phase,
    /// Revision that the resources were last ensured for.
    pub prepared: Option<String>,
    /// Revision that the present or last run was started with.
    pub started: Option<String>,
    /// Restart counter that has been honoured.
    pub restart: u64,
    /// Generation in which the present failure happened; a newer one is a reason to try again at once.
    pub failed_in: u64,
    /// Failures in a row, for the back-off.
    pub crashes: u32,
    /// How the last run ended.
    pub exit: Option<Exit>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { phase: Phase::Stopped, prepared: None, started: None, restart: 0, failed_in: 0, crashes: 0, exit: None }
    }
}

/// Where in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Phase {
    Stopped,
    /// Resources are being ensured.
    Preparing {
        since: Time,
    },
    /// Runs, not ready yet.
    Starting {
        since: Time,
    },
    Running {
        since: Time,
    },
    /// Asked to stop, or killed, but not gone yet.
    Stopping {
        since: Time,
        killed: bool,
    },
    /// Broken; tries again at the given time, or when something new is wanted.
    Failed {
        why: Why,
        retry_at: Option<Time>,
    },
    Removing {
        since: Time,
    },
    /// Nothing of it is left here.
    Gone,
}

/// Why it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Why {
    /// A resource could not be ensured.
    Prepare { message: String },
    /// It could not be started at all.
    Start { message: String },
    /// It was not ready within its start limit and was killed.
    NotReady,
    /// It ended although nobody asked.
    Exited,
    /// A resource could not be removed.
    Remove { message: String },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exit {
    pub at: Time,
    /// The exit status, when it ended by itself.
    pub code: Option<i32>,
    /// The signal, when one ended it.
    pub signal: Option<i32>,
    /// It was killed for using more memory than its limit.
    pub is_out_of_memory: bool,
}

/// One thing to do. Each is idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Ensure every resource.
    Prepare,
    /// Give up preparing.
    Abort,
    Start,
    /// Ask it to stop.
    Stop,
    Kill,
    /// Forget a failure that no longer matters.
    Clear,
    /// Remove every resource, last first.
    Remove,
}

/// What happened on the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// A step has been begun; its effect may or may not follow.
    Began(Step),
    Prepared {
        revision: String,
    },
    PrepareFailed {
        message: String,
    },
    /// It could not be started at all.
    StartFailed {
        message: String,
    },
    /// A readiness probe holds.
    BecameReady,
    /// The run ended, for whatever reason.
    Exited(Exit),
    Removed,
    RemoveFailed {
        message: String,
    },
}

/// Preparing may take this long: the slowest honest case is a large download on a slow line.
pub const PREPARE_LIMIT: Millis = Millis::secs(45 * 60);
/// A run that lasted this long has proved itself: the back-off begins anew.
pub const PROVEN_AFTER: Millis = Millis::secs(10 * 60);
const BACKOFF_FIRST: Millis = Millis::secs(1);
const BACKOFF_MOST: Millis = Millis::secs(5 * 60);
/// A kill that did not end the run is repeated after this pause: the first may have been lost with the agent.
pub const KILL_AGAIN: Millis = Millis::secs(10);

/// What to do next so that `seen` becomes `want`. Empty when they agree or when waiting is right.
pub fn plan(want: &Desired, seen: &Seen, now: Time) -> Vec<Step> {
    let run = &want.blueprint.run;
    let is_prepared = seen.prepared.as_deref() == Some(&want.blueprint.revision);
    let begin = if is_prepared { Step::Start } else { Step::Prepare };
    let stop = if want.is_forced { Step::Kill } else { Step::Stop };
    match (want.power, &seen.phase) {
        (Power::On, Phase::Stopped | Phase::Gone) => vec![begin],
        (Power::On, Phase::Failed { retry_at, .. }) if is_retry_due(want, seen, *retry_at, now) => vec![begin],
        (Power::On, Phase::Starting { .. } | Phase::Running { .. }) if seen.restart < want.restart => vec![Step::Stop],
        (Power::On, Phase::Starting { since }) if is_over(*since, run.start_limit, now) => vec![Step::Kill],

        // A workload that is off is still kept prepared, so that its files are there and a start is quick.
        (Power::Off, Phase::Stopped | Phase::Gone) if !is_prepared => vec![Step::Prepare],
        (Power::Off, Phase::Failed { why: Why::Prepare { .. }, retry_at })
            if is_retry_due(want, seen, *retry_at, now) =>
        {
            vec![Step::Prepare]
        }
        (
            Power::Off,
            Phase::Failed { why: Why::Start { .. } | Why::NotReady | Why::Exited | Why::Remove { .. }, .. },
        ) => vec![Step::Clear],

        (Power::Off | Power::Absent, Phase::Starting { .. } | Phase::Running { .. }) => vec![stop],
        (_, Phase::Stopping { since, killed: false }) if want.is_forced || is_over(*since, run.grace, now) => {
            vec![Step::Kill]
        }
        (_, Phase::Stopping { since, killed: true }) if is_over(*since, KILL_AGAIN, now) => vec![Step::Kill],
        (_, Phase::Preparing { since }) if is_over(*since, PREPARE_LIMIT, now) => vec![Step::Abort],
        // A removal that hangs is begun anew; the steps before it are done and cost nothing.
        (_, Phase::Removing { since }) if is_over(*since, PREPARE_LIMIT, now) => vec![Step::Remove],

        (Power::Absent, Phase::Preparing { .. }) => vec![Step::Abort],
        (Power::Absent, Phase::Stopped) => vec![Step::Remove],
        (Power::Absent, Phase::Failed { why: Why::Remove { .. }, retry_at })
            if !is_retry_due(want, seen, *retry_at, now) =>
        {
            vec![]
        }
        (Power::Absent, Phase::Failed { .. }) => vec![Step::Remove],

        // Nothing to do but wait. Listed, not swept up by `_`: a new phase must be a compile error here.
        (Power::On, Phase::Starting { .. } | Phase::Running { .. } | Phase::Failed { .. } | Phase::Removing { .. })
        | (Power::Off, Phase::Stopped | Phase::Gone | Phase::Failed { .. } | Phase::Removing { .. })
        | (Power::Absent, Phase::Removing { .. } | Phase::Gone)
        | (Power::On | Power::Off, Phase::Preparing { .. })
        | (Power::On | Power::Off | Power::Absent, Phase::Stopping { .. }) => vec![],
    }
}

/// When [`plan`] may answer differently although nothing happens: the next deadline, if there is one.
pub fn wake_at(want: &Desired, seen: &Seen) -> Option<Time> {
    match &seen.phase {
        Phase::Preparing { since } | Phase::Removing { since } => Some(*since + PREPARE_LIMIT),
        Phase::Starting { since } => Some(*since + want.blueprint.run.start_limit),
        Phase::Stopping { since, killed: false } => Some(*since + want.blueprint.run.grace),
        Phase::Stopping { since, killed: true } => Some(*since + KILL_AGAIN),
        Phase::Failed { retry_at, .. } => *retry_at,
        Phase::Stopped | Phase::Running { .. } | Phase::Gone => None,
    }
}

/// Its own retry time has come, or its owner wants something newer than what failed.
fn is_retry_due(want: &Desired, seen: &Seen, retry_at: Option<Time>, now: Time) -> bool {
    retry_at.is_some_and(|at| at <= now || at > now + BACKOFF_MOST) || seen.failed_in < want.generation
}

/// The span has passed, or the clock was set back so far that waiting for it would take longer than twice the span.
fn is_over(since: Time, span: Millis, now: Time) -> bool {
    since + span <= now || since > now + span
}

/// Pause before the next try after `crashes` failures in a row: 1 s, 2 s, 4 s … at most 5 minutes.
pub fn backoff(crashes: u32) -> Millis {
    let factor = 1_u64 << crashes.saturating_sub(1).min(20);
    Millis((BACKOFF_FIRST.0 * factor).min(BACKOFF_MOST.0))
}

impl Seen {
    /// What is seen after something happened.
    #[must_use]
    pub fn after(mut self, want: &Desired, happened: Happened, now: Time) -> Self {
        match happened {
            Happened::Began(step) => self.begin(want, step, now),
            // A late answer of work that was called off says nothing about what is on disk by now.
            Happened::Prepared { revision } => {
                if matches!(self.phase, Phase::Preparing { .. }) {
                    self.prepared = Some(revision);
                    self.phase = Phase::Stopped;
                }
            }
            Happened::PrepareFailed { message } => {
                if matches!(self.phase, Phase::Preparing { .. }) {
                    self.fail(want, Why::Prepare { message }, true, now);
                }
            }
            Happened::StartFailed { message } => {
                if matches!(self.phase, Phase::Starting { .. }) {
                    self.fail(want, Why::Start { message }, want.blueprint.run.restart != RestartRule::Never, now);
                } else if matches!(self.phase, Phase::Stopping { .. }) {
                    self.phase = Phase::Stopped;
                }
            }
            Happened::BecameReady => {
                if let Phase::Starting { .. } = self.phase {
                    self.phase = Phase::Running { since: now };
                }
            }
            Happened::Exited(exit) => self.exited(want, exit, now, true),
            Happened::Removed => {
                if matches!(self.phase, Phase::Removing { .. }) {
                    self = Seen { phase: Phase::Gone, restart: self.restart, ..Seen::default() };
                }
            }
            Happened::RemoveFailed { message } => {
                if matches!(self.phase, Phase::Removing { .. }) {
                    self.fail(want, Why::Remove { message }, true, now);
                }
            }
        }
        self
    }

    /// What is seen after the agent itself was away. Its unfinished work ended with it and is begun anew; `ended` is how a
    /// run ended meanwhile, `None` while it is still there (or when there was none).
    #[must_use]
    pub fn recovered(mut self, want: &Desired, ended: Option<Exit>, now: Time) -> Self {
        match (&self.phase, ended) {
            (Phase::Preparing { .. } | Phase::Removing { .. }, _) => {
                self.prepared = None;
                self.phase = Phase::Stopped;
            }
            (Phase::Starting { .. } | Phase::Running { .. } | Phase::Stopping { .. }, Some(exit)) => {
                self.exited(want, exit, now, false);
            }
            // Nobody looked whether it was ready, so its time to become ready begins anew.
            (Phase::Starting { .. }, None) => self.phase = Phase::Starting { since: now },
            (Phase::Running { .. } | Phase::Stopping { .. }, None)
            | (Phase::Stopped | Phase::Failed { .. } | Phase::Gone, _) => {}
        }
        self
    }

    fn begin(&mut self, want: &Desired, step: Step, now: Time) {
        match step {
            // From here on what is on disk is a mixture, whatever it was before.
            Step::Prepare => {
                self.prepared = None;
                self.phase = Phase::Preparing { since: now };
            }
            Step::Abort => {
                self.fail(want, Why::Prepare { message: "it took too long or was called off".into() }, true, now)
            }
            Step::Start => {
                self.phase = Phase::Starting { since: now };
                self.started = Some(want.blueprint.revision.clone());
                self.restart = want.restart;
            }
            Step::Stop => self.phase = Phase::Stopping { since: now, killed: false },
            Step::Kill => {
                // A start that ran out of time is remembered as such: its exit must count as a failure.
                if matches!(self.phase, Phase::Starting { .. }) && want.power == Power::On {
                    self.failed_in = want.generation;
                }
                self.phase = Phase::Stopping { since: now, killed: true };
            }
            Step::Clear => {
                self.phase = Phase::Stopped;
                self.crashes = 0;
            }
            Step::Remove => {
                self.prepared = None;
                self.phase = Phase::Removing { since: now };
            }
        }
    }

    /// `was_watched` when the agent was there: else the end of the machine, the engine or the agent may have ended it, and
    /// a program that is asked to stop ends with 0.
    fn exited(&mut self, want: &Desired, exit: Exit, now: Time, was_watched: bool) {
        let code = exit.code;
        self.exit = Some(exit);
        match self.phase {
            // Killed for not becoming ready: `begin` noted the generation. Any other stop was asked for.
            Phase::Stopping { killed: true, .. }
                if want.power == Power::On && self.failed_in == want.generation && self.restart == want.restart =>
            {
                self.fail(want, Why::NotReady, want.blueprint.run.restart != RestartRule::Never, now);
            }
            Phase::Stopping { .. } => {
                self.phase = Phase::Stopped;
                self.crashes = 0;
            }
            Phase::Starting { since } | Phase::Running { since } => {
                if matches!(self.phase, Phase::Running { .. }) && since + PROVEN_AFTER <= now {
                    self.crashes = 0;
                }
                let again = match want.blueprint.run.restart {
                    RestartRule::Always => true,
                    RestartRule::OnFailure => code != Some(0) || !was_watched,
                    RestartRule::Never => false,
                };
                self.fail(want, Why::Exited, again, now);
            }
            Phase::Stopped | Phase::Preparing { .. } | Phase::Failed { .. } | Phase::Removing { .. } | Phase::Gone => {}
        }
    }

    fn fail(&mut self, want: &Desired, why: Why, again: bool, now: Time) {
        self.crashes = self.crashes.saturating_add(1);
        self.failed_in = want.generation;
        let retry_at = again.then(|| now + backoff(self.crashes));
        self.phase = Phase::Failed { why, retry_at };
    }
}
