//! Container engines of our own for the container driver's tests: own data, own socket, own address range.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::scratch::Scratch;
use crate::guard::{Guarded, Stop};
use crate::{say, shell};

/// A running engine; it, its containers and its network disappear with this value.
pub struct Engine {
    daemon: Guarded,
    scratch: Scratch,
    kind: Kind,
}

/// Whose engine it is. Both speak Docker's API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Docker,
    Podman,
}

// The benchmarking and documentation ranges: the engines' defaults would shadow whatever they mean to this machine.
const BRIDGE: &str = "198.18.0.1/24";
const POOL: &str = "base=198.18.64.0/18,size=24";
/// runc where a kernel has both hierarchies of cgroups, which crun refuses; limits that hold without CAP_SYS_RESOURCE.
const CONTAINERS_CONF: &str = r#"[containers]
default_ulimits = ["nofile=16384:16384", "nproc=32768:32768"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
default_subnet = "198.51.100.0/24"
"#;

impl Engine {
    /// Starts the engine and waits until it answers.
    pub fn start(kind: Kind) -> Result<Self> {
        say::step(&format!("starting {kind:?} for the tests"));
        let scratch = Scratch::new("dk")?;
        let log = std::fs::File::create(scratch.path().join("log")).context("could not make the engine's log")?;
        let mut command = match kind {
            Kind::Docker => docker(&scratch)?,
            Kind::Podman => podman(&scratch)?,
        };
        command.stdout(Stdio::null()).stderr(log);
        let stop = Stop { patience: Duration::from_secs(20), after: after(&scratch), ..Stop::default() };
        let daemon = Guarded::spawn(&mut command, &stop)?;
        let mut engine = Self { daemon, scratch, kind };
        engine.wait_ready()?;
        Ok(engine)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let socket = self.scratch.path().join("engine.sock");
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            if self.daemon.wait(Duration::from_millis(50))?.is_some() || Instant::now() >= deadline {
                let log = std::fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(20).collect();
                let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
                bail!("{:?} did not come up:\n{tail}", self.kind);
            }
        }
        Ok(())
    }

    /// The address for `DOCKER_HOST`.
    pub fn host(&self) -> String {
        host(&self.scratch)
    }
}

fn host(scratch: &Scratch) -> String {
    format!("unix://{}", scratch.path().join("engine.sock").display())
}

fn docker(scratch: &Scratch) -> Result<Command> {
    let mut command = Command::new(shell::which("dockerd").context("dockerd is not installed")?);
    for (option, name) in [("--data-root", "root"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
        command.arg(option).arg(scratch.path().join(name));
    }
    command.args(["-H", &host(scratch), "--bip", BRIDGE, "--default-address-pool", POOL]);
    Ok(command)
}

fn podman(scratch: &Scratch) -> Result<Command> {
    let mut command = Command::new(shell::which("podman").context("podman is not installed")?);
    let config = scratch.path().join("containers.conf");
    std::fs::write(&config, CONTAINERS_CONF)?;
    command.env("CONTAINERS_CONF", config);
    for (option, name) in [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
        command.arg(option).arg(scratch.path().join(name));
    }
    command.args(["system", "service", "--time=0", &host(scratch)]);
    Ok(command)
}

/// Shell text that undoes what the engine does to the machine, but for what was there before it.
fn after(scratch: &Scratch) -> String {
    let dir = scratch.path().display();
    let mut script =
        format!("for m in $(awk '$2 ~ \"^{dir}/\" {{print $2}}' /proc/mounts | sort -r); do umount -l \"$m\"; done\n");
    for bridge in ["docker0", "podman0"] {
        if !std::path::Path::new("/sys/class/net").join(bridge).exists() {
            script.push_str(&format!("ip link del {bridge} 2>/dev/null\n"));
        }
    }
    let forwarding = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap_or_default();
    if forwarding.trim() == "0" {
        script.push_str("echo 0 > /proc/sys/net/ipv4/ip_forward\n");
    }
    // Restored as a whole only when they were empty of the engine's chains; somebody else's engine keeps its rules.
    if let (Some(save), Some(restore)) = (shell::which("iptables-save"), shell::which("iptables-restore"))
        && let Ok(rules) = shell::output(&mut Command::new(save))
        && !rules.contains(":DOCKER")
        && !rules.contains(":NETAVARK")
    {
        let file = scratch.path().join("iptables");
        if std::fs::write(&file, rules_or_empty(&rules)).is_ok() {
            script.push_str(&format!("'{}' < '{}'\n", restore.display(), file.display()));
        }
    }
    script.push_str(&scratch.removal());
    script
}

/// `iptables-save` names no table that was never used, and restoring nothing changes nothing: name both that the engine uses.
fn rules_or_empty(rules: &str) -> String {
    let mut out = rules.to_owned();
    for (table, chains) in [
        ("filter", ["INPUT", "FORWARD", "OUTPUT"].as_slice()),
        ("nat", ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"].as_slice()),
    ] {
        if !rules.contains(&format!("*{table}")) {
            out.push_str(&format!("*{table}\n"));
            chains.iter().for_each(|chain| out.push_str(&format!(":{chain} ACCEPT [0:0]\n")));
            out.push_str("COMMIT\n");
        }
    }
    out
}
