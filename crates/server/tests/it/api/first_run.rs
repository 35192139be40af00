//! The first run.

use http::Method;
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};

fn body(t: &TestServer) -> Value {
    json!({
        "secret": t.setup_secret.reveal(), "email": "ada@example.org", "name": "Ada",
        "password": "correct horse battery", "workspace": "Ada's stables"
    })
}

#[tokio::test]
async fn the_first_admin_is_made_once_and_is_signed_in() {
    let t = TestServer::start().await;
    assert_eq!(t.get(&As::Nobody, "/api/v1/setup/status").await.is(200).json()["state"], "setup");
    let wrong =
        json!({"secret": "guess", "email": "eve@example.org", "name": "Eve", "password": "correct horse battery"});
    t.post(&As::Nobody, "/api/v1/setup/install", &wrong).await.is(403).code("setup_secret");
    let mut short = body(&t);
    short["password"] = "short".into();
    t.post(&As::Nobody, "/api/v1/setup/install", &short).await.is(422);

    let answer = t.post(&As::Nobody, "/api/v1/setup/install", &body(&t)).await.is(201);
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    let token = cookie.split(';').next().unwrap().trim_start_matches("ostler_session=").to_owned();
    let me = t.get(&As::Browser(token), "/api/v1/users/me").await.is(200).json();
    assert_eq!(me["user"]["is_platform_admin"], true);
    assert_eq!(me["memberships"][0]["slug"], "ada-s-stables");
    assert_eq!(me["memberships"][0]["role"], "owner");

    t.post(&As::Nobody, "/api/v1/setup/install", &body(&t)).await.is(404);
    assert_eq!(t.get(&As::Nobody, "/api/v1/setup/status").await.is(200).json()["state"], "installed");
    t.stop().await;
}

#[tokio::test]
async fn two_first_admins_at_once_are_one() {
    let t = TestServer::start().await;
    let (one, two) = (body(&t), body(&t));
    let (a, b) = tokio::join!(
        t.post(&As::Nobody, "/api/v1/setup/install", &one),
        t.post(&As::Nobody, "/api/v1/setup/install", &two)
    );
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 404]);
    t.stop().await;
}

#[tokio::test]
async fn guessing_the_setup_secret_becomes_slow() {
    let t = TestServer::start().await;
    let mut guess = body(&t);
    guess["secret"] = "guess".into();
    let mut blocked = false;
    for _ in 0..20 {
        let answer = t.ask(&As::Nobody, Method::POST, "/api/v1/setup/install", Some(&guess)).await;
        blocked |= answer.status == 429;
    }
    assert!(blocked, "twenty guesses in a row must meet a wait");
    t.time.skip(ostler_model::Millis::secs(120));
    t.post(&As::Nobody, "/api/v1/setup/install", &body(&t)).await.is(201);
    t.stop().await;
}
