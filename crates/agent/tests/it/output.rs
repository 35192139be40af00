//! What workloads print: real processes on this machine that print more than anybody can read.

use crate::machine::{Here, shell};
use crate::support::{but, eventually, workload};
use ostler_model::bounds::agent::{CONSOLE_LINE_BYTES, OUTPUT_KEPT_BYTES};
use ostler_model::workload::Power;
use ostler_model::{Millis, WorkloadId};
use ostler_runtime::Clock;
use ostler_wire::console::{ConsoleLine, ConsoleStream};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// The pump of an agent that is this test: the test itself, told by its environment.
pub(crate) fn pump() -> Vec<OsString> {
    let own = std::env::current_exe().unwrap();
    let words = ["OSTLER_TEST_PUMP=1", own.to_str().unwrap(), "output::a_pump_without_output_ends", "--exact"];
    ["/usr/bin/env"].into_iter().chain(words).map(Into::into).collect()
}

#[test]
fn a_pump_without_output_ends() {
    use ostler_agent::driver::process::output::pump::serve;
    if std::env::var_os("OSTLER_TEST_PUMP").is_some() {
        return serve(Path::new(".")).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(serve(dir.path()).is_err(), "a folder without a run");
}

/// Bytes that a run's folder takes on the disk.
fn on_disk(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let sizes = std::fs::read_dir(dir).into_iter().flatten().flatten().filter_map(|e| e.metadata().ok());
    sizes.map(|m| m.blocks() * 512).sum()
}

/// How much of the first output has come through the pump so far: the third number in the head of its file.
fn printed(run: &Path) -> u64 {
    use std::os::unix::fs::FileExt as _;
    let mut number = [0; 8];
    std::fs::File::open(run.join("out.ring")).unwrap().read_exact_at(&mut number, 16).unwrap();
    u64::from_le_bytes(number)
}

/// Of `… 1,234 bytes dropped …`, the number.
fn dropped(line: &ConsoleLine) -> Option<u64> {
    let number = line.text.strip_prefix("… ")?.strip_suffix(" bytes dropped …")?;
    (line.stream == ConsoleStream::Agent).then(|| number.replace(',', "").parse().ok())?
}

/// How late a small task of this runtime was at most, while the other work went on.
async fn latest_while<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let mut work = std::pin::pin!(work);
    let mut latest = Duration::ZERO;
    loop {
        let before = std::time::Instant::now();
        tokio::select! {
            done = &mut work => return (done, latest),
            () = Clock::system().sleep(Millis(5)) => {}
        }
        latest = latest.max(before.elapsed().saturating_sub(Duration::from_millis(5)));
    }
}

#[tokio::test]
async fn s3_a_workload_that_prints_without_end_disturbs_nothing_and_fills_no_disk() {
    let here = Here::new().await;
    let mut node = here.node().await;
    let mut want = workload(&node.ids, &["/usr/bin/yes"]);
    want.blueprint.run.limits.cpu_millis = 0;
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    let run = here.run(want.id);
    let console = node.agent.supervisor().console(want.id).unwrap();
    // Until more than ten times the bound has been printed.
    let watch = async {
        let (mut missed, mut after, mut newest) = (0, 0, console.watch());
        while missed < OUTPUT_KEPT_BYTES * 10 {
            newest.changed().await.unwrap();
            let page = console.page(after, usize::MAX);
            missed += page.lines.iter().filter_map(dropped).sum::<u64>();
            after = page.last_seq;
            assert!(on_disk(&run) < 2 * OUTPUT_KEPT_BYTES + 64 * 1024, "{} bytes on disk", on_disk(&run));
        }
    };
    let (done, latest) = latest_while(tokio::time::timeout(Duration::from_secs(60), watch)).await;
    done.expect("it says how much was dropped");
    assert!(latest < Duration::from_millis(100), "another task waited for {latest:?}");

    // It is still bounded while no agent is there, and the next one goes on with the newest.
    let (member, seq) = node.kill().await;
    let before = printed(&run);
    eventually("it goes on printing", || printed(&run) > before + 2 * OUTPUT_KEPT_BYTES).await;
    assert!(on_disk(&run) < 2 * OUTPUT_KEPT_BYTES + 64 * 1024, "{} bytes on disk", on_disk(&run));
    let mut node = here.again(member, seq).await;
    node.running(want.id).await;
    node.prints(want.id, "bytes dropped").await;
    node.want(&[but(&want, |w| w.power = Power::Off)]).await;
    let report = node.stopped(want.id).await;
    assert_eq!(report.seen.crashes, 0);
    here.remove(&mut node, &but(&want, |w| w.generation += 5)).await;
}

#[tokio::test]
async fn f30_a_long_line_of_wide_characters_arrives_whole() {
    let here = Here::new().await;
    let mut node = here.node().await;
    let want = shell("i=0; while [ $i -lt 40000 ]; do printf 日; i=$((i+1)); done; echo; echo done; exec sleep 1000");
    node.want(&[want.clone()]).await;
    node.prints(want.id, "Out done").await;
    let console = node.agent.supervisor().console(want.id).unwrap();
    let lines = console.page(0, usize::MAX).lines;
    let text: String = lines.iter().filter(|l| l.stream == ConsoleStream::Out).map(|l| l.text.as_str()).collect();
    assert_eq!(text.chars().filter(|c| *c == '日').count(), 40_000);
    assert_eq!(text.replace('日', ""), "done");
    assert!(lines.iter().all(|line| line.text.len() as u64 <= CONSOLE_LINE_BYTES));
    here.remove(&mut node, &want).await;
}

/// The pump of a run, by its working directory.
fn pumps_of(run: &Path) -> Vec<i32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == run)).collect()
}

#[tokio::test]
async fn a_workload_outlives_its_pump_and_gets_another_one() {
    let here = Here::new().await;
    let mut node = here.node().await;
    let want = shell("trap 'echo SIGPIPE' PIPE; while read line; do echo got $line; done");
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    let say = async |node: &crate::support::Node, id: WorkloadId, line: &str| {
        let run = node.agent.supervisor().run_of(id).unwrap().unwrap();
        run.input(line).await.unwrap();
    };
    say(&node, want.id, "one").await;
    node.prints(want.id, "Out got one").await;
    let run = here.run(want.id);
    let old = pumps_of(&run);
    assert_eq!(old.len(), 1);
    rustix::process::kill_process(rustix::process::Pid::from_raw(old[0]).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    eventually("the old pump is gone", || !pumps_of(&run).contains(&old[0])).await;
    say(&node, want.id, "two").await;
    node.prints(want.id, "Out got two").await;
    assert!(!node.printed(want.id).contains("SIGPIPE"));
    // Nothing of it stays when the run ends, and its last words are there.
    say(&node, want.id, "three").await;
    node.want(&[but(&want, |w| w.power = Power::Off)]).await;
    node.stopped(want.id).await;
    assert!(node.printed(want.id).contains("got three"), "{}", node.printed(want.id));
    eventually("no pump is left", || pumps_of(&run).is_empty()).await;
    here.remove(&mut node, &but(&want, |w| w.generation += 5)).await;
}
