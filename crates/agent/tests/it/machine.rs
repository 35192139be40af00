//! Real processes on this machine: limits, trees, stopping, adoption, consoles. Everything that needs root says so loudly
//! when it cannot be tested, and fails instead where `CI` is set.

use crate::support::{Node, but, eventually, ids, member, workload};
use ostler_agent::driver::account::is_root;
use ostler_agent::driver::{Meter, Real, Settings};
use ostler_agent::identity::Membership;
use ostler_model::workload::blueprint::{
    How, PlayerRule, Probe, Protocol, Resource, RestartRule, Signal, StopRule, UdpProbe, What,
};
use ostler_model::workload::plan::Why;
use ostler_model::workload::{Desired, Phase, Power, Status};
use ostler_model::{Millis, WorkloadId};
use ostler_runtime::{Clock, Spawn};
use ostler_wire::console::ConsoleStream;
use std::path::Path;
use std::time::Duration;

/// A node on this machine, in a temporary folder that nobody but the agent can enter.
pub(crate) struct Here {
    dir: tempfile::TempDir,
    pub(crate) real: Real,
}

impl Here {
    pub(crate) async fn new() -> Here {
        Self::with(None).await
    }
    pub(crate) async fn with(engine: Option<String>) -> Here {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            state_dir: dir.path().join("state"),
            data_dir: dir.path().join("data"),
            port_range: (1024, 65_535),
            address: Some("127.0.0.1".into()),
            publish: "127.0.0.1".parse().unwrap(),
            engine: Some(engine.unwrap_or_else(|| "unix:///nonexistent".into())),
            pump: crate::output::pump(),
            allow_images: vec!["127.0.0.1:1/*".into()],
        };
        Here { real: Real::probe(settings, &Clock::system()).await, dir }
    }
    pub(crate) async fn node(&self) -> Node {
        self.again(member(&ids()), 0).await
    }
    pub(crate) async fn again(&self, member: Membership, seq: u64) -> Node {
        let spawn = Spawn::new();
        let drivers = self.real.drivers(Clock::system(), spawn.clone()).unwrap();
        Node::open(drivers, self.real.facts(), member, seq, spawn).await
    }
    pub(crate) fn state(&self) -> std::path::PathBuf {
        self.dir.path().join("state")
    }
    pub(crate) fn volume(&self, id: WorkloadId) -> std::path::PathBuf {
        self.dir.path().join("data").join(id.to_string()).join("data")
    }
    /// The folder of a workload's present run.
    pub(crate) fn run(&self, id: WorkloadId) -> std::path::PathBuf {
        self.dir.path().join("state").join("runs").join(id.to_string())
    }
    /// Removes a workload and proves that nothing is left of it.
    pub(crate) async fn remove(&self, node: &mut Node, want: &Desired) {
        node.want(&[but(want, |w| (w.power, w.generation) = (Power::Absent, 1000))]).await;
        node.gone(want.id).await;
        let id = want.id.to_string();
        let tail = &id[id.len() - 16..];
        assert!(!std::fs::read_to_string("/etc/passwd").unwrap().contains(tail));
        assert!(!std::fs::read_to_string("/etc/group").unwrap().contains(tail));
        for root in [self.dir.path(), Path::new("/sys/fs/cgroup")] {
            let left = find(root, &id);
            assert!(left.iter().all(|p| p.ends_with(format!("journal/{id}.json"))), "left behind: {left:?}");
        }
        assert!(processes_of(want.id).is_empty());
    }
}

/// A test that failed must not leave its processes and accounts to those after it.
impl Drop for Here {
    fn drop(&mut self) {
        let workloads = std::fs::read_dir(self.dir.path().join("data")).into_iter().flatten().flatten();
        for id in workloads.filter_map(|e| e.file_name().to_str()?.parse::<WorkloadId>().ok()) {
            let run = |program: &str, arg: &str| drop(std::process::Command::new(program).args(["-9", arg]).output());
            for pid in processes_of(id) {
                run("kill", &pid.to_string());
            }
            let tail = id.to_string()[id.to_string().len() - 16..].to_owned();
            drop(std::process::Command::new("userdel").arg(format!("ostler-{tail}")).output());
        }
    }
}

fn find(root: &Path, name: &str) -> Vec<std::path::PathBuf> {
    let mut found = vec![];
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().contains(name) {
                found.push(entry.path());
            }
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    found
}

/// Processes whose environment names the workload.
fn processes_of(id: WorkloadId) -> Vec<i32> {
    let needle = id.to_string();
    let pids = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environ).contains(&needle)
    })
    .collect()
}

