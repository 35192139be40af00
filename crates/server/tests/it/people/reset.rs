//! Forgotten passwords.

use super::mail::with;
use super::sink::Sink;
use http::Method;
use ostler_model::Millis;
use ostler_model::user::User;
use ostler_runtime::Ids;
use ostler_server::config::{Config, Rates};
use ostler_store::{MasterKey, Options, Paging, Store};
use ostler_testkit::server::{As, SkipClock, TestServer};
use ostler_testkit::wait;
use serde_json::{Value, json};

async fn with_password(t: &TestServer, email: &str) -> User {
    let user = t.person_named(email, false).await;
    let secret = ostler_model::Secret::new("correct horse battery");
    let hash = t.app.passwords.hash(&t.app.ids, &secret).await.unwrap();
    let grant = t.may(&user, &user).await;
    t.app.store.user_set_password(&grant, &hash, None, t.app.clock.now()).await.unwrap();
    user
}

fn forgot(email: &str) -> Value {
    json!({ "email": email })
}

const FORGOT: &str = "/api/v1/auth/password/forgot";

#[tokio::test]
async fn a_link_by_mail_sets_a_password_once_within_an_hour_and_ends_sessions() {
    let sink = Sink::start().await;
    let t = TestServer::with(with(&sink)).await;
    let user = with_password(&t, "ada@example.org").await;
    let browser = t.browser(&user).await;
    t.post(&As::Nobody, FORGOT, &forgot("Ada@Example.org")).await.is(200);
    let first = sink.mail(1).await.token();
    t.post(&As::Nobody, FORGOT, &forgot("ada@example.org")).await.is(200);
    let second = sink.mail(2).await.token();
    let path = |token: &str| format!("/api/v1/auth/password/reset/{token}");
    let new = json!({"password": "another horse battery"});
    t.post(&As::Nobody, &path(&first), &new).await.is(410).code("revoked");
    assert_eq!(t.get(&As::Nobody, &path(&second)).await.is(200).json()["email"], "ada@example.org");
    t.post(&As::Nobody, &path(&second), &json!({"password": "qwertyuiop12"})).await.is(422);
    t.post(&As::Nobody, &path(&second), &new).await.is(204);
    t.post(&As::Nobody, &path(&second), &new).await.is(409).code("used");
    t.get(&browser, "/api/v1/users/me").await.is(401);
    let login = |password: &str| json!({"email": "ada@example.org", "password": password});
    t.post(&As::Nobody, "/api/v1/auth/login", &login("correct horse battery")).await.is(401);
    t.post(&As::Nobody, "/api/v1/auth/login", &login("another horse battery")).await.is(200);
    t.time.skip(Millis::secs(3600));
    t.post(&As::Nobody, FORGOT, &forgot("ada@example.org")).await.is(200);
    let third = sink.mail(3).await.token();
    t.time.skip(Millis::secs(3601));
    t.post(&As::Nobody, &path(&third), &new).await.is(410).code("expired");
    t.stop().await;
}

