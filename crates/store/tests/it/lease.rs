//! Leases of nodes.

use crate::support::both_backends;
use ostler_model::Millis;
use ostler_model::authz::Write;
use ostler_model::node::{Lease, Node};
use ostler_store::event::Filter;

both_backends! {
    async fn f5_a_lease_goes_to_the_newest_process_that_shows_the_one_before(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let grant = t.report(&node);
        let ask = async |shown, boot: u8| t.store.node_lease(&grant, (shown, [boot; 16]), [boot; 16], t.now()).await.unwrap();
        let stored = async |lease: Lease, boot: u8| {
            t.store.node_lease_stored(node.id, lease.number, [boot; 16], t.now()).await.unwrap()
        };
        assert!(!t.store.node_has_lease(node.id).await.unwrap());
        let first = ask(None, 1).await.unwrap();
        assert_eq!(first, Lease { number: 1, nonce: [1; 16] });
        assert_eq!(ask(None, 1).await, Some(first), "its second link, before it has stored anything");
        assert!(t.store.node_has_lease(node.id).await.unwrap());
        assert!(stored(first, 1).await && stored(first, 1).await);
        assert_eq!(ask(None, 9).await, None, "a copy from before the first link");
        let second = ask(Some(first), 2).await.unwrap();
        assert!(!stored(first, 1).await, "the process before is told that it is not the node");
        let third = ask(Some(first), 3).await.unwrap();
        assert_eq!((second.number, third.number), (2, 3), "the second crashed before it stored it");
        assert!(!stored(second, 2).await && stored(third, 3).await);
        assert_eq!(ask(Some(first), 4).await, None, "a copy");
        assert_eq!(t.store.node_boots(&[node.id]).await.unwrap()[&node.id], [3; 16]);
        let newer = Lease { number: 9, nonce: [7; 16] };
        assert_eq!(ask(Some(newer), 5).await.unwrap().number, 10, "this database is older than what the node has");
        assert_eq!(t.store.node_get(node.id).await.unwrap(), node, "a lease is no news of the node");
    }

    async fn f5_of_many_processes_at_once_one_keeps_the_lease(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let grant = t.report(&node);
        let ask = async |boot: u8| t.store.node_lease(&grant, (None, [boot; 16]), [boot; 16], t.now()).await.unwrap();
        let asked = futures_util::future::join_all((1..=20).map(ask)).await;
        let kept = async |(lease, boot): (Option<Lease>, u8)| match lease {
            Some(lease) => t.store.node_lease_stored(node.id, lease.number, [boot; 16], t.now()).await.unwrap(),
            None => false,
        };
        let kept = futures_util::future::join_all(asked.into_iter().zip(1..=20).map(kept)).await;
        assert_eq!(kept.iter().filter(|is| **is).count(), 1);
    }

    async fn f5_a_conflict_is_told_once_and_ends_when_the_next_one_is_accepted(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        let (grant, begin) = (t.report(&node), t.now());
        t.store.node_lease(&grant, (None, [1; 16]), [1; 16], begin).await.unwrap();
        let head = t.store.event_head().await.unwrap();
        for _ in 0..20 {
            t.store.node_conflict(&grant, Some("192.0.2.7"), begin).await.unwrap();
        }
        let told = t.store.event_list(&Filter::default(), head, 100).await.unwrap();
        assert_eq!(told.len(), 1, "a copy that tries again and again is told of once");
        let conflicts = t.store.node_conflicts(&[node.id], begin).await.unwrap();
        assert_eq!(conflicts[&node.id].from.as_deref(), Some("192.0.2.7"));
        assert!(t.store.node_conflicts(&[node.id], begin + Millis(1)).await.unwrap().is_empty(), "it is over after a while");
        t.store.node_accept_next(&t.may::<Node, Write>(&node), t.now()).await.unwrap();
        assert!(t.store.node_conflicts(&[node.id], begin).await.unwrap().is_empty());
        let copy = t.store.node_lease(&grant, (None, [2; 16]), [2; 16], t.now()).await.unwrap();
        assert!(copy.is_some());
    }
}
