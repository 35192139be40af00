//! What an API key can be confined to, and what of it can be changed afterwards.

use http::Method;
use ostler_model::authz::{CapabilitySet, Role, Scope};
use ostler_model::workspace::Workspace;
use ostler_model::{Millis, Time};
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};

/// A workspace with a member, a foreign workspace, and one thing of each kind in both.
struct Two {
    t: TestServer,
    home: Workspace,
    member: As,
    own: Vec<String>,
    foreign: Vec<String>,
}

impl Two {
    async fn new() -> Self {
        let t = TestServer::start().await;
        let (boss, stranger) = (t.person(false).await, t.person(false).await);
        let (home, den) = (t.workspace(&boss).await, t.workspace(&stranger).await);
        let (_, member) = t.member(&home, Role::Admin).await;
        let own = things(&t, &t.browser(&boss).await, &home).await;
        let mut foreign = things(&t, &t.browser(&stranger).await, &den).await;
        foreign.push(stranger.id.to_string());
        Self { t, home, member, own, foreign }
    }
    async fn make(&self, who: &As, scope: Value) -> ostler_testkit::server::Answer {
        let label = format!("Key {}", scope.to_string().len());
        self.t
            .post(who, "/api/v1/keys", &json!({"label": label, "capabilities": ["workload:read"], "scope": scope}))
            .await
    }
}

