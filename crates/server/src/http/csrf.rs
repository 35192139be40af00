//! Cross-site request forgery: a browser sends the cookie by itself, so a change also needs a header that no form can set,
//! and an origin that is ours.

use super::error::{Error, Result};
use crate::app::App;
use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use http::request::Parts;

/// The header; its value is `1`.
pub const HEADER: &str = "x-ostler-csrf";

/// Refuses changes that may come from another site.
pub fn check(app: &App, parts: &Parts) -> Result<()> {
    if parts.headers.get(HEADER).is_none_or(|value| value != "1") {
        return Err(refused("changes by a browser's session need the header X-Ostler-Csrf: 1"));
    }
    same_origin(app, parts)
}

/// The `Origin` header, when there is one, must be this server's: for WebSockets, where no other header can be set.
pub fn same_origin(app: &App, parts: &Parts) -> Result<()> {
    if parts.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return Err(refused("this came from another site"));
    }
    let Some(origin) = parts.headers.get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("null");
    let Some(origin_host) = origin.split_once("://").map(|(_, host)| host) else {
        return Err(refused("this came from another site"));
    };
    let is_public = app.config.public_url.as_deref().is_some_and(|url| url.trim_end_matches('/') == origin);
    if is_public || host(&parts.headers, parts).is_some_and(|host| host.eq_ignore_ascii_case(origin_host)) {
        return Ok(());
    }
    Err(refused("this came from another site"))
}

fn host<'a>(headers: &'a HeaderMap, parts: &'a Parts) -> Option<&'a str> {
    headers.get(HOST).and_then(|v| v.to_str().ok()).or_else(|| parts.uri.authority().map(|a| a.as_str()))
}

fn refused(message: &str) -> Error {
    Error::Forbidden { code: "csrf", message: message.to_owned() }
}
