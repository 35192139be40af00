//! People, as whoever administers the platform deals with them.

use http::Method;
use ostler_model::Millis;
use ostler_model::authz::{CapabilitySet, Scope};
use ostler_testkit::server::{As, TestServer};
use serde_json::json;

#[tokio::test]
async fn keeping_somebody_out_ends_their_sessions_and_keys_until_they_are_let_in_again() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    let user = t.person(false).await;
    let browser = t.browser(&user).await;
    let (_, key) = t.key(&user, CapabilitySet::everything(), Scope::All).await;
    let path = format!("/api/v1/users/{}", user.id);
    let seen = t.ask(&root, Method::PATCH, &path, Some(&json!({"is_active": false}))).await.is(200).json();
    assert_eq!(seen["state"], "deactivated");
    t.get(&browser, "/api/v1/users/me").await.is(401);
    t.get(&key, "/api/v1/users/me").await.is(401);
    t.ask(&root, Method::PATCH, &path, Some(&json!({"is_active": true}))).await.is(200);
    t.get(&browser, "/api/v1/users/me").await.is(401);
    t.get(&key, "/api/v1/users/me").await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn the_last_admin_and_oneself_are_protected() {
    let t = TestServer::start().await;
    let root_user = t.person(true).await;
    let root = t.browser(&root_user).await;
    let path = format!("/api/v1/users/{}", root_user.id);
    for body in [json!({"is_active": false}), json!({"is_platform_admin": false})] {
        t.ask(&root, Method::PATCH, &path, Some(&body)).await.is(409).code("oneself");
    }
    t.ask(&root, Method::DELETE, &path, None).await.is(409).code("oneself");
    let second = t.person(true).await;
    let other = t.browser(&second).await;
    t.ask(&root, Method::PATCH, &format!("/api/v1/users/{}", second.id), Some(&json!({"is_platform_admin": false})))
        .await
        .is(200);
    t.ask(&other, Method::DELETE, &path, None).await.is(404);
    t.get(&root, "/api/v1/users").await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn somebody_to_whom_something_refers_is_not_deleted_and_it_is_listed() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let path = format!("/api/v1/users/{}", owner.id);
    let refused = t.ask(&root, Method::DELETE, &path, None).await.is(409).code("user_in_use").json();
    let listed = &refused["details"]["references"];
    assert_eq!(listed[0], json!({"kind": "workspace", "id": space.id, "name": space.name}));
    let seen = t.get(&root, &format!("{path}/references")).await.is(200).json();
    assert_eq!(seen["items"], *listed);
    let idle = t.person(false).await;
    t.ask(&root, Method::DELETE, &format!("/api/v1/users/{}", idle.id), None).await.is(204);
    t.get(&root, &format!("/api/v1/users/{}", idle.id)).await.is(404);
    t.stop().await;
}

/// What a key with the one right to manage people could do to become more than it is.
#[tokio::test]
async fn a_key_that_manages_people_cannot_make_itself_an_admin() {
    let t = TestServer::start().await;
    let root = t.person(true).await;
    let (_, key) = t.key(&root, CapabilitySet::everything(), Scope::All).await;
    let user = t.person(false).await;
    let path = format!("/api/v1/users/{}", user.id);
    let admin = json!({"email": "eve@example.org", "name": "Eve", "is_platform_admin": true});
    t.post(&key, "/api/v1/users", &admin).await.is(403).code("person_only");
    t.ask(&key, Method::PATCH, &path, Some(&json!({"is_platform_admin": true}))).await.is(403).code("person_only");
    t.ask(&key, Method::PATCH, &path, Some(&json!({"email": "eve@example.org"}))).await.is(403).code("person_only");
    t.ask(&key, Method::POST, &format!("{path}/reset-link"), None).await.is(403).code("person_only");
    let change = json!({"current_password": "correct horse battery", "new_password": "another horse battery"});
    t.post(&key, "/api/v1/users/me/password", &change).await.is(403).code("person_only");
    t.ask(&key, Method::PATCH, &path, Some(&json!({"name": "Renamed"}))).await.is(403).code("person_only");
    t.stop().await;
}

/// Noderax 2.4: a password in the hands of whoever creates the account.
#[tokio::test]
async fn nobody_chooses_a_password_for_somebody_else() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    let body = json!({"email": "new@example.org", "name": "New", "password": "correct horse battery"});
    let answer = t.post(&root, "/api/v1/users", &body).await.is(422).json();
    assert_eq!(answer["fields"][0]["field"], "password");
    t.stop().await;
}