async fn things(t: &TestServer, by: &As, space: &Workspace) -> Vec<String> {
    let path = |what: &str| format!("/api/v1/workspaces/{}/{what}", space.id);
    let mut ids = vec![space.id.to_string()];
    for (list, body) in [
        ("roles", json!({"name": "Watch", "capabilities": ["workload:read"]})),
        ("teams", json!({"name": "Crew"})),
        ("bots", json!({"name": "ladder", "titles": ["tic-tac-toe"]})),
    ] {
        let made = t.post(by, &path(list), &body).await.is(201).json();
        let id = made["id"].as_str().or(made["bot"]["id"].as_str());
        ids.push(id.unwrap_or_else(|| panic!("{made}")).to_owned());
    }
    ids
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_somebody_elses_are_refused_alike() {
    let s = Two::new().await;
    let gone: Vec<String> = s
        .foreign
        .iter()
        .map(|id| format!("{}_01j9zq3c8vdt4x0f5k2m7n6p1r", id.split_once('_').unwrap().0))
        .chain(["wl_01j9zq3c8vdt4x0f5k2m7n6p1r", "aB3dE5gH", "no id at all", "", "jt_1"].map(str::to_owned))
        .collect();
    s.make(&s.member, json!({"only": s.own})).await.is(201);
    s.make(&s.member, json!({"only": ["luanti"]})).await.is(201);
    for id in s.foreign.iter().chain(&gone) {
        let answer = s.make(&s.member, json!({"only": [s.own[1], id]})).await.is(422).json();
        let fields = json!([{"field": "scope.only[1]", "message": format!("there is nothing with the id {id} that you can see")}]);
        assert_eq!(answer["fields"], fields, "{answer}");
    }
    // All that are wrong are named at once.
    let answer = s.make(&s.member, json!({"only": [s.foreign[0], s.own[0], gone[0]]})).await.is(422).json();
    let named: Vec<_> = answer["fields"].as_array().unwrap().iter().map(|f| f["field"].as_str().unwrap()).collect();
    assert_eq!(named, ["scope.only[0]", "scope.only[2]"]);
    for id in [&s.foreign[0], &gone[0]] {
        let answer = s.make(&s.member, json!({"workspace": id})).await.is(422).json();
        assert_eq!(answer["fields"][0]["field"], "scope.workspace");
        assert!(answer["fields"][0]["message"].as_str().unwrap().contains(id.as_str()), "{answer}");
    }
    // Whoever administers the platform sees everything that there is, and nothing else.
    let root = s.t.browser(&s.t.person(true).await).await;
    s.make(&root, json!({"only": s.foreign})).await.is(201);
    s.make(&root, json!({"only": [gone[0]]})).await.is(422);
    s.make(&root, json!({"workspace": gone[0]})).await.is(422);
    s.t.stop().await;
}

#[tokio::test]
async fn a_key_names_only_what_it_reaches_itself() {
    let s = Two::new().await;
    let (boss, _) = s.t.member(&s.home, Role::Owner).await;
    let all = CapabilitySet::everything();
    let (_, few) = s.t.key(&boss, all, Scope::Only(vec![s.own[1].clone(), boss.id.to_string()])).await;
    s.make(&few, json!({"only": [s.own[1]]})).await.is(201);
    let unknown = s.make(&few, json!({"only": ["wl_01j9zq3c8vdt4x0f5k2m7n6p1r"]})).await.is(422).json();
    let beyond = s.make(&few, json!({"only": [s.own[2]]})).await.is(422).json();
    assert_eq!(unknown["fields"][0]["field"], beyond["fields"][0]["field"]);
    let text = |answer: &Value, id: &str| answer["fields"][0]["message"].as_str().unwrap().replace(id, "…");
    assert_eq!(text(&unknown, "wl_01j9zq3c8vdt4x0f5k2m7n6p1r"), text(&beyond, &s.own[2]));
    s.make(&few, json!({"workspace": s.home.id})).await.is(422);
    s.make(&few, json!("all")).await.is(422);
    s.t.stop().await;
}

struct Made {
    id: String,
    secret: As,
}

async fn made(t: &TestServer, who: &As, body: Value) -> Made {
    let made = t.post(who, "/api/v1/keys", &body).await.is(201).json();
    let secret = As::Bearer(made["secret"].as_str().unwrap().to_owned());
    Made { id: made["key"]["id"].as_str().unwrap().to_owned(), secret }
}

async fn change(t: &TestServer, who: &As, id: &str, body: Value) -> ostler_testkit::server::Answer {
    t.ask(who, Method::PATCH, &format!("/api/v1/keys/{id}"), Some(&body)).await
}

#[tokio::test]
async fn every_limit_changes_and_the_secret_stays() {
    let s = Two::new().await;
    let key = made(&s.t, &s.member, json!({"label": "A", "capabilities": ["workload:read"]})).await;
    let until: Time = s.t.app.clock.now() + Millis::secs(3600);
    let body = json!({
        "label": "B", "capabilities": ["workspace:read", "node:read"], "scope": {"workspace": s.home.id},
        "networks": ["::1/128", "192.0.2.0/24"], "requests_per_minute": 500, "expires_at": until
    });
    let after = change(&s.t, &s.member, &key.id, body.clone()).await.is(200).json();
    for field in ["label", "scope", "networks", "requests_per_minute", "expires_at"] {
        assert_eq!(after[field], body[field], "{field}");
    }
    assert_eq!(after["capabilities"].as_array().unwrap().len(), 2);
    s.t.get(&key.secret, &format!("/api/v1/workspaces/{}", s.home.id)).await.is(200);
    // What is not said stays, and null takes away.
    let after = change(&s.t, &s.member, &key.id, json!({"expires_at": null})).await.is(200).json();
    assert_eq!((&after["expires_at"], &after["requests_per_minute"]), (&Value::Null, &json!(500)));
    let after =
        change(&s.t, &s.member, &key.id, json!({"requests_per_minute": null, "label": "C"})).await.is(200).json();
    assert_eq!((&after["requests_per_minute"], &after["label"]), (&Value::Null, &json!("C")));
    let path = format!("/api/v1/workspaces/{}/audit-logs?action=key.update", s.home.id);
    let trail = s.t.get(&s.member, &path).await.is(200).json();
    let first = trail["items"].as_array().unwrap().last().unwrap();
    let details = &first["details"];
    assert_eq!((&details["before"]["label"], &details["after"]["label"]), (&json!("A"), &json!("B")), "{first}");
    assert_eq!(details["before"]["capabilities"], json!(["workload:read"]));
    assert!(details["digest"]["before"].is_string() && details["before"].get("owner").is_none(), "{details}");
    s.t.stop().await;
}

#[tokio::test]
async fn a_key_does_not_become_what_could_not_be_made() {
    let s = Two::new().await;
    let key = made(&s.t, &s.member, json!({"label": "A", "capabilities": ["workload:read"]})).await;
    made(&s.t, &s.member, json!({"label": "Taken", "capabilities": ["workload:read"]})).await;
    let past = s.t.app.clock.now() - Millis::secs(1);
    for (body, field) in [
        (json!({"capabilities": ["workload:read", "platform:write"]}), "capabilities[1]"),
        (json!({"capabilities": []}), "capabilities"),
        (json!({"scope": {"only": [s.foreign[1]]}}), "scope.only[0]"),
        (json!({"scope": {"only": []}}), "scope"),
        (json!({"scope": {"workspace": s.foreign[0]}}), "scope.workspace"),
        (json!({"expires_at": past}), "expires_at"),
        (json!({"requests_per_minute": 0}), "requests_per_minute"),
        (json!({"networks": vec!["::1"; 33]}), "networks"),
    ] {
        let answer = change(&s.t, &s.member, &key.id, body.clone()).await.is(422).json();
        assert_eq!(answer["fields"][0]["field"], field, "{body}: {answer}");
    }
    change(&s.t, &s.member, &key.id, json!({"label": "Taken"})).await.is(409).code("taken");
    change(&s.t, &s.member, &key.id, json!({"owner": "us_1"})).await.is(422);
    // Not even for those who may end it: a workspace's admin, the platform's.
    let (_, admin) = s.t.member(&s.home, Role::Owner).await;
    change(&s.t, &admin, &key.id, json!({"label": "Mine"})).await.is(404);
    change(&s.t, &s.member, &key.id, json!({"scope": {"workspace": s.home.id}})).await.is(200);
    change(&s.t, &admin, &key.id, json!({"label": "Mine"})).await.is(403).code("not_your_key");
    let root = s.t.browser(&s.t.person(true).await).await;
    change(&s.t, &root, &key.id, json!({"label": "Mine"})).await.is(403).code("not_your_key");
    s.t.stop().await;
}

#[tokio::test]
async fn what_the_owner_lost_stays_out_of_a_wider_reach() {
    let s = Two::new().await;
    let (user, browser) = s.t.member(&s.home, Role::Member).await;
    let body = json!({"label": "A", "capabilities": ["workload:write"], "scope": {"workspace": s.home.id}});
    let key = made(&s.t, &browser, body).await;
    let grant = s.t.grant(
        ostler_model::authz::SystemReason::Setup,
        &s.t.app.store.member_find(s.home.id, user.id).await.unwrap().unwrap(),
    );
    s.t.app.store.member_set_role(&grant, Role::Viewer, s.t.app.clock.now()).await.unwrap();
    // A new name gives nothing; a new reach would.
    change(&s.t, &browser, &key.id, json!({"label": "B"})).await.is(200);
    let answer = change(&s.t, &browser, &key.id, json!({"scope": "all"})).await.is(422).json();
    assert_eq!(answer["fields"][0]["field"], "scope", "{answer}");
    change(&s.t, &browser, &key.id, json!({"scope": "all", "capabilities": ["workload:read"]})).await.is(200);
    s.t.stop().await;
}

#[tokio::test]
async fn a_key_makes_itself_narrower_and_never_wider() {
    let s = Two::new().await;
    let until = s.t.app.clock.now() + Millis::secs(3600);
    let body = json!({
        "label": "A", "capabilities": ["key:write", "user:read", "workload:read"], "networks": ["::1", "192.0.2.0/24"],
        "requests_per_minute": 600, "expires_at": until
    });
    let own = made(&s.t, &s.member, body).await;
    let strong = made(&s.t, &s.member, json!({"label": "B", "capabilities": ["workload:write"]})).await;
    for (body, field) in [
        (json!({"capabilities": ["workload:write"]}), "capabilities[0]"),
        (json!({"networks": []}), "networks"),
        (json!({"networks": ["::/0"]}), "networks"),
        (json!({"requests_per_minute": null}), "requests_per_minute"),
        (json!({"requests_per_minute": 601}), "requests_per_minute"),
        (json!({"expires_at": null}), "expires_at"),
        (json!({"expires_at": until + Millis(1)}), "expires_at"),
    ] {
        let answer = change(&s.t, &own.secret, &own.id, body.clone()).await.is(422).json();
        assert_eq!(answer["fields"][0]["field"], field, "{body}: {answer}");
    }
    change(&s.t, &own.secret, &strong.id, json!({"label": "C"})).await.is(403).code("not_your_key");
    change(&s.t, &own.secret, &own.id, json!({"networks": ["192.0.2.0/24"], "requests_per_minute": 60})).await.is(200);
    change(&s.t, &own.secret, &own.id, json!({"requests_per_minute": 61})).await.is(422);
    change(&s.t, &own.secret, &own.id, json!({"capabilities": ["user:read"]})).await.is(200);
    change(&s.t, &own.secret, &own.id, json!({"label": "D"})).await.is(403);
    s.t.stop().await;
}
