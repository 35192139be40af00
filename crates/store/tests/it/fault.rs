//! Faults on purpose, at every point of a change.

use crate::support::{Db, both_backends};
use ostler_model::Millis;
use ostler_model::authz::Collection;
use ostler_model::user::User;
use ostler_store::audit::Verdict;
use ostler_store::{Fault, Faults, Point, StoreError, event};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

/// Strikes the first `times` times that one operation passes one point.
struct Strike {
    point: Point,
    fault: Fault,
    times: AtomicUsize,
}

impl Faults for Strike {
    fn at(&self, operation: &'static str, point: Point) -> Option<Fault> {
        let is_here = operation == "user_create" && point == self.point;
        let is_due = |left: usize| left.checked_sub(1);
        (is_here && self.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_due).is_ok()).then_some(self.fault)
    }
}

async fn struck(t: &Db, point: Point, fault: Fault, times: usize) -> (Result<User, StoreError>, bool) {
    let store = t.with_faults(Arc::new(Strike { point, fault, times: AtomicUsize::new(times) })).await;
    let grant = t.may(&Collection::<User>::platform());
    let new = t.new_user(&format!("{point:?}-{times}@example.org"));
    let out = store.user_create(&grant, &new, t.now()).await;
    assert_eq!(store.in_flight(), 0);
    store.close().await;
    let is_there = t.store.user_find(new.id).await.unwrap().is_some();
    // Whatever happened: one event and one audit entry per person, without gaps.
    let people = t.store.user_list(&Default::default()).await.unwrap().items.len() as u64;
    let events = t.store.event_list(&event::Filter::default(), 0, 1000).await.unwrap();
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), (1..=people).collect::<Vec<_>>());
    match t.store.audit_verify(None).await.unwrap() {
        Verdict::Whole { entries, .. } => assert_eq!(entries, people),
        broken => panic!("{broken:?}"),
    }
    (out, is_there)
}

both_backends! {
    async fn busy_is_tried_again_and_then_given_up(t) {
        let (out, is_there) = struck(t, Point::Begin, Fault::Busy, 3).await;
        assert!(out.is_ok() && is_there);
        let (out, is_there) = struck(t, Point::Commit, Fault::Busy, 2).await;
        assert!(out.is_ok() && is_there);
        let (out, is_there) = struck(t, Point::Begin, Fault::Busy, 1000).await;
        assert!(matches!(out, Err(StoreError::Busy(_))) && !is_there);
    }

    async fn before_the_commit_nothing_remains(t) {
        let (out, is_there) = struck(t, Point::Begin, Fault::Full, 1).await;
        assert!(matches!(out, Err(StoreError::Full(_))) && !is_there);
        let (out, is_there) = struck(t, Point::Commit, Fault::Full, 2).await;
        assert!(matches!(out, Err(StoreError::Full(_))) && !is_there);
        let (out, is_there) = struck(t, Point::Commit, Fault::Cut, 3).await;
        assert!(matches!(out, Err(StoreError::Unsure { .. })) && !is_there);
    }

    async fn after_the_commit_everything_remains_and_the_caller_knows_that_it_does_not_know(t) {
        let (out, is_there) = struck(t, Point::Committed, Fault::Cut, 1).await;
        assert!(matches!(out, Err(StoreError::Unsure { .. })) && is_there);
        let (out, is_there) = struck(t, Point::Begin, Fault::Slow(Millis(20)), 1).await;
        assert!(out.is_ok() && is_there);
    }

    async fn a_caller_that_goes_away_in_the_middle_leaves_nothing_behind(t) {
        let grant = t.may(&Collection::<User>::platform());
        let mut kept = 0;
        for polls in 1..40 {
            let new = t.new_user(&format!("u{polls}@example.org"));
            let mut call = Box::pin(t.store.user_create(&grant, &new, t.now()));
            let mut left = polls;
            // Every poll but the first was asked for by the database's answer, so each round gets one answer further.
            let is_done = std::future::poll_fn(|context| {
                left -= 1;
                match call.as_mut().poll(context) {
                    Poll::Ready(done) => Poll::Ready(done.is_ok()),
                    Poll::Pending if left == 0 => Poll::Ready(false),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            drop(call);
            let end = t.now() + Millis::secs(5);
            while t.left_open().await > 0 {
                assert!(t.now() < end, "after {polls} answers a transaction stays open");
                tokio::task::yield_now().await;
            }
            let is_there = t.store.user_find(new.id).await.unwrap().is_some();
            assert!(is_there || !is_done);
            kept += u64::from(is_there);
        }
        t.user("after@example.org").await;
        let events = t.store.event_list(&event::Filter::default(), 0, 1000).await.unwrap();
        // The store may still be committing what its caller left; it never commits half of it.
        let people = t.store.user_list(&Default::default()).await.unwrap().items.len() as u64;
        assert!(people > kept);
        assert_eq!(events.len() as u64, people);
        assert_eq!(t.store.in_flight(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_connections_that_break_are_replaced_without_anybody_noticing() {
    let Some(t) = Db::postgres().await else { return };
    let writers = async {
        for i in 0..30 {
            let new = t.new_user(&format!("u{i}@example.org"));
            let grant = t.may(&Collection::<User>::platform());
            match t.store.user_create(&grant, &new, t.now()).await {
                Ok(_) => {}
                // Cut during a commit: it is honest about not knowing, and asking tells.
                Err(StoreError::Unsure { .. }) => drop(t.store.user_find(new.id).await.unwrap()),
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    let breaker = async {
        for _ in 0..10 {
            t.meddle(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        }
    };
    tokio::join!(writers, breaker);
    let people = t.store.user_list(&Default::default()).await.unwrap().items.len() as u64;
    let events = t.store.event_list(&event::Filter::default(), 0, 1000).await.unwrap();
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), (1..=people).collect::<Vec<_>>());
    t.finish().await;
}

/// No change is kept while it is set.
struct NoRoom(Arc<std::sync::atomic::AtomicBool>);

impl Faults for NoRoom {
    fn at(&self, _: &'static str, point: Point) -> Option<Fault> {
        (self.0.load(Ordering::SeqCst) && point == Point::Commit).then_some(Fault::Full)
    }
}

both_backends! {
    async fn f34_a_change_that_found_no_room_is_remembered_until_one_is_kept(t) {
        let is_full = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let store = t.with_faults(Arc::new(NoRoom(is_full.clone()))).await;
        let mut now = t.now();
        assert_eq!(store.shortage(now).await, None);
        is_full.store(true, Ordering::SeqCst);
        let grant = t.may(&Collection::<User>::platform());
        let failed = store.user_create(&grant, &t.new_user("full@example.org"), now).await;
        assert!(matches!(failed, Err(StoreError::Full(_))), "{failed:?}");
        for _ in 0..3 {
            assert_eq!(store.shortage(now).await, Some(ostler_store::Shortage::Full));
            now = now + Millis::secs(2);
        }
        is_full.store(false, Ordering::SeqCst);
        assert_eq!(store.shortage(now).await, None, "nobody but the look itself has changed anything");
        store.close().await;
    }
}
