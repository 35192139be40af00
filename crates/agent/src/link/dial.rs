//! Reaching the control plane: one request, which may turn into a connection.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use ostler_model::Foreign;
use ostler_wire::client::proxy;
use ostler_wire::link::proof::authority;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection: bytes in both directions.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What is asked of the control plane.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: Method,
    /// The path on the control plane, beginning with `/api/`.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What it answered.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// At most [`ANSWER_MOST`] bytes.
    pub body: Bytes,
    /// Present when it agreed to the upgrade.
    pub connection: Option<Box<dyn Io>>,
}

/// The control plane could not be reached, or did not answer in HTTP.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DialError(pub String);

/// The longest answer that is read.
pub const ANSWER_MOST: usize = 64 * 1024;

/// The way to the control plane. Two implementations: HTTP over TCP and TLS here, and the simulation's in-memory network.
pub trait Dial: Send + Sync + 'static {
    /// Sends one request. Whoever calls sets the deadline.
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, DialError>>;
}

/// HTTP/1.1 over TCP, with TLS for `https:` and the system's trusted certificates.
#[derive(Debug, Clone)]
pub struct HttpDial {
    client: reqwest::Client,
    url: String,
    /// The variable that names a proxy on the way.
    proxy: Option<&'static str>,
}

impl HttpDial {
    /// A way to the control plane at this URL.
    pub fn new(url: &str) -> Result<HttpDial, DialError> {
        let parsed = reqwest::Url::parse(url).map_err(|e| DialError(format!("{url} is not a URL: {e}")))?;
        let host = authority(url).filter(|_| matches!(parsed.scheme(), "http" | "https"));
        let Some(host) = host else { return Err(DialError(format!("{url} must begin with https:// or http://"))) };
        let is_here = proxy::is_direct(url);
        if parsed.scheme() == "http" && !is_here {
            return Err(DialError(format!(
                "{url} is plain http: what is said to this node could be read and changed on the way. Use https://{host}; \
                 without TLS only 127.0.0.1, [::1] and localhost are dialled, for example through: \
                 ssh -N -L 8080:127.0.0.1:8080 {}",
                parsed.host_str().unwrap_or_default()
            )));
        }
        // Whoever starts the process normally has done this; the first one wins, so once more does no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = reqwest::Client::builder()
            // Upgrades are HTTP/1.1's; HTTP/2 begins inside of the link.
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .tcp_keepalive(std::time::Duration::from_secs(30))
            .pool_max_idle_per_host(0)
            .user_agent(concat!("ostler-agent/", env!("CARGO_PKG_VERSION")));
        // A proxy has another loopback than this machine.
        if is_here {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|e| DialError(format!("HTTP cannot be set up: {}", chain(&e))))?;
        let proxy = proxy::variable(url, |name| std::env::var(name).ok());
        Ok(HttpDial { client, url: url.trim_end_matches('/').to_owned(), proxy })
    }

    fn away(&self, why: &str) -> String {
        format!("{} cannot be reached: {}{}", self.url, Foreign(why), proxy::hint(self.proxy))
    }

    async fn send(&self, ask: Ask) -> Result<Answer, DialError> {
        let url = format!("{}{}", self.url, ask.path);
        let away = |e: reqwest::Error| DialError(self.away(&chain(&e)));
        let request = self.client.request(ask.method, &url).headers(ask.headers).body(ask.body);
        let mut answer = request.send().await.map_err(away)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let upgraded = answer.upgrade().await.map_err(away)?;
            return Ok(Answer { status, headers, body: Bytes::new(), connection: Some(Box::new(upgraded)) });
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            if body.len() + chunk.len() > ANSWER_MOST {
                return Err(DialError(format!("{url} answered more than {ANSWER_MOST} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body: body.into(), connection: None })
    }
}

impl Dial for HttpDial {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, DialError>> {
        Box::pin(self.send(ask))
    }
}

/// The sentence in an error answer, or what can be said without one.
pub(crate) fn sentence(answer: &Answer) -> String {
    match serde_json::from_slice::<ostler_wire::ErrorBody>(&answer.body) {
        Ok(body) => body.message,
        Err(_) => format!("the control plane answered {}", answer.status),
    }
}

/// An error and its causes in one line: reqwest's own text leaves out what went wrong.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_plain_http_is_for_this_machine_only() {
        for url in
            ["http://127.0.0.1:8080", "http://127.8.8.8", "http://[::1]:8080/", "http://localhost", "https://10.0.0.1"]
        {
            assert!(HttpDial::new(url).is_ok(), "{url}");
        }
        for url in ["http://10.0.0.1:8080", "http://ostler.example.org", "http://0.0.0.0:8080", "http://[2001:db8::1]"]
        {
            let why = HttpDial::new(url).unwrap_err().to_string();
            assert!(why.contains("plain http") && why.contains("https://") && why.contains("ssh -N -L"), "{why}");
        }
        for url in ["ftp://127.0.0.1", "127.0.0.1:8080", "", "file:///etc/passwd"] {
            assert!(HttpDial::new(url).is_err(), "{url}");
        }
    }
}
