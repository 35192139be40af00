//! The supervisor on the simulated machine: wishes, refusals, crashes and the journal.

use crate::support::{Node, but, eventually, ids, workload};
use ostler_agent::driver::sim::{Behaviour, SimHost};
use ostler_agent::supervisor::journal::file_of;
use ostler_model::Millis;
use ostler_model::workload::plan::Why;
use ostler_model::workload::{Phase, Power, Status};
use ostler_runtime::Clock;
use ostler_wire::link::{Change, DesiredAnswer, Snapshot, Want};

fn host() -> SimHost {
    SimHost::new(Clock::system())
}

#[tokio::test]
async fn a_workload_starts_stops_restarts_and_leaves_nothing_behind() {
    let host = host();
    let mut node = Node::on(&host).await;
    let want = workload(&node.ids, &["game"]);
    assert_eq!(node.want(&[want.clone()]).await, DesiredAnswer::Accepted { seq: 1 });
    let report = node.running(want.id).await;
    assert_eq!(
        report.conditions.iter().map(|c| c.resource.as_str()).collect::<Vec<_>>(),
        ["account", "volume/data", "run"]
    );
    assert!(report.conditions.iter().all(|c| c.status == Status::Ready));
    let first = host.running()[&want.id].number;

    let again = but(&want, |w| w.restart = 1);
    node.want(&[again.clone()]).await;
    eventually("a second run", || host.running().get(&want.id).is_some_and(|run| run.number > first)).await;
    node.running(want.id).await;

    let off = but(&again, |w| w.power = Power::Off);
    node.want(&[off.clone()]).await;
    node.stopped(want.id).await;
    assert!(host.running().is_empty());

    let absent = but(&off, |w| w.power = Power::Absent);
    node.want(&[absent]).await;
    assert_eq!(node.gone(want.id).await.generation, 4);
    assert!(host.things().is_empty());
    node.want(&[]).await;
    assert_eq!(host.disk().files().keys().collect::<Vec<_>>(), ["agent.json"]);
    assert_eq!(host.doubles(), 0);
}

#[tokio::test]
async fn foreign_stale_and_gapped_wishes_are_refused() {
    let host = host();
    let mut node = Node::on(&host).await;
    let want = workload(&node.ids, &["game"]);
    node.seq = 4;
    node.want(&[want.clone()]).await;
    let put = async |want: Want| node.agent.supervisor().put(want).await.unwrap();
    let mine = node.member.installation;
    let other = ids().next();
    let snapshot = |installation, seq| Want::Snapshot(Snapshot { installation, seq, workloads: vec![] });
    assert_eq!(put(snapshot(other, 9)).await, DesiredAnswer::Foreign { installation: mine });
    assert_eq!(put(snapshot(mine, 4)).await, DesiredAnswer::Stale { have: 5 });
    let change = |after, seq| Want::Change(Change { installation: mine, after, seq, workload: want.clone() });
    assert_eq!(put(change(6, 7)).await, DesiredAnswer::NeedSnapshot { have: 5 });
    assert_eq!(put(change(3, 4)).await, DesiredAnswer::Stale { have: 5 });
    assert_eq!(put(change(4, 5)).await, DesiredAnswer::Accepted { seq: 5 });
    assert_eq!(put(change(5, 6)).await, DesiredAnswer::Accepted { seq: 6 });
    node.running(want.id).await;
    // An older generation inside of a newer message changes nothing.
    let off = but(&want, |w| (w.power, w.generation) = (Power::Off, 0));
    let late = Want::Change(Change { installation: mine, after: 6, seq: 7, workload: off });
    assert_eq!(put(late).await, DesiredAnswer::Accepted { seq: 7 });
    assert_eq!(host.running().len(), 1);
}

#[tokio::test]
async fn an_agent_that_dies_finds_its_runs_again_and_notices_what_ended() {
    let host = host();
    let mut node = Node::on(&host).await;
    let (lives, dies) = (workload(&node.ids, &["a"]), workload(&node.ids, &["b"]));
    node.want(&[lives.clone(), dies.clone()]).await;
    node.running(lives.id).await;
    let before = node.running(dies.id).await.seq;
    let runs = host.running();
    let (member, seq) = node.kill().await;
    assert_eq!(host.running(), runs);
    host.crash_run(dies.id, Some(3), None);

    let node = Node::again(&host, member, seq).await;
    let report = node
        .until(dies.id, "restarted", |r| r.seen.crashes == 1 && matches!(r.seen.phase, Phase::Running { .. }))
        .await;
    assert!(report.seq > before);
    assert_eq!(report.seen.exit.unwrap().code, Some(3));
    node.running(lives.id).await;
    assert_eq!(host.running()[&lives.id], runs[&lives.id]);
    assert_eq!(host.doubles(), 0);
}

