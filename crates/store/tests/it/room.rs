//! Room on nodes: ports, shares and what a workspace may have.

use crate::support::{Db, both_backends};
use ostler_model::authz::Collection;
use ostler_model::bounds::workload::{
    WORKSPACE_PORTS_ON_SHARED_NODE, WORKSPACE_SHARED_CPU_MILLIS, WORKSPACE_SHARED_MEMORY, WORKSPACE_WORKLOADS,
};
use ostler_model::node::{Abilities, Facts, Isolation};
use ostler_model::workload::left::left;
use ostler_model::workload::place::PORT_TAKEN_FOR;
use ostler_model::workload::{Runtime, Workload};
use ostler_model::workspace::Workspace;
use ostler_model::{Millis, NodeId};
use ostler_store::audit::Filter;
use ostler_store::{Paging, Reach, Rule, StoreError, workload};
use std::collections::BTreeSet;

async fn create(t: &Db, workspace: &Workspace, new: &workload::New) -> Result<Workload, StoreError> {
    let grant = t.may(&Collection::<Workload>::of(workspace.id));
    t.store.workload_create(&grant, new, None, t.now()).await
}

fn game() -> [String; 1] {
    ["game".to_owned()]
}

async fn ports_on(t: &Db, node: NodeId) -> Vec<u16> {
    let on = t.store.workload_on_node(node).await.unwrap();
    on.workloads.iter().flat_map(|w| w.ports.values().copied()).collect()
}