pub(crate) fn needs_root() -> bool {
    if is_root() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "CI runs this as root");
    eprintln!("SKIPPED: this test needs root");
    false
}

pub(crate) fn shell(script: &str) -> Desired {
    workload(&ids(), &["/bin/sh", "-c", script])
}

#[tokio::test]
async fn a_process_runs_fenced_in_as_its_own_account_and_leaves_nothing() {
    if !needs_root() {
        return;
    }
    let here = Here::new().await;
    let mut node = here.node().await;
    let want = shell(
        "id -un; id -u; ls /root 2>&1; touch /usr/x 2>&1; echo hello > file; ps -e 2>/dev/null | wc -l; cat /proc/self/status | grep -E 'CapEff|NoNewPrivs'; exec sleep 1000",
    );
    node.want(&[want.clone()]).await;
    let report = node.running(want.id).await;
    node.prints(want.id, "NoNewPrivs").await;
    let printed = node.printed(want.id);
    assert!(printed.contains("Out ostler-"), "{printed}");
    assert!(printed.contains("CapEff:\t0000000000000000"), "{printed}");
    assert!(printed.contains("NoNewPrivs:\t1"), "{printed}");
    assert!(printed.contains("Read-only file system"), "{printed}");
    assert!(!report.conditions.iter().any(|c| c.status == Status::Failed), "{report:#?}");
    assert_eq!(std::fs::read_to_string(here.volume(want.id).join("file")).unwrap(), "hello\n");
    here.remove(&mut node, &want).await;
}

