//! Signing in and out.

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use http::Method;
use ostler_model::Millis;
use ostler_server::config::{Config, Rates};
use ostler_server::http::Peer;
use ostler_testkit::server::{Answer, As, TestServer};
use serde_json::json;

const PASSWORD: &str = "correct horse battery";

async fn installed(config: Config) -> TestServer {
    let t = TestServer::with(Config { rates: Rates::NONE, ..config }).await;
    let body = json!({
        "secret": t.setup_secret.reveal(), "email": "ada@example.org", "name": "Ada", "password": PASSWORD
    });
    t.post(&As::Nobody, "/api/v1/setup/install", &body).await.is(201);
    t
}

async fn login(t: &TestServer, email: &str, password: &str) -> Answer {
    t.post(&As::Nobody, "/api/v1/auth/login", &json!({"email": email, "password": password})).await
}

fn session(answer: &Answer) -> As {
    let cookie = answer.header("set-cookie").unwrap();
    As::Browser(cookie.split(';').next().unwrap().trim_start_matches("ostler_session=").to_owned())
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let t = installed(Config::default()).await;
    let cookie = login(&t, "ADA@example.org ", PASSWORD).await.is(200).header("set-cookie").unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"));
    t.stop().await;
    let t = installed(Config { public_url: Some("https://ostler.test".into()), ..Config::default() }).await;
    let cookie = login(&t, "ada@example.org", PASSWORD).await.is(200).header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("; Secure"), "{cookie}");
    t.stop().await;
}

#[tokio::test]
async fn s20_over_tls_only_this_hosts_own_cookie_counts() {
    let t = installed(Config { public_url: Some("https://ostler.test".into()), ..Config::default() }).await;
    let cookie = login(&t, "ada@example.org", PASSWORD).await.is(200).header("set-cookie").unwrap().to_owned();
    // The name says what a browser holds the cookie to: set by this very host, for all its paths, over TLS.
    assert!(cookie.starts_with("__Host-ostler_session=") && cookie.contains("; Path=/;") && !cookie.contains("Domain"));
    assert!(cookie.contains("; Secure"), "{cookie}");
    let (name, token) = cookie.split(';').next().unwrap().split_once('=').unwrap();
    let me = async |name: &str| {
        let mut request = t.request(&As::Nobody, &Method::GET, "/api/v1/users/me", None);
        request.headers_mut().insert("cookie", format!("{name}={token}").parse().unwrap());
        t.send(request).await.status.as_u16()
    };
    assert_eq!(
        (me(name).await, me("ostler_session").await),
        (200, 401),
        "another host of the domain can set the latter"
    );
    let gone = t.ask(&As::Browser(token.to_owned()), Method::POST, "/api/v1/auth/logout", None).await;
    let gone: Vec<&str> = gone.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    for start in ["ostler_session=;", "__Host-ostler_session=;"] {
        assert!(gone.iter().any(|cookie| cookie.starts_with(start) && cookie.contains("Max-Age=0")), "{gone:?}");
    }
    assert_eq!(me(name).await, 401);
    t.stop().await;
}

#[tokio::test]
async fn wrong_password_and_unknown_person_answer_the_same() {
    let t = installed(Config::default()).await;
    let wrong = login(&t, "ada@example.org", "not the password").await.is(401);
    let unknown = login(&t, "eve@example.org", "not the password").await.is(401);
    assert_eq!(wrong.without_request_id(), unknown.without_request_id());
    t.stop().await;
}

