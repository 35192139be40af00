//! Cross-site request forgery: a browser sends the cookie by itself, so a change also needs a header that no form can set,
//! and an origin that is ours.

use super::call::Arrival;
use super::error::{Error, Result};
use super::site::Site;
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
    let origin = origin.to_str().ok().and_then(Site::read);
    let public = app.config.public_url.as_deref().and_then(Site::read);
    let is_secure = parts.extensions.get::<Arrival>().is_some_and(|arrival| arrival.is_secure);
    let host = host(&parts.headers, parts);
    if origin.is_some_and(|origin| is_ours(&origin, public.as_ref(), host, is_secure)) {
        return Ok(());
    }
    Err(refused("this came from another site; when people reach this server by that address, set public_url to it"))
}

/// True for the public address, and for the address that the request itself was sent to. A page that came without TLS is no
/// part of a site with TLS: on the way, others can change what it says.
fn is_ours(origin: &Site, public: Option<&Site>, host: Option<&str>, is_secure: bool) -> bool {
    if let Some(public) = public {
        if public == origin {
            return true;
        }
        // Under the public name, the public address is the only one.
        if public.is_https() && public.host() == origin.host() {
            return false;
        }
    }
    let asked = host.and_then(|host| Site::of_host(host, origin.is_https()));
    let is_weaker = is_secure && !origin.is_https() && !origin.is_here();
    asked.is_some_and(|asked| asked == *origin) && !is_weaker
}

fn host<'a>(headers: &'a HeaderMap, parts: &'a Parts) -> Option<&'a str> {
    headers.get(HOST).and_then(|v| v.to_str().ok()).or_else(|| parts.uri.authority().map(|a| a.as_str()))
}

fn refused(message: &str) -> Error {
    Error::Forbidden { code: "csrf", message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(origin: &str, public: Option<&str>, host: &str, is_secure: bool) -> bool {
        let public = public.map(|url| Site::read(url).unwrap());
        Site::read(origin).is_some_and(|origin| is_ours(&origin, public.as_ref(), Some(host), is_secure))
    }

    #[test]
    fn f13_the_public_address_is_compared_as_a_value() {
        for public in ["https://ostler.example.org:443", "https://Ostler.Example.org/", "HTTPS://ostler.example.org"] {
            assert!(ours("https://ostler.example.org", Some(public), "127.0.0.1:8080", true), "{public}");
        }
        let public = Some("https://ostler.example.org");
        assert!(!ours("https://evil.example", public, "127.0.0.1:8080", true));
        assert!(!ours("https://ostler.example.org:8443", public, "127.0.0.1:8080", true));
        assert!(ours("http://box.lan", None, "BOX.lan:80", false));
        assert!(!ours("null", None, "box.lan", false) && !ours("box.lan", None, "box.lan", false));
    }

    #[test]
    fn s20_a_page_without_tls_is_another_site() {
        // Whoever is on the way can serve http://ostler.example.org, and the browser sends the cookie to the site with TLS.
        let public = Some("https://ostler.example.org");
        assert!(!ours("http://ostler.example.org", public, "ostler.example.org", true));
        assert!(
            !ours("http://ostler.example.org", public, "ostler.example.org", false),
            "also behind a proxy that tells nothing"
        );
        assert!(!ours("http://box.lan", None, "box.lan", true));
        assert!(ours("https://box.lan", None, "box.lan", true));
        // A proxy with TLS that nothing was said about, and a tunnel to this machine.
        assert!(ours("https://box.lan", None, "box.lan", false));
        assert!(ours("http://localhost:8080", public, "localhost:8080", true));
    }
}
