//! The first run: checks before anything is installed, and nothing of it afterwards.

use super::sink::Sink;
use http::Method;
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn install(t: &TestServer) -> Value {
    json!({
        "secret": t.setup_secret.reveal(), "email": "ada@example.org", "name": "Ada",
        "password": "correct horse battery"
    })
}

async fn ask(t: &TestServer, what: &str, mut body: Value) -> ostler_testkit::server::Answer {
    body["secret"] = json!(t.setup_secret.reveal());
    t.post(&As::Nobody, &format!("/api/v1/setup/validate/{what}"), &body).await
}

/// Noderax A7: the first visitor owned the platform, and the checks were a port scanner for everybody.
#[tokio::test]
async fn noderax_a7_nothing_of_the_first_run_works_without_the_secret() {
    let t = TestServer::start().await;
    let mut body = install(&t);
    body["secret"] = json!("guess");
    t.post(&As::Nobody, "/api/v1/setup/install", &body).await.is(403).code("setup_secret");
    for (what, body) in [
        ("postgres", json!({"secret": "guess", "url": "postgres://127.0.0.1:1/x"})),
        ("redis", json!({"secret": "guess", "host": "127.0.0.1", "port": 1})),
        ("smtp", json!({"secret": "guess", "values": {}})),
    ] {
        let path = format!("/api/v1/setup/validate/{what}");
        t.post(&As::Nobody, &path, &body).await.is(403).code("setup_secret");
    }
    for _ in 0..20 {
        t.post(&As::Nobody, "/api/v1/setup/install", &body).await;
    }
    let blocked = t.post(&As::Nobody, "/api/v1/setup/install", &install(&t)).await.is(429);
    assert!(blocked.header("retry-after").is_some());
    t.stop().await;
}

/// Noderax A2: passwords of the database and Redis were served to everybody, also after the installation.
#[tokio::test]
async fn noderax_a2_after_the_installation_nothing_of_it_is_left() {
    let t = TestServer::start().await;
    t.post(&As::Nobody, "/api/v1/setup/install", &install(&t)).await.is(201);
    for (what, body) in
        [("postgres", json!({})), ("redis", json!({"host": "127.0.0.1"})), ("smtp", json!({"values": {}}))]
    {
        ask(&t, what, body).await.is(404);
    }
    t.post(&As::Nobody, "/api/v1/setup/install", &install(&t)).await.is(404);
    for path in ["/api/v1/setup/runtime-preset", "/api/v1/setup", "/api/v1/setup/secret"] {
        t.get(&As::Nobody, path).await.is(404);
    }
    let status = t.get(&As::Nobody, "/api/v1/setup/status").await.is(200).json();
    assert_eq!(status, json!({"state": "installed", "version": env!("CARGO_PKG_VERSION")}));
    t.stop().await;
}

#[tokio::test]
async fn checks_say_what_they_found() {
    let t = TestServer::start().await;
    let says = |answer: ostler_testkit::server::Answer| {
        let json = answer.is(200).json();
        (json["is_good"].as_bool().unwrap(), json["says"].as_str().unwrap().to_owned())
    };
    assert!(says(ask(&t, "postgres", json!({})).await).0);
    let away = says(ask(&t, "postgres", json!({"url": "postgres://x:secret-word@127.0.0.1:1/x"})).await);
    assert!(!away.0 && !away.1.contains("secret-word"), "{away:?}");
    assert!(!says(ask(&t, "postgres", json!({"url": "mysql://x"})).await).0);
    if let Ok(url) = std::env::var("OSTLER_TEST_POSTGRES") {
        let found = says(ask(&t, "postgres", json!({ "url": url })).await);
        assert!(found.1.contains("PostgreSQL"), "{found:?}");
    }
    let sink = Sink::start().await;
    let values = json!({
        "mail.host": "127.0.0.1", "mail.port": sink.address.port(), "mail.security": "none", "mail.from": "o@example.org"
    });
    assert!(says(ask(&t, "smtp", json!({"values": values, "to": "ada@example.org"})).await).0);
    assert_eq!(sink.mail(1).await.to, ["ada@example.org"]);
    t.stop().await;
}

/// Answers like a Redis with a password, or like something else.
async fn fake_redis(is_redis: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut buffer, mut is_in) = ([0; 512], false);
            while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                let asked = String::from_utf8_lossy(&buffer[..n]).into_owned();
                let answer = match asked.as_str() {
                    _ if !is_redis => "SSH-2.0-secret-banner\r\n",
                    "*2\r\n$4\r\nAUTH\r\n$5\r\nright\r\n" => {
                        is_in = true;
                        "+OK\r\n"
                    }
                    text if text.contains("AUTH") => "-WRONGPASS invalid username-password pair\r\n",
                    _ if is_in => "+PONG\r\n",
                    _ => "-NOAUTH Authentication required.\r\n",
                };
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    port
}

#[tokio::test]
async fn a_redis_is_asked_for_a_pong_and_nothing_else_is_repeated() {
    let t = TestServer::start().await;
    let (redis, other) = (fake_redis(true).await, fake_redis(false).await);
    for (port, password, is_good, part) in [
        (redis, Some("right"), true, "answers"),
        (redis, Some("wrong"), false, "WRONGPASS"),
        (redis, None, false, "wants a password"),
        (other, None, false, "is no Redis"),
        (1, None, false, "cannot be reached"),
    ] {
        let found = ask(&t, "redis", json!({"host": "127.0.0.1", "port": port, "password": password})).await;
        let found = found.is(200).json();
        assert_eq!(found["is_good"], is_good, "{found}");
        let says = found["says"].as_str().unwrap();
        assert!(says.contains(part) && !says.contains("banner"), "{says}");
    }
    t.stop().await;
}

#[tokio::test]
async fn settings_can_come_with_the_installation_and_wrong_ones_stop_it() {
    let t = TestServer::start().await;
    let mut body = install(&t);
    body["settings"] = json!({"trusted_proxies": ["0.0.0.0/0"]});
    let wrong = t.post(&As::Nobody, "/api/v1/setup/install", &body).await.is(422).json();
    assert_eq!(wrong["fields"][0]["field"], "settings.trusted_proxies");
    body["settings"] = json!({
        "mail.host": "127.0.0.1", "mail.port": 1, "mail.security": "none", "mail.from": "o@example.org"
    });
    let away = t.post(&As::Nobody, "/api/v1/setup/install", &body).await.is(422).json();
    assert_eq!(away["fields"][0]["field"], "settings.mail.host");
    assert_eq!(t.get(&As::Nobody, "/api/v1/setup/status").await.is(200).json()["state"], "setup");
    body["settings"] = json!({"public_url": "https://ostler.example.org"});
    t.post(&As::Nobody, "/api/v1/setup/install", &body).await.is(201);
    let status = t.ask(&As::Nobody, Method::GET, "/api/v1/setup/status", None).await.is(200).json();
    assert_eq!(status["state"], "restart_required", "the server runs with another public_url still");
    t.stop().await;
}
