//! What every request meets.

use axum::body::Body;
use http::{Method, Request, header};
use ostler_model::Millis;
use ostler_model::authz::Role;
use ostler_server::config::{Config, Rates};
use ostler_server::http::Peer;
use ostler_testkit::server::{As, TestServer};
use serde_json::json;

fn raw(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "ostler.test")
}

#[tokio::test]
async fn everything_that_is_wrong_answers_in_the_one_envelope() {
    let t = TestServer::start().await;
    let admin = t.browser(&t.person(true).await).await;
    let json_type = "application/json";
    let text = |body: &'static str, kind: &'static str| {
        let mut request = t.request(&admin, &Method::POST, "/api/v1/workspaces", None);
        request.headers_mut().insert(header::CONTENT_TYPE, kind.parse().unwrap());
        *request.body_mut() = Body::from(body);
        request
    };
    let cases = [
        (t.send(t.request(&As::Nobody, &Method::GET, "/api/v1/users/me", None)).await, 401, "sign_in"),
        (t.get(&As::Bearer("ost_wrong".into()), "/api/v1/users/me").await, 401, "bad_credentials"),
        (t.get(&admin, "/api/v1/nowhere").await, 404, "not_found"),
        (t.get(&admin, "/api/v1/workspaces/ws_01j9zq3c8vdt4x0f5k2m7n6p1r").await, 404, "not_found"),
        (t.ask(&admin, Method::PUT, "/api/v1/workspaces", None).await, 405, "method_not_allowed"),
        (t.send(text("{", json_type)).await, 400, "malformed"),
        (t.send(text("{}", "text/plain")).await, 415, "unsupported_media_type"),
        (t.send(text("{}", json_type)).await, 422, "invalid"),
        (t.post(&admin, "/api/v1/workspaces", &json!({"name": "A", "colour": "red"})).await, 422, "invalid"),
        (t.get(&admin, "/api/v1/workspaces?limit=0").await, 422, "invalid"),
        (t.get(&admin, "/api/v1/workspaces?limt=5").await, 422, "invalid"),
        (t.get(&admin, "/api/v1/workspaces?limit=5&limit=6").await, 422, "invalid"),
    ];
    for (answer, status, code) in cases {
        let id = answer.header("x-request-id").unwrap().to_owned();
        let body = answer.is(status).code(code).json();
        assert_eq!(body["request_id"], id.as_str());
        assert!(body["message"].as_str().is_some_and(|m| m.len() > 10), "{body}");
    }
    t.stop().await;
}

#[tokio::test]
async fn wrong_fields_are_named_with_their_path() {
    let t = TestServer::start().await;
    let admin = t.browser(&t.person(true).await).await;
    for (path, body, field) in [
        ("/api/v1/workspaces", json!({"name": "A", "colour": "red"}), "colour"),
        ("/api/v1/workspaces", json!({}), "name"),
        ("/api/v1/workspaces", json!({"name": "A", "slug": "A B"}), "slug"),
        ("/api/v1/users", json!({"email": "a", "name": "A"}), "email"),
        ("/api/v1/users", json!({"email": "a@b.example", "name": "A", "password": "any"}), "password"),
        ("/api/v1/keys", json!({"label": "A", "capabilities": ["workload:fly"]}), "capabilities[0]"),
        ("/api/v1/keys", json!({"label": "A", "capabilities": []}), "capabilities"),
    ] {
        let answer = t.post(&admin, path, &body).await.is(422).json();
        assert_eq!(answer["fields"][0]["field"], field, "{answer}");
    }
    let answer = t.get(&admin, "/api/v1/workspaces?limt=5").await.is(422).json();
    assert_eq!(answer["fields"][0]["field"], "limt", "{answer}");
    t.stop().await;
}

