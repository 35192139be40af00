//! One process tree.

use super::cgroup::Group;
use super::network::{self, Held};
use super::output::{Files, Tail, send};
use super::{listen, proc};
use crate::driver::account::Accounts;
use crate::driver::{Job, Meter, Note, Run};
use crate::probe::reach::Reach;
use crate::probe::ready;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ostler_model::Millis;
use ostler_model::workload::blueprint::{Limits, Signal, StopRule};
use ostler_model::workload::plan::Exit;
use ostler_runtime::{Clock, Spawn};
use ostler_wire::stats::WorkloadStats;
use rustix::process::{Pid, PidfdFlags};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::sync::{Notify, watch};

/// How a run is recognised: the number alone may belong to somebody else by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub pid: i32,
    pub started: u64,
    pub boot: String,
    pub is_fenced: bool,
    /// The account after whose number its network is called, when it has one of its own.
    #[serde(default)]
    pub network: Option<u32>,
}

impl Identity {
    pub(crate) fn is_alive(&self) -> bool {
        self.boot == proc::boot_id() && proc::is_alive(self.pid, self.started)
    }
}

/// A tree that runs.
pub(super) struct Tree {
    pub(super) identity: Identity,
    group: Group,
    files: Files,
    input: Option<File>,
    hurry: Arc<Notify>,
    exit: watch::Receiver<Option<Exit>>,
    job: Job,
    clock: Clock,
    first_line: u64,
    /// Ports of which it is known that this run itself listens there: nobody can take them while it does.
    own: Mutex<HashSet<u16>>,
}

/// What [`Tree::attend`] needs.
pub(super) struct Attending {
    pub job: Job,
    pub identity: Identity,
    pub group: Group,
    pub files: Files,
    pub held: Held,
    /// Only of a run that this very process started.
    pub child: Option<Child>,
    pub clock: Clock,
    pub spawn: Spawn,
}

impl Tree {
    /// Watches a tree until its end.
    pub(super) fn attend(attending: Attending) -> Tree {
        let Attending { job, identity, group, files, held, child, clock, spawn } = attending;
        let first_line = if child.is_some() { job.console.last_seq() } else { 0 };
        let mut tail = Tail::open(files.clone(), job.console.clone(), clock.clone(), child.is_some());
        let (tell, exit) = watch::channel(None);
        let hurry = tail.hurry.clone();
        let input = files.input().map_err(|error| tracing::warn!(workload = %job.id, %error, "no input")).ok();
        let end = End { identity: identity.clone(), group: group.clone(), files: files.clone(), clock: clock.clone() };
        spawn.spawn("process.attend", async move {
            tokio::select! {
                () = tail.follow() => {}
                exit = end.wait(child) => {
                    tail.end().await;
                    // The next start, which may come at once, takes them again.
                    drop(held);
                    tell.send_replace(Some(exit));
                }
            }
        });
        Tree { identity, group, files, input, hurry, exit, job, clock, first_line, own: Mutex::default() }
    }

    /// Fails unless what listens on this port is of the workload's own account, where it has one.
    fn is_own(&self, port: u16) -> std::io::Result<()> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        // In a network of its own, only it can listen.
        if own.contains(&port) || self.identity.network.is_some() {
            return Ok(());
        }
        if let Some(account) = Accounts::of(self.job.id) {
            listen::is_of(port, account.uid)?;
        }
        own.insert(port);
        Ok(())
    }

    /// Where its ports are.
    fn reach(&self) -> Reach {
        match self.identity.network {
            Some(_) => Reach::Inside(self.identity.clone()),
            None => Reach::At(std::net::Ipv4Addr::LOCALHOST.into()),
        }
    }

    /// The program itself: with bubblewrap, the child of the first process in its process namespace.
    fn main(&self) -> Option<i32> {
        if !self.identity.is_fenced {
            return Some(self.identity.pid);
        }
        let init = status_of(&self.files).child?;
        let children = proc::all().into_iter().filter(|(_, stat)| stat.parent == init && stat.state != 'Z');
        children.min_by_key(|(_, stat)| stat.started).map(|(pid, _)| pid)
    }

    async fn signal(&self, signal: Signal) -> Result<(), String> {
        let signal = match signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Int => rustix::process::Signal::INT,
            Signal::Quit => rustix::process::Signal::QUIT,
            Signal::Hup => rustix::process::Signal::HUP,
        };
        // Right after the start the program may not be there yet.
        for _ in 0..50 {
            if let Some(pid) = self.main().and_then(Pid::from_raw) {
                return rustix::process::kill_process(pid, signal)
                    .map_err(|e| format!("the signal cannot be sent: {e}"));
            }
            self.clock.sleep(Millis(40)).await;
        }
        Err("its main process cannot be found".to_owned())
    }
}

