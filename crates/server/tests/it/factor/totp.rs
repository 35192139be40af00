//! Authenticator apps and recovery codes.

use super::*;

#[tokio::test]
async fn a_password_alone_is_half_a_sign_in_once_there_is_a_factor() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let first = session(&login(&t, "ada@example.org").await.is(200));
    let (phone, codes) = enrol(&t, &first).await;
    assert_eq!(codes.len(), 10);
    let half = login(&t, "ada@example.org").await.is(202);
    assert!(half.header("set-cookie").is_none(), "nobody is signed in yet");
    let mfa = &half.json()["mfa"];
    assert_eq!(mfa["methods"], json!(["totp", "recovery"]));
    let in_now = verify(&t, &challenge(half.clone()), &phone.code(&t)).await.is(200);
    assert_eq!(in_now.json()["user"]["email"], "ada@example.org");
    assert_eq!(in_now.json()["second_factor"]["has_factor"], true);
    t.get(&session(&in_now), "/api/v1/users/me").await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn programs_get_their_tokens_after_the_second_half() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let (phone, _) = enrol(&t, &session(&login(&t, "ada@example.org").await)).await;
    let body = json!({"email": "ada@example.org", "password": PASSWORD, "token": true});
    let half = t.post(&As::Nobody, "/api/v1/auth/login", &body).await;
    let done = verify(&t, &challenge(half), &phone.code(&t)).await.is(200);
    assert!(done.header("set-cookie").is_none_or(|cookie| !cookie.contains("ostler_session=")));
    let access = done.json()["tokens"]["access_token"].as_str().unwrap().to_owned();
    t.get(&As::Bearer(access), "/api/v1/users/me").await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn the_secret_is_shown_once_with_a_picture_and_never_again() {
    let t = server().await;
    let user = person(&t, "ada@example.org", false).await;
    let who = session(&login(&t, "ada@example.org").await);
    let shown = t.post(&who, "/api/v1/auth/mfa/setup/initiate", &json!({"label": "Phone"})).await.is(201).json();
    let secret = shown["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 32);
    assert!(
        shown["otpauth_url"].as_str().unwrap().contains(secret) && shown["qr_svg"].as_str().unwrap().contains("<svg")
    );
    assert!(
        t.get(&who, "/api/v1/auth/mfa").await.json()["factors"].as_array().unwrap().is_empty(),
        "not before a code"
    );
    let phone = Phone::scan(&shown);
    let wrong = json!({"token": phone.wrong(&t)});
    t.post(&who, "/api/v1/auth/mfa/setup/confirm", &wrong).await.is(422);
    login(&t, "ada@example.org").await.is(200);
    t.post(&who, "/api/v1/auth/mfa/setup/confirm", &json!({"token": phone.code(&t)})).await.is(201);
    let list = t.get(&who, "/api/v1/auth/mfa").await.is(200);
    assert!(!String::from_utf8_lossy(&list.bytes).contains(secret));
    assert_eq!(list.json()["factors"][0]["label"], "Phone");
    assert_eq!(list.json()["recovery_codes"], 10);
    let stored = t.app.store.factor_totp(user.id, false).await.unwrap().unwrap();
    assert!(!format!("{stored:?}").contains(stored.secret.reveal()));
    t.stop().await;
}

#[tokio::test]
async fn a_challenge_has_five_attempts_and_five_minutes() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let (phone, _) = enrol(&t, &session(&login(&t, "ada@example.org").await)).await;
    let late = challenge(login(&t, "ada@example.org").await);
    t.time.skip(Millis::secs(301));
    verify(&t, &late, &phone.code(&t)).await.is(401).code("bad_credentials");
    let tried = challenge(login(&t, "ada@example.org").await);
    for _ in 0..5 {
        let status = verify(&t, &tried, &phone.wrong(&t)).await.status.as_u16();
        assert!([401, 429].contains(&status), "{status}");
        t.time.skip(Millis::secs(5));
    }
    t.time.skip(Millis::secs(60));
    verify(&t, &tried, &phone.code(&t)).await.is(401);
    let fresh = challenge(login(&t, "ada@example.org").await);
    verify(&t, &fresh, &phone.code(&t)).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn guessing_over_many_challenges_becomes_slow_and_heals_with_time() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let (phone, _) = enrol(&t, &session(&login(&t, "ada@example.org").await)).await;
    let mut statuses = Vec::new();
    for _ in 0..9 {
        let challenge = challenge(login(&t, "ada@example.org").await);
        statuses.push(verify(&t, &challenge, &phone.wrong(&t)).await.status.as_u16());
    }
    assert_eq!(&statuses[..5], [401; 5], "{statuses:?}");
    assert!(statuses[5..].contains(&429), "{statuses:?}");
    let blocked = challenge(login(&t, "ada@example.org").await);
    let waits = verify(&t, &blocked, &phone.code(&t)).await.is(429);
    assert!(waits.header("retry-after").is_some(), "also with the right code");
    t.time.skip(Millis::secs(3600));
    verify(&t, &challenge(login(&t, "ada@example.org").await), &phone.code(&t)).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn of_many_uses_of_one_code_at_once_one_signs_in() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let (phone, codes) = enrol(&t, &session(&login(&t, "ada@example.org").await)).await;
    for is_recovery in [false, true] {
        let mut challenges = Vec::new();
        for _ in 0..4 {
            challenges.push(challenge(login(&t, "ada@example.org").await));
        }
        let code = if is_recovery { codes[0].clone() } else { phone.code(&t) };
        let tries = challenges.iter().map(|challenge| async {
            if is_recovery { recover(&t, challenge, &code).await } else { verify(&t, challenge, &code).await }
        });
        let done: Vec<u16> = futures_util::future::join_all(tries).await.iter().map(|a| a.status.as_u16()).collect();
        assert_eq!(done.iter().filter(|s| **s == 200).count(), 1, "{done:?}");
        t.time.skip(Millis::secs(3600));
    }
    t.stop().await;
}

