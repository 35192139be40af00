//! What bots may, and what nobody else may.

use super::{House, KEY, bot};
use http::Method;
use ostler_model::authz::Role;
use ostler_server::config::{Config, Rates};
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};

/// Every route of the bots, with whatever body.
const ROUTES: &[(&str, &str)] = &[
    ("POST", "/api/adminbot/create_game"),
    ("POST", "/api/adminbot/game/aB3dE5gH/intent"),
    ("GET", "/api/adminbot/game/aB3dE5gH"),
    ("GET", "/api/adminbot/game/aB3dE5gH/stats"),
    ("DELETE", "/api/adminbot/game/aB3dE5gH"),
    ("GET", "/api/adminbot/archive"),
    ("GET", "/api/adminbot/nothing"),
    ("PUT", "/api/adminbot/create_game"),
];

#[tokio::test]
async fn without_a_key_the_routes_do_not_exist_and_have_no_body() {
    let t = TestServer::with(Config { rates: Rates::NONE, ..Config::default() }).await;
    let root = t.browser(&t.person(true).await).await;
    for (method, path) in ROUTES {
        for path in [(*path).to_owned(), path.replace("/api/", "/api/v1/"), format!("/w0{path}")] {
            let method: Method = method.parse().unwrap();
            let answer = bot(&t, "whatever", method.clone(), &path, None).await.is(404);
            assert!(answer.bytes.is_empty(), "{method} {path}");
            let answer = t.ask(&root, method, &path, None).await.is(404);
            assert!(answer.bytes.is_empty(), "{path} as an admin");
        }
    }
    // The first named bot brings them into being, and the last takes them away again.
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let who = t.browser(&owner).await;
    let path = format!("/api/v1/workspaces/{}/bots", space.id);
    let made = t.post(&who, &path, &json!({"name": "ladder"})).await.is(201).json();
    let key = made["secret"].as_str().unwrap();
    bot(&t, "wrong", Method::GET, "/api/adminbot/archive", None).await.is(401);
    bot(&t, key, Method::GET, "/api/adminbot/archive", None).await.is(200);
    let path = format!("/api/v1/bots/{}", made["bot"]["id"].as_str().unwrap());
    t.ask(&who, Method::DELETE, &path, None).await.is(204);
    let gone = bot(&t, key, Method::GET, "/api/adminbot/archive", None).await.is(404);
    assert!(gone.bytes.is_empty());
    t.stop().await;
}

#[tokio::test]
async fn a_missing_key_is_401_and_a_wrong_one_too() {
    let house = House::open(1).await;
    for (method, path) in &ROUTES[..6] {
        let method: Method = method.parse().unwrap();
        for key in ["", "wrong", &KEY[1..], "ost_whatever"] {
            house.bot(key, method.clone(), path, None).await.is(401);
        }
        house.t.ask(&As::Bearer(KEY.to_owned()), method, path, None).await.is(401);
    }
    let root = house.t.browser(&house.t.person(true).await).await;
    house.t.get(&root, "/api/adminbot/archive").await.is(401);
    house.t.stop().await;
}

#[tokio::test]
async fn a_bot_makes_manages_and_ends_a_match() {
    let house = House::open(2).await;
    let made = house.bot(KEY, Method::POST, "/w1/api/adminbot/create_game", Some(json!({"bots": 7}))).await.is(200);
    let made = made.json();
    assert_eq!(
        (&made["workerIndex"], &made["workerPath"], &made["gameConfig"]["bots"]),
        (&json!(1), &json!("w1"), &json!(7))
    );
    let id = made["gameID"].as_str().unwrap();
    let game = format!("/api/adminbot/game/{id}");
    let intent = |body: Value| {
        let path = format!("{game}/intent");
        let house = &house;
        async move { house.bot(KEY, Method::POST, &path, Some(body)).await }
    };
    let info = house.bot(KEY, Method::GET, &game, None).await.is(200).json();
    assert_eq!(info["gameID"], id);
    house.bot(KEY, Method::GET, &format!("/w0{game}"), None).await.is(400).code("wrong_worker");
    house.bot(KEY, Method::GET, &format!("/w1{game}"), None).await.is(200);
    let changed = intent(json!({"type": "update_game_config", "config": {"bots": 9}})).await.is(200).json();
    assert_eq!(changed["gameConfig"]["bots"], 9);
    intent(json!({"type": "update_game_config", "config": {"gameType": "Public"}})).await.is(400);
    intent(json!({"type": "toggle_pause", "paused": true})).await.is(409);
    intent(json!({"type": "mark_disconnected", "clientID": "aB3dE5gH"})).await.is(400);
    intent(json!({"type": "kick_player", "targetClientID": "aB3dE5gH"})).await.is(404).code("unknown_target");
    intent(json!({"type": "spawn"})).await.is(400);
    intent(json!([])).await.is(400).code("invalid_body");
    let timed = intent(json!({"type": "toggle_game_start_timer"})).await.is(200).json();
    assert!(timed["startsAt"].is_i64());
    house.bot(KEY, Method::GET, &format!("{game}/stats"), None).await.is(200);
    house.bot(KEY, Method::DELETE, &game, None).await.is(204);
    ostler_testkit::wait::until("the match is over", async || {
        let list = house.bot(KEY, Method::GET, "/api/adminbot/archive", None).await.is(200).json();
        (list["items"] == json!([id])).then_some(())
    })
    .await;
    house.bot(KEY, Method::DELETE, &game, None).await.is(404);
    let kept = house.bot(KEY, Method::GET, &format!("/api/adminbot/archive/{id}"), None).await.is(200).json();
    assert_eq!((&kept["gameID"], &kept["config"]["bots"]), (&json!(id), &json!(9)));
    for wrong in ["short", "ADMINBOT", "aB3dE5g!"] {
        house.bot(KEY, Method::GET, &format!("/api/adminbot/game/{wrong}"), None).await.is(400);
    }
    house.bot(KEY, Method::GET, "/api/adminbot/game/aB3dE5gH", None).await.is(404);
    for public in [json!({"gameType": "Public"}), json!({"gameType": "Singleplayer"}), json!({"gameType": 3})] {
        house.bot(KEY, Method::POST, "/api/adminbot/create_game", Some(public)).await.is(400).code("only_private");
    }
    house.t.stop().await;
}

