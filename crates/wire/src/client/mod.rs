//! The typed API client: what the command line and tests ask a control plane with.
//!
//! Errors are decoded from the envelope, lists are read page by page, streams resume where they were cut. Time and
//! randomness are arguments ([`Ground`]), so nothing in here waits or rolls dice by itself.
//!
//! What is repeated, and when: a request that never left (no connection) and one that was turned away at the door (429) may
//! always be sent again. One whose fate is unknown is repeated only when doing it twice is doing it once: reads, and requests
//! that carry an `Idempotency-Key`, which every POST and DELETE of this client does.

mod error;
pub mod proxy;
mod sse;

pub use error::{ClientError, Refused};
pub use sse::{Events, Frame, Frames};

use crate::Page;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use ostler_model::Secret;
use reqwest::RequestBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// Tries of one request, the first included.
const TRIES: u32 = 4;
/// Longer than this nobody is kept waiting without a word: the error says when to come back.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read into memory.
const BODY_BYTES: usize = 64 << 20;
/// What a list gives at most per page.
const PAGE: usize = 200;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Nobody yet: health, setup, sign-in.
    Nobody,
    /// An API key, `ost_…`.
    Key(Secret),
    /// A browser session: the cookie as `name=value`.
    Session(Secret),
}

/// Waiting and randomness, from whoever has them.
#[derive(Clone)]
pub struct Ground {
    /// Resolves after the span.
    pub pause: Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
    /// A text that never comes twice.
    pub token: Arc<dyn Fn() -> String + Send + Sync>,
}

impl std::fmt::Debug for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ground")
    }
}

/// A control plane to ask. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// For sockets: an upgrade is a thing of HTTP/1.1.
    http1: reqwest::Client,
    base: String,
    who: Credentials,
    ground: Ground,
}

