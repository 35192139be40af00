//! Roles of the world's own, and its teams.

use ostler_model::authz::{Capability, Collection, Grant, Role, RoleRef, SystemReason, Write};
use ostler_model::role::CustomRole;
use ostler_model::team::{Team, TeamGrant, TeamReach};
use ostler_model::user::{State, User};
use ostler_model::workspace::Member;
use ostler_model::{RoleId, UserId, WorkspaceId};
use ostler_store::user;
use ostler_testkit::server::{As, TestServer};
use std::collections::BTreeMap;

/// Adds the people `custom`, `teamed` and `teamoff`, and what paths name: an unused role, and the first team, with the target.
pub(super) async fn gather(
    t: &TestServer,
    (workspace, target): (WorkspaceId, UserId),
    people: &mut BTreeMap<&'static str, (UserId, As)>,
    names: &mut BTreeMap<&'static str, String>,
) {
    let watch = role(t, workspace, "Watch", &["workload:operate", "job:read"]).await;
    let custom = person(t, workspace, watch.into(), None).await;
    people.insert("custom", (custom.id, t.browser(&custom).await));
    names.insert("role", role(t, workspace, "Unused", &["workload:read"]).await.to_string());
    // Whom the sample of a new team member names.
    let sample = "us_01j9zq3c8vdt4x0f5k2m7n6p1r".parse().unwrap();
    person(t, workspace, Role::Viewer.into(), Some(sample)).await;
    for (name, things) in [("teamed", &["workload"][..]), ("teamoff", &["other"])] {
        let user = person(t, workspace, Role::Viewer.into(), None).await;
        let crew = team(t, workspace, name, Role::Member, things.iter().map(|thing| names[thing].clone()).collect());
        let crew = crew.await;
        join(t, &crew, user.id).await;
        names.entry("team").or_insert_with(|| crew.id.to_string());
        if name == "teamed" {
            join(t, &crew, target).await;
            let keepers = team(t, workspace, "Keepers", Role::Admin, vec![names["node"].clone()]).await;
            join(t, &keepers, user.id).await;
        }
        // Only now: a change of rights gives a browser another cookie.
        people.insert(name, (user.id, t.browser(&user).await));
    }
}

/// A person in each state that a person can be in.
pub(super) async fn states(t: &TestServer) -> Vec<(&'static str, UserId)> {
    let (store, now) = (&t.app.store, t.app.clock.now());
    let people: Grant<Collection<User>, Write> = t.grant(SystemReason::Setup, &Collection::platform());
    let mut states = Vec::new();
    for (name, is_platform_admin) in [("invited", false), ("promised", true)] {
        let new = user::New { is_platform_admin, ..new(t, &format!("{name}@states.example"), None) };
        let expires_at = now + ostler_model::Millis::secs(86_400);
        let token = format!("of {name}");
        let (id, token_hash) = (t.app.ids.next(), token.as_bytes());
        let invite = ostler_store::invite::New { id, token_hash, expires_at, mail: None };
        states.push((name, store.user_invite(&people, &new, invite, now).await.unwrap().0.id));
    }
    let hash = Some("$argon2id$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlcyBvaw$AAAAAAAAAAAAAAAAAAAAAA".to_owned());
    for (name, hash, is_platform_admin) in [
        ("active", None, false),
        ("password", hash.clone(), false),
        ("admin", hash.clone(), true),
        ("deactivated", hash, false),
    ] {
        let new = user::New { is_platform_admin, ..new(t, &format!("{name}@states.example"), hash) };
        states.push((name, store.user_create(&people, &new, now).await.unwrap().id));
    }
    let (_, out) = states[states.len() - 1];
    store.user_set_state(&people, out, State::Deactivated, now).await.unwrap();
    states
}

fn new(t: &TestServer, email: &str, password_hash: Option<String>) -> user::New {
    user::New {
        id: t.app.ids.next(),
        email: email.parse().unwrap(),
        name: "Crew".parse().unwrap(),
        state: State::Active,
        is_platform_admin: false,
        password_hash,
    }
}

async fn role(t: &TestServer, workspace: WorkspaceId, name: &str, words: &[&str]) -> RoleId {
    let now = t.app.clock.now();
    let role = CustomRole {
        id: t.app.ids.next(),
        workspace,
        name: name.parse().unwrap(),
        description: String::new(),
        capabilities: words.iter().map(|word| word.parse::<Capability>().unwrap()).collect(),
        created_at: now,
        changed_at: now,
    };
    let grant: Grant<Collection<CustomRole>, Write> = t.grant(SystemReason::Setup, &Collection::of(workspace));
    t.app.store.role_create(&grant, &role, now).await.unwrap().id
}

async fn team(t: &TestServer, workspace: WorkspaceId, name: &str, role: Role, on: Vec<String>) -> Team {
    let now = t.app.clock.now();
    let team = Team {
        id: t.app.ids.next(),
        workspace,
        name: name.parse().unwrap(),
        description: String::new(),
        grant: Some(TeamGrant { role: role.into(), reach: TeamReach::Only(on) }),
        created_at: now,
        changed_at: now,
    };
    let grant: Grant<Collection<Team>, Write> = t.grant(SystemReason::Setup, &Collection::of(workspace));
    t.app.store.team_create(&grant, &team, now).await.unwrap()
}

async fn join(t: &TestServer, team: &Team, user: UserId) {
    let grant: Grant<Team, Write> = t.grant(SystemReason::Setup, team);
    t.app.store.team_member_add(&grant, user, t.app.clock.now()).await.unwrap();
}

async fn person(t: &TestServer, workspace: WorkspaceId, role: RoleRef, id: Option<UserId>) -> User {
    let id = id.unwrap_or_else(|| t.app.ids.next());
    let new = user::New {
        id,
        email: format!("{id}@example.org").parse().unwrap(),
        name: "Crew".parse().unwrap(),
        state: State::Active,
        is_platform_admin: false,
        password_hash: None,
    };
    let now = t.app.clock.now();
    let grant: Grant<Collection<User>, Write> = t.grant(SystemReason::Setup, &Collection::platform());
    let user = t.app.store.user_create(&grant, &new, now).await.unwrap();
    let grant: Grant<Collection<Member>, Write> = t.grant(SystemReason::Setup, &Collection::of(workspace));
    t.app.store.member_add(&grant, id, role, now).await.unwrap();
    user
}
