//! Measuring the machine. Only while somebody watches; nothing is stored.

use crate::driver::{Machine, Meter};
use crate::probe::facts::{disk, meminfo};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ostler_runtime::Clock;
use ostler_wire::stats::NodeStats;
use std::fs;
use std::path::PathBuf;

/// This machine.
pub struct LocalMachine {
    pub clock: Clock,
    /// The folder whose file system is measured.
    pub data: PathBuf,
}

impl Machine for LocalMachine {
    fn stats<'a>(&'a self, meter: &'a mut Meter) -> BoxFuture<'a, NodeStats> {
        let (total, available) = (meminfo("MemTotal:").unwrap_or(0), meminfo("MemAvailable:").unwrap_or(0));
        let (disk_total_bytes, disk_used_bytes) = disk(&self.data).unwrap_or_default();
        let (received_bytes, sent_bytes) = network();
        let stats = NodeStats {
            at: self.clock.now(),
            cpu_millis: meter.rate(busy_nanos(), self.clock.instant()).unwrap_or(0),
            memory_used_bytes: total.saturating_sub(available),
            memory_total_bytes: total,
            disk_used_bytes,
            disk_total_bytes,
            received_bytes,
            sent_bytes,
            load_millis: load_millis(),
            workloads_running: 0,
        };
        std::future::ready(stats).boxed()
    }
}

/// Time that all processors together were not idle.
fn busy_nanos() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers: Vec<u64> =
        text.lines().next().unwrap_or_default().split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is inside of user time.
    let busy: u64 = numbers.iter().take(8).enumerate().filter(|(i, _)| !matches!(i, 3 | 4)).map(|(_, n)| n).sum();
    busy * (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

/// Bytes over all interfaces but loopback.
fn network() -> (u64, u64) {
    let text = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let (mut received, mut sent) = (0_u64, 0_u64);
    for (name, numbers) in text.lines().filter_map(|line| line.split_once(':')) {
        if name.trim() != "lo" {
            let numbers: Vec<u64> = numbers.split_whitespace().filter_map(|n| n.parse().ok()).collect();
            received += numbers.first().copied().unwrap_or(0);
            sent += numbers.get(8).copied().unwrap_or(0);
        }
    }
    (received, sent)
}

fn load_millis() -> u32 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let (whole, part) = text.split_whitespace().next().and_then(|one| one.split_once('.')).unwrap_or(("0", "0"));
    let whole: u32 = whole.parse().unwrap_or(0);
    whole.saturating_mul(1000).saturating_add(part.parse::<u32>().unwrap_or(0) * 10)
}