#[tokio::test]
async fn too_much_memory_is_named_and_comes_back_with_a_pause() {
    if !needs_root() {
        return;
    }
    let here = Here::new().await;
    let mut node = here.node().await;
    let mut want = shell("echo begin; a=x; while :; do a=$a$a; done");
    want.blueprint.run.limits.memory_bytes = 16 << 20;
    node.want(&[want.clone()]).await;
    let report = node.until(want.id, "out of memory", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
    let exit = report.seen.exit.unwrap();
    assert!(exit.is_out_of_memory, "{exit:?}");
    assert!(node.printed(want.id).contains("Agent out of memory"));
    assert!(matches!(report.seen.phase, Phase::Failed { why: Why::Exited, retry_at: Some(_) }));
    node.until(want.id, "tried again", |r| r.seen.crashes >= 2).await;
    here.remove(&mut node, &want).await;
}

#[tokio::test]
async fn a_fork_bomb_is_bounded_and_its_tree_ends() {
    if !needs_root() {
        return;
    }
    let here = Here::new().await;
    let mut node = here.node().await;
    let want = shell("i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i+1)); done; echo done; exec sleep 1000");
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    node.prints(want.id, "fork").await;
    assert!(processes_of(want.id).len() <= 32);
    here.remove(&mut node, &want).await;
}

#[tokio::test]
async fn a_busy_loop_gets_no_more_processor_than_its_limit_which_changes_live() {
    if !needs_root() {
        return;
    }
    let here = Here::new().await;
    let mut node = here.node().await;
    let mut want = shell("while :; do :; done");
    want.blueprint.run.limits.cpu_millis = 100;
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    let run = node.agent.supervisor().run_of(want.id).unwrap().unwrap();
    let mut meter = Meter::default();
    run.stats(&mut meter).await;
    // Not a wait for anything: the span over which is measured.
    Clock::system().sleep(Millis::secs(1)).await;
    let slow = run.stats(&mut meter).await;
    assert!(slow.cpu_millis.unwrap() <= 200, "{slow:?}");
    assert!(slow.memory_bytes.unwrap() > 0 && slow.pids.unwrap() >= 1);
    node.want(&[but(&want, |w| w.blueprint.run.limits.cpu_millis = 0)]).await;
    let faster = async {
        loop {
            Clock::system().sleep(Millis(500)).await;
            if run.stats(&mut meter).await.cpu_millis.unwrap() > 250 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), faster).await.expect("more processor after the limit is gone");
    here.remove(&mut node, &want).await;
}

#[tokio::test]
async fn it_stops_by_command_by_signal_and_by_force() {
    let here = Here::new().await;
    let mut node = here.node().await;
    let mut command =
        shell("echo up; while read line; do [ \"$line\" = stop ] && { echo bye; exit 0; }; echo \"got $line\"; done");
    command.blueprint.run.stop = StopRule::Command("stop".into());
    let signal = shell("trap 'echo term; exit 0' TERM; echo up; while :; do sleep 0.1; done");
    let mut stubborn = shell("trap '' TERM; echo up; while :; do sleep 0.1; done");
    stubborn.blueprint.run.grace = Millis(700);
    let all = [command.clone(), signal.clone(), stubborn.clone()];
    node.want(&all).await;
    for want in &all {
        node.running(want.id).await;
        node.prints(want.id, "Out up").await;
    }
    node.agent.supervisor().run_of(command.id).unwrap().unwrap().input("hello there").await.unwrap();
    node.prints(command.id, "got hello there").await;
    let off: Vec<_> = all.iter().map(|w| but(w, |w| w.power = Power::Off)).collect();
    node.want(&off).await;
    let ended = async |id| node.stopped(id).await.seen.exit.unwrap();
    assert_eq!(ended(command.id).await.code, Some(0));
    assert!(node.printed(command.id).contains("Out bye"));
    assert_eq!(ended(signal.id).await.code, Some(0));
    assert!(node.printed(signal.id).contains("Out term"));
    assert_eq!(ended(stubborn.id).await.signal, Some(9));
    node.want(&off.iter().map(|w| but(w, |w| w.power = Power::Absent)).collect::<Vec<_>>()).await;
    for want in &all {
        node.gone(want.id).await;
        assert!(processes_of(want.id).is_empty());
    }
}

#[tokio::test]
async fn a_run_outlives_its_agent_and_its_console_goes_on() {
    let here = Here::new().await;
    let mut node = here.node().await;
    let want =
        shell("i=0; while :; do i=$((i+1)); echo line $i; read -t 0.05 x && echo \"heard $x\"; sleep 0.02; done");
    let want = Desired { blueprint: bash(want.blueprint.clone()), ..want };
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    node.prints(want.id, "line 10").await;
    // The first process is the run; others come and go.
    let before = processes_of(want.id).into_iter().min().unwrap();
    let first = node.agent.supervisor().console(want.id).unwrap().page(0, usize::MAX);
    let (member, seq) = node.kill().await;
    // While nobody reads, it goes on writing.
    let out = here.dir.path().join("state/runs").join(want.id.to_string()).join("out.ring");
    let size = std::fs::metadata(&out).unwrap().len();
    eventually("more output", || std::fs::metadata(&out).unwrap().len() > size + 100).await;

    let mut node = here.again(member, seq).await;
    node.running(want.id).await;
    let console = node.agent.supervisor().console(want.id).unwrap();
    node.agent.supervisor().run_of(want.id).unwrap();
    eventually("adopted", || node.agent.supervisor().run_of(want.id).unwrap().is_some()).await;
    eventually("more than before", || console.last_seq() > first.last_seq + 5).await;
    assert_eq!(processes_of(want.id).into_iter().min(), Some(before));
    let run = node.agent.supervisor().run_of(want.id).unwrap().unwrap();
    run.input("me").await.unwrap();
    node.prints(want.id, "heard me").await;
    // Every line is there exactly once, over both agents' lives.
    let mut lines: Vec<u64> = vec![];
    let old = first.lines.iter().map(|l| (l.stream, l.text.clone()));
    let new = console.page(first.last_seq, usize::MAX).lines;
    for (stream, text) in old.chain(new.iter().map(|l| (l.stream, l.text.clone()))) {
        if let (ConsoleStream::Out, Some(n)) = (stream, text.strip_prefix("line ")) {
            lines.push(n.parse().unwrap());
        }
    }
    assert!(lines.windows(2).all(|pair| pair[1] == pair[0] + 1), "{lines:?}");
    here.remove(&mut node, &want).await;
}

fn bash(mut blueprint: ostler_model::workload::Blueprint) -> ostler_model::workload::Blueprint {
    if let How::Process(process) = &mut blueprint.run.how {
        process.program = "/bin/bash".into();
    }
    blueprint
}

#[tokio::test]
async fn an_end_while_the_agent_was_away_is_noticed_with_its_status() {
    let here = Here::new().await;
    let mut node = here.node().await;
    let want = shell("echo up; while [ ! -e end ]; do sleep 0.05; done; echo last words; exit 7");
    let want = Desired {
        blueprint: {
            let mut b = want.blueprint.clone();
            b.run.restart = RestartRule::Never;
            b
        },
        ..want
    };
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    node.prints(want.id, "up").await;
    let (member, seq) = node.kill().await;
    std::fs::write(here.volume(want.id).join("end"), "").unwrap();
    eventually("it has ended", || processes_of(want.id).is_empty()).await;
    let mut node = here.again(member, seq).await;
    let report = node.until(want.id, "failed", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
    if here.real.facts().can.sandbox == "bubblewrap" {
        assert_eq!(report.seen.exit.unwrap().code, Some(7));
    }
    assert!(node.printed(want.id).contains("last words"));
    here.remove(&mut node, &want).await;
}

#[tokio::test]
async fn a_crash_is_named_and_what_the_main_process_left_running_ends() {
    let here = Here::new().await;
    let mut node = here.node().await;
    let mut want = shell("sleep 1000 & echo players; echo ann joins; sleep 0.3; exit 3");
    want.blueprint.run.restart = RestartRule::Never;
    want.blueprint.run.players = Some(PlayerRule { join: r"(?<name>\w+) joins".into(), leave: "leaves".into() });
    node.want(&[want.clone()]).await;
    node.until(want.id, "one player", |r| r.players == Some(1)).await;
    let report = node.until(want.id, "failed", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
    assert_eq!(report.seen.exit.unwrap().code, Some(3));
    assert_eq!(report.players, None);
    assert!(node.printed(want.id).contains("Agent crashed: ended with status 3"));
    assert!(processes_of(want.id).is_empty());
    here.remove(&mut node, &want).await;
}

#[tokio::test]
async fn readiness_is_what_a_probe_says() {
    let here = Here::new().await;
    let mut node = here.node().await;
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut want = shell("while [ ! -e go ]; do sleep 0.05; done; echo Server ready; exec sleep 1000");
    let udp = UdpProbe { port: "game".into(), send: "01".into(), expect: "ff".into() };
    want.blueprint.run.ready = vec![Probe::Udp(udp), Probe::Log("Server re.dy$".into())];
    node.want(&[want.clone()]).await;
    node.until(want.id, "starting", |r| matches!(r.seen.phase, Phase::Starting { .. })).await;
    eventually("its volume", || here.volume(want.id).is_dir()).await;
    std::fs::write(here.volume(want.id).join("go"), "").unwrap();
    node.running(want.id).await;
    here.remove(&mut node, &want).await;

    let mut busy = shell("exec sleep 1000");
    let what = What::Port { name: "game".into(), port, protocol: Protocol::Udp };
    busy.blueprint.resources.push(Resource { key: "port/game".into(), what });
    node.want(&[busy.clone()]).await;
    let report = node.until(busy.id, "refused", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
    let condition = report.conditions.iter().find(|c| c.resource == "port/game").unwrap();
    assert!(condition.message.contains("is in use"), "{condition:?}");
    drop(taken);
    node.running(busy.id).await;
    here.remove(&mut node, &busy).await;
}

#[tokio::test]
async fn a_program_that_is_not_there_fails_with_its_name() {
    let here = Here::new().await;
    let mut node = here.node().await;
    let mut want = workload(&ids(), &["/usr/games/no-such-game"]);
    want.blueprint.run.restart = RestartRule::Never;
    want.blueprint.run.stop = StopRule::Signal(Signal::Int);
    node.want(&[want.clone()]).await;
    let report = node.until(want.id, "failed", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
    let told = format!("{:?} {}", report.seen, node.printed(want.id));
    assert!(told.contains("no-such-game"), "{told}");
    here.remove(&mut node, &want).await;
}

#[tokio::test]
async fn a_real_game_becomes_ready_and_stops_in_order() {
    let program = Path::new("/usr/games/minetestserver");
    if !program.is_file() {
        eprintln!("SKIPPED: minetest-server is not installed");
        return;
    }
    let here = Here::new().await;
    let mut node = here.node().await;
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = free.to_string();
    let args = [
        "/usr/games/minetestserver",
        "--config",
        "{{volume.data}}/luanti.conf",
        "--world",
        "{{volume.data}}/world",
        "--gameid",
        "minetest",
        "--port",
        &port,
        "--logfile",
        "",
        "--color",
        "never",
    ];
    let mut want = workload(&ids(), &args);
    want.blueprint.run.limits.memory_bytes = 512 << 20;
    want.blueprint.run.limits.pids = 64;
    want.blueprint.run.ready = vec![Probe::Log("listening on".into())];
    let resources = &mut want.blueprint.resources;
    resources.push(Resource {
        key: "file/luanti.conf".into(),
        what: What::File {
            volume: "data".into(),
            path: "luanti.conf".into(),
            content: "server_name = test\n".into(),
            keep: false,
        },
    });
    resources.push(Resource {
        key: "port/game".into(),
        what: What::Port { name: "game".into(), port: free, protocol: Protocol::Udp },
    });
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    let off = but(&want, |w| w.power = Power::Off);
    node.want(&[off.clone()]).await;
    assert_eq!(node.stopped(want.id).await.seen.exit.unwrap().code, Some(0), "{}", node.printed(want.id));
    here.remove(&mut node, &want).await;
}
