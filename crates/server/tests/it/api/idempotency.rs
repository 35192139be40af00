//! `Idempotency-Key`.

use http::Method;
use ostler_model::Millis;
use ostler_testkit::server::{Answer, As, TestServer};
use serde_json::{Value, json};

async fn post(t: &TestServer, who: &As, path: &str, key: &str, body: &Value) -> Answer {
    let mut request = t.request(who, &Method::POST, path, Some(body));
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    t.send(request).await
}

async fn spaces(t: &TestServer, who: &As) -> usize {
    t.get(who, "/api/v1/workspaces").await.is(200).json()["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_does_nothing() {
    let t = TestServer::start().await;
    let admin = t.browser(&t.person(true).await).await;
    let body = json!({"name": "Stables"});
    let first = post(&t, &admin, "/api/v1/workspaces", "k1", &body).await.is(201);
    let again = post(&t, &admin, "/api/v1/workspaces", "k1", &body).await.is(201);
    assert_eq!(first.json(), again.json());
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(spaces(&t, &admin).await, 1);
    post(&t, &admin, "/api/v1/workspaces", "k1", &json!({"name": "Other"}))
        .await
        .is(409)
        .code("idempotency_key_reused");
    // Keys of different people have nothing to do with each other.
    let other = t.browser(&t.person(true).await).await;
    post(&t, &other, "/api/v1/workspaces", "k1", &json!({"name": "Other"})).await.is(201);
    t.time.skip(Millis::secs(25 * 3600));
    post(&t, &t.browser(&t.person(true).await).await, "/api/v1/workspaces", "k1", &json!({"name": "Third"}))
        .await
        .is(201);
    t.stop().await;
}

#[tokio::test]
async fn a_request_that_did_nothing_may_be_tried_again_with_its_key() {
    let t = TestServer::start().await;
    let admin = t.browser(&t.person(true).await).await;
    post(&t, &admin, "/api/v1/workspaces", "k1", &json!({"name": ""})).await.is(422);
    post(&t, &admin, "/api/v1/workspaces", "k1", &json!({"name": "Now"})).await.is(201);
    t.stop().await;
}

#[tokio::test]
async fn ten_at_once_with_one_key_do_it_once() {
    let t = TestServer::start().await;
    let admin = t.browser(&t.person(true).await).await;
    let body = json!({"name": "Stables"});
    let all =
        futures_util::future::join_all((0..10).map(|_| post(&t, &admin, "/api/v1/workspaces", "k1", &body))).await;
    let ids: std::collections::BTreeSet<String> = all.into_iter().map(|a| a.is(201).json()["id"].to_string()).collect();
    assert_eq!((ids.len(), spaces(&t, &admin).await), (1, 1));
    t.stop().await;
}

#[tokio::test]
async fn an_answer_with_a_secret_is_not_kept() {
    let t = TestServer::start().await;
    let admin = t.browser(&t.person(true).await).await;
    let body = json!({"label": "A", "capabilities": ["workload:read"]});
    post(&t, &admin, "/api/v1/keys", "k1", &body).await.is(201);
    post(&t, &admin, "/api/v1/keys", "k1", &body).await.is(409).code("idempotency_answered");
    t.stop().await;
}
