//! Events: gap-free, in the order of the commits, told once.

use crate::support::both_backends;
use ostler_model::Millis;
use ostler_model::authz::{Collection, Kind, SystemReason};
use ostler_model::event::Event;
use ostler_model::user::User;
use ostler_store::Reach;
use ostler_store::event::Filter;
use std::sync::{Arc, Mutex};

both_backends! {
    async fn parallel_writers_leave_no_gap_and_listeners_hear_everything_in_sequence(t) {
        let heard: Arc<Mutex<Vec<u64>>> = Arc::default();
        let into = heard.clone();
        t.store.on_commit(move |events: &[Event]| into.lock().unwrap().extend(events.iter().map(|e| e.seq)));
        let other = t.reopen().await;
        let grant = t.may(&Collection::<User>::platform());
        let tries = (0..60).map(|i| {
            let (grant, other) = (grant.clone(), other.clone());
            async move {
                // A third fails after its event was noted: it must leave no number behind.
                let email = if i % 3 == 0 { "same@example.org".to_owned() } else { format!("u{i}@example.org") };
                let store = if i % 2 == 0 { &t.store } else { &other };
                let _ = store.user_create(&grant, &t.new_user(&email), t.now()).await;
            }
        });
        futures_util::future::join_all(tries).await;
        let all = t.store.event_list(&Filter::default(), 0, 1000).await.unwrap();
        assert_eq!(all.iter().map(|e| e.seq).collect::<Vec<_>>(), (1..=41).collect::<Vec<u64>>());
        assert_eq!(t.store.event_head().await.unwrap(), 41);
        let heard = heard.lock().unwrap().clone();
        assert!(heard.is_sorted() && !heard.is_empty(), "{heard:?}");
        other.close().await;
    }

    async fn a_reader_never_sees_a_later_number_before_an_earlier_one(t) {
        let grant = t.may(&Collection::<User>::platform());
        let writers = (0..40).map(|i| { let grant = grant.clone(); async move {
            t.store.user_create(&grant, &t.new_user(&format!("u{i}@example.org")), t.now()).await.unwrap();
        }});
        let reader = async {
            let mut last = 0;
            while last < 40 {
                let found = t.store.event_list(&Filter::default(), last, 1000).await.unwrap();
                for event in found {
                    assert_eq!(event.seq, last + 1, "a commit became visible behind one that was read already");
                    last = event.seq;
                }
            }
        };
        tokio::join!(futures_util::future::join_all(writers), reader);
    }

    async fn events_are_filtered_by_reach_and_topic_and_expire_from_the_oldest(t) {
        let (home, _) = t.workspace("home").await;
        let (other, _) = t.workspace("other").await;
        t.node(Some(home.id), "a").await;
        t.node(Some(other.id), "b").await;
        let mine = Filter { reach: Reach::workspace(home.id), ..Filter::default() };
        let seen = t.store.event_list(&mine, 0, 100).await.unwrap();
        assert!(seen.iter().all(|e| e.workspace == Some(home.id)) && seen.len() == 2, "{seen:?}");
        let nodes = Filter { topics: vec![Kind::Node], ..Filter::default() };
        assert_eq!(t.store.event_list(&nodes, 0, 100).await.unwrap().len(), 2);
        assert_eq!(t.store.event_history(&nodes, None, 1).await.unwrap()[0].workspace, Some(other.id));
        let grant = t.system(SystemReason::Retention, &Collection::<Event>::platform());
        let head = t.store.event_head().await.unwrap();
        assert_eq!(t.store.event_expire(&grant, t.now() + Millis(1), 2, t.now()).await.unwrap(), 2);
        assert_eq!(t.store.event_oldest().await.unwrap(), Some(3));
        t.store.event_expire(&grant, t.now() + Millis(1), 1000, t.now()).await.unwrap();
        assert_eq!((t.store.event_oldest().await.unwrap(), t.store.event_head().await.unwrap()), (None, head));
    }
}
