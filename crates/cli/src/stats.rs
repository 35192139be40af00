//! `ostler game stats`: what a workload uses, as it is measured.

use crate::api::Api;
use crate::show::{self, bytes};
use anyhow::Result;
use ostler_wire::stats::WorkloadStats;

pub(crate) async fn run(api: &Api, path: &str, once: bool) -> Result<()> {
    let mut stream = api.client.events(&format!("{path}/stats"));
    let following = async {
        loop {
            let frame = stream.next().await?;
            if api.common.json {
                show::print(&frame.data)?;
            } else {
                show::print(&line(&serde_json::from_str(&frame.data)?))?;
            }
            if once {
                return Ok(());
            }
        }
    };
    tokio::select! {
        done = following => done,
        done = tokio::signal::ctrl_c() => Ok(done?),
    }
}

/// What is not measured here is left out: it is not zero.
fn line(stats: &WorkloadStats) -> String {
    let memory = stats.memory_bytes.map(|used| match stats.memory_limit_bytes {
        Some(limit) => format!("memory {} of {}", bytes(used), bytes(limit)),
        None => format!("memory {}", bytes(used)),
    });
    let parts = [
        stats.cpu_millis.map(|millis| format!("cpu {} %", millis / 10)),
        memory,
        stats.pids.map(|n| format!("{n} processes")),
        stats.received_bytes.map(|n| format!("received {}", bytes(n))),
        stats.sent_bytes.map(|n| format!("sent {}", bytes(n))),
        stats.disk_bytes.map(|n| format!("disk {}", bytes(n))),
        stats.players.map(|n| format!("{n} players")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing can be measured now".to_owned() } else { parts.join("  ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_measured_is_left_out() {
        let stats = WorkloadStats { cpu_millis: Some(250), memory_bytes: Some(1 << 20), ..WorkloadStats::default() };
        assert_eq!(line(&stats), "cpu 25 %  memory 1 MiB");
        assert_eq!(line(&WorkloadStats::default()), "nothing can be measured now");
    }
}