both_backends! {
    async fn f2_a_port_that_a_foreign_program_holds_is_changed_for_another_and_not_given_out_for_a_while(t) {
        let (workspace, _) = t.workspace("home").await;
        let (other, _) = t.workspace("other").await;
        let node = t.node(None, "box").await;
        let quake = t.workload(&workspace, "quake", Some(node.id)).await;
        assert_eq!(quake.ports["game"], 20_000);
        let moved = t.store.workload_move_ports(&t.may(&quake), &game(), 0, t.now()).await.unwrap().unwrap();
        assert_eq!((moved.ports["game"], moved.generation), (20_001, quake.generation + 1));
        assert!(t.store.node_get(node.id).await.unwrap().desired_seq > node.desired_seq + 1, "the node is told");
        // Nor does another workspace meet the port.
        let doom = t.workload(&other, "doom", Some(node.id)).await;
        assert_eq!(doom.ports["game"], 20_002);
        let (_, usage) = t.store.node_candidates(other.id, t.now()).await.unwrap()[0].clone();
        assert_eq!(usage.ports, 3, "two given out and one taken");
        let later = t.now() + PORT_TAKEN_FOR;
        let new = t.new_workload("late", Some(node.id), &["game"]);
        let grant = t.may(&Collection::<Workload>::of(other.id));
        let late = t.store.workload_create(&grant, &new, None, later).await.unwrap();
        assert_eq!(late.ports["game"], 20_000, "it is tried again later");
    }

    async fn f2_many_at_once_get_ports_of_their_own_while_others_move(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let mut made = vec![];
        for i in 0..10 {
            made.push(t.workload(&workspace, &format!("g{i}"), Some(node.id)).await);
        }
        let grants: Vec<_> = made.iter().map(|w| t.may(w)).collect();
        let taken = game();
        let moves =
            grants.iter().zip(0_u64..).map(|(grant, i)| t.store.workload_move_ports(grant, &taken, i % 3, t.now()));
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let creates = names.iter().map(|name| t.workload(&workspace, name, Some(node.id)));
        let (moved, _) = futures_util::future::join(
            futures_util::future::join_all(moves),
            futures_util::future::join_all(creates),
        ).await;
        assert!(moved.iter().all(|m| matches!(m, Ok(Some(_)))), "{moved:?}");
        let ports = ports_on(t, node.id).await;
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 20, "{ports:?}");
        let before: BTreeSet<u16> = made.iter().map(|w| w.ports["game"]).collect();
        assert!(moved.iter().flatten().flatten().all(|w| !before.contains(&w.ports["game"])), "no taken one again");
    }

    async fn f2_when_every_port_is_held_the_workload_keeps_its_own_and_the_held_one_is_remembered(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let facts = Facts { port_range: (20_000, 20_000), ..node.facts.clone() };
        t.store.node_set_facts(&t.report(&node), &facts, t.now()).await.unwrap();
        let quake = t.workload(&workspace, "quake", Some(node.id)).await;
        assert!(t.store.workload_move_ports(&t.may(&quake), &game(), 7, t.now()).await.unwrap().is_none());
        t.store.workload_remove(&t.may(&quake), t.now()).await.unwrap();
        let next = create(t, &workspace, &t.new_workload("doom", Some(node.id), &["game"])).await;
        assert!(matches!(next, Err(StoreError::Refused(Rule::NoFreePort))), "{next:?}");
    }

    async fn f2_a_workspace_holds_at_most_its_share_of_the_ports_of_a_shared_node(t) {
        let (greedy, _) = t.workspace("greedy").await;
        let (modest, _) = t.workspace("modest").await;
        let node = t.node(None, "box").await;
        let facts = Facts { port_range: (20_000, 29_999), ..node.facts.clone() };
        t.store.node_set_facts(&t.report(&node), &facts, t.now()).await.unwrap();
        let names: Vec<String> = (0..10 * WORKSPACE_PORTS_ON_SHARED_NODE).map(|i| format!("p{i}")).collect();
        let with = |name, count: usize| workload::New { ports: names[..count].to_vec(), ..t.new_workload(name, Some(node.id), &[]) };
        let most = usize::try_from(WORKSPACE_PORTS_ON_SHARED_NODE).unwrap();
        let all = create(t, &greedy, &with("all", 10 * most)).await;
        assert!(matches!(all, Err(StoreError::Refused(Rule::TooManyPorts))), "{all:?}");
        create(t, &greedy, &with("share", most)).await.unwrap();
        let more = create(t, &greedy, &with("more", 1)).await;
        assert!(matches!(more, Err(StoreError::Refused(Rule::TooManyPorts))), "{more:?}");
        create(t, &greedy, &with("none", 0)).await.unwrap();
        create(t, &modest, &with("other", 1)).await.unwrap();
        let own = t.node(Some(greedy.id), "own").await;
        t.store.node_set_facts(&t.report(&own), &facts, t.now()).await.unwrap();
        create(t, &greedy, &workload::New { node: Some(own.id), ..with("own", most + 1) }).await.unwrap();
    }

    async fn s11_a_workspace_has_at_most_so_many_workloads_and_so_much_of_shared_nodes(t) {
        let (workspace, _) = t.workspace("home").await;
        let first = t.workload(&workspace, "first", None).await;
        // One row fewer than the bound, made behind the store's back: each is a copy of the first under another name.
        t.meddle(&format!(
            "INSERT INTO workload (id, workspace_id, kind, name, name_key, spec, node_id, power, is_forced, restart, generation,
                 ports, memory_bytes, cpu_millis, report_seq, observed_generation, created_at, changed_at)
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
             SELECT 'copy_' || n.i, workspace_id, kind, 'copy ' || n.i, 'copy ' || n.i, spec, node_id, power, is_forced, restart,
                 generation, ports, memory_bytes, cpu_millis, report_seq, observed_generation, created_at, changed_at
             FROM workload, n WHERE name = 'first'",
            WORKSPACE_WORKLOADS - 2
        )).await;
        create(t, &workspace, &t.new_workload("last", None, &[])).await.unwrap();
        for i in 0..10 {
            let beyond = create(t, &workspace, &t.new_workload(&format!("beyond {i}"), None, &[])).await;
            assert!(matches!(beyond, Err(StoreError::Refused(Rule::TooManyWorkloads))), "{beyond:?}");
        }
        assert_eq!(t.store.workload_count(&Reach::everything()).await.unwrap(), WORKSPACE_WORKLOADS);
        t.store.workload_remove(&t.may(&first), t.now()).await.unwrap();
        create(t, &workspace, &t.new_workload("beyond", None, &[])).await.unwrap();

        let (other, _) = t.workspace("other").await;
        let mut nodes = vec![];
        for i in 0..2 {
            let node = t.node(None, &format!("box{i}")).await;
            let facts = Facts { memory_bytes: 16 * WORKSPACE_SHARED_MEMORY, cpu_count: 1 << 16, ..node.facts.clone() };
            t.store.node_set_facts(&t.report(&node), &facts, t.now()).await.unwrap();
            nodes.push(node.id);
        }
        let with = |name: &str, node: NodeId, memory_bytes: u64, cpu_millis: u64| {
            let mut new = t.new_workload(name, Some(node), &[]);
            new.spec.limits.memory_bytes = memory_bytes;
            new.spec.limits.cpu_millis = u32::try_from(cpu_millis).unwrap();
            new
        };
        let half = (WORKSPACE_SHARED_MEMORY / 2, WORKSPACE_SHARED_CPU_MILLIS / 2);
        create(t, &other, &with("a", nodes[0], half.0, half.1)).await.unwrap();
        let b = create(t, &other, &with("b", nodes[1], half.0, half.1)).await.unwrap();
        for new in [with("c", nodes[0], 1, 0), with("d", nodes[1], 0, 1), with("e", nodes[0], 10 * half.0, 0)] {
            let beyond = create(t, &other, &new).await;
            assert!(matches!(beyond, Err(StoreError::Refused(Rule::TooMuchShared))), "{beyond:?}");
        }
        let mut grown = b.spec.clone();
        grown.limits.memory_bytes += 1;
        let beyond = t.store.workload_update(&t.may(&b), None, Some(&grown), false, t.now()).await;
        assert!(matches!(beyond, Err(StoreError::Refused(Rule::TooMuchShared))), "{beyond:?}");
        let own = t.node(Some(other.id), "own").await;
        create(t, &other, &with("own", own.id, 1 << 30, 0)).await.unwrap();
    }

    async fn s11_processors_are_not_promised_beyond_what_a_node_may_promise(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let facts = Facts { cpu_count: 1, ..node.facts.clone() };
        t.store.node_set_facts(&t.report(&node), &facts, t.now()).await.unwrap();
        let with = |name: &str, cpu_millis: u32| {
            let mut new = t.new_workload(name, Some(node.id), &[]);
            new.spec.limits.cpu_millis = cpu_millis;
            new
        };
        let all = create(t, &workspace, &with("all", 8000)).await.unwrap();
        let more = create(t, &workspace, &with("more", 1)).await;
        assert!(matches!(more, Err(StoreError::Refused(Rule::NodeFull))), "{more:?}");
        let mut smaller = all.spec.clone();
        smaller.limits.cpu_millis = 7999;
        t.store.workload_update(&t.may(&all), None, Some(&smaller), false, t.now()).await.unwrap();
        create(t, &workspace, &with("more", 1)).await.unwrap();
    }

    async fn s2_no_process_is_placed_on_a_node_that_cannot_fence_whatever_placement_thought(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let facts = Facts { can: Abilities::default(), ..node.facts.clone() };
        t.store.node_set_facts(&t.report(&node), &facts, t.now()).await.unwrap();
        let new = t.new_workload("quake", Some(node.id), &[]);
        let refused = create(t, &workspace, &new).await;
        assert!(matches!(refused, Err(StoreError::Refused(Rule::NotIsolated))), "{refused:?}");
        let mut contained = t.new_workload("doom", Some(node.id), &[]);
        contained.spec.runtime = Runtime::Container;
        create(t, &workspace, &contained).await.unwrap();
        let seq = t.store.node_get(node.id).await.unwrap().desired_seq;
        let allowed = t.store.node_update(&t.may(&node), None, None, Some(Isolation::None), t.now()).await.unwrap();
        assert_eq!((allowed.min_isolation, allowed.desired_seq), (Isolation::None, seq + 1), "the node is told");
        create(t, &workspace, &new).await.unwrap();
    }

    async fn f4_a_forgotten_workload_frees_its_place_and_the_trail_says_what_may_be_left(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let quake = t.workload(&workspace, "quake", Some(node.id)).await;
        let left = left(&quake, &node);
        assert!(left.may_run && left.ports == [20_000] && left.machine.starts_with("box"));
        let gone = t.store.workload_forget(&t.may(&quake), &left, t.now()).await.unwrap();
        assert_eq!(gone.map(|w| w.id), Some(quake.id));
        assert!(t.store.workload_forget(&t.may(&quake), &left, t.now()).await.unwrap().is_none(), "twice is once");
        assert_eq!(t.store.node_usage(&[node.id]).await.unwrap()[&node.id], Default::default());
        t.store.node_delete(&t.may(&node), false, t.now() + Millis(1)).await.unwrap();
    }

    async fn f4_a_lost_node_takes_its_workloads_with_it_and_each_is_written_down(t) {
        let (workspace, _) = t.workspace("home").await;
        let (guest, _) = t.workspace("guest").await;
        let node = t.node(None, "box").await;
        let quake = t.workload(&workspace, "quake", Some(node.id)).await;
        let doom = t.workload(&guest, "doom", Some(node.id)).await;
        let lost = t.store.node_delete(&t.may(&node), true, t.now()).await.unwrap();
        assert_eq!(lost.iter().map(|w| w.id).collect::<BTreeSet<_>>(), [quake.id, doom.id].into());
        for (home, id) in [(workspace.id, quake.id), (guest.id, doom.id)] {
            let filter = Filter { workspace: Some(home), ..Filter::default() };
            let trail = t.store.audit_list(&filter, &Paging::default()).await.unwrap().items;
            let entry = trail.iter().find(|entry| entry.action == "workload.forget").unwrap();
            assert_eq!(entry.target_id, id.to_string());
            let told = entry.details.as_deref().unwrap();
            assert!(told.contains("box") && told.contains("may_run"), "{told}");
        }
    }
}
