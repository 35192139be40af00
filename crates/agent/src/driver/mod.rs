//! What makes resources and runs real: one seam, with process, container and simulated implementations behind it.
//!
//! Everything here is idempotent: ensuring twice is ensuring once, removing what is gone succeeds, and a start first ends
//! whatever an interrupted start left. Before anything is made, the supervisor has written it into the inventory.

pub mod account;
pub mod container;
mod equip;
pub mod layout;
pub mod process;
mod real;
mod resource;
pub mod sim;
pub(crate) mod tool;

pub(crate) use equip::command as equip_command;
pub use equip::equip;
pub use real::{Real, Settings};

use crate::console::Console;
use crate::supervisor::disk::Disk;
use futures_util::future::BoxFuture;
use ostler_model::WorkloadId;
use ostler_model::workload::blueprint::{How, Limits, Resource, StopRule};
use ostler_model::workload::plan::Exit;
use ostler_model::workload::{Desired, Status};
use ostler_wire::stats::{NodeStats, WorkloadStats};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Everything that an agent acts with.
#[derive(Clone)]
pub struct Drivers {
    pub resources: Arc<dyn Resources>,
    pub process: Arc<dyn Driver>,
    pub container: Arc<dyn Driver>,
    /// Where the journal is.
    pub disk: Arc<dyn Disk>,
    pub machine: Arc<dyn Machine>,
}

impl Drivers {
    /// The driver of this way to run.
    pub fn of(&self, runtime: Runtime) -> &Arc<dyn Driver> {
        match runtime {
            Runtime::Process => &self.process,
            Runtime::Container => &self.container,
        }
    }
}

/// Which driver runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    Process,
    Container,
}

impl From<&How> for Runtime {
    fn from(how: &How) -> Self {
        match how {
            How::Process(_) => Runtime::Process,
            How::Container(_) => Runtime::Container,
        }
    }
}

impl From<Runtime> for ostler_model::workload::Runtime {
    fn from(runtime: Runtime) -> Self {
        match runtime {
            Runtime::Process => ostler_model::workload::Runtime::Process,
            Runtime::Container => ostler_model::workload::Runtime::Container,
        }
    }
}

/// One workload, as a driver sees it.
#[derive(Clone)]
pub struct Job {
    pub id: WorkloadId,
    pub want: Arc<Desired>,
    pub console: Console,
}

/// How a resource or a run is, besides working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub status: Status,
    pub reason: String,
    pub message: String,
}

impl Note {
    /// All is well.
    pub fn ready() -> Self {
        Self { status: Status::Ready, reason: String::new(), message: String::new() }
    }
    /// It works, but something asked for is not enforced here.
    pub fn degraded(reason: &str, message: impl Into<String>) -> Self {
        Self { status: Status::Degraded, reason: reason.to_owned(), message: message.into() }
    }
    /// One note of several: the worst, with all messages.
    pub fn all(notes: Vec<Note>) -> Note {
        let mut notes = notes.into_iter().filter(|n| n.status != Status::Ready);
        let Some(mut first) = notes.next() else { return Note::ready() };
        for next in notes {
            first.message = format!("{}; {}", first.message, next.message);
        }
        first
    }
}

/// Says how far it is, in a sentence.
pub type Progress<'a> = &'a (dyn Fn(String) + Send + Sync);

/// Puts resources in place and takes them away.
pub trait Resources: Send + Sync + 'static {
    /// Puts it in place. Dropping the future ends it soon; what is half done is done again next time.
    fn ensure<'a>(
        &'a self,
        job: &'a Job,
        resource: &'a Resource,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, Result<Note, String>>;
    /// Takes it away, whether or not it was ever completed.
    fn remove<'a>(&'a self, id: WorkloadId, resource: &'a Resource) -> BoxFuture<'a, Result<(), String>>;
    /// What it takes on the disk; `None` where that is not known.
    fn size<'a>(&'a self, id: WorkloadId, resource: &'a Resource) -> BoxFuture<'a, Option<u64>>;
}

/// Starts runs and finds those that a former agent process started.
pub trait Driver: Send + Sync + 'static {
    /// Fetches and checks what a start needs and what is no resource, such as an image.
    fn prepare<'a>(&'a self, job: &'a Job, progress: Progress<'a>) -> BoxFuture<'a, Result<Note, String>>;
    /// Starts it.
    fn start<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<Started, String>>;
    /// Looks for a run of this workload. `known` is what [`Started::identity`] was, if the journal got to keep it.
    fn adopt<'a>(&'a self, job: &'a Job, known: Option<&'a Value>) -> BoxFuture<'a, Result<Adopted, String>>;
    /// Ends whatever still runs of it and removes what runs leave behind.
    fn sweep(&self, id: WorkloadId) -> BoxFuture<'_, Result<(), String>>;
}

/// A run that is under way.
pub struct Started {
    /// What [`Driver::adopt`] will need to recognise it.
    pub identity: Value,
    pub run: Arc<dyn Run>,
    pub note: Note,
}

/// What became of a former run.
pub enum Adopted {
    Running(Started),
    Ended(Exit),
    /// There is none, and nothing is known of one.
    Nothing,
}

/// One run. Dropping it changes nothing on the machine.
pub trait Run: Send + Sync + 'static {
    /// Waits for the end. All output has reached the console by then.
    fn wait(&self) -> BoxFuture<'_, Exit>;
    /// Waits until a readiness probe holds.
    fn ready(&self) -> BoxFuture<'_, ()>;
    /// Asks it to stop.
    fn stop<'a>(&'a self, rule: &'a StopRule) -> BoxFuture<'a, Result<(), String>>;
    /// Ends the whole tree.
    fn kill(&self) -> BoxFuture<'_, Result<(), String>>;
    /// Sends one line to its input.
    fn input<'a>(&'a self, line: &'a str) -> BoxFuture<'a, Result<(), String>>;
    /// Applies new limits while it runs.
    fn limit<'a>(&'a self, limits: &'a Limits) -> BoxFuture<'a, Note>;
    /// Connects to what it listens with on this port of its own.
    fn dial(&self, port: u16) -> BoxFuture<'_, std::io::Result<TcpStream>>;
    /// What it uses now. `cpu_millis` is since the last call with the same meter.
    fn stats<'a>(&'a self, meter: &'a mut Meter) -> BoxFuture<'a, WorkloadStats>;
}

/// Remembers the last sample, so that a rate can be told.
#[derive(Debug, Default)]
pub struct Meter {
    /// Processor time in nanoseconds, and when it was read.
    pub last: Option<(u64, std::time::Instant)>,
}

impl Meter {
    /// Thousandths of one processor since the last call, from the processor time used so far.
    pub fn rate(&mut self, cpu_nanos: u64, at: std::time::Instant) -> Option<u32> {
        let last = self.last.replace((cpu_nanos, at));
        let (before, then) = last?;
        let passed = u64::try_from(at.saturating_duration_since(then).as_nanos()).ok().filter(|n| *n > 0)?;
        let used = u128::from(cpu_nanos.saturating_sub(before)) * 1000 / u128::from(passed);
        u32::try_from(used).ok()
    }
}

/// Measures the machine.
pub trait Machine: Send + Sync + 'static {
    /// What the machine uses now.
    fn stats<'a>(&'a self, meter: &'a mut Meter) -> BoxFuture<'a, NodeStats>;
}