impl Client {
    /// A client for the control plane at `base`, for example `https://ostler.example.org`. Connects when first asked.
    pub fn new(base: &str, who: Credentials, ground: Ground) -> Result<Self, ClientError> {
        let base = base.trim().trim_end_matches('/').to_owned();
        let is_ours = reqwest::Url::parse(&base).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && url.username().is_empty()
        });
        if !is_ours {
            return Err(ClientError::Address { url: base });
        }
        let build = |only_http1: bool| {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("ostler/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(Duration::from_secs(10))
                // Well before the server or a proxy closes it: a request sent just then would be lost.
                .pool_idle_timeout(Duration::from_secs(30))
                // Credentials must not follow a redirect, and a redirected POST would turn into a GET.
                .redirect(reqwest::redirect::Policy::none());
            let builder = if only_http1 { builder.http1_only() } else { builder };
            let builder = if proxy::is_direct(&base) { builder.no_proxy() } else { builder };
            builder.build().map_err(|e| ClientError::Unreachable { url: base.clone(), why: chain(&e) })
        };
        Ok(Self { http: build(false)?, http1: build(true)?, base, who, ground })
    }

    /// The same control plane, asked by somebody else.
    #[must_use]
    pub fn with(&self, who: Credentials) -> Self {
        Self { who, ..self.clone() }
    }

    /// Where it is, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Reads.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(Method::GET, path, None::<&()>).await
    }
    /// Creates or does. `()` as answer type ignores the body.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: Option<&impl Serialize>) -> Result<T, ClientError> {
        self.send(Method::POST, path, body).await
    }
    /// Changes what is named.
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.send(Method::PATCH, path, Some(body)).await
    }
    /// Removes.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(Method::DELETE, path, None::<&()>).await
    }

    /// Items of a list, page by page, at most `most` of them.
    pub async fn all<T: DeserializeOwned>(&self, path: &str, most: usize) -> Result<Vec<T>, ClientError> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let limit = most.saturating_sub(items.len()).clamp(1, PAGE).to_string();
            let mut more = vec![("limit", limit.as_str())];
            if !cursor.is_empty() {
                more.push(("cursor", &cursor));
            }
            let page: Page<T> = self.get(&with_query(path, &more)).await?;
            items.extend(page.items);
            match page.next_cursor {
                // A server that gives the same cursor again would be read for ever.
                Some(next) if items.len() < most && next != cursor => cursor = next,
                _ => break,
            }
        }
        items.truncate(most);
        Ok(items)
    }

    /// An answer whose body never ends, after its status was found good.
    pub async fn open(&self, path: &str, headers: HeaderMap) -> Result<reqwest::Response, ClientError> {
        let answer = self.request(&self.http, Method::GET, path).headers(headers).send().await;
        let answer = answer.map_err(|error| self.failed(&error))?;
        if answer.status() == StatusCode::OK { Ok(answer) } else { Err(self.refusal(answer).await) }
    }

    /// Follows Server-Sent Events from a path, resuming after a cut. See [`Events`].
    pub fn events(&self, path: &str) -> Events {
        Events::new(self.clone(), path.to_owned())
    }

    /// Opens a WebSocket: returns the raw connection after the upgrade, for whatever codec the caller has, and what the server
    /// answered to `key` (`Sec-WebSocket-Accept`).
    pub async fn socket(&self, path: &str, key: &str) -> Result<(reqwest::Upgraded, String), ClientError> {
        let key = HeaderValue::from_str(key).map_err(|_| ClientError::Address { url: self.base.clone() })?;
        let request = self
            .request(&self.http1, Method::GET, path)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, key);
        let answer = request.send().await.map_err(|error| self.failed(&error))?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(self.refusal(answer).await);
        }
        let accept = answer.headers().get(header::SEC_WEBSOCKET_ACCEPT).and_then(|v| v.to_str().ok());
        let accept = accept.unwrap_or_default().to_owned();
        Ok((answer.upgrade().await.map_err(|error| self.failed(&error))?, accept))
    }

    /// Any request; the answer's body as `T`.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let (_, text) = self.exchange(method, path, body).await?;
        // Nothing reads as null, so that `()`, `Option` and `Value` take an empty answer.
        let text = if text.is_empty() { "null" } else { &text };
        serde_json::from_str(text).map_err(|e| ClientError::Unreadable { url: self.base.clone(), why: e.to_string() })
    }

    /// Any request; the headers and text of a good answer. Repeats what may be repeated.
    pub async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(HeaderMap, String), ClientError> {
        let once = matches!(method, Method::POST | Method::DELETE).then(|| (self.ground.token)());
        let mut waited = Duration::ZERO;
        for tried in 1.. {
            let mut request = self.request(&self.http, method.clone(), path).timeout(Duration::from_secs(60));
            if let Some(once) = &once {
                request = request.header("idempotency-key", once);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let error = match request.send().await {
                Ok(answer) if answer.status().is_success() => match self.text(answer).await {
                    Ok(read) => return Ok(read),
                    Err(error) => error,
                },
                Ok(answer) => self.refusal(answer).await,
                Err(error) => self.failed(&error),
            };
            let is_harmless = matches!(method, Method::GET | Method::HEAD) || once.is_some();
            let Some(wait) = error.again_after(is_harmless, tried).filter(|wait| waited + *wait <= PATIENCE) else {
                return Err(error);
            };
            if tried >= TRIES {
                return Err(error);
            }
            waited += wait;
            (self.ground.pause)(wait).await;
        }
        unreachable!("the loop ends by returning")
    }

    fn request(&self, http: &reqwest::Client, method: Method, path: &str) -> RequestBuilder {
        let is_mutation = !matches!(method, Method::GET | Method::HEAD);
        let request = http.request(method, format!("{}/api/v1{path}", self.base));
        match &self.who {
            Credentials::Nobody => request,
            Credentials::Key(key) => request.bearer_auth(key.reveal()),
            Credentials::Session(cookie) => {
                let request = request.header(header::COOKIE, cookie.reveal());
                if is_mutation { request.header("x-ostler-csrf", "1") } else { request }
            }
        }
    }

    async fn text(&self, mut answer: reqwest::Response) -> Result<(HeaderMap, String), ClientError> {
        let headers = answer.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.failed(&error))? {
            if body.len() + chunk.len() > BODY_BYTES {
                return Err(ClientError::Unreadable { url: self.base.clone(), why: "the answer is too long".into() });
            }
            body.extend_from_slice(&chunk);
        }
        let unreadable = |_| ClientError::Unreadable { url: self.base.clone(), why: "it is not text".into() };
        Ok((headers, String::from_utf8(body).map_err(unreadable)?))
    }

    async fn refusal(&self, answer: reqwest::Response) -> ClientError {
        let status = answer.status();
        let location = header_text(answer.headers(), &header::LOCATION);
        let retry_after = header_text(answer.headers(), &header::RETRY_AFTER);
        let text = match self.text(answer).await {
            Ok((_, text)) => text,
            Err(error) => return error,
        };
        match serde_json::from_str(&text) {
            Ok(body) => {
                let retry_after = retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
                ClientError::Refused(Box::new(Refused { status, body, retry_after }))
            }
            Err(_) => ClientError::Foreign { url: self.base.clone(), status, location },
        }
    }

    fn failed(&self, error: &reqwest::Error) -> ClientError {
        let via = proxy::variable(&self.base, |name| std::env::var(name).ok());
        let (url, why) = (self.base.clone(), chain(error) + &proxy::hint(via));
        if error.is_connect() { ClientError::Unreachable { url, why } } else { ClientError::Cut { url, why } }
    }
}

