//! What this machine is and what can be enforced on it. What cannot is said in words.

use crate::driver::account::is_root;
use crate::driver::process::cgroup::Cgroups;
use crate::driver::process::sandbox::Sandbox;
use crate::driver::tool;
use ostler_model::node::{Abilities, Facts, Isolation, Low};
use std::fs;
use std::path::Path;

/// What was found, to build drivers and facts from.
#[derive(Debug, Clone)]
pub struct Found {
    pub sandbox: Sandbox,
    pub cgroups: Cgroups,
    /// Name and version of the container engine that answers.
    pub engine: Option<String>,
}

/// The facts of this machine.
pub fn facts(found: &Found, data: &Path, address: &str, port_range: (u16, u16)) -> Facts {
    let uname = rustix::system::uname();
    let text = |field: &std::ffi::CStr| field.to_string_lossy().into_owned();
    Facts {
        hostname: text(uname.nodename()),
        os: os_name(),
        kernel: text(uname.release()),
        arch: text(uname.machine()),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        cpu_count: std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        memory_bytes: meminfo("MemTotal:").unwrap_or(0),
        disk_bytes: disk(data).map_or(0, |(total, _)| total),
        address: address.to_owned(),
        port_range,
        can: abilities(found),
        low: Low::default(),
    }
}

fn abilities(found: &Found) -> Abilities {
    let is_root = is_root();
    let own_accounts = is_root && tool::find("useradd").is_some() && tool::find("userdel").is_some();
    let mut packages = vec![];
    if is_root && tool::find("apt-get").is_some() {
        packages.push("apt".to_owned());
    }
    if tool::find("npm").is_some() {
        packages.push("npm".to_owned());
    }
    let mut notes = vec![];
    if !is_root {
        notes.push("The agent is not root: workloads share its account and can read each other's files.".to_owned());
    } else if !own_accounts {
        notes.push("useradd and userdel are missing, so workloads cannot get accounts of their own.".to_owned());
    }
    if found.sandbox == Sandbox::None {
        notes.push(match tool::find("bwrap") {
            None => {
                "Bubblewrap is not installed: processes see the whole machine. Install the package bubblewrap.".into()
            }
            Some(_) => {
                "Bubblewrap is not allowed to make user namespaces here: processes see the whole machine.".into()
            }
        });
    }
    match &found.cgroups {
        Cgroups::V2(_) => {}
        Cgroups::V1(found) => {
            for (controller, what) in [("memory", "memory"), ("cpu", "processor time"), ("pids", "processes")] {
                if !found.contains_key(controller) {
                    notes.push(format!(
                        "The control group controller {controller} is not there: {what} is not limited."
                    ));
                }
            }
        }
        Cgroups::None => notes.push(
            "No control groups can be made: memory, processor and number of processes are not limited.".to_owned(),
        ),
    }
    if found.engine.is_none() {
        notes.push("No container engine answers: workloads run as processes only.".to_owned());
    }
    notes.push("How much a volume holds is not limited on this file system.".to_owned());
    Abilities {
        is_root,
        own_accounts,
        sandbox: found.sandbox.word().to_owned(),
        isolation: if found.sandbox == Sandbox::None { Isolation::None } else { Isolation::SharedNetwork },
        cgroups: found.cgroups.word().to_owned(),
        container_engine: found.engine.clone(),
        packages,
        notes,
    }
}

fn os_name() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "Linux".to_owned(), |name| name.trim_matches('"').to_owned())
}

/// One line of `/proc/meminfo`, in bytes.
pub(crate) fn meminfo(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Total and used bytes of the file system on which this folder is or will be.
pub(crate) fn disk(path: &Path) -> Option<(u64, u64)> {
    let there = path.ancestors().find(|p| p.exists())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    let total = stat.f_blocks * stat.f_frsize;
    Some((total, total.saturating_sub(stat.f_bfree * stat.f_frsize)))
}

/// The address under which others most likely reach this machine: the one that it would use to reach them.
pub fn likely_address() -> String {
    let find = || {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
        // Nothing is sent: connecting a datagram socket only chooses the route.
        socket.connect("198.51.100.1:9").ok()?;
        Some(socket.local_addr().ok()?.ip().to_string())
    };
    find().unwrap_or_else(|| "127.0.0.1".to_owned())
}
