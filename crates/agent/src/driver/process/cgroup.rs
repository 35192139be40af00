//! Control groups, version 1 and 2: limits, counting, and ending a whole tree.
//!
//! Each workload has a group `ostler/<id>` in every hierarchy that is used. A hierarchy counts as there when a group can be
//! made in it, not when it is mounted.

use ostler_model::workload::blueprint::Limits;
use ostler_model::{Millis, WorkloadId};
use ostler_runtime::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const PARENT: &str = "ostler";
/// How long ending a tree may take: processes in uninterruptible sleep wait for their disk.
const KILL_LIMIT: Millis = Millis::secs(10);

/// What this machine offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cgroups {
    V2(PathBuf),
    /// Controller to its mount point, of those that can be used.
    V1(BTreeMap<&'static str, PathBuf>),
    None,
}

const V1_CONTROLLERS: [&str; 5] = ["memory", "cpu", "cpuacct", "pids", "freezer"];

impl Cgroups {
    /// Looks what can really be used.
    pub fn probe() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut v1 = BTreeMap::new();
        for line in mounts.lines() {
            let Some((left, right)) = line.split_once(" - ") else { continue };
            let (Some(at), mut right) = (left.split(' ').nth(4), right.split(' ')) else { continue };
            let (kind, options) = (right.next().unwrap_or_default(), right.nth(1).unwrap_or_default());
            if kind == "cgroup2" && is_v2_usable(Path::new(at)) {
                return Cgroups::V2(at.into());
            }
            if kind == "cgroup" {
                for controller in V1_CONTROLLERS {
                    let own = Path::new(at).join(PARENT);
                    if options.split(',').any(|o| o == controller) && holds_groups(&own) {
                        v1.insert(controller, PathBuf::from(at));
                    }
                }
            }
        }
        if v1.contains_key("memory") || v1.contains_key("freezer") { Cgroups::V1(v1) } else { Cgroups::None }
    }
    /// `v2`, `v1` or `none`.
    pub fn word(&self) -> &'static str {
        match self {
            Cgroups::V2(_) => "v2",
            Cgroups::V1(_) => "v1",
            Cgroups::None => "none",
        }
    }
    /// The files by which a process joins the group of what serves workloads without being one, opened. Empty where
    /// there is none: then it stays in the agent's.
    pub(crate) fn aside(&self) -> Vec<fs::File> {
        let at = |mount: &PathBuf| mount.join(PARENT).join("output");
        let group = Group(match self {
            Cgroups::V2(mount) => Cgroups::V2(at(mount)),
            Cgroups::V1(mounts) => Cgroups::V1(mounts.iter().map(|(name, mount)| (*name, at(mount))).collect()),
            Cgroups::None => Cgroups::None,
        });
        let made = group.dirs().into_iter().try_for_each(fs::create_dir_all);
        made.and_then(|()| group.doors()).unwrap_or_default()
    }
    /// The group of a workload; nothing is made yet.
    pub fn group(&self, id: WorkloadId) -> Group {
        let at = |mount: &PathBuf| mount.join(PARENT).join(id.to_string());
        Group(match self {
            Cgroups::V2(mount) => Cgroups::V2(at(mount)),
            Cgroups::V1(mounts) => Cgroups::V1(mounts.iter().map(|(name, mount)| (*name, at(mount))).collect()),
            Cgroups::None => Cgroups::None,
        })
    }
}

/// Version 2 is usable when the controllers that limit things can be given to our groups.
fn is_v2_usable(mount: &Path) -> bool {
    let own = mount.join(PARENT);
    let offered = fs::read_to_string(mount.join("cgroup.controllers")).unwrap_or_default();
    if !["memory", "cpu", "pids"].iter().all(|c| offered.split_whitespace().any(|o| o == *c)) {
        return false;
    }
    let give = |dir: &Path| fs::write(dir.join("cgroup.subtree_control"), "+memory +cpu +pids");
    give(mount).and_then(|()| fs::create_dir_all(&own)).and_then(|()| give(&own)).is_ok() && holds_groups(&own)
}

/// Whether groups can be made below this one. That it is there says nothing: another agent of this machine may have made it.
fn holds_groups(own: &Path) -> bool {
    let trial = own.join(format!("trial-{}", std::process::id()));
    let made = fs::create_dir_all(own).and_then(|()| fs::create_dir(&trial));
    // Its last owner may have been an agent with the same number that was killed right here.
    let is_there =
        made.is_ok() || made.is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists && trial.is_dir());
    is_there && fs::remove_dir(&trial).is_ok()
}

