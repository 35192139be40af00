//! Blueprints: what an agent converges. Resources and ids only; no kind, user, price or role ever appears here.

use crate::Millis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that makes up one workload on its node. Resources are ensured in order and removed in reverse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Blueprint {
    pub resources: Vec<Resource>,
    pub run: Run,
    /// Digest of everything that takes effect only at a start; limits are not part of it.
    pub revision: String,
}

/// One thing on the node, by a key unique in its workload such as `volume/data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    pub key: String,
    #[serde(flatten)]
    pub what: What,
}

/// The kinds of resource that are in place before the run starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "resource", rename_all = "snake_case")]
pub enum What {
    /// A system account of the workload's own.
    Account {},
    /// A folder that belongs to the account and outlives restarts.
    Volume {
        name: String,
        /// Hard limit where the file system can, else reported as not enforced.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit_bytes: Option<u64>,
    },
    /// A file in a volume. `keep` leaves an existing file alone.
    File {
        volume: String,
        path: String,
        content: String,
        #[serde(default)]
        keep: bool,
    },
    /// A package of the distribution (`apt`, shared by all workloads and never removed) or of `npm` (installed into a volume).
    Package {
        manager: PackageManager,
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// A program whose presence proves that the package is there, so nothing needs installing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provides: Option<String>,
        /// For `npm`: the volume to install into.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        volume: Option<String>,
    },
    /// A file fetched over HTTP and checked against its SHA-256 before it takes its place.
    Download { url: String, sha256: String, volume: String, path: String },
    /// A host port kept for this workload.
    Port { name: String, port: u16, protocol: Protocol },
}

/// Package managers that agents know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PackageManager {
    Apt,
    Npm,
}

/// Transport protocols of ports. `both` keeps the same number for TCP and UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    Tcp,
    Udp,
    Both,
}

/// What runs, and how its life is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    #[serde(flatten)]
    pub how: How,
    pub limits: Limits,
    /// Ready when any of these holds; when empty, as soon as it runs.
    pub ready: Vec<Probe>,
    /// From start to ready; then it is killed and counts as failed.
    pub start_limit: Millis,
    pub stop: StopRule,
    /// From the stop to the kill, counted from when the node saw the request.
    pub grace: Millis,
    pub restart: RestartRule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub players: Option<PlayerRule>,
}

/// The two ways to run something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "runtime", rename_all = "snake_case")]
pub enum How {
    Process(Process),
    Container(Container),
}

/// A process tree under its own account in a sandbox.
///
/// In `program`, `args` and `env` the agent replaces `{{volume.NAME}}` by the volume's path as the process sees it, and
/// `{{program.ostler}}` by the path of its own program, which the process then sees, read-only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    pub program: String,
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// The volume that is the working directory.
    pub workdir: String,
}

/// A container. Its volumes are mounted at the given paths, its ports published on the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    pub image: String,
    /// The image that the template itself names: others of its repository may run too, and elsewhere what the node's owner
    /// allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_image: Option<String>,
    /// `None` keeps the image's command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    pub env: BTreeMap<String, String>,
    /// Volume name to path in the container.
    pub mounts: BTreeMap<String, String>,
    /// Port name to port in the container.
    pub publish: BTreeMap<String, u16>,
    #[serde(default)]
    pub read_only_root: bool,
    /// `uid` or `uid:gid`; the image's own when absent, but never root unless the template says `0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// What a workload may use. Zero means no limit of that kind, which only platform admins may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub memory_bytes: u64,
    /// Thousandths of one processor.
    pub cpu_millis: u32,
    /// Processes and threads.
    pub pids: u32,
    /// Of each volume.
    pub disk_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: 512 << 20, cpu_millis: 1000, pids: 256, disk_bytes: 10 << 30 }
    }
}

/// How the agent knows that it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Probe {
    /// A console line matches this regular expression.
    Log(String),
    /// Something accepts a connection on this named port.
    Tcp(String),
    /// The named port answers a datagram.
    Udp(UdpProbe),
    /// The named port answers a GET with a status below 400.
    Http(HttpProbe),
}

/// A datagram and the answer that proves readiness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UdpProbe {
    pub port: String,
    /// Hexadecimal bytes to send.
    pub send: String,
    /// Hexadecimal bytes that the answer must begin with; empty accepts any answer.
    #[serde(default)]
    pub expect: String,
}

/// A GET request on a named port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    pub port: String,
    pub path: String,
}

/// How it is asked to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StopRule {
    /// A line on its standard input.
    Command(String),
    /// A signal to the main process.
    Signal(Signal),
}

/// Signals with which a program may be asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Signal {
    #[serde(rename = "TERM")]
    Term,
    #[serde(rename = "INT")]
    Int,
    #[serde(rename = "QUIT")]
    Quit,
    #[serde(rename = "HUP")]
    Hup,
}

/// What happens after an exit that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestartRule {
    /// Start again, with growing pauses: it is wanted on.
    Always,
    /// Start again unless it was seen to end with 0 by itself: for work that is done some time.
    OnFailure,
    Never,
}

/// How players are counted from the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlayerRule {
    /// Regular expression of a line that says somebody joined.
    pub join: String,
    /// Regular expression of a line that says somebody left.
    pub leave: String,
}
