//! What was found wrong with sign-in elsewhere must be impossible here; each test bears the finding's number.

use super::*;
use ostler_model::authz::{CapabilitySet, Scope};
use ostler_server::http::Access;

/// A challenge for the second factor worked as a full session for ten minutes.
#[tokio::test]
async fn finding_a1_an_mfa_challenge_is_no_session_on_any_route() {
    let t = server().await;
    person(&t, "ada@example.org", true).await;
    enrol(&t, &session(&login(&t, "ada@example.org").await)).await;
    let token = challenge(login(&t, "ada@example.org").await);
    // The bots' routes do not exist as long as no bot's key is set.
    let refusal = |access| if access == Access::Bot { 404 } else { 401 };
    let paths: Vec<(Method, String, u16)> = ostler_server::routes()
        .into_iter()
        .filter(|e| e.access != Access::Public)
        .map(|e| (e.method, e.path.replace(['{', '}'], ""), refusal(e.access)))
        .collect();
    assert!(paths.len() > 40);
    for who in [As::Bearer(token.clone()), As::Browser(token.clone()), As::Bearer(format!("ost_{token}"))] {
        for (method, path, refused) in &paths {
            let answer = t.ask(&who, method.clone(), path, Some(&json!({}))).await;
            assert_eq!(answer.status.as_u16(), *refused, "{method} {path} as {who:?}");
        }
    }
    t.stop().await;
}

/// Setting up a factor anew needed neither the password nor the old factor.
#[tokio::test]
async fn finding_a9_enrolling_again_asks_for_the_password_and_the_old_factor() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let who = session(&login(&t, "ada@example.org").await);
    let (phone, _) = enrol(&t, &who).await;
    t.time.skip(Millis::secs(600));
    let begin = async || t.post(&who, "/api/v1/auth/mfa/setup/initiate", &json!({})).await;
    for (method, path) in [
        (Method::POST, "/api/v1/auth/mfa/setup/initiate"),
        (Method::POST, "/api/v1/auth/mfa/setup/confirm"),
        (Method::POST, "/api/v1/auth/mfa/recovery/regenerate"),
        (Method::DELETE, "/api/v1/auth/mfa"),
    ] {
        let body = json!({"token": "123456"});
        let body = if path.ends_with("setup/confirm") { body } else { json!({}) };
        t.ask(&who, method, path, Some(&body)).await.is(403).code("confirm_first");
    }
    let confirm = async |body: Value| t.post(&who, "/api/v1/auth/confirm", &body).await;
    let methods = t.get(&who, "/api/v1/auth/confirm").await.is(200).json()["methods"].clone();
    assert_eq!(methods, json!(["password", "totp", "recovery"]));
    confirm(json!({"password": PASSWORD})).await.is(403).code("not_confirmed");
    confirm(json!({"token": phone.code(&t)})).await.is(403);
    confirm(json!({"password": "wrong password", "token": phone.code(&t)})).await.is(403);
    confirm(json!({"password": PASSWORD, "token": phone.wrong(&t)})).await.is(403);
    begin().await.is(403);
    t.time.skip(Millis::secs(60));
    let code = phone.code(&t);
    confirm(json!({"password": PASSWORD, "token": code})).await.is(204);
    begin().await.is(201);
    t.time.skip(Millis::secs(601));
    begin().await.is(403).code("confirm_first");
    t.stop().await;
}

/// Codes could be used again within their time.
#[tokio::test]
async fn finding_a9_a_code_is_remembered_and_works_once() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let who = session(&login(&t, "ada@example.org").await);
    let shown = t.post(&who, "/api/v1/auth/mfa/setup/initiate", &json!({})).await.is(201).json();
    let phone = Phone::scan(&shown);
    let first = phone.code(&t);
    t.post(&who, "/api/v1/auth/mfa/setup/confirm", &json!({"token": first})).await.is(201);
    verify(&t, &challenge(login(&t, "ada@example.org").await), &first).await.is(401);
    t.time.skip(STEP);
    let code = phone.code(&t);
    verify(&t, &challenge(login(&t, "ada@example.org").await), &code).await.is(200);
    verify(&t, &challenge(login(&t, "ada@example.org").await), &code).await.is(401);
    t.stop().await;
}

/// An API key of somebody must not change what guards them.
#[tokio::test]
async fn finding_a9_no_api_key_changes_factors() {
    let t = server().await;
    let user = person(&t, "ada@example.org", true).await;
    let (_, key) = t.key(&user, CapabilitySet::everything(), Scope::All).await;
    for (method, path, body) in [
        (Method::POST, "/api/v1/auth/mfa/setup/initiate", json!({})),
        (Method::POST, "/api/v1/auth/mfa/recovery/regenerate", json!({})),
        (Method::DELETE, "/api/v1/auth/mfa", json!({})),
        (Method::POST, "/api/v1/auth/confirm", json!({"password": PASSWORD})),
    ] {
        t.ask(&key, method, path, Some(&body)).await.is(403).code("person_only");
    }
    let path = format!("/api/v1/users/{}/mfa", user.id);
    delete(&t, &key, &path).await.is(403).code("person_only");
    t.stop().await;
}

/// Recovery codes were short and could be read back from the database.
#[tokio::test]
async fn finding_a9_recovery_codes_are_long_and_stored_as_hashes() {
    let t = server().await;
    let user = person(&t, "ada@example.org", false).await;
    let (_, codes) = enrol(&t, &session(&login(&t, "ada@example.org").await)).await;
    assert!(codes.iter().all(|code| code.replace('-', "").len() == 16));
    let (events, _) = (t.app.store.factor_list(user.id).await.unwrap(), ());
    let text = format!("{events:?}");
    assert!(codes.iter().all(|code| !text.contains(code)));
    t.stop().await;
}

/// What is tried at somebody's second factor is in the trail, with the person it was about, and without the code.
#[tokio::test]
async fn finding_a12_wrong_second_factors_are_audited() {
    let t = server().await;
    person(&t, "ada@example.org", true).await;
    let who = session(&login(&t, "ada@example.org").await);
    let (phone, _) = enrol(&t, &who).await;
    let code = phone.wrong(&t);
    verify(&t, &challenge(login(&t, "ada@example.org").await), &code).await.is(401);
    let trail = t.get(&who, "/api/v1/audit-logs?limit=20").await.is(200);
    let text = String::from_utf8_lossy(&trail.bytes).into_owned();
    let refused: Vec<Value> =
        trail.json()["items"].as_array().unwrap().iter().filter(|e| e["outcome"] == "refused").cloned().collect();
    assert_eq!(refused[0]["action"], "session.verify", "{text}");
    assert_eq!(refused[0]["target_id"], "ada@example.org");
    assert!(!refused.iter().any(|entry| entry.to_string().contains(&code)));
    t.stop().await;
}
