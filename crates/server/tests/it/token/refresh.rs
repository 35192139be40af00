//! Access and refresh tokens.

use super::database::{Db, PASSWORD, access, install, refresh, tokens};
use ostler_model::Millis;
use ostler_model::audit::Outcome;
use ostler_store::Paging;
use ostler_store::audit::Filter;
use ostler_testkit::server::{Answer, As, TestServer};
use serde_json::{Value, json};

async fn exchange(t: &TestServer, tokens: &Value) -> Answer {
    let body = json!({"refresh_token": refresh(tokens).reveal()});
    t.post(&As::Nobody, "/api/v1/auth/refresh", &body).await
}

async fn refused(t: &TestServer, action: &str) -> usize {
    let filter = Filter { action: Some(action.into()), outcome: Some(Outcome::Refused), ..Filter::default() };
    let paging = Paging { limit: 200, ..Paging::default() };
    t.app.store.audit_list(&filter, &paging).await.unwrap().items.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_refreshes_with_one_token_exactly_one_succeeds_and_the_family_ends() {
    for db in Db::both().await {
        let t = db.server().await;
        install(&t).await;
        let first = tokens(&t).await;
        t.get(&access(&first), "/api/v1/users/me").await.is(200);
        let tries = (0..100).map(|_| {
            let (t, first) = (t.clone(), first.clone());
            tokio::spawn(async move { exchange(&t, &first).await })
        });
        let answers: Vec<Answer> =
            futures_util::future::join_all(tries).await.into_iter().map(|answer| answer.unwrap()).collect();
        let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(good.len(), 1);
        assert!(answers.iter().all(|answer| answer.status == 200 || answer.status == 401));
        // Two had the same token, so neither is trusted any more: what came of it is dead as well.
        t.get(&access(&first), "/api/v1/users/me").await.is(401).code("bad_credentials");
        t.get(&access(&good[0].json()), "/api/v1/users/me").await.is(401);
        exchange(&t, &good[0].json()).await.is(401);
        assert_eq!(refused(&t, "session.token_reuse").await, 1, "the end of the family is one entry");
        assert_eq!(refused(&t, "session.refresh").await, 99, "98 others of the hundred, and the one after them");
        t.stop().await;
        db.drop().await;
    }
}

#[tokio::test]
async fn a_refresh_token_works_once_and_the_next_one_goes_on() {
    for db in Db::both().await {
        let t = db.server().await;
        install(&t).await;
        let mut now = tokens(&t).await;
        for _ in 0..3 {
            let next = exchange(&t, &now).await.is(200).json();
            assert_eq!(next["session"], now["session"], "a family is one session");
            assert_ne!(next["refresh_token"], now["refresh_token"]);
            t.get(&access(&next), "/api/v1/users/me").await.is(200);
            now = next;
        }
        let other = tokens(&t).await;
        let listed = t.get(&access(&now), "/api/v1/auth/sessions").await.is(200).json();
        let kinds: Vec<&str> =
            listed["items"].as_array().unwrap().iter().map(|s| s["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "token").count(), 2, "{listed}");
        t.get(&access(&other), "/api/v1/users/me").await.is(200);
        t.stop().await;
        db.drop().await;
    }
}

#[tokio::test]
async fn an_access_token_lives_for_a_quarter_of_an_hour_and_a_refresh_token_for_a_month() {
    for db in Db::both().await {
        let t = db.server().await;
        install(&t).await;
        let first = tokens(&t).await;
        t.time.skip(Millis::secs(14 * 60));
        t.get(&access(&first), "/api/v1/users/me").await.is(200);
        t.time.skip(Millis::secs(61));
        t.get(&access(&first), "/api/v1/users/me").await.is(401).code("bad_credentials");
        let second = exchange(&t, &first).await.is(200).json();
        t.get(&access(&second), "/api/v1/users/me").await.is(200);
        t.time.skip(Millis::secs(31 * 24 * 3600));
        exchange(&t, &second).await.is(401);
        t.stop().await;
        db.drop().await;
    }
}

#[tokio::test]
async fn a_changed_password_and_a_deactivation_end_every_token_at_once() {
    for db in Db::both().await {
        let t = db.server().await;
        install(&t).await;
        let first = tokens(&t).await;
        let me = access(&first);
        let user = t.get(&me, "/api/v1/users/me").await.is(200).json()["user"]["id"].as_str().unwrap().to_owned();
        let ada = t.app.store.user_get(user.parse().unwrap()).await.unwrap();
        let grant = t.grant(ostler_model::authz::SystemReason::Setup, &ada);
        t.app.store.user_set_password(&grant, "$argon2id$other", None, t.app.clock.now()).await.unwrap();
        t.get(&me, "/api/v1/users/me").await.is(401);
        exchange(&t, &first).await.is(401);

        let other = t.person(true).await;
        let begun = t.tokens(&other).await;
        t.get(&As::Bearer(begun.clone()), "/api/v1/users/me").await.is(200);
        let all = t.grant(ostler_model::authz::SystemReason::Setup, &ostler_model::authz::Collection::platform());
        let now = t.app.clock.now();
        t.app.store.user_set_state(&all, other.id, ostler_model::user::State::Deactivated, now).await.unwrap();
        t.get(&As::Bearer(begun), "/api/v1/users/me").await.is(401);
        t.stop().await;
        db.drop().await;
    }
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_no_token() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
    let t = Db::both().await.remove(0).server().await;
    install(&t).await;
    let good = tokens(&t).await["access_token"].as_str().unwrap().to_owned();
    let parts: Vec<&str> = good.split('.').collect();
    let json = |part: &str| -> Value { serde_json::from_slice(&B64.decode(part).unwrap()).unwrap() };
    let text = |value: &Value| B64.encode(value.to_string());
    let (header, claims) = (json(parts[0]), json(parts[1]));
    let with = |of: &Value, field: &str, value: Value| {
        let mut changed = of.clone();
        changed[field] = value;
        text(&changed)
    };
    let public = t.app.store.signing_keys(ostler_store::token::Purpose::Access).await.unwrap().remove(0).public;
    let mac = |header: String| {
        // The classic: the public key as the secret of an HMAC.
        let signed = format!("{header}.{}", parts[1]);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public);
        format!("{signed}.{}", B64.encode(ring::hmac::sign(&key, signed.as_bytes())))
    };
    let foreign = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
    let resigned = format!("{}.{}", parts[0], with(&claims, "exp", json!(9_999_999_999_u64)));
    for wrong in [
        format!("{}.{}.", with(&header, "alg", json!("none")), parts[1]),
        format!("{}.{}.{}", with(&header, "alg", json!("none")), parts[1], parts[2]),
        mac(with(&header, "alg", json!("HS256"))),
        mac(parts[0].to_owned()),
        format!("{}.{}.{}", with(&header, "typ", json!("JWT")), parts[1], parts[2]),
        format!("{}.{}.{}", with(&header, "kid", json!("0000000000000000")), parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], with(&claims, "exp", json!(9_999_999_999_u64)), parts[2]),
        format!("{}.{}.{}", parts[0], with(&claims, "iss", json!("ostler/elsewhere")), parts[2]),
        format!("{}.{}.{}", parts[0], with(&claims, "aud", json!("another")), parts[2]),
        format!("{resigned}.{}", B64.encode(foreign.sign(resigned.as_bytes()))),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}.{}", parts[2]),
        format!("{good}="),
        good[..good.len() - 2].to_owned(),
    ] {
        t.get(&As::Bearer(wrong.clone()), "/api/v1/users/me").await.is(401).code("bad_credentials");
    }
    t.get(&As::Bearer(good), "/api/v1/users/me").await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn a_token_of_one_installation_is_nothing_to_another_and_survives_a_restart_of_its_own() {
    let mut dbs = Db::both().await;
    let db = dbs.remove(0);
    let t = db.server().await;
    install(&t).await;
    let mine = tokens(&t).await;
    t.clone().stop().await;
    let t = db.server().await;
    t.get(&access(&mine), "/api/v1/users/me").await.is(200);
    let elsewhere = TestServer::start().await;
    elsewhere.get(&access(&mine), "/api/v1/users/me").await.is(401);
    let body = json!({"email": "ada@example.org", "password": PASSWORD, "token": "yes"});
    t.post(&As::Nobody, "/api/v1/auth/login", &body).await.is(422);
    elsewhere.stop().await;
    t.stop().await;
    for db in dbs {
        db.drop().await;
    }
}
