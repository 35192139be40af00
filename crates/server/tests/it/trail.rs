//! The audit trail over the API: complete, in the right chain, exportable, and proof against editing.

use futures_util::StreamExt as _;
use http::Method;
use ostler_model::Millis;
use ostler_model::audit::{Checkpoint, Entry, Walk};
use ostler_model::authz::{CapabilitySet, Role, Scope};
use ostler_testkit::server::{As, TestServer};
use ostler_wire::audit::{AuditChain, AuditRecord};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

async fn export(t: &TestServer, who: &As, trail: &str, query: &str) -> String {
    let answer = t.get(who, &format!("{trail}/export{query}")).await.is(200);
    String::from_utf8(answer.bytes).unwrap()
}

async fn chain(t: &TestServer, who: &As, trail: &str) -> AuditChain {
    serde_json::from_value(t.get(who, &format!("{trail}/chain")).await.is(200).json()).unwrap()
}

fn records(text: &str) -> Vec<AuditRecord> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Walks the whole export, as somebody would who believes nothing else.
fn walk(chain: &AuditChain, text: &str) -> (u64, String) {
    let mut walk = Walk::after(chain.workspace, chain.anchor.seq, chain.anchor.hash.clone());
    for record in records(text) {
        walk.step(&Entry::from(record)).unwrap();
    }
    let (seq, hash) = walk.position();
    (seq, hash.to_owned())
}

#[tokio::test]
async fn an_export_can_be_checked_by_who_believes_nothing_but_its_own_arithmetic() {
    let t = TestServer::start().await;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let boss = t.browser(&owner).await;
    // More than one piece of an export.
    let member = t.person(false).await;
    t.join(&space, &member, Role::Viewer).await;
    let path = format!("/api/v1/workspaces/{}/members/{}", space.id, member.id);
    for n in 0..600 {
        let role = if n % 2 == 0 { "member" } else { "viewer" };
        t.ask(&boss, Method::PATCH, &path, Some(&json!({"role": role}))).await.is(200);
    }
    let trail = format!("/api/v1/workspaces/{}/audit-logs", space.id);
    let ends = chain(&t, &boss, &trail).await;
    assert_eq!(ends.head.seq, 602, "the workspace, the member, and six hundred changes");
    let text = export(&t, &boss, &trail, "").await;
    assert_eq!(walk(&ends, &text), (602, ends.head.hash.clone()));
    let rest = export(&t, &boss, &trail, "?after=600").await;
    assert_eq!(records(&rest).iter().map(|r| r.seq).collect::<Vec<_>>(), [601, 602]);
    let refused = export(&t, &boss, &trail, "?outcome=refused").await;
    assert_eq!(refused, "");
    t.get(&t.browser(&member).await, &format!("{trail}/export")).await.is(404);
    t.stop().await;
}

#[tokio::test]
async fn hyperion_20_checkpoints_are_signed_and_name_what_the_chain_was() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    let made = t.post(&root, "/api/v1/audit-logs/checkpoints", &json!({})).await.is(200).json();
    let ends = chain(&t, &root, "/api/v1/audit-logs").await;
    let mark = &ends.checkpoints[0];
    assert!(made["items"].as_array().unwrap().contains(&serde_json::to_value(mark).unwrap()));
    let entries = records(&export(&t, &root, "/api/v1/audit-logs", "").await);
    let seen = entries.iter().find(|entry| entry.seq == mark.seq).unwrap();
    assert_eq!(seen.hash, mark.hash);
    assert_eq!(entries.last().unwrap().action, "audit.checkpoint", "asking for it is itself an entry");
    let public = hex::decode(&ends.keys.iter().find(|key| key.id == mark.key_id).unwrap().public_key).unwrap();
    let good = Checkpoint::from(mark.clone());
    let signature = hex::decode(&good.signature).unwrap();
    let verify =
        |mark: &Checkpoint| UnparsedPublicKey::new(&ED25519, &public).verify(&mark.message(), &signature).is_ok();
    assert!(verify(&good));
    assert!(!verify(&Checkpoint { seq: good.seq + 1, ..good.clone() }));
    assert!(!verify(&Checkpoint { chain: "ws_other".into(), ..good.clone() }));
    assert!(!verify(&Checkpoint { hash: good.hash.chars().rev().collect(), ..good.clone() }));
    t.stop().await;
}