#[tokio::test]
async fn a_path_names_the_methods_that_it_has() {
    let t = TestServer::start().await;
    let answer = t.ask(&As::Nobody, Method::PUT, "/api/v1/workspaces", None).await.is(405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
    t.stop().await;
}

#[tokio::test]
async fn bodies_are_bounded_whether_they_say_their_length_or_not() {
    let t = TestServer::start().await;
    let admin = t.browser(&t.person(true).await).await;
    let large = vec![b' '; ostler_server::limits::BODY_BYTES + 1];
    for is_chunked in [false, true] {
        let mut request = t.request(&admin, &Method::POST, "/api/v1/workspaces", Some(&json!({})));
        *request.body_mut() = if is_chunked {
            Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(large.clone())]))
        } else {
            request.headers_mut().insert(header::CONTENT_LENGTH, large.len().into());
            Body::from(large.clone())
        };
        t.send(request).await.is(413).code("too_large");
    }
    t.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_forever() {
    let t = TestServer::start().await;
    let admin = t.browser(&t.person(true).await).await;
    let mut request = t.request(&admin, &Method::POST, "/api/v1/workspaces", Some(&json!({})));
    // Time is skipped once the server waits for the body, and not while it still asks the database who is there.
    let (waits, is_waiting) = tokio::sync::oneshot::channel();
    let mut waits = Some(waits);
    let body = futures_util::stream::poll_fn(move |_| -> std::task::Poll<Option<Result<Vec<u8>, std::io::Error>>> {
        let _ = waits.take().map(|waits| waits.send(()));
        std::task::Poll::Pending
    });
    *request.body_mut() = Body::from_stream(body);
    let skip = async {
        is_waiting.await.unwrap();
        t.time.skip(Millis(ostler_server::limits::BODY_TIME.0 + 1));
    };
    let (answer, ()) = tokio::join!(t.send(request), skip);
    answer.is(408).code("too_slow");
    t.stop().await;
}