impl Run for Tree {
    fn wait(&self) -> BoxFuture<'_, Exit> {
        let mut exit = self.exit.clone();
        async move {
            let ended = exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone());
            match ended {
                Some(exit) => exit,
                // The agent is going down, and whoever waits with it.
                None => std::future::pending().await,
            }
        }
        .boxed()
    }
    fn ready(&self) -> BoxFuture<'_, ()> {
        let run = &self.job.want.blueprint;
        ready::wait(&self.clock, &self.job.console, run, self.reach(), self.first_line).boxed()
    }
    fn dial(&self, port: u16) -> BoxFuture<'_, std::io::Result<TcpStream>> {
        async move {
            self.is_own(port)?;
            self.reach().tcp(port).await
        }
        .boxed()
    }
    fn stop<'a>(&'a self, rule: &'a StopRule) -> BoxFuture<'a, Result<(), String>> {
        match rule {
            StopRule::Command(command) => self.input(command),
            StopRule::Signal(signal) => self.signal(*signal).boxed(),
        }
    }
    fn kill(&self) -> BoxFuture<'_, Result<(), String>> {
        kill_tree(&self.group, &self.identity, &self.files, &self.clock).boxed()
    }
    fn input<'a>(&'a self, line: &'a str) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let input = self.input.as_ref().ok_or("its input is not there any more")?;
            send(&self.clock, input, line).await?;
            self.hurry.notify_one();
            Ok(())
        }
        .boxed()
    }
    fn limit<'a>(&'a self, limits: &'a Limits) -> BoxFuture<'a, Note> {
        std::future::ready(limit_note(self.group.limit(limits))).boxed()
    }
    fn stats<'a>(&'a self, meter: &'a mut Meter) -> BoxFuture<'a, WorkloadStats> {
        let usage = self.group.usage();
        let limit = self.job.want.blueprint.run.limits.memory_bytes;
        // The host's network is counted for all together, not per process.
        let traffic = self.identity.network.and_then(|_| network::traffic(self.identity.pid));
        let stats = WorkloadStats {
            at: self.clock.now(),
            cpu_millis: usage.cpu_nanos.and_then(|nanos| meter.rate(nanos, self.clock.instant())),
            memory_bytes: usage.memory_bytes,
            memory_limit_bytes: (limit > 0 && self.group.is_real()).then_some(limit),
            pids: usage.pids,
            received_bytes: traffic.map(|(received, _)| received),
            sent_bytes: traffic.map(|(_, sent)| sent),
            disk_bytes: None,
            players: self.job.console.players(),
        };
        std::future::ready(stats).boxed()
    }
}

/// What was not limited, as a condition.
pub(super) fn limit_note(missing: Vec<String>) -> Note {
    if missing.is_empty() {
        Note::ready()
    } else {
        Note::degraded("limits_not_enforced", format!("not limited here: {}", missing.join(", ")))
    }
}

struct End {
    identity: Identity,
    group: Group,
    files: Files,
    clock: Clock,
}

