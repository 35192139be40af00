//! What is kept of credentials in memory: fast while nothing changes, gone before the answer of what changes it.

use super::database::Db;
use ostler_model::Millis;
use ostler_model::authz::{CapabilitySet, Collection, Grant, Role, Scope, SystemReason, Write};
use ostler_model::key::Key;
use ostler_model::user::{Session, State};
use ostler_runtime::Ids;
use ostler_server::config::{Config, Rates};
use ostler_store::{Fault, Faults, MasterKey, Options, Point, Store};
use ostler_testkit::server::{As, SkipClock, TestServer};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ME: &str = "/api/v1/users/me";
/// Asks a key for a capability.
const LIST: &str = "/api/v1/keys";
/// Authenticates and then finds nothing, without a look at the database.
const CHEAP: &str = "/api/v1/keys/none";

/// Counts how often the database was asked whose credentials some are.
#[derive(Default)]
struct Questions(AtomicUsize);

impl Faults for Questions {
    fn at(&self, operation: &'static str, point: Point) -> Option<Fault> {
        let asks = ["session_authority", "key_authority", "token_authority"].contains(&operation);
        if asks && point == Point::Begin {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        None
    }
}

async fn counted() -> (TestServer, Arc<Questions>) {
    let (time, questions) = (SkipClock::new(), Arc::new(Questions::default()));
    let options = Options::memory(time.clock(), MasterKey::new([7; 32])).faults(questions.clone());
    let store = Store::open(options).await.unwrap();
    let ids = Ids::system(time.clock());
    (TestServer::on(Config { rates: Rates::NONE, ..Config::default() }, store, time, ids).await, questions)
}

#[tokio::test]
async fn the_database_is_asked_once_while_no_rights_change_and_again_after_each_change() {
    let (t, questions) = counted().await;
    let user = t.person(false).await;
    let browser = t.browser(&user).await;
    let (_, key) = t.key(&user, CapabilitySet::everything(), Scope::All).await;
    let token = As::Bearer(t.tokens(&user).await);
    for who in [&browser, &key, &token] {
        let before = questions.0.load(Ordering::SeqCst);
        for _ in 0..50 {
            t.get(who, CHEAP).await.is(404);
        }
        assert_eq!(questions.0.load(Ordering::SeqCst), before + 1, "{who:?}");
    }
    let before = questions.0.load(Ordering::SeqCst);
    let space = t.workspace(&user).await;
    t.get(&key, CHEAP).await.is(404);
    t.join(&space, &t.person(false).await, Role::Viewer).await;
    t.get(&key, CHEAP).await.is(404);
    t.time.skip(Millis::secs(31));
    t.get(&key, CHEAP).await.is(404);
    assert_eq!(questions.0.load(Ordering::SeqCst), before + 3);
    let wrong = As::Bearer("ost_wrong".into());
    let before = questions.0.load(Ordering::SeqCst);
    for _ in 0..3 {
        t.get(&wrong, CHEAP).await.is(401);
    }
    assert_eq!(questions.0.load(Ordering::SeqCst), before + 3, "what is wrong is not remembered");
    t.stop().await;
}

#[tokio::test]
async fn hyperion_2_3_a_changed_role_holds_from_the_next_request_on() {
    for db in Db::both().await {
        let t = db.server().await;
        let owner = t.person(false).await;
        let space = t.workspace(&owner).await;
        let (user, browser) = t.member(&space, Role::Viewer).await;
        let path = format!("/api/v1/workspaces/{}/audit-logs", space.id);
        for (role, status) in [(Role::Admin, 200), (Role::Viewer, 404), (Role::Owner, 200), (Role::Member, 404)] {
            let member = t.app.store.member_find(space.id, user.id).await.unwrap().unwrap();
            let grant: Grant<_, Write> = t.grant(SystemReason::Setup, &member);
            t.app.store.member_set_role(&grant, role, t.app.clock.now()).await.unwrap();
            t.get(&browser, &path).await.is(status);
        }
        t.stop().await;
        db.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_revoked_is_never_accepted_by_a_request_that_began_after_the_answer() {
    for db in Db::both().await {
        let t = db.server().await;
        let user = t.person(false).await;
        for round in 0..30 {
            let (key, by_key) = t.key(&user, CapabilitySet::everything(), Scope::All).await;
            let by_cookie = t.browser(&user).await;
            let who = if round % 2 == 0 { by_key.clone() } else { by_cookie.clone() };
            t.get(&who, CHEAP).await.is(404);
            let is_over = Arc::new(AtomicBool::new(false));
            let askers: Vec<_> = (0..4)
                .map(|_| {
                    let (t, who, is_over) = (t.clone(), who.clone(), is_over.clone());
                    tokio::spawn(async move {
                        let mut after = 0;
                        while after < 3 {
                            let began_after = is_over.load(Ordering::SeqCst);
                            let status = t.get(&who, CHEAP).await.status.as_u16();
                            assert!(!began_after || status == 401, "accepted after the revocation was answered");
                            after += usize::from(began_after);
                            // A copy is found without waiting for anything; the others want their turn.
                            tokio::task::yield_now().await;
                        }
                    })
                })
                .collect();
            let now = t.app.clock.now();
            if round % 2 == 0 {
                let grant: Grant<Key, Write> = t.may(&user, &key).await;
                t.app.store.key_delete(&grant, now).await.unwrap();
            } else {
                let session = t.app.store.session_list(user.id, now).await.unwrap().remove(0);
                let grant: Grant<Session, Write> = t.grant(SystemReason::SignIn, &session);
                assert!(t.app.store.session_revoke(&grant, now).await.unwrap());
            }
            is_over.store(true, Ordering::SeqCst);
            for asker in askers {
                asker.await.unwrap();
            }
        }
        t.stop().await;
        db.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keys_new_limits_hold_from_the_next_request_on_here_and_within_a_second_elsewhere() {
    for db in Db::both().await {
        let here = db.server().await;
        let there = if db.is_postgres() { Some(db.server().await) } else { None };
        let user = here.person(false).await;
        let browser = here.browser(&user).await;
        let (key, who) = here.key(&user, CapabilitySet::everything(), Scope::All).await;
        let path = format!("/api/v1/keys/{}", key.id);
        for t in [Some(&here), there.as_ref()].into_iter().flatten() {
            t.get(&who, LIST).await.is(200);
        }
        let rounds = [
            (json!({"capabilities": ["user:read"]}), 403),
            (json!({"capabilities": ["key:read"]}), 200),
            (json!({"networks": ["198.51.100.0/24"]}), 401),
            (json!({"networks": []}), 200),
            (json!({"expires_at": here.app.clock.now() + Millis::secs(3600)}), 200),
            (json!({"requests_per_minute": 1}), 200),
            (json!({}), 429),
            (json!({"requests_per_minute": null}), 200),
        ];
        for (change, status) in rounds {
            here.ask(&browser, http::Method::PATCH, &path, Some(&change)).await.is(200);
            here.get(&who, LIST).await.is(status);
            let Some(there) = &there else { continue };
            let answered = Instant::now();
            // The rate is counted by each server.
            let is_so = |seen: u16| seen == status || (status == 429 && seen == 200);
            while !is_so(there.get(&who, LIST).await.status.as_u16()) {
                assert!(answered.elapsed() < Duration::from_secs(1), "not yet so elsewhere: {change}");
            }
        }
        for t in [Some(here), there].into_iter().flatten() {
            t.stop().await;
        }
        db.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_refuses_what_was_revoked_here_within_a_second() {
    for db in Db::both().await.into_iter().filter(Db::is_postgres) {
        let (here, there) = (db.server().await, db.server().await);
        let user = here.person(false).await;
        let (key, who) = here.key(&user, CapabilitySet::everything(), Scope::All).await;
        there.get(&who, ME).await.is(200);
        let grant: Grant<Key, Write> = here.may(&user, &key).await;
        here.app.store.key_delete(&grant, here.app.clock.now()).await.unwrap();
        let answered = Instant::now();
        while there.get(&who, ME).await.status == 200 {
            assert!(answered.elapsed() < Duration::from_secs(1), "still accepted elsewhere");
        }
        here.stop().await;
        there.stop().await;
        db.drop().await;
    }
}

#[tokio::test]
async fn without_word_from_other_servers_nothing_is_trusted_that_was_kept() {
    for db in Db::both().await.into_iter().filter(Db::is_postgres) {
        let t = db.server().await;
        let user = t.person(false).await;
        t.person(true).await;
        let who = t.browser(&user).await;
        t.get(&who, ME).await.is(200);
        // The loop that looks for others' changes is gone, as when the database cannot be reached for a while.
        t.app.spawn.cancel();
        t.time.skip(Millis::secs(2));
        t.get(&who, ME).await.is(200);
        let other = db.server().await;
        let all = t.grant(SystemReason::Setup, &Collection::platform());
        let now = other.app.clock.now();
        other.app.store.user_set_state(&all, user.id, State::Deactivated, now).await.unwrap();
        t.get(&who, ME).await.is(401);
        other.stop().await;
        t.stop().await;
        db.drop().await;
    }
}
