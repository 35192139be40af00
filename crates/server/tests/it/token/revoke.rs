//! The list of devices, ending one or all, and how fast open streams notice.

use super::database::{PASSWORD, install};
use axum::body::Body;
use futures_util::StreamExt as _;
use http::{Method, Request};
use ostler_model::Millis;
use ostler_model::authz::{Grant, Role, SystemReason, Write};
use ostler_server::service;
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tower::ServiceExt as _;

async fn login(t: &TestServer) -> As {
    let body = json!({"email": "ada@example.org", "password": PASSWORD});
    let answer = t.post(&As::Nobody, "/api/v1/auth/login", &body).await.is(200);
    cookie(answer.header("set-cookie").unwrap())
}

fn cookie(header: &str) -> As {
    As::Browser(header.split(';').next().unwrap().trim_start_matches("ostler_session=").to_owned())
}

async fn devices(t: &TestServer, who: &As) -> Vec<Value> {
    t.get(who, "/api/v1/auth/sessions").await.is(200).json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn noderax_a13_devices_are_listed_and_one_or_all_others_are_ended() {
    let t = TestServer::start().await;
    install(&t).await;
    let (one, two, three) = (login(&t).await, login(&t).await, login(&t).await);
    let begun = super::database::tokens(&t).await;
    assert_eq!(devices(&t, &one).await.len(), 5, "the installation's, three browsers and a program");
    let id = begun["session"].as_str().unwrap();
    t.ask(&two, Method::DELETE, &format!("/api/v1/auth/sessions/{id}"), None).await.is(204);
    t.get(&super::database::access(&begun), "/api/v1/users/me").await.is(401);
    let ended = t.ask(&one, Method::DELETE, "/api/v1/auth/sessions", None).await.is(200).json();
    assert_eq!(ended["count"], 3);
    for gone in [&two, &three] {
        t.get(gone, "/api/v1/users/me").await.is(401);
    }
    let left = devices(&t, &one).await;
    assert_eq!((left.len(), &left[0]["is_current"]), (1, &json!(true)));
    t.stop().await;
}

/// Opens the stream of events and reads it to its end; answers how long that took from `began` on.
async fn stream(t: &TestServer, who: &As) -> axum::body::BodyDataStream {
    let mut request: Request<Body> = t.request(who, &Method::GET, "/api/v1/events/stream", None);
    request.extensions_mut().insert(ostler_server::http::Peer(std::net::Ipv4Addr::LOCALHOST.into()));
    let response = service(&t.app).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.into_body().into_data_stream();
    body.next().await.unwrap().unwrap();
    body
}

async fn ends(mut body: axum::body::BodyDataStream, began: Instant, what: &str) {
    let end = async { while body.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(10), end).await.unwrap_or_else(|_| panic!("{what}: the stream goes on"));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{what}: it took {took:?}");
}

#[tokio::test]
async fn noderax_a13_an_open_quiet_stream_ends_within_a_second_of_what_ends_its_credentials() {
    let t = TestServer::start().await;
    let user = t.person(false).await;
    t.person(true).await;
    let now = t.app.clock.now();

    let browser = t.browser(&user).await;
    let open = stream(&t, &browser).await;
    let session = t.app.store.session_list(user.id, now).await.unwrap().remove(0);
    let grant: Grant<_, Write> = t.grant(SystemReason::SignIn, &session);
    t.app.store.session_revoke(&grant, now).await.unwrap();
    ends(open, Instant::now(), "a revoked session").await;

    let token = As::Bearer(t.tokens(&user).await);
    let open = stream(&t, &token).await;
    let session = t.app.store.session_list(user.id, now).await.unwrap().remove(0);
    let grant: Grant<_, Write> = t.grant(SystemReason::SignIn, &session);
    t.app.store.session_revoke(&grant, now).await.unwrap();
    ends(open, Instant::now(), "a revoked family of tokens").await;

    let token = As::Bearer(t.tokens(&user).await);
    let open = stream(&t, &token).await;
    t.time.skip(Millis::secs(15 * 60 + 1));
    ends(open, Instant::now(), "an access token whose time is over").await;

    let (browser, began) = (t.browser(&user).await, t.app.clock.now());
    let open = stream(&t, &browser).await;
    let all = t.grant(SystemReason::Setup, &ostler_model::authz::Collection::platform());
    t.app.store.user_set_state(&all, user.id, ostler_model::user::State::Deactivated, began).await.unwrap();
    ends(open, Instant::now(), "a deactivated person").await;
    t.stop().await;
}

#[tokio::test]
async fn a_session_gets_a_new_cookie_when_its_person_is_given_more_and_the_old_one_ends_soon() {
    let t = TestServer::start().await;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let (user, old) = t.member(&space, Role::Viewer).await;
    assert_eq!(t.get(&old, "/api/v1/users/me").await.is(200).header("set-cookie"), None);
    let member = t.app.store.member_find(space.id, user.id).await.unwrap().unwrap();
    let grant: Grant<_, Write> = t.grant(SystemReason::Setup, &member);
    t.app.store.member_set_role(&grant, Role::Admin, t.app.clock.now()).await.unwrap();

    let answer = t.get(&old, "/api/v1/users/me").await.is(200);
    let header = answer.header("set-cookie").expect("a new cookie").to_owned();
    assert!(header.contains("HttpOnly") && header.contains("SameSite=Lax"), "{header}");
    let new = cookie(&header);
    assert_eq!(t.get(&new, "/api/v1/users/me").await.is(200).header("set-cookie"), None, "once is enough");
    // What was under way with the old one still counts, but it gets nothing new.
    assert_eq!(t.get(&old, "/api/v1/users/me").await.is(200).header("set-cookie"), None);
    assert_eq!(devices(&t, &new).await.len(), 1, "it is the same session");
    t.time.skip(Millis::secs(31));
    t.get(&old, "/api/v1/users/me").await.is(401);
    t.get(&new, "/api/v1/users/me").await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn noderax_a12_a_refused_sign_in_is_one_entry_that_names_the_account() {
    let t = TestServer::start().await;
    install(&t).await;
    let body = json!({"email": "ada@example.org", "password": "not the password"});
    let answer = t.post(&As::Nobody, "/api/v1/auth/login", &body).await.is(401);
    let ada = login(&t).await;
    let listed = t.get(&ada, "/api/v1/audit-logs?outcome=refused").await.is(200).json();
    let entry = &listed["items"][0];
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!((&entry["action"], &entry["target_id"]), (&json!("session.login"), &json!("ada@example.org")));
    assert_eq!(entry["actor_kind"], "anonymous");
    assert_eq!(entry["address"], "192.0.2.1");
    assert_eq!(entry["request_id"], json!(answer.header("x-request-id").unwrap()));
    assert!(!listed.to_string().contains("not the password"));
    t.stop().await;
}
