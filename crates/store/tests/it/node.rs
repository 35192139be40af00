//! Nodes and join tokens.

use crate::support::both_backends;
use ostler_model::Millis;
use ostler_model::authz::{Collection, Origin};
use ostler_model::node::{Facts, Node};
use ostler_store::{Paging, Reach, Rule, StoreError, node};

both_backends! {
    async fn a_join_token_works_once_whoever_tries_at_the_same_time(t) {
        let (workspace, _) = t.workspace("home").await;
        let token = t.token(Some(workspace.id), b"secret", Millis::secs(60)).await;
        let tries = (0..100).map(|_| async {
            let joining = t.joining("box");
            let origin = Origin::default();
            (t.store.node_join(b"secret", &joining, &origin, t.now()).await, joining)
        });
        let done = futures_util::future::join_all(tries).await;
        let joined: Vec<_> = done.iter().filter(|(r, _)| r.is_ok()).collect();
        assert_eq!(joined.len(), 1);
        assert!(done.iter().all(|(r, _)| matches!(r, Ok(_) | Err(StoreError::Refused(Rule::JoinToken)))));
        let nodes = t.store.node_list(&Reach::workspace(workspace.id), false, &Paging::default()).await.unwrap();
        assert_eq!(nodes.items.len(), 1);
        let used = t.store.join_token_find(token.id).await.unwrap().unwrap();
        assert_eq!(used.node, Some(nodes.items[0].id));
        // The answer was lost: the same machine asks again and is told who it is.
        let again = t.store.node_join(b"secret", &joined[0].1, &Origin::default(), t.now()).await.unwrap();
        assert_eq!(again.id, nodes.items[0].id);
    }

    async fn noderax_a5_joining_under_the_name_or_the_key_of_a_node_takes_nothing_over(t) {
        let (workspace, _) = t.workspace("home").await;
        let first = t.node(Some(workspace.id), "box").await;
        t.token(Some(workspace.id), b"same name", Millis::secs(60)).await;
        let second = t.store.node_join(b"same name", &t.joining("box"), &Origin::default(), t.now()).await.unwrap();
        assert_ne!((second.id, second.name.as_str()), (first.id, first.name.as_str()));
        let token = t.token(None, b"same key", Millis::secs(60)).await;
        let copied = node::Joining { public_key: first.public_key.clone(), ..t.joining("copy") };
        let taken = t.store.node_join(b"same key", &copied, &Origin::default(), t.now()).await;
        assert!(matches!(taken, Err(StoreError::Taken(ostler_store::Constraint::NodeKey))), "{taken:?}");
        assert!(t.store.join_token_find(token.id).await.unwrap().unwrap().used_at.is_none(), "refused, and not used up");
        assert_eq!(t.store.node_get(first.id).await.unwrap(), first, "who was there notices nothing");
    }

    async fn expired_and_revoked_tokens_make_no_node(t) {
        let (workspace, _) = t.workspace("home").await;
        let token = t.token(Some(workspace.id), b"a", Millis::secs(60)).await;
        let late = t.store.node_join(b"a", &t.joining("n"), &Origin::default(), token.expires_at).await;
        assert!(matches!(late, Err(StoreError::Refused(Rule::JoinToken))));
        let other = Collection::<Node>::platform();
        assert!(!t.store.join_token_revoke(&t.may(&other), token.id, t.now()).await.unwrap(), "not theirs");
        let mine = Collection::<Node>::of(workspace.id);
        assert!(t.store.join_token_revoke(&t.may(&mine), token.id, t.now()).await.unwrap());
        let gone = t.store.node_join(b"a", &t.joining("n"), &Origin::default(), t.now()).await;
        assert!(matches!(gone, Err(StoreError::Refused(Rule::JoinToken))));
    }

    async fn names_are_made_unique_and_shared_nodes_are_listed_when_asked(t) {
        let (workspace, _) = t.workspace("home").await;
        let a = t.node(Some(workspace.id), "box").await;
        let b = t.node(Some(workspace.id), "box").await;
        let shared = t.node(None, "box").await;
        assert_eq!((a.name.as_str(), b.name.as_str(), shared.name.as_str()), ("box", "box-2", "box"));
        let reach = Reach::workspace(workspace.id);
        assert_eq!(t.store.node_list(&reach, false, &Paging::default()).await.unwrap().items.len(), 2);
        assert_eq!(t.store.node_list(&reach, true, &Paging::default()).await.unwrap().items.len(), 3);
        let taken = t.store.node_update(&t.may(&b), Some(&a.name), None, None, t.now()).await;
        assert!(matches!(taken, Err(StoreError::Taken(ostler_store::Constraint::NodeName))), "{taken:?}");
        assert_eq!(t.store.node_candidates(workspace.id, t.now()).await.unwrap().len(), 3);
    }

    async fn facts_that_say_nothing_new_tell_nobody(t) {
        let node = t.node(None, "box").await;
        let head = t.store.event_head().await.unwrap();
        t.store.node_set_facts(&t.report(&node), &node.facts, t.now()).await.unwrap();
        assert_eq!(t.store.event_head().await.unwrap(), head);
        let facts = Facts { cpu_count: 8, ..node.facts.clone() };
        assert_eq!(t.store.node_set_facts(&t.report(&node), &facts, t.now()).await.unwrap().facts, facts);
        t.store.node_set_online(&t.report(&node), true, t.now()).await.unwrap();
        assert_eq!(t.store.event_head().await.unwrap(), head + 2);
        let seen = t.now() + Millis::secs(5);
        t.store.node_seen(&[(node.id, seen), (t.id(), seen)], t.now()).await.unwrap();
        assert_eq!(t.store.node_get(node.id).await.unwrap().seen_at, Some(seen));
    }

    async fn a_node_with_workloads_goes_only_by_force(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "box").await;
        t.workload(&workspace, "quake", Some(node.id)).await;
        let used = t.store.node_delete(&t.may(&node), false, t.now()).await;
        assert!(matches!(used, Err(StoreError::Refused(Rule::NodeInUse))));
        assert!(!t.store.node_get(node.id).await.unwrap().is_draining, "a refusal changes nothing");
        t.store.node_delete(&t.may(&node), true, t.now()).await.unwrap();
        assert!(t.store.node_find(node.id).await.unwrap().is_none());
        assert_eq!(t.store.workload_count(&Reach::everything()).await.unwrap(), 0);
    }
}