impl End {
    /// Waits for the main process, then ends what it left running.
    async fn wait(&self, child: Option<Child>) -> Exit {
        let status = match child {
            Some(mut child) => child.wait().await.ok(),
            None => {
                gone(&self.identity, &self.clock).await;
                None
            }
        };
        let exit = how_it_ended(&self.identity, &self.group, &self.files, status, &self.clock);
        if let Err(error) = kill_tree(&self.group, &self.identity, &self.files, &self.clock).await {
            tracing::error!(%error, "a run ended, but what it started does not");
        }
        exit
    }
}

/// Resolves when that process, which is nobody's child here, has ended.
async fn gone(identity: &Identity, clock: &Clock) {
    if let Some(pid) = Pid::from_raw(identity.pid)
        && let Ok(fd) = rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK)
        && identity.is_alive()
        && super::sys::readable(fd).await.is_ok()
    {
        return;
    }
    while identity.is_alive() {
        clock.sleep(Millis(250)).await;
    }
}

/// How it ended, as far as anybody knows.
pub(super) fn how_it_ended(
    identity: &Identity,
    group: &Group,
    files: &Files,
    status: Option<std::process::ExitStatus>,
    clock: &Clock,
) -> Exit {
    use std::os::unix::process::ExitStatusExt as _;
    let from_status = status.map(|s| (s.code(), s.signal()));
    let (mut code, mut signal) = match from_status {
        Some((None, signal)) => (None, signal),
        Some((code, _)) => (code, None),
        None => (status_of(files).code, None),
    };
    // Bubblewrap passes a signal on as a shell does.
    if let (true, Some(passed)) = (identity.is_fenced, code.filter(|c| (129..=192).contains(c))) {
        (code, signal) = (None, Some(passed - 128));
    }
    let is_out_of_memory = code != Some(0) && group.oom_kills() > 0;
    Exit { at: clock.now(), code, signal, is_out_of_memory }
}

/// What bubblewrap has written about itself.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub child: Option<i32>,
    pub code: Option<i32>,
}

pub(super) fn status_of(files: &Files) -> Status {
    let text = std::fs::read_to_string(files.status()).unwrap_or_default();
    let mut status = Status::default();
    for line in text.lines() {
        let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let number = |name: &str| value[name].as_i64().and_then(|n| i32::try_from(n).ok());
        status.child = number("child-pid").or(status.child);
        status.code = number("exit-code").or(status.code);
    }
    status
}

/// Ends the whole tree: by its control group where there is one, else by the process namespace and the session.
pub(super) async fn kill_tree(group: &Group, identity: &Identity, files: &Files, clock: &Clock) -> Result<(), String> {
    if group.is_real() {
        group.kill(clock).await?;
    }
    if identity.boot != proc::boot_id() {
        return Ok(());
    }
    end_session(group, identity, files, clock).await?;
    match identity.network {
        Some(account) => network::disconnect(clock, account).await,
        None => Ok(()),
    }
}

async fn end_session(group: &Group, identity: &Identity, files: &Files, clock: &Clock) -> Result<(), String> {
    let until = clock.now() + Millis::secs(10);
    let init = status_of(files).child.filter(|_| identity.is_fenced);
    loop {
        // Where there is a control group it has already ended everything, and a number could mean a stranger.
        let has_session = !group.is_real() && proc::stat(identity.pid).is_none_or(|s| s.started == identity.started);
        let is_ours = |(pid, stat): &(i32, proc::Stat)| {
            // The end of a namespace's first process is the end of everything in it.
            let is_root_of_it = *pid == identity.pid && stat.started == identity.started
                || Some(*pid) == init && stat.parent == identity.pid;
            // A session's number is not given to anybody else while one of its processes lives.
            let is_in_session = has_session && stat.session == identity.pid && stat.started >= identity.started;
            (is_root_of_it || is_in_session) && !matches!(stat.state, 'Z' | 'X')
        };
        let left: Vec<i32> = proc::all().iter().filter(|p| is_ours(p)).map(|(pid, _)| *pid).collect();
        if left.is_empty() {
            return Ok(());
        }
        if clock.now() >= until {
            return Err(format!("processes {left:?} do not end"));
        }
        for pid in left.into_iter().filter_map(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        clock.sleep(Millis(20)).await;
    }
}
