//! Workloads, ports and reports.

use crate::support::{Db, both_backends};
use ostler_model::authz::Collection;
use ostler_model::node::Node;
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::{Phase, Power, Report, Seen, Spec, Workload};
use ostler_model::{NodeId, Time};
use ostler_store::workload::{Applied, Desire, Filter};
use ostler_store::{Constraint, Paging, Reach, Rule, StoreError};
use std::collections::BTreeSet;

fn report(generation: u64, seq: u64, phase: Phase) -> Report {
    let seen = Seen { phase, ..Seen::default() };
    Report { generation, seq, at: Time::from_millis(1), seen, conditions: vec![], players: None }
}

async fn seq(t: &Db, node: NodeId) -> u64 {
    t.store.node_get(node).await.unwrap().desired_seq
}

both_backends! {
    async fn ports_given_out_at_the_same_time_never_collide_and_run_out_cleanly(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let grant = t.may(&Collection::<Workload>::of(workspace.id));
        let tries = (0..40).map(|i| { let grant = grant.clone(); async move {
            let new = t.new_workload(&format!("w{i}"), Some(node.id), &["a", "b", "c"]);
            t.store.workload_create(&grant, &new, None, t.now()).await
        }});
        let done = futures_util::future::join_all(tries).await;
        let made: Vec<&Workload> = done.iter().filter_map(|r| r.as_ref().ok()).collect();
        assert_eq!(made.len(), 33, "100 ports make 33 workloads of 3");
        assert!(done.iter().all(|r| matches!(r, Ok(_) | Err(StoreError::Refused(Rule::NoFreePort)))), "{done:?}");
        let ports: BTreeSet<u16> = made.iter().flat_map(|w| w.ports.values().copied()).collect();
        assert_eq!(ports.len(), 99, "no port twice");
        assert!(ports.iter().all(|p| (20_000..=20_099).contains(p)));
        assert_eq!(t.store.node_usage(&[node.id]).await.unwrap()[&node.id].ports, 99);
        t.store.workload_remove(&t.may(made[0]), t.now()).await.unwrap();
        assert_eq!(t.store.node_usage(&[node.id]).await.unwrap()[&node.id].ports, 96);
        assert_eq!(seq(t, node.id).await, 34);
    }

    async fn a_nodes_memory_is_never_promised_twice(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let grant = t.may(&Collection::<Workload>::of(workspace.id));
        let limits = Limits { memory_bytes: 30 << 30, ..Limits::default() };
        let tries = (0..6).map(|i| { let grant = grant.clone(); async move {
            let mut new = t.new_workload(&format!("w{i}"), Some(node.id), &[]);
            new.spec.limits = limits;
            t.store.workload_create(&grant, &new, None, t.now()).await
        }});
        let done = futures_util::future::join_all(tries).await;
        assert_eq!(done.iter().filter(|r| r.is_ok()).count(), 2, "{done:?}");
        assert!(done.iter().all(|r| matches!(r, Ok(_) | Err(StoreError::Refused(Rule::NodeFull)))));
    }

    async fn every_wish_raises_the_generation_and_the_nodes_sequence(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let w = t.workload(&workspace, "Quake", Some(node.id)).await;
        assert_eq!((w.generation, w.power, seq(t, node.id).await), (1, Power::On, 1));
        let w = t.store.workload_set_power(&t.may(&w), Desire::Stop { is_forced: true }, t.now()).await.unwrap();
        assert_eq!((w.generation, w.power, w.is_forced), (2, Power::Off, true));
        let w = t.store.workload_set_power(&t.may(&w), Desire::Restart, t.now()).await.unwrap();
        assert_eq!((w.power, w.restart, w.is_forced), (Power::On, 0, false), "what is off is only started");
        let w = t.store.workload_set_power(&t.may(&w), Desire::Restart, t.now()).await.unwrap();
        assert_eq!((w.generation, w.restart), (4, 1));
        let spec = Spec { variables: [("motd".into(), "hi".into())].into(), ..w.spec.clone() };
        let name = "Quake 2".parse().unwrap();
        let w = t.store.workload_update(&t.may(&w), Some(&name), Some(&spec), true, t.now()).await.unwrap();
        assert_eq!((w.generation, w.restart, &w.name, &w.spec), (5, 2, &name, &spec));
        let on = t.store.workload_on_node(node.id).await.unwrap();
        assert_eq!((on.node.desired_seq, on.workloads), (5, vec![w.clone()]));
        let w = t.store.workload_set_absent(&t.may(&w), false, None, t.now()).await.unwrap();
        assert_eq!((w.generation, w.power), (6, Power::Absent));
        assert_eq!(t.store.workload_set_absent(&t.may(&w), false, None, t.now()).await.unwrap().generation, 6);
        let back = t.store.workload_set_power(&t.may(&w), Desire::Start, t.now()).await;
        assert!(matches!(back, Err(StoreError::Refused(Rule::Deleting))));
        assert!(t.store.workload_remove(&t.may(&w), t.now()).await.unwrap());
        assert!(!t.store.workload_remove(&t.may(&w), t.now()).await.unwrap());
        assert_eq!(seq(t, node.id).await, 7);
    }

    async fn names_are_unique_in_a_workspace_in_any_case(t) {
        let (home, _) = t.workspace("home").await;
        let (other, _) = t.workspace("other").await;
        t.workload(&home, "Quake", None).await;
        t.workload(&other, "quake", None).await;
        let grant = t.may(&Collection::<Workload>::of(home.id));
        let again = t.store.workload_create(&grant, &t.new_workload("qUAKE", None, &[]), None, t.now()).await;
        assert!(matches!(again, Err(StoreError::Taken(Constraint::WorkloadName))), "{again:?}");
        assert!(t.store.workload_by_name(home.id, &"QUAKE".parse().unwrap()).await.unwrap().is_some());
    }

    async fn lists_are_filtered_and_a_search_takes_signs_literally(t) {
        let (home, _) = t.workspace("home").await;
        let (other, _) = t.workspace("other").await;
        let node = t.node(None, "box").await;
        t.workload(&home, "100% Quake", Some(node.id)).await;
        let second = t.workload(&home, "1000 Quake", None).await;
        t.workload(&other, "Doom", None).await;
        let names = async |filter: Filter| -> Vec<String> {
            let page = t.store.workload_list(&filter, &Paging::default()).await.unwrap();
            // Ids made within one millisecond have no order of their own.
            let names: BTreeSet<String> = page.items.iter().map(|w| w.name.to_string()).collect();
            names.into_iter().collect()
        };
        let search = |text: &str| Filter { search: Some(text.into()), ..Filter::default() };
        assert_eq!(names(search("QUAKE")).await, ["100% Quake", "1000 Quake"]);
        assert_eq!(names(search("100%")).await, ["100% Quake"]);
        assert_eq!(names(search("_")).await, Vec::<String>::new());
        assert_eq!(names(Filter { reach: Reach::workspace(other.id), ..Filter::default() }).await, ["Doom"]);
        assert_eq!(names(Filter { node: Some(node.id), ..Filter::default() }).await, ["100% Quake"]);
        let only = Reach { workspaces: None, only: Some(vec![second.id.to_string()]), scope: None };
        assert_eq!(names(Filter { reach: only, ..Filter::default() }).await, ["1000 Quake"]);
    }

    async fn only_news_is_told_and_old_reports_are_dropped(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let w = t.workload(&workspace, "Quake", Some(node.id)).await;
        let may = t.report(&node);
        let at = Time::from_millis(5);
        let head = t.store.event_head().await.unwrap();
        let apply = async |report: Report| t.store.workload_report(&may, &[(w.id, report)], t.now()).await.unwrap().remove(0);
        assert!(matches!(apply(report(1, 5, Phase::Starting { since: at })).await, Applied::Changed(_)));
        assert_eq!(apply(report(1, 6, Phase::Starting { since: Time::from_millis(9) })).await, Applied::Same);
        assert_eq!(apply(report(1, 6, Phase::Running { since: at })).await, Applied::Stale, "seen before");
        assert_eq!(apply(report(0, 9, Phase::Running { since: at })).await, Applied::Stale, "an old generation");
        assert!(matches!(apply(report(1, 7, Phase::Running { since: at })).await, Applied::Changed(_)));
        assert_eq!(t.store.event_head().await.unwrap(), head + 2);
        let stored = t.store.workload_get(w.id).await.unwrap().report.unwrap();
        assert_eq!((stored.seq, stored.seen.phase), (7, Phase::Running { since: at }));
        let other = t.node(Some(workspace.id), "other").await;
        let foreign = t.store.workload_report(&t.report(&other), &[(w.id, report(9, 99, Phase::Gone))], t.now()).await.unwrap();
        assert_eq!(foreign, [Applied::NotHere]);
    }

    async fn a_foreign_node_is_refused_and_placing_twice_is_one_place(t) {
        let (home, _) = t.workspace("home").await;
        let (other, _) = t.workspace("other").await;
        let (mine, theirs): (Node, Node) = (t.node(Some(home.id), "a").await, t.node(Some(other.id), "b").await);
        let w = t.workload(&home, "Quake", None).await;
        let ports = ["game".to_owned()];
        let refused = t.store.workload_place(&t.may(&w), theirs.id, &ports, t.now()).await;
        assert!(matches!(refused, Err(StoreError::Refused(Rule::ForeignNode))), "{refused:?}");
        let placed = t.store.workload_place(&t.may(&w), mine.id, &ports, t.now()).await.unwrap();
        let again = t.store.workload_place(&t.may(&w), mine.id, &ports, t.now()).await.unwrap();
        assert_eq!(placed, again);
        assert_eq!(placed.ports.len(), 1);
        let moved = t.store.workload_place(&t.may(&w), theirs.id, &ports, t.now()).await;
        assert!(matches!(moved, Err(StoreError::Refused(Rule::Placed))));
    }

    async fn a_snapshot_and_its_sequence_belong_together(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let w = t.workload(&workspace, "Quake", Some(node.id)).await;
        let writer = async {
            for i in 0..40 {
                let desire = if i % 2 == 0 { Desire::Stop { is_forced: false } } else { Desire::Start };
                t.store.workload_set_power(&t.may(&w), desire, t.now()).await.unwrap();
            }
        };
        let reader = async {
            for _ in 0..60 {
                let on = t.store.workload_on_node(node.id).await.unwrap();
                assert_eq!(on.node.desired_seq, on.workloads[0].generation);
            }
        };
        tokio::join!(writer, reader);
    }
}
