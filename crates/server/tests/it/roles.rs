//! Roles of a workspace's own, and teams, over the API: what a hostile tenant tries, and what colleagues need.

use http::Method;
use ostler_model::authz::{CapabilitySet, Collection, Grant, Role, Scope, SystemReason, Write};
use ostler_model::user::User;
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::{Kind, Power, Runtime, Spec, Workload};
use ostler_model::workspace::Workspace;
use ostler_store::workload;
use ostler_testkit::server::{Answer, As, TestServer};
use serde_json::{Value, json};
use std::collections::BTreeMap;

struct Stage {
    t: TestServer,
    home: Workspace,
    owner: As,
    admin: As,
    viewer: (User, As),
}

impl Stage {
    async fn new() -> Self {
        let t = TestServer::start().await;
        let boss = t.person(false).await;
        let home = t.workspace(&boss).await;
        let owner = t.browser(&boss).await;
        let (_, admin) = t.member(&home, Role::Admin).await;
        let viewer = t.member(&home, Role::Viewer).await;
        Self { t, home, owner, admin, viewer }
    }
    fn path(&self, rest: &str) -> String {
        format!("/api/v1/workspaces/{}/{rest}", self.home.id)
    }
    async fn role(&self, who: &As, name: &str, words: &[&str]) -> Answer {
        self.t.post(who, &self.path("roles"), &json!({"name": name, "capabilities": words})).await
    }
    async fn team(&self, name: &str, role: &str, on: Value, people: &[&User]) -> Value {
        let body = json!({"name": name, "grant": {"role": role, "on": on}});
        let team = self.t.post(&self.owner, &self.path("teams"), &body).await.is(201).json();
        for person in people {
            let path = self.path(&format!("teams/{}/members", id(&team)));
            self.t.post(&self.owner, &path, &json!({"user": person.id})).await.is(201);
        }
        team
    }
    async fn give(&self, user: &User, role: &str) {
        let path = self.path(&format!("members/{}", user.id));
        self.t.ask(&self.owner, Method::PATCH, &path, Some(&json!({"role": role}))).await.is(200);
    }
    async fn workload(&self, at: &Workspace, name: &str) -> Workload {
        let new = workload::New {
            id: self.t.app.ids.next(),
            kind: Kind::Game,
            name: name.parse().unwrap(),
            spec: Spec {
                template: "process".into(),
                runtime: Runtime::Process,
                variables: BTreeMap::from([("program".into(), "sleep".into())]),
                limits: Limits::default(),
            },
            node: None,
            power: Power::Off,
            ports: vec![],
            hosting: None,
        };
        let grant: Grant<Collection<Workload>, Write> = self.t.grant(SystemReason::Setup, &Collection::of(at.id));
        self.t.app.store.workload_create(&grant, &new, None, self.t.app.clock.now()).await.unwrap()
    }
    async fn names(&self, who: &As, list: &str) -> Vec<String> {
        let found = self.t.get(who, &self.path(list)).await.is(200).json();
        let mut names: Vec<String> =
            found["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }
}

fn id(thing: &Value) -> String {
    thing["id"].as_str().unwrap().to_owned()
}

fn rename() -> Value {
    json!({"name": "Renamed"})
}

#[tokio::test]
async fn a_role_is_made_given_changed_and_takes_effect_at_once() {
    let s = Stage::new().await;
    let game = s.workload(&s.home, "Doom").await;
    let role = s.role(&s.owner, "Night watch", &["workload:read"]).await.is(201).json();
    assert_eq!(role["capabilities"], json!(["workspace:read", "workload:read"]));
    let (user, browser) = &s.viewer;
    s.give(user, &id(&role)).await;
    let path = format!("/api/v1/workloads/{}", game.id);
    s.t.get(browser, &path).await.is(200);
    s.t.get(browser, &s.path("members")).await.is(404);
    s.t.ask(browser, Method::PATCH, &path, Some(&rename())).await.is(403).code("forbidden");
    // One change of the role, and everybody who has it may.
    let more = json!({"capabilities": ["workload:write"]});
    let role_path = s.path(&format!("roles/{}", id(&role)));
    s.t.ask(&s.owner, Method::PATCH, &role_path, Some(&more)).await.is(200);
    s.t.ask(browser, Method::PATCH, &path, Some(&rename())).await.is(200);
    let me = s.t.get(browser, "/api/v1/users/me").await.is(200).json();
    assert_eq!(me["memberships"][0]["role"], role["id"]);
    // And back.
    s.t.ask(&s.owner, Method::PATCH, &role_path, Some(&json!({"capabilities": []}))).await.is(200);
    s.t.get(browser, &path).await.is(404);
    s.t.get(browser, &s.path("")[..s.path("").len() - 1]).await.is(200);
    // In use: refused with who, until there is another.
    let kept = s.t.ask(&s.owner, Method::DELETE, &role_path, None).await.is(409).code("role_in_use").json();
    assert_eq!(kept["details"], json!({"members": 1, "teams": 0, "invites": 0}));
    s.t.ask(&s.owner, Method::DELETE, &format!("{role_path}?replacement=viewer"), None).await.is(204);
    s.t.get(browser, &path).await.is(200);
    let trail = s.t.get(&s.owner, &s.path("audit-logs")).await.is(200).json().to_string();
    for action in ["role.create", "role.update", "role.delete"] {
        assert!(trail.contains(action), "{action}");
    }
    s.t.stop().await;
}

#[tokio::test]
async fn a_role_holds_only_what_a_workspace_can_give() {
    let s = Stage::new().await;
    for (word, at) in
        [("platform:write", 0), ("user:write", 0), ("session:read", 0), ("event:write", 0), ("audit:write", 0)]
    {
        let root = s.t.browser(&s.t.person(true).await).await;
        let answer = s.role(&root, "Too much", &[word, "workload:read"]).await.is(422).json();
        assert_eq!(answer["fields"][0]["field"], format!("capabilities[{at}]"), "{word}");
    }
    for name in ["owner", "Owner", "VIEWER"] {
        let answer = s.role(&s.owner, name, &[]).await.is(422).json();
        assert_eq!(answer["fields"][0]["field"], "name");
    }
    s.role(&s.owner, "A", &["workload:read"]).await.is(201);
    s.role(&s.owner, "a", &["workload:read"]).await.is(409).code("taken");
    s.t.post(&s.owner, &s.path("roles"), &json!({"name": "B", "description": "nul \u{0}", "capabilities": []}))
        .await
        .is(422);
    // The four that every workspace has come first, and the list goes on after any of them.
    let all = s.t.get(&s.owner, &s.path("roles?limit=3")).await.is(200).json();
    assert_eq!(all["items"][0]["id"], "owner");
    let next = all["next_cursor"].as_str().unwrap();
    let rest = s.t.get(&s.owner, &s.path(&format!("roles?limit=3&cursor={next}"))).await.is(200).json();
    assert_eq!((rest["items"][0]["id"].as_str(), rest["items"][1]["name"].as_str()), (Some("viewer"), Some("A")));
    s.t.stop().await;
}

#[tokio::test]
async fn an_admin_becomes_no_owner_by_any_role_team_or_invitation() {
    let s = Stage::new().await;
    s.role(&s.admin, "Boss", &["workspace:write"]).await.is(403).code("above_own_role");
    let boss = s.role(&s.owner, "Boss", &["workspace:write", "member:write"]).await.is(201).json();
    let path = s.path(&format!("roles/{}", id(&boss)));
    for body in [json!({"capabilities": []}), json!({"name": "Harmless"})] {
        s.t.ask(&s.admin, Method::PATCH, &path, Some(&body)).await.is(403).code("above_own_role");
    }
    for replacement in ["", "?replacement=viewer", "?replacement=owner"] {
        s.t.ask(&s.admin, Method::DELETE, &format!("{path}{replacement}"), None).await.is(403).code("above_own_role");
    }
    for role in [id(&boss), "owner".to_owned()] {
        let team = json!({"name": "Coup", "grant": {"role": role, "on": "workspace"}});
        s.t.post(&s.admin, &s.path("teams"), &team).await.is(403).code("above_own_role");
        let invite = json!({"email": "eve@example.org", "role": role});
        s.t.post(&s.admin, &s.path("invites"), &invite).await.is(403).code("above_own_role");
        let member = s.path(&format!("members/{}", s.viewer.0.id));
        s.t.ask(&s.admin, Method::PATCH, &member, Some(&json!({"role": role}))).await.is(403).code("above_own_role");
    }
    let deputies = s.team("Deputies", "owner", json!("workspace"), &[]).await;
    let members = s.path(&format!("teams/{}/members", id(&deputies)));
    s.t.post(&s.admin, &members, &json!({"user": s.viewer.0.id})).await.is(403).code("above_own_role");
    s.t.stop().await;
}

#[tokio::test]
async fn a_viewer_whose_team_runs_one_workload_runs_that_one_and_sees_the_rest() {
    let s = Stage::new().await;
    let (mine, other) = (s.workload(&s.home, "Doom").await, s.workload(&s.home, "Quake").await);
    let (user, browser) = &s.viewer;
    let path = |workload: &Workload| format!("/api/v1/workloads/{}", workload.id);
    s.t.ask(browser, Method::PATCH, &path(&mine), Some(&rename())).await.is(403);
    let team = s.team("Crew", "member", json!({"only": [mine.id]}), &[user]).await;
    s.t.ask(browser, Method::PATCH, &path(&mine), Some(&rename())).await.is(200);
    s.t.ask(browser, Method::PATCH, &path(&other), Some(&rename())).await.is(403);
    assert_eq!(s.names(browser, "workloads").await, ["Quake", "Renamed"]);
    let me = s.t.get(browser, "/api/v1/users/me").await.is(200).json();
    assert_eq!(me["memberships"][0]["on"][0]["id"], json!(mine.id));
    s.t.post(browser, &s.path("workloads"), &json!({"name": "New", "template": "process"})).await.is(403);
    // Taken out of the team: at once nothing of it is left.
    let place = s.path(&format!("teams/{}/members/{}", id(&team), user.id));
    s.t.ask(&s.owner, Method::DELETE, &place, None).await.is(204);
    s.t.ask(browser, Method::PATCH, &path(&mine), Some(&json!({"name": "Again"}))).await.is(403);
    s.t.stop().await;
}

#[tokio::test]
async fn who_may_see_one_workload_only_gets_lists_with_that_one() {
    let s = Stage::new().await;
    let (mine, other) = (s.workload(&s.home, "Doom").await, s.workload(&s.home, "Quake").await);
    let (user, browser) = &s.viewer;
    let role = s.role(&s.owner, "Guest", &[]).await.is(201).json();
    s.give(user, &id(&role)).await;
    for list in ["workloads", "nodes", "jobs", "events"] {
        s.t.get(browser, &s.path(list)).await.is(404);
    }
    s.team("Guests", "member", json!({"only": [mine.id]}), &[user]).await;
    assert_eq!(s.names(browser, "workloads").await, ["Doom"]);
    s.t.get(browser, &format!("/api/v1/workloads/{}", other.id)).await.is(404);
    s.t.get(browser, &s.path("members")).await.is(404);
    s.t.post(browser, &s.path("workloads"), &json!({"name": "New", "template": "process"})).await.is(404);
    let events = s.t.get(browser, &s.path("events")).await.is(200).json();
    let subjects: Vec<&str> =
        events["items"].as_array().unwrap().iter().filter_map(|event| event["id"].as_str()).collect();
    assert!(!subjects.is_empty() && subjects.iter().all(|id| *id == mine.id.to_string()), "{subjects:?}");
    // A job about it is theirs to follow; one about something else does not exist for them.
    s.t.ask(browser, Method::DELETE, &format!("/api/v1/workloads/{}", mine.id), None).await.is(202);
    s.t.ask(&s.owner, Method::DELETE, &format!("/api/v1/workloads/{}", other.id), None).await.is(202);
    let jobs = s.t.get(browser, &s.path("jobs")).await.is(200).json();
    let targets: Vec<&Value> = jobs["items"].as_array().unwrap().iter().map(|job| &job["target"]).collect();
    assert_eq!(targets, [&json!(mine.id)]);
    s.t.stop().await;
}

#[tokio::test]
async fn ids_of_another_workspace_are_of_no_use() {
    let s = Stage::new().await;
    let eve = s.t.person(false).await;
    let den = s.t.workspace(&eve).await;
    let evil = s.t.browser(&eve).await;
    let game = s.workload(&s.home, "Doom").await;
    let den_path = |rest: &str| format!("/api/v1/workspaces/{}/{rest}", den.id);
    // A team in her own workspace that names somebody else's workload: as if there were none.
    let body = json!({"name": "Thieves", "grant": {"role": "owner", "on": {"only": [game.id]}}});
    let refused = s.t.post(&evil, &den_path("teams"), &body).await.is(422).json();
    let nothing =
        json!({"name": "Thieves", "grant": {"role": "owner", "on": {"only": ["wl_01j9zq3c8vdt4x0f5k2m7n6p1r"]}}});
    let absent = s.t.post(&evil, &den_path("teams"), &nothing).await.is(422).json();
    let told = |answer: &Value| answer["fields"][0]["message"].as_str().unwrap().rsplit_once(' ').unwrap().0.to_owned();
    assert_eq!(told(&refused), told(&absent));
    // Somebody else's role: by its own path, by hers, as a member's, as a team's.
    let role = s.role(&s.owner, "Watch", &["workload:operate"]).await.is(201).json();
    let watch = id(&role);
    s.t.get(&evil, &s.path(&format!("roles/{watch}"))).await.is(404);
    for method in [Method::GET, Method::DELETE] {
        s.t.ask(&evil, method, &den_path(&format!("roles/{watch}")), None).await.is(404);
    }
    let invite = json!({"email": "x@example.org", "role": watch});
    let answer = s.t.post(&evil, &den_path("invites"), &invite).await.is(422).json();
    assert_eq!(answer["fields"][0]["field"], "role");
    let team = json!({"name": "T", "grant": {"role": watch, "on": "workspace"}});
    let answer = s.t.post(&evil, &den_path("teams"), &team).await.is(422).json();
    assert_eq!(answer["fields"][0]["field"], "grant.role");
    // Her own team by somebody else's workspace, and people of the other one in hers.
    let own = json!({"name": "Own"});
    let own = s.t.post(&evil, &den_path("teams"), &own).await.is(201).json();
    s.t.get(&evil, &s.path(&format!("teams/{}", id(&own)))).await.is(404);
    let place = den_path(&format!("teams/{}/members", id(&own)));
    let answer = s.t.post(&evil, &place, &json!({"user": s.viewer.0.id})).await.is(422).json();
    assert_eq!(answer["fields"][0]["field"], "user");
    s.t.stop().await;
}

#[tokio::test]
async fn a_key_shrinks_with_the_role_and_the_team_of_its_owner() {
    let s = Stage::new().await;
    let (mine, other) = (s.workload(&s.home, "Doom").await, s.workload(&s.home, "Quake").await);
    let (user, browser) = &s.viewer;
    let path = |workload: &Workload| format!("/api/v1/workloads/{}", workload.id);
    let key = json!({"label": "A", "capabilities": ["workload:write"], "scope": {"only": [other.id]}});
    s.t.post(browser, "/api/v1/keys", &key).await.is(422);
    let team = s.team("Crew", "member", json!({"only": [mine.id]}), &[user]).await;
    // What the team gives on one thing is enough for a key on that thing, and for none on another.
    s.t.post(browser, "/api/v1/keys", &key).await.is(422);
    for (label, scope) in
        [("One", json!({"only": [mine.id]})), ("Here", json!({"workspace": s.home.id})), ("All", json!("all"))]
    {
        let body = json!({"label": label, "capabilities": ["workload:write"], "scope": scope});
        let made = s.t.post(browser, "/api/v1/keys", &body).await.is(201).json();
        let secret = As::Bearer(made["secret"].as_str().unwrap().to_owned());
        s.t.ask(&secret, Method::PATCH, &path(&mine), Some(&rename())).await.is(200);
        let others = if label == "One" { 404 } else { 403 };
        s.t.ask(&secret, Method::PATCH, &path(&other), Some(&rename())).await.is(others);
        let seen = s.names(&secret, "workloads").await;
        assert_eq!(seen, if label == "One" { vec!["Renamed"] } else { vec!["Quake", "Renamed"] }, "{label}");
        let nothing = s.path(&format!("teams/{}", id(&team)));
        s.t.ask(&s.owner, Method::PATCH, &nothing, Some(&json!({"grant": null}))).await.is(200);
        s.t.ask(&secret, Method::PATCH, &path(&mine), Some(&rename())).await.is(403);
        let again = json!({"grant": {"role": "member", "on": {"only": [mine.id]}}});
        s.t.ask(&s.owner, Method::PATCH, &nothing, Some(&again)).await.is(200);
    }
    s.t.stop().await;
}

#[tokio::test]
async fn a_key_made_before_a_demotion_gives_nobody_anything_after_it() {
    let s = Stage::new().await;
    let (user, browser) = s.t.member(&s.home, Role::Admin).await;
    let words: CapabilitySet = Role::Admin.capabilities();
    let (_, key) = s.t.key(&user, words, Scope::Workspace(s.home.id)).await;
    s.role(&key, "While an admin", &["workload:write"]).await.is(201);
    let clerk = s.role(&s.owner, "Clerk", &["member:write"]).await.is(201).json();
    s.give(&user, &id(&clerk)).await;
    for who in [&key, &browser] {
        s.role(who, "After", &["workload:write"]).await.is(403).code("above_own_role");
        let team = json!({"name": "After", "grant": {"role": "member", "on": "workspace"}});
        s.t.post(who, &s.path("teams"), &team).await.is(403).code("above_own_role");
    }
    // A key that may manage members, and holds nothing else, gives nothing else: its owner holds everything.
    let boss = s.t.app.store.member_list(s.home.id, &ostler_store::Paging::default()).await.unwrap().items;
    let boss = boss.iter().find(|member| member.role == Role::Owner.into()).unwrap().user;
    let boss = s.t.app.store.user_get(boss).await.unwrap();
    let only = ["member:write".parse().unwrap()].into_iter().collect();
    let (_, narrow) = s.t.key(&boss, only, Scope::All).await;
    let place = s.path(&format!("members/{}", s.viewer.0.id));
    s.t.ask(&narrow, Method::PATCH, &place, Some(&json!({"role": "owner"}))).await.is(403).code("above_own_role");
    s.t.stop().await;
}