#[tokio::test]
async fn the_server_signs_by_itself_and_lets_go_by_policy_and_the_rest_is_still_whole() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    for _ in 0..20 {
        t.person(false).await;
    }
    t.ask(&root, Method::PUT, "/api/v1/audit-logs/retention", Some(&json!({"keep_days": 29}))).await.is(422);
    t.ask(&root, Method::PUT, "/api/v1/audit-logs/retention", Some(&json!({"keep_days": 30}))).await.is(200);
    let before = chain(&t, &root, "/api/v1/audit-logs").await;
    ostler_server::audit::upkeep(&t.app).await.unwrap();
    let marked = chain(&t, &root, "/api/v1/audit-logs").await;
    assert_eq!(marked.checkpoints.len(), 1);
    assert_eq!(marked.anchor.seq, 0, "nothing is old yet");

    t.time.skip(Millis::secs(31 * 24 * 3600));
    let root = t.browser(&t.person(true).await).await;
    ostler_server::audit::upkeep(&t.app).await.unwrap();
    let after = chain(&t, &root, "/api/v1/audit-logs").await;
    assert!(after.anchor.seq >= before.head.seq, "{after:?}");
    let text = export(&t, &root, "/api/v1/audit-logs", "").await;
    let kept = records(&text);
    assert_eq!(kept[0].seq, after.anchor.seq + 1);
    assert!(kept.iter().any(|entry| entry.action == "audit.trim"), "letting go is an entry");
    assert_eq!(walk(&after, &text).0, after.head.seq);
    let verdict = t.app.store.audit_verify(None).await.unwrap();
    assert!(matches!(verdict, ostler_store::audit::Verdict::Whole { .. }), "{verdict:?}");
    let again = t.get(&root, "/api/v1/audit-logs/retention").await.is(200).json();
    assert_eq!(again, json!({"keep_days": 30}));
    t.ask(&root, Method::PUT, "/api/v1/audit-logs/retention", Some(&json!({}))).await.is(200);
    assert_eq!(t.get(&root, "/api/v1/audit-logs/retention").await.json(), json!({"keep_days": null}));
    t.stop().await;
}

#[tokio::test]
async fn a_spreadsheet_runs_nothing_that_somebody_wrote_into_the_trail() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    let mut request = t.request(
        &As::Nobody,
        &Method::POST,
        "/api/v1/auth/login",
        Some(&json!({
            "email": "=cmd@example.org", "password": "whatever it is"
        })),
    );
    request.headers_mut().insert("user-agent", "=HYPERLINK(\"http://evil.example\"),x".parse().unwrap());
    t.send(request).await.is(401);
    let answer = t.get(&root, "/api/v1/audit-logs/export?format=csv&outcome=refused").await.is(200);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = String::from_utf8(answer.bytes).unwrap();
    let line = text.lines().nth(1).unwrap();
    assert!(line.contains(",\"'=cmd@example.org\","), "{line}");
    assert!(line.contains(",\"'=HYPERLINK(\"\"http://evil.example\"\"),x\","), "{line}");
    t.stop().await;
}

#[tokio::test]
async fn a_members_refusal_is_in_the_workspaces_own_trail_and_a_strangers_is_not() {
    let t = TestServer::start().await;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let (member, low) = t.member(&space, Role::Viewer).await;
    let stranger = t.browser(&t.person(false).await).await;
    let path = format!("/api/v1/workspaces/{}/members/{}", space.id, member.id);
    let boss = t.browser(&owner).await;
    let root = t.browser(&t.person(true).await).await;
    t.ask(&low, Method::DELETE, &format!("/api/v1/workspaces/{}", space.id), None).await.is(403);
    t.ask(&stranger, Method::PATCH, &path, Some(&json!({"role": "owner"}))).await.is(404);
    let refused = async |who: &As, trail: &str| -> Vec<Value> {
        let listed = t.get(who, &format!("{trail}?outcome=refused")).await.is(200).json();
        listed["items"].as_array().unwrap().clone()
    };
    let own = refused(&boss, &format!("/api/v1/workspaces/{}/audit-logs", space.id)).await;
    assert_eq!(own.len(), 1);
    assert_eq!((&own[0]["action"], &own[0]["actor_id"]), (&json!("workspace.delete"), &json!(member.id.to_string())));
    let platform = refused(&root, "/api/v1/audit-logs").await;
    assert_eq!(platform.len(), 1, "the stranger fills nobody's trail but the platform's");
    assert_eq!(platform[0]["action"], "member.update");
    t.stop().await;
}

