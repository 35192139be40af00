//! Invitations over the API.

use super::mail::with;
use super::sink::Sink;
use http::Method;
use ostler_model::Millis;
use ostler_model::authz::Role;
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};

fn token(invited: &Value) -> String {
    invited["link"].as_str().unwrap().split("#token=").nth(1).unwrap().to_owned()
}

fn accept() -> Value {
    json!({"password": "correct horse battery"})
}

#[tokio::test]
async fn an_invitation_lasts_72_hours_works_once_and_a_later_one_ends_it() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    let first =
        t.post(&root, "/api/v1/users", &json!({"email": "new@example.org", "name": "New"})).await.is(201).json();
    let login = json!({"email": "new@example.org", "password": "correct horse battery"});
    t.post(&As::Nobody, "/api/v1/auth/login", &login).await.is(401);
    let id = first["user"]["id"].as_str().unwrap();
    let again = format!("/api/v1/users/{id}/resend-invite");
    let second = t.ask(&root, Method::POST, &again, None).await.is(201).json();
    let at = |token: &str| format!("/api/v1/auth/invitations/{token}");
    t.get(&As::Nobody, &at(&token(&first))).await.is(410).code("revoked");
    t.post(&As::Nobody, &format!("{}/accept", at(&token(&first))), &accept()).await.is(410).code("revoked");
    t.time.skip(Millis::secs(72 * 3600 + 1));
    t.post(&As::Nobody, &format!("{}/accept", at(&token(&second))), &accept()).await.is(410).code("expired");
    let root = t.browser(&t.person(true).await).await;
    let third = t.ask(&root, Method::POST, &again, None).await.is(201).json();
    let path = format!("{}/accept", at(&token(&third)));
    t.post(&As::Nobody, &path, &json!({"password": "password1234"})).await.is(422);
    t.post(&As::Nobody, &path, &accept()).await.is(200);
    t.post(&As::Nobody, &path, &accept()).await.is(409).code("used");
    t.ask(&root, Method::POST, &again, None).await.is(409).code("accepted");
    t.get(&As::Nobody, &at("osi_guess")).await.is(404);
    t.post(&As::Nobody, "/api/v1/auth/login", &login).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn an_invitation_leads_straight_into_a_workspace() {
    let t = TestServer::start().await;
    let boss = t.person(false).await;
    let space = t.workspace(&boss).await;
    let (boss, path) = (t.browser(&boss).await, format!("/api/v1/workspaces/{}/invites", space.id));
    let made = t.post(&boss, &path, &json!({"email": "guest@example.org", "role": "member"})).await.is(201).json();
    assert_eq!(made["user"]["name"], "guest");
    let open = t.get(&boss, &path).await.is(200).json();
    assert_eq!(open["items"][0]["role"], "member");
    t.post(&As::Nobody, &format!("/api/v1/auth/invitations/{}/accept", token(&made)), &accept()).await.is(200);
    let members = t.get(&boss, &format!("/api/v1/workspaces/{}/members", space.id)).await.is(200).json();
    assert!(members["items"].as_array().unwrap().iter().any(|m| m["email"] == "guest@example.org"), "{members}");
    assert_eq!(t.get(&boss, &path).await.is(200).json()["items"], json!([]));
    let again = json!({"email": "guest@example.org", "role": "member"});
    t.post(&boss, &path, &again).await.is(409).code("taken");
    let other = t.post(&boss, &path, &json!({"email": "typo@example.org", "role": "viewer"})).await.is(201).json();
    let id = other["invite"]["id"].as_str().unwrap();
    t.ask(&boss, Method::DELETE, &format!("/api/v1/invites/{id}"), None).await.is(204);
    t.get(&As::Nobody, &format!("/api/v1/auth/invitations/{}", token(&other))).await.is(404);
    let (_, admin) = t.member(&space, Role::Admin).await;
    let above = json!({"email": "x@example.org", "role": "owner"});
    t.post(&admin, &path, &above).await.is(403).code("above_own_role");
    let (_, viewer) = t.member(&space, Role::Viewer).await;
    t.post(&viewer, &path, &again).await.is(403).code("forbidden");
    t.stop().await;
}

/// With mail on, an address proves itself by reading its mail; a link in the inviter's hands would let them claim anybody's.
#[tokio::test]
async fn a_workspace_admin_does_not_get_the_link_of_an_address_that_gets_mail() {
    let sink = Sink::start().await;
    let t = TestServer::with(with(&sink)).await;
    let boss = t.person(false).await;
    let space = t.workspace(&boss).await;
    let boss = t.browser(&boss).await;
    let path = format!("/api/v1/workspaces/{}/invites", space.id);
    let body = json!({"email": "guest@example.org", "role": "viewer"});
    let made = t.post(&boss, &path, &body).await.is(201).json();
    assert_eq!((made["is_mailed"].as_bool(), made["link"].is_null()), (Some(true), true));
    let mail = sink.mail(1).await;
    let path = format!("/api/v1/auth/invitations/{}/accept", mail.token());
    t.post(&As::Nobody, &path, &accept()).await.is(200);
    t.stop().await;
}

/// Noderax A11: the list of people to add revealed the whole directory.
#[tokio::test]
async fn noderax_a11_inviting_does_not_reveal_the_directory() {
    let t = TestServer::start().await;
    let boss = t.person(false).await;
    t.workspace(&boss).await;
    let boss = t.browser(&boss).await;
    t.get(&boss, "/api/v1/users").await.is(404);
    let other = t.person(false).await;
    t.get(&boss, &format!("/api/v1/users/{}", other.id)).await.is(404);
    t.stop().await;
}

