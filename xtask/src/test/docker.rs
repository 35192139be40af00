//! A Docker Engine of our own for the container driver's tests: own data, own socket, own address range.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::scratch::Scratch;
use crate::guard::{Guarded, Stop};
use crate::{say, shell};

/// A running engine; it, its containers and its network disappear with this value.
pub struct Docker {
    daemon: Guarded,
    scratch: Scratch,
}

// The benchmarking range: the engine's default would shadow whatever 172.17.0.0/16 means to this machine.
const BRIDGE: &str = "198.18.0.1/24";
const POOL: &str = "base=198.18.64.0/18,size=24";

impl Docker {
    /// Starts the engine and waits until it answers.
    pub fn start() -> Result<Self> {
        say::step("starting a Docker Engine for the tests");
        let scratch = Scratch::new("dk")?;
        let dockerd = shell::which("dockerd").context("dockerd is not installed")?;
        let log = std::fs::File::create(scratch.path().join("log")).context("could not make dockerd's log")?;
        let at = |name: &str| scratch.path().join(name);
        let mut command = Command::new(dockerd);
        command.arg("--data-root").arg(at("root")).arg("--exec-root").arg(at("exec")).arg("--pidfile").arg(at("pid"));
        command.arg("-H").arg(format!("unix://{}", at("docker.sock").display()));
        command.args(["--bip", BRIDGE, "--default-address-pool", POOL]);
        command.stdout(Stdio::null()).stderr(log);
        let stop = Stop { patience: Duration::from_secs(20), after: after(&scratch), ..Stop::default() };
        let daemon = Guarded::spawn(&mut command, &stop)?;
        let mut engine = Self { daemon, scratch };
        engine.wait_ready()?;
        Ok(engine)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let socket = self.scratch.path().join("docker.sock");
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            if self.daemon.wait(Duration::from_millis(50))?.is_some() || Instant::now() >= deadline {
                let log = std::fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(20).collect();
                bail!("dockerd did not come up:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
            }
        }
        Ok(())
    }

    /// The address for `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.scratch.path().join("docker.sock").display())
    }
}

/// Shell text that undoes what the engine does to the machine, but for what was there before it.
fn after(scratch: &Scratch) -> String {
    let dir = scratch.path().display();
    let mut script =
        format!("for m in $(awk '$2 ~ \"^{dir}/\" {{print $2}}' /proc/mounts | sort -r); do umount -l \"$m\"; done\n");
    if !std::path::Path::new("/sys/class/net/docker0").exists() {
        script.push_str("ip link del docker0 2>/dev/null\n");
    }
    let forwarding = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap_or_default();
    if forwarding.trim() == "0" {
        script.push_str("echo 0 > /proc/sys/net/ipv4/ip_forward\n");
    }
    // Restored as a whole only when they were empty of the engine's chains; somebody else's engine keeps its rules.
    if let (Some(save), Some(restore)) = (shell::which("iptables-save"), shell::which("iptables-restore"))
        && let Ok(rules) = shell::output(&mut Command::new(save))
        && !rules.contains(":DOCKER")
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