#[tokio::test]
async fn strangers_are_removed_and_a_removal_survives_a_crash() {
    let host = host();
    let mut node = Node::on(&host).await;
    let want = workload(&node.ids, &["game"]);
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    host.behave(want.id, Behaviour { remove_fails: true, ..Behaviour::default() });
    node.want(&[]).await;
    node.until(want.id, "failing to remove", |r| {
        matches!(&r.seen.phase, Phase::Failed { why: Why::Remove { .. }, .. })
    })
    .await;
    let (member, seq) = node.kill().await;
    assert!(!host.things().is_empty());
    host.forgive();
    let _node = Node::again(&host, member, seq).await;
    eventually("nothing is left", || host.things().is_empty() && host.disk().files().len() == 1).await;
}

#[tokio::test]
async fn a_torn_journal_file_is_set_aside_and_the_rest_goes_on() {
    let host = host();
    let mut node = Node::on(&host).await;
    let (torn, whole) = (workload(&node.ids, &["a"]), workload(&node.ids, &["b"]));
    node.want(&[torn.clone(), whole.clone()]).await;
    node.running(torn.id).await;
    node.running(whole.id).await;
    let (member, seq) = node.kill().await;
    host.disk().tear(&file_of(torn.id));
    let mut node = Node::again(&host, member, seq).await;
    node.running(whole.id).await;
    assert!(host.disk().files().contains_key(&format!("{}.damaged", file_of(torn.id))));
    // The control plane sends everything on connect. What still runs is ended before it is started anew.
    let lost = host.running()[&torn.id].number;
    node.want(&[torn.clone(), whole.clone()]).await;
    eventually("a new run", || host.running().get(&torn.id).is_some_and(|run| run.number > lost)).await;
    assert_eq!((host.doubles(), host.running().len()), (1, 2));
}

#[tokio::test]
async fn nothing_is_begun_that_cannot_be_journaled() {
    let host = host();
    let mut node = Node::on(&host).await;
    let want = workload(&node.ids, &["game"]);
    node.want(&[but(&want, |w| w.power = Power::Off)]).await;
    node.stopped(want.id).await;
    host.disk().set_full(true);
    let on = but(&want, |w| w.generation = 3);
    let snapshot = Snapshot { installation: node.member.installation, seq: 9, workloads: vec![on] };
    assert!(node.agent.supervisor().put(Want::Snapshot(snapshot.clone())).await.is_err());
    assert!(host.running().is_empty());
    host.disk().set_full(false);
    node.agent.supervisor().put(Want::Snapshot(snapshot)).await.unwrap();
    node.running(want.id).await;
}

#[tokio::test]
async fn preparing_can_be_called_off_and_a_stop_during_a_start_is_kept() {
    let host = host();
    let mut node = Node::on(&host).await;
    let want = workload(&node.ids, &["game"]);
    host.behave(want.id, Behaviour { prepare_takes: Millis::secs(3600), ..Behaviour::default() });
    node.want(&[want.clone()]).await;
    node.until(want.id, "preparing", |r| matches!(r.seen.phase, Phase::Preparing { .. })).await;
    host.forgive();
    node.want(&[but(&want, |w| w.power = Power::Absent)]).await;
    node.gone(want.id).await;
    assert!(host.things().is_empty());

    let slow = workload(&node.ids, &["game"]);
    host.behave(slow.id, Behaviour { start_takes: Millis(300), ..Behaviour::default() });
    node.want(&[slow.clone()]).await;
    node.until(slow.id, "starting", |r| matches!(r.seen.phase, Phase::Starting { .. })).await;
    node.want(&[but(&slow, |w| w.power = Power::Off)]).await;
    node.stopped(slow.id).await;
    assert!(host.running().is_empty());
}
