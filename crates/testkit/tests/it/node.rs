//! Machines become nodes, are looked at, and go.

use futures_util::future::join_all;
use http::{Method, StatusCode};
use ostler_agent::identity::{Identity, Key};
use ostler_agent::join::{Joining, join};
use ostler_agent::link::{self, HttpDial, Me};
use ostler_model::authz::Role;
use ostler_model::node::Facts;
use ostler_model::workspace::Workspace;
use ostler_model::{Millis, Secret};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_server::listen;
use ostler_testkit::clock::SimClock;
use ostler_testkit::fleet::{Op, World};
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

async fn house() -> (TestServer, Workspace, As) {
    let server = TestServer::start().await;
    let owner = server.person(false).await;
    let workspace = server.workspace(&owner).await;
    let (_, admin) = server.member(&workspace, Role::Admin).await;
    (server, workspace, admin)
}

async fn token(server: &TestServer, workspace: &Workspace, admin: &As) -> Value {
    let path = format!("/api/v1/workspaces/{}/join-tokens", workspace.id);
    server.post(admin, &path, &json!({ "label": "Rack 1" })).await.is(201).json()
}

fn body(token: &Value, ids: &Ids) -> Value {
    let key = Key::from_seed(&ids.bytes());
    json!({
        "token": token["token"], "public_key": key.public_hex(),
        "facts": Facts { hostname: "rack-1.example.org".into(), ..Facts::default() },
    })
}

#[tokio::test]
async fn of_a_hundred_machines_with_one_token_one_becomes_a_node() {
    let (server, workspace, admin) = house().await;
    let token = token(&server, &workspace, &admin).await;
    let bodies: Vec<Value> = (0..100).map(|_| body(&token, &server.app.ids)).collect();
    let answers = join_all(bodies.iter().map(|body| server.post(&As::Nobody, "/api/v1/agent/join", body))).await;
    let (joined, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status == StatusCode::CREATED);
    assert_eq!((joined.len(), refused.len()), (1, 99));
    for answer in refused {
        answer.is(403).code("join_token");
    }
    let nodes = server.get(&admin, &format!("/api/v1/workspaces/{}/nodes", workspace.id)).await.is(200).json();
    assert_eq!(nodes["items"].as_array().unwrap().len(), 1);
    assert_eq!((&nodes["items"][0]["name"], &nodes["items"][0]["state"]), (&json!("rack-1"), &json!("offline")));
    let tokens = server.get(&admin, &format!("/api/v1/workspaces/{}/join-tokens", workspace.id)).await.is(200).json();
    assert_eq!(tokens["items"][0]["node"], nodes["items"][0]["id"]);
    assert_eq!(tokens["items"][0].get("token"), None, "the secret is shown once");
}

#[tokio::test]
async fn the_same_machine_may_ask_again_when_the_answer_was_lost() {
    let (server, workspace, admin) = house().await;
    let token = token(&server, &workspace, &admin).await;
    let body = body(&token, &server.app.ids);
    let first = server.post(&As::Nobody, "/api/v1/agent/join", &body).await.is(201).json();
    assert_eq!(server.post(&As::Nobody, "/api/v1/agent/join", &body).await.is(201).json(), first);
}

#[tokio::test]
async fn tokens_that_are_over_revoked_or_invented_make_no_node() {
    let (server, workspace, admin) = house().await;
    let invented = json!({ "token": "ojt_0000" });
    let body_of = |token: &Value| body(token, &server.app.ids);
    server.post(&As::Nobody, "/api/v1/agent/join", &body_of(&invented)).await.is(403).code("join_token");
    let revoked = token(&server, &workspace, &admin).await;
    let path = format!("/api/v1/join-tokens/{}", revoked["id"].as_str().unwrap());
    server.ask(&admin, Method::DELETE, &path, None).await.is(204);
    server.post(&As::Nobody, "/api/v1/agent/join", &body_of(&revoked)).await.is(403).code("join_token");
    let over = token(&server, &workspace, &admin).await;
    server.time.skip(Millis::secs(3601));
    server.post(&As::Nobody, "/api/v1/agent/join", &body_of(&over)).await.is(403).code("join_token");
}

