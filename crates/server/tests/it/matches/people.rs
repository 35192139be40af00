//! People manage matches with the same words.

use super::{House, KEY};
use http::Method;
use ostler_model::authz::Role;
use serde_json::{Value, json};

#[tokio::test]
async fn a_match_is_made_configured_started_and_ended() {
    let house = House::open(1).await;
    let t = &house.t;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let (_, who) = t.member(&space, Role::Member).await;
    let all = format!("/api/v1/workspaces/{}/matches", space.id);
    let made = t.post(&who, &all, &json!({"title": "tic-tac-toe", "config": {"startDelay": 600}})).await.is(201).json();
    let id = made["match"]["id"].as_str().unwrap();
    let at = format!("/api/v1/matches/{id}");
    t.post(&who, &all, &json!({"title": "chess"})).await.is(422);
    let wrong = t.post(&who, &all, &json!({"title": "tic-tac-toe", "config": {"startDelay": -1}})).await.is(422).json();
    assert_eq!(wrong["fields"][0]["field"], "config");
    let read = t.get(&who, &at).await.is(200).json();
    assert_eq!((&read["match"]["phase"], &read["info"]["gameConfig"]["startDelay"]), (&json!("lobby"), &json!(600)));
    let changed = t.ask(&who, Method::PATCH, &at, Some(&json!({"config": {"maxPlayers": 4}}))).await.is(200).json();
    assert_eq!(changed["info"]["gameConfig"]["maxPlayers"], 4);
    // Pressed twice, it is still set.
    for _ in 0..2 {
        let set = t.post(&who, &format!("{at}/start"), &json!({"is_set": true})).await.is(200).json();
        assert!(set["info"]["startsAt"].is_i64(), "{set}");
    }
    let cleared = t.post(&who, &format!("{at}/start"), &json!({"is_set": false})).await.is(200).json();
    assert!(cleared["info"]["startsAt"].is_null());
    t.post(&who, &format!("{at}/pause"), &json!({"paused": true})).await.is(409).code("not_running");
    t.post(&who, &format!("{at}/kick"), &json!({"client": "aB3dE5gH"})).await.is(404).code("unknown_target");
    t.get(&who, &format!("{at}/archive")).await.is(409).code("not_finished");
    t.ask(&who, Method::DELETE, &at, None).await.is(204);
    ostler_testkit::wait::until("it is in the archive", async || {
        let list = t.get(&who, &format!("{all}?state=archived")).await.is(200).json();
        list["items"].as_array().unwrap().iter().any(|one| one["id"] == id && one["ended_at"].is_string()).then_some(())
    })
    .await;
    assert_eq!(t.get(&who, &format!("{all}?state=live")).await.is(200).json()["items"], json!([]));
    t.ask(&who, Method::DELETE, &at, None).await.is(409).code("match_over");
    t.post(&who, &format!("{at}/start"), &json!({"is_set": true})).await.is(409).code("match_over");
    assert_eq!(t.get(&who, &format!("{at}/archive")).await.is(200).json()["gameID"], id);
    let titles = t.get(&who, "/api/v1/matches/titles").await.is(200).json();
    assert_eq!(titles["items"].as_array().unwrap().len(), 2);
    house.t.stop().await;
}

#[tokio::test]
async fn what_belongs_to_another_workspace_or_to_the_platform_is_missing() {
    let house = House::open(1).await;
    let t = &house.t;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let (_, viewer) = t.member(&space, Role::Viewer).await;
    let stranger = t.person(false).await;
    t.workspace(&stranger).await;
    let stranger = t.browser(&stranger).await;
    let root = t.browser(&t.person(true).await).await;
    let all = format!("/api/v1/workspaces/{}/matches", space.id);
    let new = json!({"title": "tic-tac-toe"});
    let made = t.post(&t.browser(&owner).await, &all, &new).await.is(201).json();
    let own = format!("/api/v1/matches/{}", made["match"]["id"].as_str().unwrap());
    t.post(&viewer, &all, &new).await.is(403).code("forbidden");
    t.get(&viewer, &own).await.is(200);
    t.ask(&viewer, Method::DELETE, &own, None).await.is(403).code("forbidden");
    t.get(&stranger, &own).await.is(404);
    let platforms = format!("/api/v1/matches/{}", house.game().await);
    t.get(&viewer, &platforms).await.is(404);
    t.get(&root, &platforms).await.is(200);
    let count = |answer: Value| answer["items"].as_array().unwrap().len();
    assert_eq!(count(t.get(&viewer, &all).await.is(200).json()), 1);
    assert_eq!(count(t.get(&root, &all).await.is(200).json()), 2);
    house.bot(KEY, Method::GET, &own.replace("/api/v1/matches", "/api/adminbot/game"), None).await.is(200);
    house.t.stop().await;
}

#[tokio::test]
async fn without_a_worker_nothing_can_be_made_and_the_answer_says_when_to_come_back() {
    let house = House::open(0).await;
    let t = &house.t;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let who = t.browser(&owner).await;
    let all = format!("/api/v1/workspaces/{}/matches", space.id);
    let refused = t.post(&who, &all, &json!({"title": "tic-tac-toe"})).await.is(503);
    assert!(refused.header("retry-after").is_some());
    house.bot(KEY, Method::POST, "/api/adminbot/create_game", None).await.is(503);
    house.t.stop().await;
}