/// Noderax A12: the time of a reset and a failing mail server told which addresses had accounts.
#[tokio::test]
async fn noderax_a12_forgetting_tells_nothing_about_accounts() {
    let sink = Sink::start().await;
    sink.moody(true);
    let t = TestServer::with(with(&sink)).await;
    with_password(&t, "ada@example.org").await;
    let (root, late) = (t.person(true).await, t.person_named("out@example.org", false).await);
    let root = t.browser(&root).await;
    let out = json!({"is_active": false});
    t.ask(&root, Method::PATCH, &format!("/api/v1/users/{}", late.id), Some(&out)).await.is(200);
    let mut answers = vec![];
    for email in ["ada@example.org", "nobody@example.org", "out@example.org"] {
        let answer = t.post(&As::Nobody, FORGOT, &forgot(email)).await;
        answers.push((answer.status, answer.without_request_id()));
        let waiting = t.app.store.mail_list(&Paging::default()).await.unwrap().items;
        assert!(waiting.iter().any(|mail| mail.to.as_str() == email), "the same row is written for {email}");
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    sink.moody(false);
    wait::until("all are dealt with", async || {
        t.app.store.mail_hurry(t.app.clock.now()).await.unwrap();
        t.app.post.wake();
        t.app.store.mail_list(&Paging::default()).await.unwrap().items.is_empty().then_some(())
    })
    .await;
    let got = sink.got();
    assert_eq!(got.iter().map(|mail| mail.to.clone()).collect::<Vec<_>>(), [["ada@example.org"]], "{got:?}");
    t.stop().await;
}

/// Noderax A12: whoever was kept out was told so before the password was looked at.
#[tokio::test]
async fn noderax_a12_a_deactivated_account_is_refused_like_an_unknown_one() {
    let t = TestServer::start().await;
    let user = with_password(&t, "ada@example.org").await;
    let root = t.browser(&t.person(true).await).await;
    let out = json!({"is_active": false});
    t.ask(&root, Method::PATCH, &format!("/api/v1/users/{}", user.id), Some(&out)).await.is(200);
    let mut answers = vec![];
    for (email, password) in
        [("ada@example.org", "correct horse battery"), ("ada@example.org", "wrong"), ("no@example.org", "wrong")]
    {
        let body = json!({"email": email, "password": password});
        answers.push(t.post(&As::Nobody, "/api/v1/auth/login", &body).await.is(401).without_request_id());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    t.stop().await;
}

/// Noderax A12: limits were in memory, and everybody behind a proxy shared one. Noderax A16: anybody could make it send mail.
#[tokio::test]
async fn noderax_a16_forgetting_is_no_mail_cannon() {
    let t = TestServer::start().await;
    let mut last = None;
    for _ in 0..4 {
        last = Some(t.post(&As::Nobody, FORGOT, &forgot("ada@example.org")).await);
    }
    let answer = last.unwrap().is(429).code("too_many_requests");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    t.post(&As::Nobody, FORGOT, &forgot("eve@example.org")).await.is(200);
    t.time.skip(Millis::secs(wait));
    t.post(&As::Nobody, FORGOT, &forgot("ada@example.org")).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn a_link_is_of_no_use_to_somebody_who_is_kept_out() {
    let t = TestServer::start().await;
    let user = with_password(&t, "ada@example.org").await;
    let root = t.browser(&t.person(true).await).await;
    let path = format!("/api/v1/users/{}", user.id);
    let made = t.ask(&root, Method::POST, &format!("{path}/reset-link"), None).await.is(201).json();
    let token = made["link"].as_str().unwrap().split("#token=").nth(1).unwrap().to_owned();
    t.ask(&root, Method::PATCH, &path, Some(&json!({"is_active": false}))).await.is(200);
    let new = json!({"password": "another horse battery"});
    t.post(&As::Nobody, &format!("/api/v1/auth/password/reset/{token}"), &new).await.is(410);
    t.ask(&root, Method::POST, &format!("{path}/reset-link"), None).await.is(409).code("not_active");
    t.stop().await;
}

/// Hyperion P0 9: the first hop of `X-Forwarded-For` was believed, so everybody chose their own address.
#[tokio::test]
async fn hyperion_p0_9_a_made_up_address_is_not_a_new_one_to_the_limits() {
    let t = TestServer::start().await;
    let mut last = None;
    for i in 0..21 {
        let body = forgot(&format!("somebody{i}@example.org"));
        let mut request = t.request(&As::Nobody, &Method::POST, FORGOT, Some(&body));
        request.headers_mut().insert("x-forwarded-for", format!("203.0.113.{i}").parse().unwrap());
        last = Some(t.send(request).await);
    }
    last.unwrap().is(429);
    t.stop().await;
}

/// Noderax A12: limits were forgotten at each start.
#[tokio::test]
async fn noderax_a12_limits_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let start = async || {
        let time = SkipClock::new();
        let options = Options::sqlite(dir.path().join("t.db"), time.clock(), MasterKey::new([7; 32]));
        let (store, ids) = (Store::open(options).await.unwrap(), Ids::system(time.clock()));
        TestServer::on(Config { rates: Rates::NONE, ..Config::default() }, store, time, ids).await
    };
    let t = start().await;
    let login = json!({"email": "ada@example.org", "password": "a guess at it"});
    for _ in 0..8 {
        t.post(&As::Nobody, "/api/v1/auth/login", &login).await.is(401);
    }
    t.stop().await;
    let t = start().await;
    let wait = t.post(&As::Nobody, "/api/v1/auth/login", &login).await.is(429);
    assert!(wait.json()["message"].as_str().unwrap().contains("seconds"), "{:?}", wait.json());
    t.stop().await;
}