#[tokio::test]
async fn only_admins_of_the_workspace_invite_and_a_foreign_token_does_not_exist() {
    let (server, workspace, admin) = house().await;
    let path = format!("/api/v1/workspaces/{}/join-tokens", workspace.id);
    let (_, member) = server.member(&workspace, Role::Member).await;
    server.post(&member, &path, &json!({})).await.is(403);
    let token = token(&server, &workspace, &admin).await;
    let stranger = server.person(false).await;
    let elsewhere = server.workspace(&stranger).await;
    let (_, other) = server.member(&elsewhere, Role::Admin).await;
    let own = format!("/api/v1/join-tokens/{}", token["id"].as_str().unwrap());
    server.ask(&other, Method::DELETE, &own, None).await.is(404);
    server.ask(&admin, Method::DELETE, &own, None).await.is(204);
}

#[tokio::test]
async fn a_machine_joins_dials_and_is_online() {
    let (server, workspace, admin) = house().await;
    let token = token(&server, &workspace, &admin).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = listen(server.app.clone(), None, listener).unwrap();
    let url = format!("http://{}", running.address);
    let (clock, dir, spawn) = (Clock::system(), tempfile::tempdir().unwrap(), Spawn::new());
    let ids = Ids::system(clock.clone());
    let dial = HttpDial::new(&url).unwrap();
    let secret = Secret::new(token["token"].as_str().unwrap());
    let facts = Facts { hostname: "rack-1".into(), ..Facts::default() };
    let joining = || Joining {
        dir: dir.path(),
        url: &url,
        token: &secret,
        name: None,
        facts: facts.clone(),
        clock: &clock,
        ids: &ids,
    };
    let node = join(&dial, joining()).await.unwrap().member.node;
    let again = join(&dial, joining()).await.unwrap_err().to_string();
    assert!(again.contains("already"), "{again}");
    let identity = Arc::new(Identity::load(dir.path()).unwrap().unwrap());
    let (member, me) = (identity.member.clone(), Me { facts, desired_seq: 0, agent_boot: "boot".into() });
    let hello = async move |axum::Json(hello): axum::Json<ostler_wire::link::Hello>| {
        axum::Json(link::hello(&member, &hello, me).unwrap())
    };
    let router = axum::Router::new().route("/hello", axum::routing::post(hello));
    let links = link::start(link::Config {
        identity,
        leases: Arc::new(link::Leases::load(dir.path(), &ids).unwrap()),
        dial: Arc::new(dial),
        router,
        count: 1,
        clock: clock.clone(),
        ids,
        spawn: spawn.clone(),
    });
    let open = async { links.watch().wait_for(|state| state.open == 1).await.map(|_| ()) };
    tokio::time::timeout(Duration::from_secs(20), open).await.expect("a link opens within 20 s").unwrap();
    let path = format!("/api/v1/nodes/{node}");
    let seen = async {
        while server.get(&admin, &path).await.is(200).json()["state"] != "online" {
            ostler_testkit::wait::pause(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen).await.expect("the API says so within 20 s");
    spawn.shutdown().await;
}

#[test]
fn a_node_goes_only_when_nothing_is_placed_on_it_and_then_for_good() {
    let sim = SimClock::new();
    sim.runtime().block_on(async {
        let mut world = World::new(sim.clone(), 1, 2, &[]).await;
        world.apply(&Op::Create { node: Some(0), start: true }).await;
        world.calm(Millis::secs(600)).await.unwrap();
        let node = world.machines[0].identity.member.node;
        let path = format!("/api/v1/nodes/{node}");
        let (status, body) = world.ask(Method::DELETE, &path, None).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("node_in_use")));
        assert_eq!(body["details"]["workloads"][0]["id"], json!(world.asked[0].id));
        world.apply(&Op::Delete { workload: 0, force: false }).await;
        world.calm(Millis::secs(600)).await.unwrap();
        assert_eq!(world.ask(Method::DELETE, &path, None).await.unwrap().0, StatusCode::NO_CONTENT);
        let links = world.machines[0].agent.as_ref().unwrap().links.clone();
        links.watch().wait_for(|state| state.open == 0 && state.trouble.is_some()).await.unwrap();
        world.pause(Millis::secs(900)).await;
        assert_eq!(links.state().open, 0, "its signature is not accepted any more");
        assert_eq!(world.ask(Method::GET, &path, None).await.unwrap().0, StatusCode::NOT_FOUND);
        world.end().await;
    });
}
