//! Search, over the API: what callers find, what they must not, and what they are told when they ask badly.

use http::Method;
use ostler_model::authz::{CapabilitySet, Role, Scope};
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};

async fn find(t: &TestServer, who: &As, query: &str) -> Vec<(String, String)> {
    let page = t.get(who, &format!("/api/v1/search?{query}")).await.is(200).json();
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    page["items"].as_array().unwrap().iter().map(|item| (text(item, "kind"), text(item, "title"))).collect()
}

fn pair(kind: &str, title: &str) -> (String, String) {
    (kind.to_owned(), title.to_owned())
}

#[tokio::test]
async fn a_person_finds_their_things_and_what_everybody_has() {
    let t = TestServer::start().await;
    let boss = t.person(false).await;
    let space = t.workspace(&boss).await;
    let browser = t.browser(&boss).await;
    let path = format!("/api/v1/workspaces/{}", space.id);
    t.ask(&browser, Method::PATCH, &path, Some(&json!({"name": "Luanti Räume"}))).await.is(200);
    let key = json!({"label": "Luanti deploy", "capabilities": ["workload:read"]});
    t.post(&browser, "/api/v1/keys", &key).await.is(201);

    let found = find(&t, &browser, "q=LUANTI").await;
    let expected = [
        pair("template", "Luanti"),
        pair("key", "Luanti deploy"),
        pair("workspace", "Luanti Räume"),
        pair("event", "Workspace changed"),
    ];
    assert_eq!(found, expected);
    assert_eq!(find(&t, &browser, "q=raume").await[..1], [pair("workspace", "Luanti Räume")]);
    assert_eq!(find(&t, &browser, "q=luanti&kind=key").await, [pair("key", "Luanti deploy")]);
    let slug = format!("q=luanti&workspace={}", space.slug);
    assert_eq!(find(&t, &browser, &slug).await.len(), 2, "keys and templates are in no workspace");

    let first = t.get(&browser, "/api/v1/search?q=luanti&limit=1").await.is(200).json();
    assert_eq!(first["items"][0]["path"], "/workloads/new?template=luanti");
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = t.get(&browser, &format!("/api/v1/search?q=luanti&limit=1&cursor={cursor}")).await.is(200).json();
    assert_eq!(second["items"][0]["title"], "Luanti deploy");
    assert_eq!(second["items"][0]["path"], "/settings/keys");
    t.stop().await;
}

#[tokio::test]
async fn a_tenant_learns_nothing_of_others() {
    let t = TestServer::start().await;
    let (boss, stranger) = (t.person(false).await, t.person(false).await);
    let (space, own) = (t.workspace(&boss).await, t.workspace(&stranger).await);
    let browser = t.browser(&boss).await;
    let path = format!("/api/v1/workspaces/{}", space.id);
    t.ask(&browser, Method::PATCH, &path, Some(&json!({"name": "Zebra crossing"}))).await.is(200);
    let thief = t.browser(&stranger).await;

    let nothing = t.get(&thief, "/api/v1/search?q=zebra").await.is(200).json();
    assert_eq!(nothing, json!({"items": [], "next_cursor": null}));
    let (id, email) = (space.id.to_string(), boss.email.to_string());
    for query in [id.as_str(), &boss.id.to_string(), &email.replace('@', "%20")] {
        assert_eq!(find(&t, &thief, &format!("q={query}")).await, [], "{query}");
    }
    // A foreign workspace and none at all are answered alike.
    let foreign = t.get(&thief, &format!("/api/v1/search?q=zebra&workspace={id}")).await.is(404).json();
    let missing = t.get(&thief, "/api/v1/search?q=zebra&workspace=no-such-place").await.is(404).json();
    assert_eq!((&foreign["error"], &foreign["message"]), (&missing["error"], &missing["message"]));

    // A cursor from somebody who sees it opens nothing.
    let full = t.get(&browser, "/api/v1/search?q=zebra&limit=1").await.is(200).json();
    let cursor = full["next_cursor"].as_str().expect("the event comes after the workspace");
    let answer = t.get(&thief, &format!("/api/v1/search?q=zebra&cursor={cursor}")).await.is(200).json();
    assert_eq!(answer["items"], json!([]));

    // A key with less finds less; one for another workspace finds nothing here.
    let set = |list: &[&str]| list.iter().map(|c| c.parse().unwrap()).collect::<CapabilitySet>();
    let (_, reader) = t.key(&boss, set(&["workload:read"]), Scope::All).await;
    assert_eq!(find(&t, &reader, "q=zebra").await, []);
    let (_, elsewhere) = t.key(&boss, CapabilitySet::everything(), Scope::Workspace(own.id)).await;
    assert_eq!(find(&t, &elsewhere, "q=zebra").await, []);
    let (_, only) = t.key(&boss, CapabilitySet::everything(), Scope::Only(vec![id.clone()])).await;
    assert_eq!(find(&t, &only, "q=zebra&kind=workspace").await, [pair("workspace", "Zebra crossing")]);
    assert_eq!(find(&t, &only, "q=luanti").await, []);

    // Who is let in finds it, who is thrown out does not, at once.
    let body = json!({"email": stranger.email, "role": "viewer"});
    t.post(&browser, &format!("{path}/members"), &body).await.is(201);
    let back = t.browser(&stranger).await;
    assert_eq!(find(&t, &back, "q=zebra&kind=workspace").await, [pair("workspace", "Zebra crossing")]);
    t.ask(&browser, Method::DELETE, &format!("{path}/members/{}", stranger.id), None).await.is(204);
    let after = t.browser(&stranger).await;
    assert_eq!(find(&t, &after, "q=zebra").await, []);
    t.stop().await;
}

#[tokio::test]
async fn a_platform_admin_finds_people_and_everything() {
    let t = TestServer::start().await;
    let admin = t.browser(&t.person(true).await).await;
    let boss = t.person(false).await;
    let space = t.workspace(&boss).await;
    let (member, _) = t.member(&space, Role::Viewer).await;
    let word = member.email.to_string();
    let word = word.split('@').next().unwrap();
    let kinds: Vec<String> = find(&t, &admin, &format!("q={word}")).await.into_iter().map(|(kind, _)| kind).collect();
    assert!(kinds.contains(&"user".to_owned()) && kinds.contains(&"member".to_owned()), "{kinds:?}");
    t.stop().await;
}

#[tokio::test]
async fn bad_questions_are_told_what_is_wrong() {
    let t = TestServer::start().await;
    let browser = t.browser(&t.person(false).await).await;
    for (query, field, said) in [
        ("q=", "q", "at least one letter"),
        ("q=%20!%3F%20", "q", "at least one letter"),
        ("q=a+b+c+d+e+f+g+h+i", "q", "at most 8 words"),
        (&format!("q={}", "a".repeat(201)), "q", "at most 200"),
        ("q=a&limit=0", "limit", "at least 1"),
        ("q=a&limit=51", "limit", "at most 50"),
        ("q=a&cursor=nonsense", "cursor", "next_cursor"),
        ("q=a&kind=horse", "kind", "workload"),
        ("", "q", ""),
    ] {
        let answer = t.get(&browser, &format!("/api/v1/search?{query}")).await;
        let status = answer.status;
        let answer = answer.json();
        assert!(status == 422 || status == 400, "{query}: {status} {answer}");
        let all = answer.to_string();
        assert!(all.contains(field) && all.contains(said), "{query}: {answer}");
    }
    t.get(&browser, "/api/v1/search?q=a&colour=red").await.is(422);
    t.get(&As::Nobody, "/api/v1/search?q=a").await.is(401);
    t.stop().await;
}