#[tokio::test]
async fn hyperion_20_an_entry_says_which_key_it_was_by_id_and_not_by_label_alone() {
    let t = TestServer::start().await;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let (key, by_key) = t.key(&owner, CapabilitySet::everything(), Scope::All).await;
    let path = format!("/api/v1/workspaces/{}", space.id);
    let mut request = t.request(&by_key, &Method::PATCH, &path, Some(&json!({"name": "Yard"})));
    request.headers_mut().insert("user-agent", "deploy/1".parse().unwrap());
    let done = t.send(request).await.is(200);
    let listed = t.get(&by_key, &format!("{path}/audit-logs?action=workspace.update")).await.is(200).json();
    let entry = &listed["items"][0];
    assert_eq!((&entry["actor_kind"], &entry["actor_id"]), (&json!("apikey"), &json!(key.id.to_string())));
    assert_eq!(entry["request_id"], json!(done.header("x-request-id").unwrap()));
    assert_eq!((&entry["address"], &entry["user_agent"]), (&json!("192.0.2.1"), &json!("deploy/1")));
    t.stop().await;
}

#[tokio::test]
async fn an_export_ends_well_for_a_client_that_takes_compressed_answers() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    for query in ["", "?format=csv", "?from=2001-01-01T00:00:00Z&until=2001-01-01T00:00:00Z"] {
        let mut request = t.request(&root, &Method::GET, &format!("/api/v1/audit-logs/export{query}"), None);
        request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
        let answer = t.send(request).await.is(200);
        assert_eq!(answer.header("content-encoding"), Some("gzip"), "{query}");
        assert!(answer.bytes.starts_with(&[0x1f, 0x8b]), "{query}");
    }
    t.stop().await;
}

#[tokio::test]
async fn an_export_stops_when_its_reader_may_not_read_any_more() {
    let t = TestServer::start().await;
    let root = t.person(true).await;
    let (browser, now) = (t.browser(&root).await, t.app.clock.now());
    for _ in 0..600 {
        t.person(false).await;
    }
    let mut request = t.request(&browser, &Method::GET, "/api/v1/audit-logs/export", None);
    request.extensions_mut().insert(ostler_server::http::Peer(std::net::Ipv4Addr::LOCALHOST.into()));
    let response = tower::ServiceExt::oneshot(ostler_server::service(&t.app), request).await.unwrap();
    let mut pieces = response.into_body().into_data_stream();
    pieces.next().await.unwrap().unwrap();
    let session = t.app.store.session_list(root.id, now).await.unwrap().remove(0);
    let grant: ostler_model::authz::Grant<_, ostler_model::authz::Write> =
        t.grant(ostler_model::authz::SystemReason::SignIn, &session);
    t.app.store.session_revoke(&grant, now).await.unwrap();
    assert!(pieces.next().await.unwrap().is_err(), "half a trail must not look like a whole one");
    t.stop().await;
}

/// How many entries this request wrote, in any trail.
async fn done(t: &TestServer, answer: &ostler_testkit::server::Answer) -> Vec<String> {
    let id = answer.header("x-request-id").unwrap().to_owned();
    let mut found = Vec::new();
    for chain in t.app.store.audit_chains().await.unwrap() {
        let filter = ostler_store::audit::Filter { workspace: chain.parse().ok(), ..Default::default() };
        let entries = t.app.store.audit_after(&filter, 0, 10_000).await.unwrap();
        found.extend(entries.into_iter().filter(|e| e.request_id.as_ref() == Some(&id)).map(|e| e.action));
    }
    found
}