#[tokio::test]
async fn a_hash_of_earlier_parameters_is_made_anew_by_a_sign_in() {
    let t = installed(Config::default()).await;
    let email = "ada@example.org".parse().unwrap();
    let stored = async || t.app.store.user_credential(&email).await.unwrap().unwrap();
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
    let weak: PasswordHash = weak.hash_password_with_salt(PASSWORD.as_bytes(), b"sixteen bytes ok").unwrap();
    let (weak, before) = (weak.to_string(), stored().await);
    t.app.store.user_rehash(before.user.id, &before.password_hash.unwrap(), &weak, t.app.clock.now()).await.unwrap();
    login(&t, "ada@example.org", "not the password").await.is(401);
    assert_eq!(stored().await.password_hash.unwrap(), weak);
    let first = session(&login(&t, "ada@example.org", PASSWORD).await.is(200));
    let renewed = stored().await.password_hash.unwrap();
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    login(&t, "ada@example.org", PASSWORD).await.is(200);
    assert_eq!(stored().await.password_hash.unwrap(), renewed);
    t.get(&first, "/api/v1/users/me").await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn guessing_becomes_slow_for_the_account_and_heals_with_time() {
    let t = installed(Config::default()).await;
    let mut waits = 0;
    for _ in 0..12 {
        waits += u32::from(login(&t, "ada@example.org", "not the password").await.status == 429);
    }
    assert!(waits > 0);
    login(&t, "ada@example.org", PASSWORD).await.is(429);
    t.time.skip(Millis::secs(3600));
    login(&t, "ada@example.org", PASSWORD).await.is(200);
    t.stop().await;
}

/// The same sign-in from another place on the network, with what that browser holds.
async fn login_from(t: &TestServer, address: &str, device: Option<&str>, password: &str) -> Answer {
    let body = json!({"email": "ada@example.org", "password": password});
    let mut request = t.request(&As::Nobody, &Method::POST, "/api/v1/auth/login", Some(&body));
    request.extensions_mut().insert(Peer(address.parse().unwrap()));
    if let Some(device) = device {
        request.headers_mut().insert("cookie", device.parse().unwrap());
    }
    t.send(request).await
}

fn device(answer: &Answer) -> String {
    let mut cookies = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let cookie = cookies.rfind(|cookie| cookie.starts_with("ostler_device=")).expect("the browser is known now");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/api/v1/auth"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn s17_wrong_guesses_from_elsewhere_do_not_lock_the_owner_out() {
    let t = installed(Config::default()).await;
    for _ in 0..8 {
        login_from(&t, "198.51.100.1", None, "not the password").await.is(401);
    }
    login_from(&t, "198.51.100.1", None, PASSWORD).await.is(429);
    // From another network the right password is as good as before, also of one /64 beside another.
    login_from(&t, "192.0.2.7", None, PASSWORD).await.is(200);
    for n in 0..8 {
        login_from(&t, &format!("2001:db8::{n}"), None, "not the password").await.is(401);
    }
    login_from(&t, "2001:db8::99", None, PASSWORD).await.is(429);
    login_from(&t, "2001:db8:0:1::1", None, PASSWORD).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn s17_guesses_from_everywhere_are_slow_and_a_known_browser_does_not_wait_for_them() {
    let t = installed(Config::default()).await;
    let known = device(&login_from(&t, "192.0.2.7", None, PASSWORD).await.is(200));
    let mut allowed = 0;
    for n in 0..200 {
        let answer = login_from(&t, &format!("198.51.100.{n}"), None, "not the password").await;
        allowed += u32::from(answer.status == 401);
    }
    assert_eq!(allowed, 100, "however many networks guess");
    login_from(&t, "203.0.113.9", None, PASSWORD).await.is(429);
    let again = login_from(&t, "203.0.113.9", Some(&known), PASSWORD).await.is(200);
    assert_eq!(device(&again).split('=').next(), Some("ostler_device"));
    // It is no way to guess: wrong ones from this browser wait, too; and it knows one account only.
    for _ in 0..8 {
        login_from(&t, "203.0.113.9", Some(&known), "not the password").await.is(401);
    }
    login_from(&t, "203.0.113.9", Some(&known), PASSWORD).await.is(429);
    login_from(&t, "203.0.113.10", Some("ostler_device=AAAA"), PASSWORD).await.is(429);
    t.stop().await;
}

#[tokio::test]
async fn f18_a_password_that_was_stored_as_it_was_typed_is_accepted_and_stored_anew() {
    let t = installed(Config::default()).await;
    let email = "ada@example.org".parse().unwrap();
    let stored = async || t.app.store.user_credential(&email).await.unwrap().unwrap();
    let (composed, decomposed) = ("gr\u{fc}ne Wiese am Fluss", "gru\u{308}ne Wiese am Fluss");
    let now = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, None).unwrap());
    let as_typed: PasswordHash = now.hash_password_with_salt(decomposed.as_bytes(), b"sixteen bytes ok").unwrap();
    let (as_typed, before) = (as_typed.to_string(), stored().await);
    let at = t.app.clock.now();
    t.app.store.user_rehash(before.user.id, &before.password_hash.unwrap(), &as_typed, at).await.unwrap();
    login(&t, "ada@example.org", composed).await.is(401);
    login(&t, "ada@example.org", decomposed).await.is(200);
    assert_ne!(stored().await.password_hash.unwrap(), as_typed);
    login(&t, "ada@example.org", composed).await.is(200);
    login(&t, "ada@example.org", decomposed).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn sessions_are_listed_ended_and_expire() {
    let t = installed(Config::default()).await;
    let one = session(&login(&t, "ada@example.org", PASSWORD).await.is(200));
    let two = session(&login(&t, "ada@example.org", PASSWORD).await.is(200));
    let list = t.get(&one, "/api/v1/auth/sessions").await.is(200).json();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 3, "{list}");
    let current: Vec<_> = items.iter().filter(|s| s["is_current"] == true).collect();
    assert_eq!(current.len(), 1);
    let other = items.iter().find(|s| s["is_current"] == false).unwrap()["id"].as_str().unwrap();
    t.ask(&one, Method::DELETE, &format!("/api/v1/auth/sessions/{other}"), None).await.is(204);
    t.get(&two, "/api/v1/users/me").await.is(401);

    let gone = t.post(&one, "/api/v1/auth/logout", &json!({})).await.is(204);
    assert!(gone.header("set-cookie").unwrap().contains("Max-Age=0"));
    t.get(&one, "/api/v1/users/me").await.is(401).code("bad_credentials");

    let three = session(&login(&t, "ada@example.org", PASSWORD).await.is(200));
    t.time.skip(Millis::secs(31 * 24 * 3600));
    t.get(&three, "/api/v1/users/me").await.is(401);
    t.stop().await;
}

