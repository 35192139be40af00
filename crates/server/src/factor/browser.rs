//! What a handler may know of the browser that asks: its cookies of this room, and where it thinks it is.

use super::webauthn::Party;
use crate::app::App;
use crate::http::{BodyUse, Error, Incoming, Input, InputDoc, Result};
use http::header::{COOKIE, HOST, HeaderValue, SET_COOKIE};
use http::{HeaderMap, Uri};
use schemars::SchemaGenerator;

/// The browser behind a request, as far as sign-in needs it.
#[derive(Debug, Clone)]
pub struct Browser {
    headers: HeaderMap,
    uri: Uri,
}

/// An input together with the browser that it came from.
#[derive(Debug, Clone)]
pub struct FromBrowser<I> {
    pub browser: Browser,
    pub input: I,
}

impl<I: Input> Input for FromBrowser<I> {
    const BODY: BodyUse = I::BODY;
    fn describe(generator: &mut SchemaGenerator) -> InputDoc {
        I::describe(generator)
    }
    fn read(from: &mut Incoming) -> Result<Self> {
        let browser = Browser { headers: from.parts.headers.clone(), uri: from.parts.uri.clone() };
        Ok(Self { browser, input: I::read(from)? })
    }
}

impl Browser {
    /// A cookie's value.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let values = self.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = values.flat_map(|line| line.split(';'));
        pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('=')).filter(|value| !value.is_empty())
    }
    /// The value of its session's cookie.
    pub(crate) fn session(&self, app: &App) -> Option<&str> {
        crate::auth::session_cookie(app, &self.headers)
    }
    /// Scheme, host and port of this server, as far as that is known for sure.
    pub(crate) fn origin(&self, app: &App) -> Option<String> {
        self.party(app).map(|party| party.origin)
    }
    /// The second to last part of the path: the name in `…/{name}/verb`.
    pub(crate) fn path_part_before_last(&self) -> Option<&str> {
        self.uri.path().rsplit('/').nth(1)
    }
    /// Who we are to this browser. Without a configured public address passkeys work on `localhost` only: a host's name that a
    /// request brings along is not to be believed.
    pub(super) fn party(&self, app: &App) -> Option<Party> {
        if app.config.public_url.is_some() {
            return party(&app.config.public_url());
        }
        let host =
            self.headers.get(HOST).and_then(|v| v.to_str().ok()).or_else(|| self.uri.authority().map(|a| a.as_str()));
        party(&format!("http://{}", host?)).filter(|party| party.id == "localhost")
    }
}

/// Scheme, host and port of an address, and the host alone.
fn party(url: &str) -> Option<Party> {
    let uri: Uri = url.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let id = authority.host().to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = authority.port_u16().filter(|port| *port != usual).map(|port| format!(":{port}")).unwrap_or_default();
    Some(Party { origin: format!("{scheme}://{id}{port}"), id })
}

/// A cookie that scripts cannot read and other sites do not send along with what they embed.
pub(crate) fn cookie(name: &str, value: &str, path: &str, max_age: u64, is_secure: bool) -> Result<HeaderMap> {
    let secure = if is_secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
    let value = HeaderValue::from_str(&text).map_err(|e| Error::Internal(e.into()))?;
    Ok(HeaderMap::from_iter([(SET_COOKIE, value)]))
}

/// Makes the browser forget a cookie.
pub(crate) fn forget_cookie(name: &str, path: &str) -> Result<HeaderMap> {
    cookie(name, "", path, 0, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_is_what_browsers_call_the_address() {
        for (url, id, origin) in [
            ("https://Ostler.example.org/", "ostler.example.org", "https://ostler.example.org"),
            ("https://ostler.example.org:443", "ostler.example.org", "https://ostler.example.org"),
            ("https://ostler.example.org:8443/panel", "ostler.example.org", "https://ostler.example.org:8443"),
            ("http://localhost:8080", "localhost", "http://localhost:8080"),
        ] {
            assert_eq!(party(url), Some(Party { id: id.to_owned(), origin: origin.to_owned() }), "{url}");
        }
        assert_eq!(party("ostler.example.org/x"), None);
    }
}
