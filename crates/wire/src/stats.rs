//! Live measurements. Never stored by the stream itself.

use ostler_model::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a workload uses now. What cannot be measured here is absent, never zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadStats {
    pub at: Time,
    /// Thousandths of one processor, since the sample before.
    pub cpu_millis: Option<u32>,
    pub memory_bytes: Option<u64>,
    pub memory_limit_bytes: Option<u64>,
    pub pids: Option<u32>,
    /// Bytes since the run began.
    pub received_bytes: Option<u64>,
    pub sent_bytes: Option<u64>,
    pub disk_bytes: Option<u64>,
    pub players: Option<u32>,
}

/// What a node uses now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeStats {
    pub at: Time,
    /// Thousandths of one processor, of `cpu_count * 1000`.
    pub cpu_millis: u32,
    pub memory_used_bytes: u64,
    pub memory_total_bytes: u64,
    pub disk_used_bytes: u64,
    pub disk_total_bytes: u64,
    /// Bytes since the machine started, all interfaces but loopback.
    pub received_bytes: u64,
    pub sent_bytes: u64,
    /// One-minute load average times 1000.
    pub load_millis: u32,
    pub workloads_running: u32,
}