#[tokio::test]
async fn a_named_bot_sees_its_own_matches_and_no_others() {
    let house = House::open(1).await;
    let t = &house.t;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let who = t.browser(&owner).await;
    let path = format!("/api/v1/workspaces/{}/bots", space.id);
    let mut keys = Vec::new();
    for name in ["ladder", "cup"] {
        let body = json!({"name": name, "titles": ["tic-tac-toe"], "per_minute": 1000});
        let made = t.post(&who, &path, &body).await.is(201).json();
        keys.push(made["secret"].as_str().unwrap().to_owned());
    }
    t.post(&who, &path, &json!({"name": "cup"})).await.is(409).code("taken");
    t.post(&who, &path, &json!({"name": "x", "titles": ["chess"]})).await.is(422);
    let create = "/api/adminbot/create_game?title=tic-tac-toe";
    let made = house.bot(&keys[0], Method::POST, create, None).await.is(200).json();
    let id = made["gameID"].as_str().unwrap();
    house.bot(&keys[0], Method::POST, "/api/adminbot/create_game", None).await.is(403).code("title_not_allowed");
    let game = format!("/api/adminbot/game/{id}");
    let missing = house.bot(&keys[1], Method::GET, "/api/adminbot/game/aB3dE5gH", None).await.is(404);
    for (method, rest) in [("GET", ""), ("GET", "/stats"), ("POST", "/intent"), ("DELETE", "")] {
        let foreign = house.bot(&keys[1], method.parse().unwrap(), &format!("{game}{rest}"), None).await.is(404);
        assert_eq!(foreign.without_request_id(), missing.without_request_id(), "{method} {rest}");
    }
    house.bot(&keys[0], Method::GET, &game, None).await.is(200);
    house.bot(KEY, Method::GET, &game, None).await.is(200);
    // The trail says which bot it was.
    let trail = t.get(&who, &format!("/api/v1/workspaces/{}/audit-logs?action=match.create", space.id)).await.is(200);
    assert_eq!(trail.json()["items"][0]["actor_label"], "bot:ladder");
    assert_eq!(trail.json()["items"][0]["actor_kind"], "bot");
    // A new key ends the old one.
    let bots = t.get(&who, &path).await.is(200).json();
    let ladder = bots["items"].as_array().unwrap().iter().find(|bot| bot["name"] == "ladder").unwrap();
    assert!(ladder["last_used_at"].is_string() && ladder["secret"].is_null(), "{ladder}");
    let rotate = format!("/api/v1/bots/{}/rotate", ladder["id"].as_str().unwrap());
    let fresh = t.post(&who, &rotate, &json!({})).await.is(201).json();
    house.bot(&keys[0], Method::GET, &game, None).await.is(401);
    house.bot(fresh["secret"].as_str().unwrap(), Method::GET, &game, None).await.is(200);
    house.t.stop().await;
}

#[tokio::test]
async fn a_bot_that_asks_too_often_waits() {
    let house = House::open(1).await;
    let t = &house.t;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let who = t.browser(&owner).await;
    let path = format!("/api/v1/workspaces/{}/bots", space.id);
    let key = |body: Value| {
        let (who, path) = (who.clone(), path.clone());
        async move { t.post(&who, &path, &body).await.is(201).json()["secret"].as_str().unwrap().to_owned() }
    };
    let (slow, other) = (key(json!({"name": "slow", "per_minute": 3})).await, key(json!({"name": "other"})).await);
    for _ in 0..3 {
        house.bot(&slow, Method::GET, "/api/adminbot/archive", None).await.is(200);
    }
    let refused = house.bot(&slow, Method::GET, "/api/adminbot/archive", None).await.is(429);
    assert!(refused.header("retry-after").is_some());
    house.bot(&other, Method::GET, "/api/adminbot/archive", None).await.is(200);
    house.t.stop().await;
}

#[tokio::test]
async fn whoever_is_no_admin_of_the_workspace_makes_no_bots() {
    let house = House::open(0).await;
    let t = &house.t;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let path = format!("/api/v1/workspaces/{}/bots", space.id);
    for (role, status) in [(Role::Viewer, 404), (Role::Member, 404), (Role::Admin, 201)] {
        let (_, who) = t.member(&space, role).await;
        t.post(&who, &path, &json!({"name": role.as_str()})).await.is(status);
    }
    house.t.stop().await;
}
