//! Requests that no client would send: cookies, hosts, origins, forwarded addresses, idempotency keys, cursors and bodies,
//! through everything that a request goes through. The server answers each, never with 500.

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use ostler_model::Millis;
use ostler_testkit::server::{As, TestServer};

/// One request as text: method, path, headers, and what follows an empty line.
fn request(t: &TestServer, who: &As, data: &[u8]) -> Option<Request<Body>> {
    let end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let mut lines = data[..end].split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, path) = first.split_once(' ')?;
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    // What is no address at all never comes past the reader of HTTP.
    let uri: http::Uri = path.parse().ok()?;
    let mut made = t.request(who, &method, "/", None);
    *made.uri_mut() = uri;
    *made.body_mut() = Body::from(data[(end + 2).min(data.len())..].to_vec());
    let mut given = HeaderMap::new();
    for line in lines {
        let at = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..at]).ok()?;
        given.append(name, HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?);
    }
    for (name, value) in given {
        made.headers_mut().append(name?, value);
    }
    Some(made)
}

const SAMPLES: [&str; 9] = [
    "GET /api/v1/me\nx-forwarded-for: 203.0.113.9, 10.0.0.2\nx-forwarded-proto: https\nforwarded: for=\"[2001:db8::1]:4711\";proto=https",
    "GET /api/v1/me\ncookie: a=b; ostler_session=abc; ostler_session=; =x\nx-forwarded-for: ::ffff:10.0.0.1",
    "POST /api/v1/workspaces\norigin: https://ostler.test\nsec-fetch-site: same-origin\nidempotency-key: 5f1c0a9e-1\ncontent-type: application/json\n\n{\"name\":\"Home\"}",
    "POST /api/v1/auth/login\norigin: null\ncontent-type: application/json; charset=utf-8\n\n{\"email\":\"ada@example.org\",\"password\":\"x\"}",
    "GET /api/v1/keys?limit=2&cursor=key_01m8hn4b6bvkwd3t48skhjeqjp\nauthorization: Bearer ost_abc",
    "GET /api/v1/search?q=quake&limit=1&cursor=AAECAwQF\nx-request-id: req_01m8hn4b6bvkwd3t48skhjeqjp",
    "GET /api/v1/agent/link\nupgrade: ostler-link\nconnection: upgrade\nauthorization: Ostler-Node nd_01m8hn4b6bvkwd3t48skhjeqjp.1.AAAA.AAAA",
    "GET /api/v1/events?after=12\naccept: text/event-stream\nlast-event-id: 12\nrange: bytes=0-",
    "PATCH /api/v1/me\nhost: [::1]:8080\norigin: http://[::1]:8080\nif-match: \"3\"\ncontent-type: application/json\n\n{\"name\":\"Ada\",\"name\":\"Eve\"}",
];

#[test]
fn fuzz_requests() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (t, browser) = runtime.block_on(async {
        let t = TestServer::start().await;
        let person = t.person(true).await;
        t.workspace(&person).await;
        let browser = t.browser(&person).await;
        (t, browser)
    });
    let samples = SAMPLES.map(|text| text.as_bytes().to_vec());
    ostler_fuzz::run("requests", &samples, |data| {
        for who in [&As::Nobody, &browser] {
            let Some(request) = request(&t, who, data) else { return };
            let answer = runtime.block_on(t.send(request));
            let status = answer.status.as_u16();
            assert!(status < 500 || status == 503, "{status}: {}", String::from_utf8_lossy(&answer.bytes));
            assert!(answer.headers.get_all("set-cookie").iter().count() < 4);
        }
        t.time.skip(Millis(1));
    });
    runtime.block_on(t.stop());
}
