//! Workloads that host workers of matches: who makes them, what they are told, and what nobody else is told.

use crate::shop::{Shop, until};
use http::StatusCode;
use http_body_util::BodyExt as _;
use ostler_server::config::{Config, Matches, Rates};
use serde_json::{Value, json};

/// A server whose first worker of three is its own.
async fn shop() -> Shop {
    let matches = Matches { workers: 3, in_process: Some(1), ..Matches::default() };
    let mut shop = Shop::with(Config { rates: Rates::NONE, matches, ..Config::default() }).await;
    shop.connect().await;
    shop
}

fn host(name: &str) -> Value {
    json!({"name": name, "template": "match-host"})
}

async fn ask(shop: &Shop, method: &str, path: &str, body: Option<Value>, token: &str) -> (StatusCode, Value) {
    let response = shop.raw(method, path, body, token, &[]).await;
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn only_who_decides_about_the_platform_decides_about_a_host() {
    let shop = shop().await;
    let (_, tenant) = shop.key(&["workload:read", "workload:operate", "workload:write", "node:read"]).await;
    let (status, refused) = ask(&shop, "POST", "/api/v1/workloads", Some(host("Mine")), &tenant).await;
    assert_eq!((status.as_u16(), &refused["error"]), (403, &json!("platform_only")), "{refused}");
    assert_eq!(shop.get("/api/v1/workloads").await["items"], json!([]));

    let (id, job) = shop.create(host("First")).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let path = format!("/api/v1/workloads/{id}");
    let (status, seen) = ask(&shop, "GET", &path, None, &tenant).await;
    assert_eq!((status.as_u16(), &seen["kind"]), (200, &json!("match-host")));
    for (method, rest, body) in [
        ("PATCH", "", Some(json!({"limits": {"memory_bytes": 1 << 20}}))),
        ("DELETE", "", None),
        ("POST", "/stop", None),
        ("POST", "/start", None),
        ("POST", "/restart", None),
        ("POST", "/kill", None),
        ("POST", "/console/command", Some(json!({"command": "drain"}))),
    ] {
        let (status, refused) = ask(&shop, method, &format!("{path}{rest}"), body, &tenant).await;
        assert_eq!((status.as_u16(), &refused["error"]), (403, &json!("platform_only")), "{method} {rest}: {refused}");
    }
    // It is no game server, and none of their family.
    assert_eq!(shop.send("GET", &format!("/api/v1/game/servers/{id}"), None).await.0, 404);
    assert_eq!(shop.send("POST", "/api/v1/game/servers", Some(host("Other"))).await.0, 422);
    shop.state(&id, "running").await;
}

#[tokio::test]
async fn each_host_gets_a_worker_and_a_key_of_its_own_and_only_its_node_is_told() {
    let shop = shop().await;
    let (first, _) = shop.create(host("First")).await;
    let (second, _) = shop.create(host("Second")).await;
    let (status, full) = shop.send("POST", "/api/v1/workloads", Some(host("Third"))).await;
    assert_eq!((status.as_u16(), &full["error"]), (409, &json!("no_free_worker")), "{full}");
    let says = full["message"].as_str().unwrap();
    assert!(says.contains("matches.workers") && says.contains("matches.in_process"), "{says}");

    let mut keys = Vec::new();
    for (id, worker) in [(&first, "1"), (&second, "2")] {
        let wanted = shop.agent.state.disk().wanted.get(&id.parse().unwrap()).cloned().unwrap();
        let run = serde_json::to_value(&wanted.blueprint.run).unwrap();
        let args: Vec<&str> = run["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        assert_eq!(run["program"], "{{program.ostler}}");
        assert!(args.windows(2).any(|pair| pair == ["--index", worker]), "{args:?}");
        assert!(args.windows(2).any(|pair| pair == ["--workers", "3"]), "{args:?}");
        let key = run["env"]["ADMIN_BOT_API_KEY"].as_str().unwrap().to_owned();
        assert!(key.len() == 64 && !args.iter().any(|arg| arg.contains(&key)));
        keys.push(key);
    }
    assert_ne!(keys[0], keys[1]);
    for path in [
        format!("/api/v1/workloads/{first}"),
        "/api/v1/workloads".to_owned(),
        "/api/v1/audit".to_owned(),
        "/api/v1/jobs".to_owned(),
        "/api/v1/events".to_owned(),
    ] {
        let (status, body) = shop.send("GET", &path, None).await;
        assert!(status.is_success() || status == StatusCode::NOT_FOUND, "{path}: {status} {body}");
        assert!(!keys.iter().any(|key| body.to_string().contains(key)), "{path} tells a key");
    }
    let row = format!("{:?}", shop.app.store.match_hosts().await.unwrap());
    assert!(!keys.iter().any(|key| row.contains(key)));

    // Its node has no answer for the way to the port: away, and not gone.
    let (status, _) = shop.send("GET", "/w1/api/game/aaaaaaaa", None).await;
    assert!(matches!(status.as_u16(), 400 | 503), "{status}");
    assert_eq!(shop.send("GET", "/w3", None).await.0.as_u16(), 400, "a socket is asked for as one");

    let (status, accepted) = shop.send("DELETE", &format!("/api/v1/workloads/{first}"), None).await;
    assert_eq!(status, 202);
    shop.job(accepted["job_id"].as_str().unwrap()).await;
    let (third, _) = shop.create(host("Third")).await;
    until("the next has the worker that became free", async || {
        let wanted = shop.agent.state.disk().wanted.get(&third.parse().unwrap()).cloned();
        wanted.is_some_and(|w| serde_json::to_string(&w.blueprint.run).unwrap().contains(r#""--index","1""#))
    })
    .await;
}