/// The group of one workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group(Cgroups);

/// What a group has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu_nanos: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub pids: Option<u32>,
}

impl Group {
    /// Makes the group and sets its limits. What could not be limited is named in the answer.
    pub fn make(&self, limits: &Limits) -> io::Result<Vec<String>> {
        for dir in self.dirs() {
            fs::create_dir_all(dir)?;
        }
        Ok(self.limit(limits))
    }
    /// Sets limits, also of what runs. What could not be limited is named in the answer.
    pub fn limit(&self, limits: &Limits) -> Vec<String> {
        let Limits { memory_bytes, cpu_millis, pids, disk_bytes: _ } = *limits;
        let number = |n: u64| if n == 0 { "max".to_owned() } else { n.to_string() };
        let mut missing = vec![];
        let mut set = |what: &str, wanted: u64, done: io::Result<()>| match done {
            Err(e) if wanted != 0 => missing.push(format!("{what} ({e})")),
            _ => {}
        };
        match &self.0 {
            Cgroups::V2(dir) => {
                set("memory", memory_bytes, fs::write(dir.join("memory.max"), number(memory_bytes)));
                // Swap would let it grow beyond its limit and slow the whole node down.
                let _ = fs::write(dir.join("memory.swap.max"), if memory_bytes == 0 { "max" } else { "0" });
                let quota = if cpu_millis == 0 { "max".into() } else { (u64::from(cpu_millis) * 100).to_string() };
                set("processor", u64::from(cpu_millis), fs::write(dir.join("cpu.max"), format!("{quota} 100000")));
                set("processes", u64::from(pids), fs::write(dir.join("pids.max"), number(u64::from(pids))));
            }
            Cgroups::V1(dirs) => {
                let absent = || Err(io::Error::other("there is no such controller here"));
                let memory = dirs.get("memory").map_or_else(absent, |dir| limit_memory_v1(dir, memory_bytes));
                set("memory", memory_bytes, memory);
                let quota = if cpu_millis == 0 { -1 } else { i64::from(cpu_millis) * 100 };
                let cpu = dirs.get("cpu").map_or_else(absent, |dir| {
                    fs::write(dir.join("cpu.cfs_period_us"), "100000")?;
                    fs::write(dir.join("cpu.cfs_quota_us"), quota.to_string())
                });
                set("processor", u64::from(cpu_millis), cpu);
                let most = number(u64::from(pids));
                set(
                    "processes",
                    u64::from(pids),
                    dirs.get("pids").map_or_else(absent, |dir| fs::write(dir.join("pids.max"), most)),
                );
            }
            Cgroups::None => {
                for (what, wanted) in
                    [("memory", memory_bytes), ("processor", u64::from(cpu_millis)), ("processes", u64::from(pids))]
                {
                    set(what, wanted, Err(io::Error::other("no control groups here")));
                }
            }
        }
        missing
    }
    /// The files by which a process joins, opened.
    pub fn doors(&self) -> io::Result<Vec<fs::File>> {
        self.dirs().into_iter().map(|dir| fs::OpenOptions::new().write(true).open(dir.join("cgroup.procs"))).collect()
    }
    /// Everything that is in it.
    pub fn pids(&self) -> BTreeSet<i32> {
        let read = |dir: &PathBuf| fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        self.dirs()
            .iter()
            .flat_map(|dir| read(dir).lines().filter_map(|l| l.parse().ok()).collect::<Vec<_>>())
            .collect()
    }
    /// True when there is such a thing on this machine.
    pub fn is_real(&self) -> bool {
        self.0 != Cgroups::None
    }
    /// How often something in it was killed for lack of memory.
    pub fn oom_kills(&self) -> u64 {
        let (file, word) = match &self.0 {
            Cgroups::V2(dir) => (dir.join("memory.events"), "oom_kill "),
            Cgroups::V1(dirs) => match dirs.get("memory") {
                Some(dir) => (dir.join("memory.oom_control"), "oom_kill "),
                None => return 0,
            },
            Cgroups::None => return 0,
        };
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok()).unwrap_or(0)
    }
    /// What it uses.
    pub fn usage(&self) -> Usage {
        let read = |path: PathBuf| fs::read_to_string(path).ok();
        let number = |path: PathBuf| read(path)?.trim().parse::<u64>().ok();
        let field = |path: PathBuf, name: &str| {
            read(path)?.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
        };
        match &self.0 {
            Cgroups::V2(dir) => Usage {
                cpu_nanos: field(dir.join("cpu.stat"), "usage_usec ").map(|us| us * 1000),
                // Cached files can be dropped at any time: they are not what the workload needs.
                memory_bytes: number(dir.join("memory.current"))
                    .map(|all| all.saturating_sub(field(dir.join("memory.stat"), "inactive_file ").unwrap_or(0))),
                pids: number(dir.join("pids.current")).and_then(|n| u32::try_from(n).ok()),
            },
            Cgroups::V1(dirs) => {
                let at = |controller: &str, file: &str| Some(dirs.get(controller)?.join(file));
                Usage {
                    cpu_nanos: at("cpuacct", "cpuacct.usage").and_then(number),
                    memory_bytes: at("memory", "memory.usage_in_bytes").and_then(number).map(|all| {
                        let cached = at("memory", "memory.stat").and_then(|p| field(p, "total_inactive_file "));
                        all.saturating_sub(cached.unwrap_or(0))
                    }),
                    pids: at("pids", "pids.current").and_then(number).and_then(|n| u32::try_from(n).ok()),
                }
            }
            Cgroups::None => Usage::default(),
        }
    }
    /// Ends everything in it.
    pub async fn kill(&self, clock: &Clock) -> Result<(), String> {
        let until = clock.now() + KILL_LIMIT;
        loop {
            self.kill_once();
            let left = self.pids();
            if left.is_empty() {
                return Ok(());
            }
            if clock.now() >= until {
                return Err(format!("processes {left:?} do not end"));
            }
            clock.sleep(Millis(20)).await;
        }
    }
    fn kill_once(&self) {
        if let Cgroups::V2(dir) = &self.0
            && fs::write(dir.join("cgroup.kill"), "1").is_ok()
        {
            return;
        }
        // Frozen, a fork bomb cannot outrun the killing. The signals arrive with the thaw.
        self.freeze(true);
        for pid in self.pids() {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        self.freeze(false);
    }
    fn freeze(&self, on: bool) {
        let _ = match &self.0 {
            Cgroups::V2(dir) => fs::write(dir.join("cgroup.freeze"), if on { "1" } else { "0" }),
            Cgroups::V1(dirs) => match dirs.get("freezer") {
                Some(dir) => fs::write(dir.join("freezer.state"), if on { "FROZEN" } else { "THAWED" }),
                None => Ok(()),
            },
            Cgroups::None => Ok(()),
        };
    }
    /// Removes the empty group.
    pub async fn remove(&self, clock: &Clock) -> Result<(), String> {
        let until = clock.now() + KILL_LIMIT;
        for dir in self.dirs() {
            loop {
                match remove_tree(dir) {
                    Ok(()) => break,
                    // A process that was killed is in the group until somebody has read its status.
                    Err(_) if clock.now() < until => clock.sleep(Millis(20)).await,
                    Err(e) => return Err(format!("{} cannot be removed: {e}", dir.display())),
                }
            }
            // The last one takes the parent along; while there are others this fails, as it should.
            if let Some(parent) = dir.parent() {
                let _ = fs::remove_dir(parent);
            }
        }
        Ok(())
    }
    fn dirs(&self) -> Vec<&PathBuf> {
        match &self.0 {
            Cgroups::V2(dir) => vec![dir],
            Cgroups::V1(dirs) => dirs.values().collect::<BTreeSet<_>>().into_iter().collect(),
            Cgroups::None => vec![],
        }
    }
}

/// A workload may have made groups below its own.
fn remove_tree(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(dir)
}

/// Memory with swap can never be below memory without: which of the two goes first depends on the direction.
fn limit_memory_v1(dir: &Path, bytes: u64) -> io::Result<()> {
    let text = if bytes == 0 { "-1".to_owned() } else { bytes.to_string() };
    let (plain, swap) = (dir.join("memory.limit_in_bytes"), dir.join("memory.memsw.limit_in_bytes"));
    if !swap.exists() {
        return fs::write(plain, text);
    }
    if fs::write(&plain, &text).is_ok() {
        return fs::write(&swap, &text);
    }
    fs::write(&swap, &text)?;
    fs::write(&plain, &text)
}
