//! How a process begins, whatever the agent was started with.

use crate::machine::{Here, shell};
use std::process::Command;

/// Set for the test that runs inside the other one.
const INSIDE: &str = "OSTLER_TEST_ODD_START";

/// The agent's own start: signals ignored as `nohup` does, less important than others, nothing kept from anyone.
#[tokio::test]
async fn f15_a_workload_begins_with_defaults_whatever_the_agent_began_with() {
    if std::env::var_os(INSIDE).is_none() {
        let myself = std::env::current_exe().unwrap();
        let script = "trap '' HUP QUIT USR1 TERM; umask 000; echo 300 > /proc/self/oom_score_adj; exec nice -n 7 \"$0\" --exact \
                      hostile::defaults::f15_a_workload_begins_with_defaults_whatever_the_agent_began_with --nocapture";
        let out = Command::new("sh").args(["-c", script]).arg(myself).env(INSIDE, "1").output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let here = Here::new().await;
    let mut node = here.node().await;
    let want = shell(
        "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status; echo mask $(umask); echo nice $(cut -d' ' -f19 /proc/self/stat); \
         echo score $(cat /proc/self/oom_score_adj); echo core $(ulimit -c); echo up; exec sleep 1000",
    );
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    node.prints(want.id, "Out up").await;
    let printed = node.printed(want.id);
    for line in ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000", "mask 0022", "core 0"] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    // Only root may take these back.
    if ostler_agent::driver::account::is_root() {
        assert!(printed.contains("nice 0") && printed.contains("score 0"), "{printed}");
    }
    here.remove(&mut node, &want).await;
}