#[tokio::test]
async fn what_the_matrix_has_no_sample_for_writes_one_entry_as_well() {
    const FIRST: &str = "correct horse battery staple";
    const SECOND: &str = "another horse and a lamp";
    let t = TestServer::start().await;
    let mut all = Vec::new();
    let install =
        json!({"secret": t.setup_secret.reveal(), "email": "ada@example.org", "name": "Ada", "password": FIRST});
    all.push(("install", t.post(&As::Nobody, "/api/v1/setup/install", &install).await.is(201)));
    let login = json!({"email": "ada@example.org", "password": FIRST, "token": true});
    let signed_in = t.post(&As::Nobody, "/api/v1/auth/login", &login).await.is(200);
    let refresh = json!({"refresh_token": signed_in.json()["tokens"]["refresh_token"]});
    all.push(("login", signed_in));
    all.push(("refresh", t.post(&As::Nobody, "/api/v1/auth/refresh", &refresh).await.is(200)));
    let ada = t.app.store.user_list(&Default::default()).await.unwrap().items.remove(0);
    let root = t.browser(&ada).await;

    let invited = t.post(&root, "/api/v1/users", &json!({"email": "eve@example.org", "name": "Eve"})).await.is(201);
    let eve = invited.json()["user"]["id"].as_str().unwrap().to_owned();
    let again = t.post(&root, &format!("/api/v1/users/{eve}/resend-invite"), &json!({})).await;
    assert!(again.status.is_success(), "{}", again.json());
    let link = again.json()["link"].as_str().unwrap().to_owned();
    all.push(("resend-invite", again));
    let token = link.rsplit(['=', '/']).next().unwrap();
    let path = format!("/api/v1/auth/invitations/{token}/accept");
    all.push(("accept", t.post(&As::Nobody, &path, &json!({"password": FIRST})).await.is(200)));
    let reset = t.post(&root, &format!("/api/v1/users/{eve}/reset-link"), &json!({})).await.is(201);
    let token = reset.json()["link"].as_str().unwrap().rsplit(['=', '/']).next().unwrap().to_owned();
    let path = format!("/api/v1/auth/password/reset/{token}");
    let spent = t.post(&As::Nobody, &path, &json!({"password": SECOND})).await;
    assert!(spent.status.is_success(), "{} {}", spent.status, spent.json());
    all.push(("reset", spent));
    all.push(("delete a person", t.ask(&root, Method::DELETE, &format!("/api/v1/users/{eve}"), None).await.is(204)));

    let made = t.post(&root, "/api/v1/workspaces", &json!({"name": "Empty"})).await.is(201);
    let path = format!("/api/v1/workspaces/{}", made.json()["id"].as_str().unwrap());
    let archived = t.post(&root, &format!("{path}/archive"), &json!({})).await.is(200);
    all.push(("archive a workspace", archived));
    let gone = t.ask(&root, Method::DELETE, &path, Some(&json!({"confirm": "empty"}))).await.is(204);
    all.push(("delete a workspace", gone));
    let made = t.post(&root, "/api/v1/workspaces", &json!({"name": "Yard"})).await.is(201);
    let path = format!("/api/v1/workspaces/{}", made.json()["id"].as_str().unwrap());
    let path = format!("{path}/join-tokens");
    let ask = t.post(&root, &path, &json!({"label": "Rack"})).await.is(201).json();
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let facts =
        ostler_model::node::Facts { hostname: "rack".into(), port_range: (20_000, 20_099), ..Default::default() };
    let join = json!({"token": ask["token"], "public_key": public, "facts": facts});
    all.push(("join", t.post(&As::Nobody, "/api/v1/agent/join", &join).await.is(201)));
    for (what, answer) in &all {
        let entries = done(&t, answer).await;
        // The first run makes a person, a workspace and a session; each is an entry of its own.
        let is_right = if *what == "install" { entries.len() >= 2 } else { entries.len() == 1 };
        assert!(is_right, "{what} wrote {entries:?}");
    }
    t.stop().await;
}

#[tokio::test]
async fn s15_a_viewers_refusals_do_not_fill_the_trail() {
    let rates = ostler_server::config::Rates {
        per_address: 100_000,
        per_address_burst: 100_000,
        per_actor: 100_000,
        per_actor_burst: 100_000,
    };
    let t = TestServer::with(ostler_server::config::Config { rates, ..Default::default() }).await;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let (_, viewer) = t.member(&space, Role::Viewer).await;
    let owner = t.browser(&owner).await;
    let path = format!("/api/v1/workspaces/{}", space.id);
    for _ in 0..400 {
        t.ask(&viewer, Method::PATCH, &path, Some(&json!({"name": "Mine"}))).await.is(403);
    }
    let refused = async || {
        let list = t.get(&owner, &format!("{path}/audit-logs?outcome=refused&limit=200")).await.is(200).json();
        list["items"].as_array().unwrap().clone()
    };
    let written = refused().await;
    assert!((30..40).contains(&written.len()), "{}", written.len());
    // Another member is not held up by it.
    let (_, other) = t.member(&space, Role::Viewer).await;
    t.ask(&other, Method::PATCH, &path, Some(&json!({"name": "Mine"}))).await.is(403);
    assert_eq!(refused().await.len(), written.len() + 1);
    let told = ostler_testkit::wait::until("the rest is told in one entry", async || {
        t.time.skip(Millis::secs(31));
        refused().await.into_iter().find(|entry| entry["details"]["and_more"].is_number())
    });
    let told = told.await;
    let told = told["details"]["and_more"].as_u64().unwrap();
    assert!(told as usize + written.len() <= 400 && told > 350, "{told}");
    t.stop().await;
}