#[tokio::test]
async fn a_browser_needs_the_csrf_header_and_our_origin_to_change_anything() {
    let t = TestServer::start().await;
    let user = t.person(true).await;
    let As::Browser(token) = t.browser(&user).await else { unreachable!() };
    let post = |headers: &[(&str, &str)]| {
        let mut request = raw(Method::POST, "/api/v1/workspaces")
            .header(header::COOKIE, format!("ostler_session={token}"))
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::from(r#"{"name": "A"}"#)).unwrap()
    };
    t.send(post(&[])).await.is(403).code("csrf");
    t.send(post(&[("x-ostler-csrf", "1"), ("origin", "https://evil.example")])).await.is(403).code("csrf");
    t.send(post(&[("x-ostler-csrf", "1"), ("origin", "null")])).await.is(403).code("csrf");
    t.send(post(&[("x-ostler-csrf", "1"), ("sec-fetch-site", "cross-site")])).await.is(403).code("csrf");
    t.send(post(&[("x-ostler-csrf", "1"), ("origin", "http://ostler.test")])).await.is(201);
    // Reading needs neither.
    let get = raw(Method::GET, "/api/v1/users/me").header(header::COOKIE, format!("ostler_session={token}"));
    t.send(get.body(Body::empty()).unwrap()).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn rates_are_limited_per_address_and_per_actor_and_say_so() {
    let rates = Rates { per_address: 1, per_address_burst: 5, per_actor: 1, per_actor_burst: 3 };
    let t = TestServer::with(Config { rates, ..Config::default() }).await;
    let from = |last: u8| {
        let mut request = raw(Method::GET, "/health").body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer([192, 0, 2, last].into()));
        request
    };
    for left in (0..5).rev() {
        let answer = t.send(from(9)).await.is(200);
        assert_eq!(answer.header("ratelimit-remaining"), Some(left.to_string().as_str()));
        assert_eq!(answer.header("ratelimit-limit"), Some("5"));
    }
    let answer = t.send(from(9)).await.is(429).code("too_many_requests");
    assert_eq!(answer.header("retry-after"), Some("1"));
    t.send(from(10)).await.is(200);
    t.time.skip(Millis::secs(2));
    t.send(from(9)).await.is(200);

    let user = t.person(false).await;
    let browser = t.browser(&user).await;
    let ask = |last: u8| {
        let mut request = t.request(&browser, &Method::GET, "/api/v1/users/me", None);
        request.extensions_mut().insert(Peer([192, 0, 2, last].into()));
        request
    };
    for last in 20..23 {
        t.send(ask(last)).await.is(200);
    }
    t.send(ask(24)).await.is(429);
    t.stop().await;
}

#[tokio::test]
async fn paths_without_a_version_are_the_same_endpoints() {
    let t = TestServer::start().await;
    let admin = t.browser(&t.person(true).await).await;
    for path in ["users/me", "workspaces?limit=3", "nowhere"] {
        let (old, new) =
            (t.get(&admin, &format!("/api/{path}")).await, t.get(&admin, &format!("/api/v1/{path}")).await);
        assert_eq!((old.status, old.without_request_id()), (new.status, new.without_request_id()));
    }
    t.stop().await;
}

#[tokio::test]
async fn answers_carry_the_headers_that_keep_browsers_safe() {
    let t = TestServer::start().await;
    let page = raw(Method::GET, "/").header(header::ACCEPT, "text/html").body(Body::empty()).unwrap();
    let page = t.send(page).await.is(200);
    let csp = page.header("content-security-policy").unwrap();
    let scripts = csp.split(';').find(|part| part.trim().starts_with("script-src")).unwrap();
    assert_eq!(scripts.trim(), "script-src 'self'");
    assert!(csp.contains("frame-ancestors 'none'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("strict-transport-security"), None);
    let inline = String::from_utf8(page.bytes).unwrap();
    assert!(!inline.contains("<script>"), "the panel has no inline script");

    let secure = Config { public_url: Some("https://ostler.test".into()), ..Config::default() };
    let t2 = TestServer::with(secure).await;
    assert!(t2.get(&As::Nobody, "/health").await.header("strict-transport-security").is_some());
    t2.stop().await;
    t.stop().await;
}

#[tokio::test]
async fn pages_of_the_panel_fall_back_and_its_files_do_not() {
    let t = TestServer::start().await;
    let ask =
        |path: &str, accept: &str| raw(Method::GET, path).header(header::ACCEPT, accept).body(Body::empty()).unwrap();
    t.send(ask("/workloads/wl_1", "text/html")).await.is(200);
    t.send(ask("/api/v1/docs", "text/html")).await.is(200);
    t.send(ask("/assets/none.js", "*/*")).await.is(404);
    t.send(ask("/assets/none.js", "text/html")).await.is(404);
    t.send(ask("/api/v1/none", "text/html")).await.is(404).code("not_found");
    t.send(raw(Method::POST, "/workloads").body(Body::empty()).unwrap()).await.is(404);
    t.stop().await;
}

#[tokio::test]
async fn health_is_there_at_once_and_ready_looks_at_the_database() {
    let t = TestServer::start().await;
    let health = t.get(&As::Nobody, "/health").await.is(200).json();
    assert_eq!((&health["service"], &health["status"]), (&json!("ostler"), &json!("ok")));
    for field in ["timestamp", "startedAt", "bootId"] {
        assert!(health[field].is_string(), "{field}");
    }
    assert_eq!(t.get(&As::Nobody, "/api/v1/health").await.is(200).json()["bootId"], health["bootId"]);
    t.get(&As::Nobody, "/ready").await.is(200);
    t.app.store.close().await;
    t.get(&As::Nobody, "/health").await.is(200);
    let answer = t.get(&As::Nobody, "/ready").await.is(503).code("unavailable");
    assert!(answer.header("retry-after").is_some());
    t.stop().await;
}

#[tokio::test]
async fn metrics_are_for_the_platform_and_for_this_machine_when_configured() {
    let t = TestServer::with(Config { rates: Rates::NONE, metrics_on_loopback: true, ..Config::default() }).await;
    let admin = t.browser(&t.person(true).await).await;
    let person = t.person(false).await;
    let space = t.workspace(&person).await;
    let (_, owner) = t.member(&space, Role::Owner).await;
    let text = String::from_utf8(t.get(&admin, "/metrics").await.is(200).bytes).unwrap();
    assert!(text.contains("ostler_nodes_connected"), "{text}");
    t.get(&owner, "/metrics").await.is(404);
    t.get(&As::Nobody, "/metrics").await.is(401);
    let mut request = t.request(&As::Nobody, &Method::GET, "/metrics", None);
    request.extensions_mut().insert(Peer([127, 0, 0, 1].into()));
    t.send(request).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn request_ids_are_kept_when_they_are_ours_in_form() {
    let t = TestServer::start().await;
    for (given, is_kept) in [("req_01j9zq3c8vdt4x0f5k2m7n6p1r", true), ("evil\" id", false), ("", false)] {
        let request = raw(Method::GET, "/health").header("x-request-id", given).body(Body::empty()).unwrap();
        let answer = t.send(request).await.is(200);
        assert_eq!(answer.header("x-request-id") == Some(given), is_kept, "{given}");
    }
    t.stop().await;
}