/// Noderax A16: a mail cannon, this time in the hands of whoever has a workspace.
#[tokio::test]
async fn noderax_a16_inviting_is_no_mail_cannon() {
    let t = TestServer::start().await;
    let boss = t.person(false).await;
    let space = t.workspace(&boss).await;
    let boss = t.browser(&boss).await;
    let path = format!("/api/v1/workspaces/{}/invites", space.id);
    let body = json!({"email": "victim@example.org", "role": "viewer"});
    for _ in 0..5 {
        t.post(&boss, &path, &body).await.is(201);
    }
    t.post(&boss, &path, &body).await.is(429);
    t.post(&boss, &path, &json!({"email": "other@example.org", "role": "viewer"})).await.is(201);
    t.stop().await;
}

#[tokio::test]
async fn s1_the_second_invitation_is_accepted_by_the_person_who_is_signed_in() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    let tenant = t.person(false).await;
    let space = t.workspace(&tenant).await;
    let tenant = t.browser(&tenant).await;
    let body = json!({"email": "boss@example.org", "name": "The Boss", "is_platform_admin": true});
    let high = t.post(&root, "/api/v1/users", &body).await.is(201).json();
    assert_eq!(
        (&high["user"]["is_platform_admin"], &high["invite"]["is_platform_admin"]),
        (&json!(false), &json!(true))
    );
    let invites = format!("/api/v1/workspaces/{}/invites", space.id);
    let low = t.post(&tenant, &invites, &json!({"email": "boss@example.org", "role": "viewer"})).await.is(201).json();
    assert_eq!((&low["user"]["name"], &low["user"]["is_platform_admin"]), (&json!("boss"), &json!(false)));
    let at = |made: &Value| format!("/api/v1/auth/invitations/{}", token(made));
    assert_eq!(t.get(&As::Nobody, &at(&low)).await.is(200).json()["has_account"], false);
    t.post(&As::Nobody, &format!("{}/accept", at(&low)), &accept()).await.is(200);
    let login = json!({"email": "boss@example.org", "password": "correct horse battery"});
    let boss = crate::factor::session(&t.post(&As::Nobody, "/api/v1/auth/login", &login).await.is(200));
    assert_eq!(t.get(&boss, "/api/v1/users/me").await.json()["user"]["is_platform_admin"], false);
    // The link of the other invitation gives no second password, and is not spent by trying.
    assert_eq!(t.get(&As::Nobody, &at(&high)).await.is(200).json()["has_account"], true);
    t.post(&As::Nobody, &format!("{}/accept", at(&high)), &accept()).await.is(409).code("accept_signed_in");
    let join = "/api/v1/users/me/invitations";
    t.post(&boss, join, &json!({"token": "osi_guess"})).await.is(422);
    t.post(&tenant, join, &json!({"token": token(&high)})).await.is(409).code("not_your_invite");
    t.time.skip(Millis::secs(301));
    t.post(&boss, join, &json!({"token": token(&high)})).await.is(403).code("confirm_first");
    t.post(&boss, "/api/v1/auth/confirm", &json!({"password": "correct horse battery"})).await.is(204);
    let done = t.post(&boss, join, &json!({"token": token(&high)})).await.is(200).json();
    assert_eq!(done["is_platform_admin"], true);
    t.post(&boss, join, &json!({"token": token(&high)})).await.is(409).code("used");
    t.stop().await;
}

/// Mail is off: the link shows nothing about the address, so others do not find the person by it.
#[tokio::test]
async fn s12_an_account_of_a_link_without_mail_is_not_added_by_its_address() {
    let t = TestServer::start().await;
    let tenant = t.person(false).await;
    let space = t.workspace(&tenant).await;
    let tenant = t.browser(&tenant).await;
    let body = json!({"email": "boss@corp.example", "role": "viewer"});
    let made = t.post(&tenant, &format!("/api/v1/workspaces/{}/invites", space.id), &body).await.is(201).json();
    let path = format!("/api/v1/auth/invitations/{}/accept", token(&made));
    let user = t.post(&As::Nobody, &path, &accept()).await.is(200).json();
    assert_eq!(user["is_email_verified"], false);
    let other = t.person(false).await;
    let theirs = t.workspace(&other).await;
    let other = t.browser(&other).await;
    let add = format!("/api/v1/workspaces/{}/members", theirs.id);
    let unproven = t.post(&other, &add, &json!({"email": "boss@corp.example", "role": "admin"})).await.is(422);
    let unknown = t.post(&other, &add, &json!({"email": "none@corp.example", "role": "admin"})).await.is(422);
    assert_eq!(unproven.without_request_id(), unknown.without_request_id());
    t.stop().await;
}

/// Mail is on: who accepts has read it.
#[tokio::test]
async fn s12_an_account_of_a_mailed_link_has_proved_its_address() {
    let sink = Sink::start().await;
    let t = TestServer::with(with(&sink)).await;
    let boss = t.person(false).await;
    let space = t.workspace(&boss).await;
    let boss = t.browser(&boss).await;
    let body = json!({"email": "guest@example.org", "role": "viewer"});
    t.post(&boss, &format!("/api/v1/workspaces/{}/invites", space.id), &body).await.is(201);
    let path = format!("/api/v1/auth/invitations/{}/accept", sink.mail(1).await.token());
    let user = t.post(&As::Nobody, &path, &accept()).await.is(200).json();
    assert_eq!(user["is_email_verified"], true);
    t.stop().await;
}
