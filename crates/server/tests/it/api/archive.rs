//! Archived workspaces, their names, and the workspace that is meant when none is named.

use http::Method;
use ostler_model::authz::Role;
use ostler_testkit::server::TestServer;
use serde_json::json;

#[tokio::test]
async fn an_archived_workspace_is_read_and_not_changed_and_opens_again() {
    let t = TestServer::start().await;
    let boss = t.person(false).await;
    let space = t.workspace(&boss).await;
    let owner = t.browser(&boss).await;
    let (viewer, viewer_browser) = t.member(&space, Role::Viewer).await;
    let path = format!("/api/v1/workspaces/{}", space.id);
    t.post(&viewer_browser, &format!("{path}/archive"), &json!({})).await.is(403);
    let seen = t.post(&owner, &format!("{path}/archive"), &json!({})).await.is(200).json();
    assert!(seen["archived_at"].is_string(), "{seen}");

    assert_eq!(t.get(&owner, &path).await.is(200).json()["archived_at"], seen["archived_at"]);
    t.get(&owner, &format!("{path}/members")).await.is(200);
    let me = t.get(&owner, "/api/v1/users/me").await.is(200).json();
    assert_eq!(me["memberships"][0]["archived_at"], seen["archived_at"]);
    let refused = t.ask(&owner, Method::PATCH, &path, Some(&json!({"name": "Other"}))).await;
    let refused = refused.is(409).code("workspace_archived").json();
    assert_eq!(refused["details"]["state"], "archived");
    assert!(refused["details"]["remedy"].as_str().unwrap().ends_with("/restore"), "{refused}");
    // What only the end of the transaction knows to be in this workspace.
    let key = json!({"label": "A", "capabilities": ["workload:read"], "scope": {"workspace": space.id}});
    t.post(&owner, "/api/v1/keys", &key).await.is(409).code("workspace_archived");
    t.ask(&owner, Method::DELETE, &format!("{path}/members/{}", viewer.id), None)
        .await
        .is(409)
        .code("workspace_archived");
    t.ask(&viewer_browser, Method::DELETE, &format!("{path}/members/{}", viewer.id), None).await.is(204);

    t.post(&owner, &format!("{path}/restore"), &json!({})).await.is(200);
    t.post(&owner, &format!("{path}/restore"), &json!({})).await.is(409).code("not_archived");
    t.ask(&owner, Method::PATCH, &path, Some(&json!({"name": "Other"}))).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn deleting_needs_the_short_name_and_says_what_still_lives_there() {
    let t = TestServer::start().await;
    let boss = t.person(false).await;
    let space = t.workspace(&boss).await;
    let owner = t.browser(&boss).await;
    let path = format!("/api/v1/workspaces/{}", space.id);
    t.ask(&owner, Method::DELETE, &path, Some(&json!({"confirm": "other"}))).await.is(422);
    let new = json!({
        "name": "Quake", "template": "process", "variables": {"program": "sleep", "arguments": "9"}, "start": false
    });
    t.post(&owner, &format!("{path}/workloads"), &new).await.is(202);
    let refused = t.ask(&owner, Method::DELETE, &path, Some(&json!({"confirm": space.slug}))).await;
    let refused = refused.is(409).code("workspace_in_use").json();
    assert_eq!(refused["details"]["workloads"], json!({"count": 1, "names": ["Quake"]}));
    assert_eq!(refused["details"]["nodes"]["count"], 0);
    t.get(&owner, &path).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn a_time_zone_is_one_of_the_table_and_a_taken_name_gets_a_number() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    let body = json!({"name": "Stables", "timezone": "europe/berlin"});
    let first = t.post(&root, "/api/v1/workspaces", &body).await.is(201).json();
    assert_eq!((&first["slug"], &first["timezone"]), (&json!("stables"), &json!("Europe/Berlin")));
    let second = t.post(&root, "/api/v1/workspaces", &body).await.is(201).json();
    assert_eq!(second["slug"], "stables-2");
    let exact = json!({"name": "Stables", "slug": "stables"});
    t.post(&root, "/api/v1/workspaces", &exact).await.is(409).code("taken");
    let path = format!("/api/v1/workspaces/{}", first["id"].as_str().unwrap());
    let wrong = t.ask(&root, Method::PATCH, &path, Some(&json!({"timezone": "Europe/Atlantis"}))).await;
    assert!([400, 422].contains(&wrong.status.as_u16()), "{}", wrong.status);
    t.stop().await;
}

#[tokio::test]
async fn who_names_no_workspace_means_the_chosen_one_while_they_are_in_it() {
    let t = TestServer::start().await;
    let boss = t.person(false).await;
    let (first, second) = (t.workspace(&boss).await, t.workspace(&boss).await);
    let (user, browser) = t.member(&first, Role::Member).await;
    t.join(&second, &user, Role::Member).await;
    let new = |name: &str| json!({"name": name, "template": "process", "variables": {"program": "sleep", "arguments": "9"}, "start": false});
    let choose = async |named: &str| {
        t.ask(&browser, Method::PATCH, "/api/v1/users/me", Some(&json!({"default_workspace": named}))).await
    };
    choose("no-such-place").await.is(422);
    let foreign = t.workspace(&t.person(false).await).await;
    choose(foreign.slug.as_str()).await.is(422);
    choose(second.slug.as_str()).await.is(200);
    let me = t.get(&browser, "/api/v1/users/me").await.is(200).json();
    assert_eq!(me["default_workspace"], json!(second.id));
    t.post(&browser, "/api/v1/workloads", &new("Quake")).await.is(202);
    let there = t.get(&browser, &format!("/api/v1/workspaces/{}/workloads", second.id)).await.is(200).json();
    assert_eq!(there["items"][0]["name"], "Quake");
    // Taken out of it, the choice means nothing any more; and nothing is told of what is there.
    let owner = t.browser(&boss).await;
    let path = format!("/api/v1/workspaces/{}/members/{}", second.id, user.id);
    t.ask(&owner, Method::DELETE, &path, None).await.is(204);
    t.post(&browser, "/api/v1/workloads", &new("Doom")).await.is(202);
    let here = t.get(&browser, &format!("/api/v1/workspaces/{}/workloads", first.id)).await.is(200).json();
    assert_eq!(here["items"][0]["name"], "Doom");
    choose("").await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn the_trail_of_a_deleted_workspace_is_there_for_platform_admins_and_nobody_else() {
    let t = TestServer::start().await;
    let boss = t.person(false).await;
    let space = t.workspace(&boss).await;
    let (owner, root) = (t.browser(&boss).await, t.browser(&t.person(true).await).await);
    let path = format!("/api/v1/workspaces/{}", space.id);
    t.ask(&owner, Method::DELETE, &path, Some(&json!({"confirm": space.slug}))).await.is(204);
    t.get(&owner, &format!("{path}/audit-logs")).await.is(404);
    let seen = t.get(&root, &format!("{path}/audit-logs")).await.is(200).json();
    assert_eq!(seen["items"][0]["action"], "workspace.delete", "{seen}");
    t.get(&root, &format!("{path}/audit-logs/chain")).await.is(200);
    t.get(&root, &path).await.is(404);
    t.get(&root, &format!("{path}/members")).await.is(404);
    t.stop().await;
}