#[tokio::test]
async fn no_credential_is_taken_for_another() {
    let t = TestServer::start().await;
    let user = t.person(true).await;
    let As::Browser(session) = t.browser(&user).await else { unreachable!() };
    let (_, As::Bearer(key)) =
        t.key(&user, ostler_model::authz::CapabilitySet::everything(), ostler_model::authz::Scope::All).await
    else {
        unreachable!()
    };
    for wrong in [
        As::Bearer(session.clone()),
        As::Browser(key.clone()),
        As::Header(format!("Basic {key}")),
        As::Header(format!("Ostler-Node {key}")),
        As::Header(key.clone()),
        As::Bearer(t.setup_secret.reveal().to_owned()),
        As::Browser(t.setup_secret.reveal().to_owned()),
    ] {
        t.get(&wrong, "/api/v1/users/me").await.is(401).code("bad_credentials");
    }
    t.get(&As::Header(format!("bearer {key}")), "/api/v1/users/me").await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn a_new_sign_in_from_the_same_browser_ends_that_browsers_old_session() {
    let t = installed(Config::default()).await;
    let body = json!({"email": "ada@example.org", "password": PASSWORD});
    let elsewhere = session(&login(&t, "ada@example.org", PASSWORD).await.is(200));
    let old = session(&login(&t, "ada@example.org", PASSWORD).await.is(200));
    t.get(&old, "/api/v1/users/me").await.is(200);
    let new = session(&t.post(&old, "/api/v1/auth/login", &body).await.is(200));
    t.get(&old, "/api/v1/users/me").await.is(401);
    t.get(&new, "/api/v1/users/me").await.is(200);
    t.get(&elsewhere, "/api/v1/users/me").await.is(200);
    // A wrong password leaves the browser as it is.
    t.post(&new, "/api/v1/auth/login", &json!({"email": "ada@example.org", "password": "not it"})).await.is(401);
    t.get(&new, "/api/v1/users/me").await.is(200);
    t.stop().await;
}
