//! What people do about themselves.

use http::Method;
use ostler_model::Secret;
use ostler_testkit::server::TestServer;
use serde_json::json;

#[tokio::test]
async fn a_new_password_wants_the_old_one_and_ends_the_other_sessions() {
    let t = TestServer::start().await;
    let user = t.person_named("ada@example.org", false).await;
    let hash = t.app.passwords.hash(&t.app.ids, &Secret::new("correct horse battery")).await.unwrap();
    let grant = t.may(&user, &user).await;
    t.app.store.user_set_password(&grant, &hash, None, t.app.clock.now()).await.unwrap();
    let (here, there) = (t.browser(&user).await, t.browser(&user).await);
    let path = "/api/v1/users/me/password";
    let body = |old: &str, new: &str| json!({"current_password": old, "new_password": new});
    let wrong = t.post(&here, path, &body("not this horse", "another horse battery")).await.is(422).json();
    assert_eq!(wrong["fields"][0]["field"], "current_password");
    let old = t.post(&here, path, &body("correct horse battery", "correct horse battery")).await.is(422).json();
    assert_eq!(old["fields"][0]["field"], "new_password");
    let own = t.post(&here, path, &body("correct horse battery", "ada@example.org")).await.is(422).json();
    assert!(own["fields"][0]["message"].as_str().unwrap().contains("tried first"), "{own}");
    t.post(&here, path, &body("correct horse battery", "another horse battery")).await.is(204);
    t.get(&here, "/api/v1/users/me").await.is(200);
    t.get(&there, "/api/v1/users/me").await.is(401);
    t.stop().await;
}

#[tokio::test]
async fn a_stolen_session_is_no_way_to_guess_the_password() {
    let t = TestServer::start().await;
    let user = t.person_named("ada@example.org", false).await;
    let hash = t.app.passwords.hash(&t.app.ids, &Secret::new("correct horse battery")).await.unwrap();
    let grant = t.may(&user, &user).await;
    t.app.store.user_set_password(&grant, &hash, None, t.app.clock.now()).await.unwrap();
    let browser = t.browser(&user).await;
    let body = json!({"current_password": "a guess", "new_password": "another horse battery"});
    let tries = (0..20).map(|_| t.post(&browser, "/api/v1/users/me/password", &body));
    let answers = futures_util::future::join_all(tries).await;
    let guessed = answers.iter().filter(|answer| answer.status.as_u16() == 422).count();
    assert_eq!(guessed, 8, "the rest must wait");
    assert!(answers.iter().all(|a| a.status.as_u16() == 422 || a.header("retry-after").is_some()));
    t.stop().await;
}

#[tokio::test]
async fn names_and_preferences_are_ones_own() {
    let t = TestServer::start().await;
    let browser = t.browser(&t.person(false).await).await;
    t.ask(&browser, Method::PATCH, "/api/v1/users/me", Some(&json!({"name": "Ada"}))).await.is(200);
    assert_eq!(t.get(&browser, "/api/v1/users/me").await.is(200).json()["user"]["name"], "Ada");
    let path = "/api/v1/users/me/preferences";
    let set = json!({"timezone": "Europe/Berlin", "critical_mail": false});
    t.ask(&browser, Method::PATCH, path, Some(&set)).await.is(200);
    let kept = json!({"timezone": "Europe/Berlin", "critical_mail": false, "enrollment_mail": true});
    assert_eq!(t.get(&browser, path).await.is(200).json(), kept);
    let wrong = t.ask(&browser, Method::PATCH, path, Some(&json!({"timezone": "Mars/Olympus"}))).await.is(422).json();
    assert_eq!(wrong["fields"][0]["field"], "timezone");
    // Noderax A17: the text "false" became true.
    t.ask(&browser, Method::PATCH, path, Some(&json!({"critical_mail": "false"}))).await.is(422);
    t.stop().await;
}
