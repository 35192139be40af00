//! Jobs: long operations of the control plane, as rows with an enum of steps.

use crate::authz::{Kind as ResourceKind, Resource};
use crate::{JobId, Time, WorkspaceId};
use serde::{Deserialize, Serialize};

/// One long operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub workspace: Option<WorkspaceId>,
    /// For example `workload.provision`; names the recipe that knows the steps.
    pub kind: String,
    /// What it works on, an id.
    pub target: String,
    /// JSON; the recipe's arguments.
    pub input: String,
    /// JSON object: each finished step's output by the step's name.
    pub outputs: String,
    pub state: State,
    /// The step being done or undone; `None` when nothing is left.
    pub step: Option<String>,
    /// 0 to 100.
    pub progress: u8,
    /// How often the current step has been begun.
    pub attempt: u32,
    /// Not before this time.
    pub due_at: Time,
    pub is_cancel_asked: bool,
    /// The error that people see; set when failed or while unwinding.
    pub error: Option<String>,
    pub created_by: String,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Queued,
    Running,
    /// A later step failed or somebody cancelled: finished steps are being undone.
    Unwinding,
    Succeeded,
    Failed,
    Cancelled,
}

impl State {
    /// Nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(self, State::Succeeded | State::Failed | State::Cancelled)
    }
    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Unwinding => "unwinding",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }
}

impl std::str::FromStr for State {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [State::Queued, State::Running, State::Unwinding, State::Succeeded, State::Failed, State::Cancelled]
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or(())
    }
}

/// One line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub seq: u64,
    pub at: Time,
    pub text: String,
}

impl Resource for Job {
    const KIND: ResourceKind = ResourceKind::Job;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn about(&self) -> Option<String> {
        Some(self.target.clone())
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }
}
