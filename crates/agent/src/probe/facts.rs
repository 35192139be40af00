//! What this machine is and what can be enforced on it. What cannot is said in words.

use crate::driver::account::is_root;
use crate::driver::process::cgroup::Cgroups;
use crate::driver::process::network;
use crate::driver::process::sandbox::Sandbox;
use crate::driver::{equip_command, tool};
use ostler_model::Foreign;
use ostler_model::node::{Abilities, Facts, Isolation, Low};
use std::fs;
use std::path::Path;

/// What was found, to build drivers and facts from.
#[derive(Debug, Clone)]
pub struct Found {
    pub sandbox: Sandbox,
    /// Whether networks can be made, or why not.
    pub network: Result<(), String>,
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
    let isolation = isolation(found, is_root, own_accounts);
    notes.extend(fence_note(found, is_root, tool::find("bwrap").is_some(), network::has_resolver()));
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
        isolation,
        cgroups: found.cgroups.word().to_owned(),
        container_engine: found.engine.clone(),
        packages,
        notes,
    }
}

/// How far processes are separated: less than full where one part is missing, none where they would see the machine or be root.
fn isolation(found: &Found, is_root: bool, own_accounts: bool) -> Isolation {
    match (found.sandbox, &found.network) {
        (Sandbox::None, _) => Isolation::None,
        (Sandbox::Bubblewrap, _) if is_root && !own_accounts => Isolation::None,
        (Sandbox::Bubblewrap, Ok(())) => Isolation::Full,
        (Sandbox::Bubblewrap, Err(_)) => Isolation::SharedNetwork,
    }
}

/// What is missing for full separation, and what to do about it.
fn fence_note(found: &Found, is_root: bool, has_bubblewrap: bool, has_resolver: bool) -> Option<String> {
    let install = equip_command();
    match (found.sandbox, &found.network) {
        (Sandbox::None, _) if !has_bubblewrap => Some(format!(
            "Bubblewrap is not installed: processes see the whole machine. Run `{install}` and start the agent again."
        )),
        (Sandbox::None, _) => Some(
            "Bubblewrap is not allowed to make user namespaces here: processes see the whole machine. Allow them (the settings \
             user.max_user_namespaces, kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns) and \
             start the agent again."
                .to_owned(),
        ),
        (Sandbox::Bubblewrap, Ok(())) if !has_resolver => Some(
            "The machine's only resolver listens on loopback, where workloads do not reach it: they cannot look up names. Write \
             one that others reach into /etc/resolv.conf."
                .to_owned(),
        ),
        (Sandbox::Bubblewrap, Ok(())) => None,
        (Sandbox::Bubblewrap, Err(_)) if !is_root => Some(
            "The agent is not root and cannot give processes a network of their own: they share the machine's and reach what \
             listens on it. Run the agent as root."
                .to_owned(),
        ),
        (Sandbox::Bubblewrap, Err(why)) => Some(format!(
            "Processes cannot get a network of their own: they share the machine's and reach what listens on it ({}). Run \
             `{install}` and start the agent again.",
            Foreign(why)
        )),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sandbox: Sandbox, network: Result<(), &str>) -> Found {
        Found { sandbox, network: network.map_err(str::to_owned), cgroups: Cgroups::None, engine: None }
    }

    #[test]
    fn s2_a_node_that_cannot_separate_says_so_with_the_remedy() {
        let without = found(Sandbox::None, Err("bubblewrap does not work here"));
        // Root or not: what sees the machine is not separated.
        for (is_root, own_accounts) in [(true, true), (false, false)] {
            assert_eq!(isolation(&without, is_root, own_accounts), Isolation::None);
        }
        let note = fence_note(&without, false, false, true).unwrap();
        assert!(note.contains("apt-get install bubblewrap") && note.contains("see the whole machine"), "{note}");
        let note = fence_note(&without, false, true, true).unwrap();
        assert!(note.contains("user.max_user_namespaces"), "{note}");
        // Processes would be root themselves.
        assert_eq!(isolation(&found(Sandbox::Bubblewrap, Ok(())), true, false), Isolation::None);
    }

    #[test]
    fn s9_a_shared_network_is_said_with_the_remedy() {
        let shared = found(Sandbox::Bubblewrap, Err("nft is not installed"));
        assert_eq!(isolation(&shared, true, true), Isolation::SharedNetwork);
        let note = fence_note(&shared, true, true, true).unwrap();
        assert!(note.contains("nft is not installed") && note.contains("nftables"), "{note}");
        assert!(fence_note(&shared, false, true, true).unwrap().contains("as root"));
        let full = found(Sandbox::Bubblewrap, Ok(()));
        assert_eq!((isolation(&full, true, true), fence_note(&full, true, true, true)), (Isolation::Full, None));
        assert!(fence_note(&full, true, true, false).unwrap().contains("resolv.conf"));
    }
}
