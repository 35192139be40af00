//! Placement: never over capacity, deterministic, and every refusal has its reason.

use ostler_model::node::{Isolation, Low};
use ostler_model::workload::Runtime;
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::place::{CPU_OVERCOMMIT, Candidate, Demand, Refusal, place};
use ostler_model::{Id, NodeId, Time};
use proptest::prelude::*;

fn candidate() -> impl Strategy<Value = Candidate> {
    let level = || proptest::sample::select(Isolation::ALL.to_vec());
    let numbers = (0_u64..9, 0_u64..9, 0_u64..40, 0_usize..4);
    (0_u128..64, any::<[bool; 5]>(), level(), level(), numbers).prop_map(
        |(id, [is_online, is_draining, has_container_engine, disk, memory], isolation, min_isolation, numbers)| {
            let (memory_bytes, reserved_memory_bytes, cpu, free_ports) = numbers;
            Candidate {
                is_online,
                is_draining,
                has_container_engine,
                isolation,
                min_isolation,
                low: Low { disk, memory },
                memory_bytes,
                reserved_memory_bytes,
                reserved_cpu_millis: cpu * 1000,
                free_ports,
                ..roomy(id)
            }
        },
    )
}

/// A node that takes everything.
fn roomy(id: u128) -> Candidate {
    Candidate {
        id: NodeId::from_parts(Time::ZERO, id),
        is_online: true,
        is_draining: false,
        has_container_engine: true,
        isolation: Isolation::Full,
        min_isolation: Isolation::SharedNetwork,
        low: Low::default(),
        memory_bytes: 100,
        cpu_millis: 4000,
        reserved_memory_bytes: 0,
        reserved_cpu_millis: 0,
        free_ports: 9,
    }
}

fn demand() -> impl Strategy<Value = Demand> {
    (any::<bool>(), 0_u64..6, 0_usize..4).prop_map(|(container, memory_bytes, ports)| Demand {
        runtime: if container { Runtime::Container } else { Runtime::Process },
        limits: Limits { memory_bytes, ..Limits::default() },
        ports,
    })
}

proptest! {
    #[test]
    fn the_chosen_node_can_take_it_and_a_refusal_names_every_node(
        demand in demand(),
        nodes in proptest::collection::vec(candidate(), 0..8),
    ) {
        let can = |n: &Candidate| {
            n.is_online
                && !n.is_draining
                && (demand.runtime == Runtime::Process || n.has_container_engine)
                && n.reserved_memory_bytes + demand.limits.memory_bytes <= n.memory_bytes.max(n.reserved_memory_bytes)
                && (demand.runtime == Runtime::Container || n.isolation >= n.min_isolation)
                && n.low.is_none()
                && n.reserved_cpu_millis + u64::from(demand.limits.cpu_millis) <= n.cpu_millis * CPU_OVERCOMMIT
                && demand.ports <= n.free_ports
        };
        match place(&demand, &nodes) {
            Ok(id) => prop_assert!(nodes.iter().any(|n| n.id == id && can(n))),
            Err(refusals) => {
                prop_assert!(!nodes.iter().any(can));
                prop_assert_eq!(refusals.len(), nodes.len());
            }
        }
    }

    #[test]
    fn the_order_of_the_nodes_does_not_matter(
        demand in demand(),
        mut nodes in proptest::collection::vec(candidate(), 0..8),
    ) {
        nodes.sort_by_key(|n| n.id);
        nodes.dedup_by_key(|n| n.id);
        let forwards = place(&demand, &nodes).ok();
        nodes.reverse();
        prop_assert_eq!(forwards, place(&demand, &nodes).ok());
    }
}

#[test]
fn the_emptiest_node_is_chosen() {
    let node = |id, reserved_memory_bytes| Candidate { reserved_memory_bytes, ..roomy(id) };
    let demand =
        Demand { runtime: Runtime::Process, limits: Limits { memory_bytes: 10, ..Limits::default() }, ports: 1 };
    assert_eq!(place(&demand, &[node(1, 60), node(2, 20), node(3, 95)]), Ok(NodeId::from_parts(Time::ZERO, 2)));
}

/// Each node with the one thing that stands against it, and what the refusal says.
#[test]
fn s2_a_node_that_cannot_fence_takes_no_process_and_says_what_to_install() {
    let process =
        Demand { runtime: Runtime::Process, limits: Limits { memory_bytes: 1, ..Limits::default() }, ports: 1 };
    let container = Demand { runtime: Runtime::Container, ..process };
    use Isolation::{Full, None, SharedNetwork};
    for (isolation, min_isolation, takes_process) in [
        (None, SharedNetwork, false),
        (None, Full, false),
        (None, None, true),
        (SharedNetwork, SharedNetwork, true),
        (SharedNetwork, Full, false),
        (SharedNetwork, None, true),
        (Full, Full, true),
        (Full, SharedNetwork, true),
    ] {
        let node = Candidate { isolation, min_isolation, ..roomy(1) };
        assert_eq!(place(&container, std::slice::from_ref(&node)), Ok(node.id), "the engine isolates");
        match place(&process, std::slice::from_ref(&node)) {
            Ok(_) => assert!(takes_process, "{isolation} {min_isolation}"),
            Err(refusals) => {
                assert!(!takes_process, "{isolation} {min_isolation}");
                let why = refusals[0].1.to_string();
                assert!(why.contains("bubblewrap") && why.contains("ostler node isolation"), "{why}");
                assert!(!refusals[0].1.is_passing(), "waiting does not help");
            }
        }
    }
}

#[test]
fn s11_processors_are_refused_beyond_what_may_be_promised() {
    let wanted =
        Demand { runtime: Runtime::Process, limits: Limits { memory_bytes: 1, ..Limits::default() }, ports: 0 };
    let full = Candidate { reserved_cpu_millis: 4000 * CPU_OVERCOMMIT - 999, ..roomy(1) };
    let refusals = place(&wanted, std::slice::from_ref(&full)).unwrap_err();
    assert_eq!(refusals, [(full.id, Refusal::Cpu { wanted_millis: 1000, free_millis: 999 })]);
    let just = Candidate { reserved_cpu_millis: 4000 * CPU_OVERCOMMIT - 1000, ..roomy(1) };
    assert_eq!(place(&wanted, std::slice::from_ref(&just)), Ok(just.id));
}

#[test]
fn s11_nothing_new_is_placed_on_a_node_below_its_floor_and_waiting_is_right() {
    let wanted =
        Demand { runtime: Runtime::Container, limits: Limits { memory_bytes: 1, ..Limits::default() }, ports: 0 };
    for (low, why) in
        [(Low { disk: true, memory: false }, Refusal::LowDisk), (Low { disk: false, memory: true }, Refusal::LowMemory)]
    {
        let node = Candidate { low, ..roomy(1) };
        assert_eq!(place(&wanted, std::slice::from_ref(&node)), Err(vec![(node.id, why.clone())]));
        assert!(why.is_passing());
    }
}
