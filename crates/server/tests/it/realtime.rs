//! The stream of events: resumable, without gaps or repetitions, and only for those who may.

use crate::job::house::right;
use crate::shop::{Shop, until};
use axum::body::Body;
use futures_util::StreamExt as _;
use ostler_model::authz::{Collection, SystemReason, Write, authorize};
use ostler_model::event::Event;
use ostler_model::key::Key;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Reads frames of Server-Sent Events.
struct Reader {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Reader {
    fn new(response: http::Response<Body>) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }
    /// The next block, or `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                return Some(block);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.body.next()).await.expect("nothing came")?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }
    /// The next event's data.
    async fn event(&mut self) -> Option<Value> {
        loop {
            let block = self.block().await?;
            if let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }
}

async fn open(shop: &Shop, query: &str, last: Option<u64>, token: &str) -> Reader {
    let last = last.map(|seq| seq.to_string());
    let headers: Vec<(&str, &str)> = last.iter().map(|seq| ("last-event-id", seq.as_str())).collect();
    Reader::new(shop.raw("GET", &format!("/api/v1/events/stream{query}"), None, token, &headers).await)
}

fn game(name: &str) -> Value {
    json!({"name": name, "template": "luanti", "start": false})
}

#[tokio::test]
async fn a_stream_that_is_cut_anywhere_continues_without_gap_or_repetition() {
    let shop = Shop::open().await;
    for n in 0..4 {
        shop.create(game(&format!("Game {n}"))).await;
    }
    let head = shop.app.store.event_head().await.unwrap();
    let mut at = 1;
    let mut seen = vec![];
    while at < head {
        // Each connection takes three events and is dropped; meanwhile more happens now and then.
        let mut reader = open(&shop, "", Some(at), shop.token()).await;
        for _ in 0..3.min(head - at) {
            let event = reader.event().await.unwrap();
            at = event["seq"].as_u64().unwrap();
            seen.push(at);
        }
    }
    let all = shop.app.store.event_list(&Default::default(), 1, 1000).await.unwrap();
    let who_sees: Vec<u64> = all.iter().map(|e| e.seq).filter(|seq| *seq <= at).collect();
    assert_eq!(seen, who_sees);
}

#[tokio::test]
async fn what_happens_while_nobody_looks_and_what_happens_live_come_in_one_order() {
    let shop = Shop::open().await;
    let mut reader = open(&shop, "?topics=workload", None, shop.token()).await;
    let (id, _) = shop.create(game("Demo")).await;
    let first = reader.event().await.unwrap();
    assert_eq!((&first["type"], &first["id"]), (&json!("workload.created"), &json!(id)));
    let mut last = first["seq"].as_u64().unwrap();
    shop.send("POST", &format!("/api/v1/workloads/{id}/start"), None).await;
    loop {
        let event = reader.event().await.unwrap();
        assert!(event["seq"].as_u64().unwrap() > last);
        assert!(event["type"].as_str().unwrap().starts_with("workload."), "{event}");
        last = event["seq"].as_u64().unwrap();
        if event["state"] == "running" {
            break;
        }
    }
}

#[tokio::test]
async fn a_position_from_another_database_or_from_too_long_ago_resets() {
    let shop = Shop::open().await;
    shop.create(game("Demo")).await;
    let mut reader = open(&shop, "", Some(1_000_000), shop.token()).await;
    reader.block().await.unwrap();
    assert!(reader.block().await.unwrap().starts_with("event: reset"));

    let grant = right(SystemReason::Retention, &Collection::<Event>::platform());
    let future = shop.app.clock.now() + ostler_model::Millis::secs(1);
    let gone = shop.app.store.event_expire(&grant, future, 1000, future).await.unwrap();
    assert!(gone > 0);
    let mut reader = open(&shop, "", Some(1), shop.token()).await;
    reader.block().await.unwrap();
    assert!(reader.block().await.unwrap().starts_with("event: reset"));
}

#[tokio::test]
async fn a_key_that_is_revoked_sees_nothing_more_within_a_second() {
    let shop = Shop::open().await;
    let (key, token) = shop.key(&["event:read", "workload:read"]).await;
    let mut reader = open(&shop, "", None, &token).await;
    let (id, _) = shop.create(game("Before")).await;
    assert_eq!(reader.event().await.unwrap()["id"], json!(id));
    let row = shop.app.store.key_find(key).await.unwrap().unwrap();
    let own = ostler_server::auth::hash_token(shop.token());
    let now = shop.app.clock.now();
    let owner = shop.app.store.key_authority(&own, now).await.unwrap().unwrap().authority;
    let grant = authorize::<Key, Write>(&owner, &row, &Arc::default()).unwrap();
    shop.app.store.key_delete(&grant, now).await.unwrap();
    shop.create(game("After")).await;
    let mut after = vec![];
    while let Some(event) = reader.event().await {
        after.push(event);
    }
    assert!(after.iter().all(|event| event["name"] != "After"), "{after:?}");
}

#[tokio::test]
async fn a_key_sees_only_what_it_may_read() {
    let shop = Shop::open().await;
    let (_, token) = shop.key(&["event:read", "job:read"]).await;
    let mut reader = open(&shop, "", Some(1), &token).await;
    shop.create(game("Demo")).await;
    for _ in 0..3 {
        let event = reader.event().await.unwrap();
        assert_eq!(event["type"], "job.changed", "{event}");
    }
    let (_, none) = shop.key(&["workload:read"]).await;
    let listed = shop.raw("GET", "/api/v1/events", None, &none, &[]).await;
    assert_eq!(listed.status(), 403);
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let shop = Shop::open().await;
    let mut reader = open(&shop, "", None, shop.token()).await;
    reader.block().await.unwrap();
    shop.app.drain.cancel();
    let mut ended = false;
    until("the stream ends", async || {
        if !ended {
            ended = reader.block().await.is_none();
        }
        ended
    })
    .await;
}