#[tokio::test]
async fn recovery_codes_work_once_and_new_ones_end_the_old() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let who = session(&login(&t, "ada@example.org").await);
    let (_, codes) = enrol(&t, &who).await;
    let typed = codes[4].to_uppercase().replace('-', " ");
    let done = recover(&t, &challenge(login(&t, "ada@example.org").await), &typed).await.is(200);
    recover(&t, &challenge(login(&t, "ada@example.org").await), &codes[4]).await.is(401);
    assert_eq!(t.get(&session(&done), "/api/v1/auth/mfa").await.json()["recovery_codes"], 9);
    let fresh = t.post(&session(&done), "/api/v1/auth/mfa/recovery/regenerate", &json!({})).await.is(201).json();
    recover(&t, &challenge(login(&t, "ada@example.org").await), &codes[5]).await.is(401);
    let new = fresh["recovery_codes"][0].as_str().unwrap();
    recover(&t, &challenge(login(&t, "ada@example.org").await), new).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn an_admin_resets_the_factors_of_somebody_who_lost_them_and_ends_their_sessions() {
    let t = server().await;
    let user = person(&t, "ada@example.org", false).await;
    let root = t.person(true).await;
    let admin = t.browser(&root).await;
    enrol(&t, &session(&login(&t, "ada@example.org").await)).await;
    let theirs = t.browser(&user).await;
    let path = format!("/api/v1/users/{}/mfa", user.id);
    delete(&t, &theirs, &path).await.is(404);
    delete(&t, &admin, &path).await.is(204);
    t.get(&theirs, "/api/v1/users/me").await.is(401);
    t.get(&admin, "/api/v1/users/me").await.is(200);
    login(&t, "ada@example.org").await.is(200);
    t.time.skip(Millis::secs(600));
    delete(&t, &admin, &path).await.is(403).code("confirm_first");
    t.stop().await;
}
