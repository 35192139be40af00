//! Workloads over the API, down to an agent at the end of a link and back.

use crate::shop::{Shop, until};
use ostler_wire::console::ConsoleStream;
use serde_json::{Value, json};

fn luanti(name: &str) -> Value {
    json!({"name": name, "template": "luanti", "variables": {"motd": "hello", "password": "hush-hush"}})
}

#[tokio::test]
async fn a_workload_is_created_runs_is_stopped_started_restarted_killed_and_deleted() {
    let shop = Shop::open().await;
    let (id, job) = shop.create(luanti("Demo")).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let up = shop.state(&id, "running").await;
    assert_eq!(up["address"], "node.test:27000");
    assert_eq!((&up["is_ready"], &up["node_name"]), (&json!(true), &json!("node")));

    for (verb, state) in [("stop", "stopped"), ("start", "running"), ("restart", "running"), ("kill", "stopped")] {
        let (status, body) = shop.send("POST", &format!("/api/v1/workloads/{id}/{verb}"), None).await;
        assert_eq!(status, 202, "{verb}: {body}");
        let generation = body["generation"].as_u64().unwrap();
        let path = format!("/api/v1/workloads/{id}");
        until(verb, async || {
            let now = shop.get(&path).await;
            now["state"] == state && now["observed_generation"].as_u64() >= Some(generation)
        })
        .await;
    }

    let (status, accepted) = shop.send("DELETE", &format!("/api/v1/workloads/{id}"), None).await;
    assert_eq!(status, 202, "{accepted}");
    assert_eq!(shop.job(accepted["job_id"].as_str().unwrap()).await["state"], "succeeded");
    assert_eq!(shop.send("GET", &format!("/api/v1/workloads/{id}"), None).await.0, 404);
    until("the agent has nothing left", async || shop.agent.state.disk().wanted.is_empty()).await;
    assert_eq!(shop.app.store.node_usage(&[shop.node.id]).await.unwrap()[&shop.node.id], Default::default());
}

#[tokio::test]
async fn a_secret_is_told_to_the_node_and_to_nobody_else() {
    let shop = Shop::open().await;
    let (id, _) = shop.create(luanti("Demo")).await;
    let view = shop.get(&format!("/api/v1/workloads/{id}")).await;
    assert_eq!(view["variables"]["password"], "••••");
    let told = serde_json::to_string(&shop.agent.state.disk().wanted.values().collect::<Vec<_>>()).unwrap();
    assert!(told.contains("hush-hush"));
    let row = shop.app.store.workload_get(id.parse().unwrap()).await.unwrap();
    assert!(!format!("{row:?}").contains("hush-hush"));

    // Sending back what was shown keeps it; a new text replaces it; null takes it away.
    let path = format!("/api/v1/workloads/{id}");
    for (password, told) in
        [(json!("••••"), "= hush-hush"), (json!("other"), "= other"), (Value::Null, "password = \\n")]
    {
        let (status, body) = shop.send("PATCH", &path, Some(json!({"variables": {"password": password}}))).await;
        assert_eq!(status, 200, "{body}");
        until("the node has it", async || {
            let wanted = serde_json::to_string(&shop.agent.state.disk().wanted.values().collect::<Vec<_>>()).unwrap();
            wanted.contains(told)
        })
        .await;
    }
    let events = shop.get("/api/v1/events?limit=200").await.to_string();
    assert!(!events.contains("hush-hush") && !events.contains("\"other\""));
}

