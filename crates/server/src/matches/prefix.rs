//! `/wN/…`: what comes by a worker's prefix. Only the matches' own paths are behind it, and no credentials of the platform.

use crate::http::point;
use axum::extract::Request;
use http::HeaderMap;
use http::uri::PathAndQuery;

/// Takes `/wN` off a request's path, and says which worker it names.
///
/// The prefix alone is the players' socket. What is neither that nor one of the matches' paths leads nowhere.
pub(crate) fn by_worker(request: &mut Request) -> Option<u32> {
    let (index, rest) = split(request.uri().path())?;
    let rest = match rest.trim_end_matches('/') {
        "" => "/api/v1/matches/play".to_owned(),
        _ if is_ours(rest) => rest.to_owned(),
        // An own path, so that the panel does not answer with its first page.
        _ => "/api/v1/matches/play/nothing".to_owned(),
    };
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(target) = PathAndQuery::try_from(format!("{rest}{query}")) {
        point(request, target);
    }
    strip(request.headers_mut());
    Some(index)
}

/// The number and what follows it. A number that is too large for one names a worker that nobody has.
fn split(path: &str) -> Option<(u32, &str)> {
    let rest = path.strip_prefix("/w")?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(end);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}

fn is_ours(rest: &str) -> bool {
    let rest = rest.strip_prefix("/api").unwrap_or_default();
    let rest = rest.strip_prefix("/v1").unwrap_or(rest);
    rest.starts_with("/adminbot/") || rest.starts_with("/game/") && !rest.starts_with("/game/servers")
}

/// Takes away whatever the platform, or a proxy that it trusts, would believe.
pub(super) fn strip(headers: &mut HeaderMap) {
    let names: Vec<_> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            matches!(name, "cookie" | "authorization" | "proxy-authorization" | "forwarded" | "x-real-ip")
                || name.starts_with("x-forwarded-")
                || name.starts_with("x-ostler-")
        })
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn only_the_matches_own_paths_are_behind_the_prefix() {
        for (from, index, to) in [
            ("/w0", Some(0), "/api/v1/matches/play"),
            ("/w3/?a=b", Some(3), "/api/v1/matches/play?a=b"),
            ("/w12/api/adminbot/game/x", Some(12), "/api/adminbot/game/x"),
            ("/w1/api/game/x", Some(1), "/api/game/x"),
            ("/w99999999999/api/game/x", Some(u32::MAX), "/api/game/x"),
            ("/w1/api/v1/users/me", Some(1), "/api/v1/matches/play/nothing"),
            ("/w1/api/game/servers", Some(1), "/api/v1/matches/play/nothing"),
            ("/w1/w2", Some(1), "/api/v1/matches/play/nothing"),
            ("/workloads", None, "/workloads"),
            ("/w", None, "/w"),
            ("/w-1", None, "/w-1"),
        ] {
            let mut request = Request::builder().uri(from).body(Body::empty()).unwrap();
            assert_eq!(by_worker(&mut request), index, "{from}");
            assert_eq!(request.uri().to_string(), to, "{from}");
        }
    }

    #[test]
    fn what_the_platform_would_believe_is_gone() {
        let mut request = Request::builder().uri("/w0");
        for name in ["cookie", "authorization", "x-forwarded-for", "x-ostler-trusted", "forwarded", "x-admin-bot-key"] {
            request = request.header(name, "1");
        }
        let mut request = request.body(Body::empty()).unwrap();
        by_worker(&mut request);
        let left: Vec<&str> = request.headers().keys().map(|name| name.as_str()).collect();
        assert_eq!(left, ["x-admin-bot-key"]);
    }
}