#[tokio::test]
async fn being_oneself_gives_no_right_to_manage_oneself() {
    let t = TestServer::start().await;
    let user = t.person(false).await;
    let browser = t.browser(&user).await;
    let path = format!("/api/v1/users/{}", user.id);
    let admin = json!({"is_platform_admin": true});
    t.ask(&browser, Method::PATCH, &path, Some(&admin)).await.is(404);
    t.ask(&browser, Method::POST, &format!("{path}/reset-link"), None).await.is(404);
    t.get(&browser, &path).await.is(200);
    t.get(&As::Nobody, &path).await.is(401);
    t.stop().await;
}

/// A capability that was meant for something small, in the hands of a key: the link of a pending admin, and the mail of one.
#[tokio::test]
async fn s6_a_restricted_key_does_not_become_platform_admin() {
    let t = TestServer::start().await;
    let root = t.person(true).await;
    let browser = t.browser(&root).await;
    let body = json!({"email": "boss@example.org", "name": "Boss", "is_platform_admin": true});
    let made = t.post(&browser, "/api/v1/users", &body).await.is(201).json();
    let boss = format!("/api/v1/users/{}", made["user"]["id"].as_str().unwrap());
    let single = async |word: &str| {
        let set = CapabilitySet::NONE.with(word.parse().unwrap());
        t.key(&root, set, Scope::All).await.1
    };
    let people = single("user:write").await;
    let refused =
        t.ask(&people, Method::POST, &format!("{boss}/resend-invite"), None).await.is(403).code("person_only");
    assert!(!String::from_utf8_lossy(&refused.bytes).contains("#token="));
    let platform = single("platform:write").await;
    let mail = json!({"values": {"mail.host": "evil.example"}});
    let requirement = json!({"is_required": false});
    let provider = json!({"slug": "evil", "name": "Evil", "issuer": "https://evil.example", "client_id": "x"});
    for (method, path, body) in [
        (Method::PATCH, "/api/v1/platform-settings", &mail),
        (Method::POST, "/api/v1/platform-settings/validate/smtp", &mail),
        (Method::PUT, "/api/v1/auth/mfa/requirement", &requirement),
        (Method::POST, "/api/v1/auth/providers", &provider),
    ] {
        t.ask(&platform, method.clone(), path, Some(body)).await.is(403).code("person_only");
    }
    // A key may invite into a workspace, and does not see what would let it accept.
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let (_, key) = t.key(&owner, CapabilitySet::everything(), Scope::All).await;
    let path = format!("/api/v1/workspaces/{}/invites", space.id);
    let invited = t.post(&key, &path, &json!({"email": "guest@example.org", "role": "viewer"})).await.is(201).json();
    assert!(invited["link"].is_null(), "{invited}");
    // Neither is an old session enough.
    t.time.skip(Millis::secs(301));
    t.ask(&browser, Method::POST, &format!("{boss}/resend-invite"), None).await.is(403).code("confirm_first");
    t.ask(&browser, Method::PATCH, "/api/v1/platform-settings", Some(&mail)).await.is(403).code("confirm_first");
    t.stop().await;
}

#[tokio::test]
async fn f35_one_address_is_one_account_however_it_is_typed() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    t.person_named("ada@ex\u{e4}mple.org", false).await;
    let again = json!({"email": "Ada@xn--exmple-cua.org", "name": "Ada"});
    t.post(&root, "/api/v1/users", &again).await.is(409).code("taken");
    let zone = json!({"timezone": "europe/berlin"});
    let kept = t.ask(&root, Method::PATCH, "/api/v1/users/me/preferences", Some(&zone)).await.is(200).json();
    assert_eq!(kept["timezone"], "Europe/Berlin");
    t.ask(&root, Method::PATCH, "/api/v1/users/me/preferences", Some(&json!({"timezone": "Mars/Olympus"})))
        .await
        .is(422);
    t.stop().await;
}

#[tokio::test]
async fn f27_names_that_hide_something_are_refused_wherever_they_are_given() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    for hidden in ["\u{200b}", "\u{feff}", "A\u{202e}da", "A\u{2066}da"] {
        for (method, path, body) in [
            (Method::POST, "/api/v1/users", json!({"email": "new@example.org", "name": hidden})),
            (Method::PATCH, "/api/v1/users/me", json!({"name": hidden})),
            (Method::POST, "/api/v1/workspaces", json!({"name": hidden})),
            (Method::POST, "/api/v1/keys", json!({"label": hidden, "capabilities": ["node:read"]})),
        ] {
            t.ask(&root, method, path, Some(&body)).await.is(422);
        }
    }
    t.ask(&root, Method::PATCH, "/api/v1/users/me", Some(&json!({"name": "Ada 👩\u{200d}🚀"}))).await.is(200);
    t.stop().await;
}