#[tokio::test]
async fn an_update_waits_for_a_restart_and_says_so() {
    let shop = Shop::open().await;
    let (id, _) = shop.create(luanti("Demo")).await;
    let path = format!("/api/v1/workloads/{id}");
    let (_, body) = shop.send("PATCH", &path, Some(json!({"variables": {"motd": "new"}, "name": "Renamed"}))).await;
    assert_eq!(body["name"], "Renamed");
    until("it says that a restart is pending", async || shop.get(&path).await["is_restart_pending"] == true).await;
    shop.send("POST", &format!("{path}/restart"), None).await;
    until("the restart took it up", async || {
        let now = shop.get(&path).await;
        now["is_restart_pending"] == false && now["state"] == "running"
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_told_by_field_and_what_cannot_be_by_state() {
    let shop = Shop::open().await;
    let cases = [
        (json!({"name": "a", "template": "nope"}), 422, "template"),
        (json!({"name": "a", "template": "luanti", "variables": {"motd": "a\nb"}}), 422, "variables.motd"),
        (json!({"name": "a", "template": "luanti", "variables": {"nope": 1}}), 422, "variables.nope"),
        (json!({"name": "a", "template": "process", "variables": {}}), 422, "variables.program"),
        (json!({"name": "a", "template": "openttd", "runtime": "container"}), 422, "runtime"),
        (json!({"name": "a", "template": "luanti", "extra": 1}), 422, "extra"),
        (json!({"name": "a", "template": "luanti", "node": "nd_01j9zq3c8vdt4x0f5k2m7n6p1r"}), 422, "node"),
    ];
    for (body, expected, field) in cases {
        let (status, answer) = shop.send("POST", "/api/v1/workloads", Some(body)).await;
        assert_eq!(status, expected, "{answer}");
        assert_eq!(answer["fields"][0]["field"], field, "{answer}");
    }
    let huge = json!({"name": "a", "template": "luanti", "limits": {"memory_bytes": 1_u64 << 40}});
    let (status, answer) = shop.send("POST", "/api/v1/workloads", Some(huge)).await;
    assert_eq!((status.as_u16(), &answer["error"]), (409, &json!("no_room")), "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("bytes of memory"), "{answer}");

    shop.create(luanti("Taken")).await;
    let (status, answer) = shop.send("POST", "/api/v1/workloads", Some(luanti("taken"))).await;
    assert_eq!((status.as_u16(), &answer["error"]), (409, &json!("taken")), "{answer}");
}

#[tokio::test]
async fn deleting_while_the_node_is_away_waits_and_everything_else_answers_with_the_state() {
    let mut shop = Shop::open().await;
    let (id, _) = shop.create(luanti("Demo")).await;
    shop.cut().await;
    let (_, first) = shop.send("DELETE", &format!("/api/v1/workloads/{id}"), None).await;
    let (status, second) = shop.send("DELETE", &format!("/api/v1/workloads/{id}"), None).await;
    assert_eq!((status.as_u16(), &first["job_id"]), (202, &second["job_id"]), "asking twice is one job");
    for (method, path, body) in [
        ("POST", format!("/api/v1/workloads/{id}/start"), None),
        ("PATCH", format!("/api/v1/workloads/{id}"), Some(json!({"name": "x"}))),
    ] {
        let (status, answer) = shop.send(method, &path, body).await;
        assert_eq!((status.as_u16(), &answer["details"]["state"]), (409, &json!("deleting")), "{answer}");
    }
    let job = first["job_id"].as_str().unwrap().to_owned();
    let (status, answer) = shop.send("POST", &format!("/api/v1/jobs/{job}/cancel"), None).await;
    assert_eq!((status.as_u16(), &answer["error"]), (409, &json!("cannot_cancel")), "{answer}");
    let (status, answer) = shop.send("GET", &format!("/api/v1/workloads/{id}/console/lines"), None).await;
    assert_eq!((status.as_u16(), &answer["error"]), (503, &json!("node_away")), "{answer}");
    shop.connect().await;
    assert_eq!(shop.job(&job).await["state"], "succeeded");
}

#[tokio::test]
async fn a_workload_made_while_no_node_answers_starts_when_one_comes_and_can_be_cancelled_before() {
    let mut shop = Shop::closed().await;
    let (_, waiting) = shop.send("POST", "/api/v1/workloads", Some(luanti("Patient"))).await;
    let (_, unwanted) = shop.send("POST", "/api/v1/workloads", Some(luanti("Unwanted"))).await;
    let id = waiting["target"].as_str().unwrap();
    let view = shop.get(&format!("/api/v1/workloads/{id}")).await;
    assert_eq!((&view["state"], &view["node"]), (&json!("pending"), &Value::Null), "{view}");
    let job = unwanted["job_id"].as_str().unwrap();
    let (status, _) = shop.send("POST", &format!("/api/v1/jobs/{job}/cancel"), None).await;
    assert_eq!(status, 200);
    assert_eq!(shop.job(job).await["state"], "cancelled");
    assert_eq!(shop.get("/api/v1/workloads").await["items"].as_array().unwrap().len(), 1);
    shop.connect().await;
    assert_eq!(shop.job(waiting["job_id"].as_str().unwrap()).await["state"], "succeeded");
    shop.state(id, "running").await;
}

#[tokio::test]
async fn many_changes_and_cut_links_converge_and_single_changes_are_sent_alone() {
    let mut shop = Shop::open().await;
    let mut ids = vec![];
    for n in 0..6 {
        ids.push(shop.create(luanti(&format!("Game {n}"))).await.0);
    }
    let before = shop.agent.state.disk().changes;
    shop.send("POST", &format!("/api/v1/workloads/{}/stop", ids[0]), None).await;
    shop.state(&ids[0], "stopped").await;
    assert!(shop.agent.state.disk().changes > before, "one change goes alone");
    for round in 0..4 {
        for id in &ids {
            let verb = if round % 2 == 0 { "stop" } else { "start" };
            shop.send("POST", &format!("/api/v1/workloads/{id}/{verb}"), None).await;
        }
        shop.cut().await;
        shop.connect().await;
    }
    for id in &ids {
        shop.state(id, "running").await;
    }
    assert_eq!(shop.agent.state.running(), ids.len());
    until("the loops have settled", async || shop.app.reconciler.status().iter().all(|s| s.push.problem.is_none()))
        .await;
}

#[tokio::test]
async fn the_family_answers_like_the_workloads_themselves() {
    let shop = Shop::open().await;
    let (id, _) = shop.create(luanti("Demo")).await;
    shop.state(&id, "running").await;
    let [plain, family] = [format!("/api/v1/workloads/{id}"), format!("/api/v1/game/servers/{id}")];
    assert_eq!(shop.get(&plain).await, shop.get(&family).await);
    assert_eq!(shop.get("/api/v1/workloads").await, shop.get("/api/game/servers").await);
    assert_eq!(shop.send("POST", &format!("/api/game/servers/{id}/stop"), None).await.0, 202);
    shop.state(&id, "stopped").await;
}

#[tokio::test]
async fn the_console_is_read_and_typed_into() {
    let shop = Shop::open().await;
    let (id, _) = shop.create(luanti("Demo")).await;
    for n in 1..=5 {
        shop.agent.state.says(&format!("line {n}"), ConsoleStream::Out);
    }
    let page = shop.get(&format!("/api/v1/workloads/{id}/console/lines?after=1&limit=2")).await;
    let texts: Vec<&str> = page["lines"].as_array().unwrap().iter().map(|l| l["text"].as_str().unwrap()).collect();
    assert_eq!((texts, &page["last_seq"]), (vec!["line 4", "line 5"], &json!(5)));
    let path = format!("/api/v1/workloads/{id}/console/command");
    assert_eq!(shop.send("POST", &path, Some(json!({"command": "say hi"}))).await.0, 204);
    assert_eq!(shop.agent.state.disk().console.last().unwrap().text, "say hi");
    let typed = ostler_store::audit::Filter {
        workspace: shop.node.workspace,
        action: Some("workload.command".into()),
        ..Default::default()
    };
    let entries = shop.app.store.audit_after(&typed, 0, 10).await.unwrap();
    assert_eq!((entries.len(), entries[0].target_id.as_str()), (1, id.as_str()));
    assert!(!entries[0].details.as_ref().unwrap().contains("say hi"), "what was typed may be a password");
    assert_eq!(shop.send("POST", &path, Some(json!({"command": "a\nb"}))).await.0, 422);
    let (_, weak) = shop.key(&["workload:read"]).await;
    let refused = shop.raw("POST", &path, Some(json!({"command": "x"})), &weak, &[]).await;
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn lists_filter_page_and_search() {
    let shop = Shop::open().await;
    for n in 0..5 {
        shop.create(luanti(&format!("Game {n}"))).await;
    }
    let first = shop.get("/api/v1/workloads?limit=2").await;
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let mut seen = 2;
    let mut cursor = first["next_cursor"].as_str().map(str::to_owned);
    while let Some(at) = cursor {
        let page = shop.get(&format!("/api/v1/workloads?limit=2&cursor={at}")).await;
        seen += page["items"].as_array().unwrap().len();
        cursor = page["next_cursor"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, 5);
    let count =
        async |query: &str| shop.get(&format!("/api/v1/workloads?{query}")).await["items"].as_array().unwrap().len();
    assert_eq!(count("search=game%203").await, 1);
    assert_eq!(count("state=stopped").await, 0);
    assert_eq!(shop.send("GET", "/api/v1/workloads?limit=0", None).await.0, 422);
    assert_eq!(shop.get("/api/v1/templates").await["items"].as_array().unwrap().len(), 5);
    assert_eq!(shop.get("/api/v1/templates/luanti").await["template"]["title"], "Luanti");
    assert_eq!(shop.send("GET", "/api/v1/templates/nope", None).await.0, 404);
}
