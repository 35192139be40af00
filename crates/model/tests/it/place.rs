//! Placement: never over capacity, deterministic, and every refusal has its reason.

use ostler_model::workload::Runtime;
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::place::{Candidate, Demand, place};
use ostler_model::{Id, NodeId, Time};
use proptest::prelude::*;

fn candidate() -> impl Strategy<Value = Candidate> {
    (0_u128..64, any::<[bool; 3]>(), 0_u64..9, 0_u64..9, 0_u64..9, 0_usize..4).prop_map(
        |(id, [is_online, is_draining, has_container_engine], memory, reserved, cpu, free_ports)| Candidate {
            id: NodeId::from_parts(Time::ZERO, id),
            is_online,
            is_draining,
            has_container_engine,
            memory_bytes: memory,
            cpu_millis: 4000,
            reserved_memory_bytes: reserved,
            reserved_cpu_millis: cpu * 1000,
            free_ports,
        },
    )
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
    let node = |id, reserved_memory_bytes| Candidate {
        id: NodeId::from_parts(Time::ZERO, id),
        is_online: true,
        is_draining: false,
        has_container_engine: false,
        memory_bytes: 100,
        cpu_millis: 1000,
        reserved_memory_bytes,
        reserved_cpu_millis: 0,
        free_ports: 9,
    };
    let demand =
        Demand { runtime: Runtime::Process, limits: Limits { memory_bytes: 10, ..Limits::default() }, ports: 1 };
    assert_eq!(place(&demand, &[node(1, 60), node(2, 20), node(3, 95)]), Ok(NodeId::from_parts(Time::ZERO, 2)));
}