fn header_text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// A path with more parameters, each value escaped.
pub fn with_query(path: &str, more: &[(&str, &str)]) -> String {
    more.iter().fold(path.to_owned(), |path, (name, value)| {
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{path}{joint}{name}={}", escape(value))
    })
}

/// A text as one segment of a path or one value of a query: a name typed by a person must not reach another endpoint.
pub fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'~');
    // A lone dot or two would be taken as a step in the path.
    let is_dots = text.bytes().all(|b| b == b'.');
    text.bytes().fold(String::with_capacity(text.len()), |mut out, b| {
        if plain(b) || (b == b'.' && !is_dots) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}

/// An error with its causes, each once; the URL is said elsewhere.
fn chain(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    // The outermost layers only repeat that sending failed; the last ones know why.
    match parts.len() {
        0 => "the request failed".to_owned(),
        n => parts[n.saturating_sub(2)..].join(": "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_types_stays_in_its_place() {
        assert_eq!(escape("World 1/../x?y=z"), "World%201%2F..%2Fx%3Fy%3Dz");
        assert_eq!(escape(".."), "%2E%2E");
        assert_eq!(escape("wl_01-a.b"), "wl_01-a.b");
        assert_eq!(escape("Fårö"), "F%C3%A5r%C3%B6");
        assert_eq!(with_query("/a", &[("q", "x y"), ("r", "&")]), "/a?q=x%20y&r=%26");
    }

    #[test]
    fn only_addresses_of_web_servers_are_taken() {
        let ground = Ground { pause: Arc::new(|_| Box::pin(async {})), token: Arc::new(String::new) };
        // A second test in this process finds it there already.
        let _ = reqwest_provider();
        for bad in ["", "ostler.example.org", "ftp://x", "http://user@x", "http://"] {
            assert!(Client::new(bad, Credentials::Nobody, ground.clone()).is_err(), "{bad}");
        }
        let client = Client::new("http://127.0.0.1:8080/", Credentials::Nobody, ground).unwrap();
        assert_eq!(client.base(), "http://127.0.0.1:8080");
    }

    /// The cryptography that the program installs when it starts.
    fn reqwest_provider() -> Result<(), ()> {
        rustls::crypto::ring::default_provider().install_default().map_err(drop)
    }
}
