//! Talking to a provider: its description, its keys, and the exchange of a code.

use super::jws::Keys;
use crate::app::App;
use crate::http::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use ostler_model::oidc::{Preset, Provider};
use ostler_model::{Foreign, Millis, Secret};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::OnceLock;

/// A provider that does not answer by then will not.
const PATIENCE: Millis = Millis::secs(10);
/// Descriptions and key sets are a few kilobytes.
const MOST_BYTES: usize = 512 << 10;

/// Why a provider could not be used. Admins see it while they set it up; everybody else is told less.
#[derive(Debug, thiserror::Error)]
#[error("{}", Foreign(.0))]
pub(super) struct Trouble(pub(super) String);

/// What a provider says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Discovery {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) userinfo_endpoint: Option<String>,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    id_token_signing_alg_values_supported: Option<Vec<String>>,
}

impl Discovery {
    /// The algorithms that the provider says it signs with, when it says so.
    pub(super) fn algorithms(&self) -> Option<&[String]> {
        self.id_token_signing_alg_values_supported.as_deref()
    }
}

/// What a code is exchanged for.
#[derive(Deserialize)]
pub(super) struct Exchanged {
    pub(super) id_token: String,
    pub(super) access_token: Secret,
}

/// What a provider adds about somebody, when the statement itself has no address in it.
#[derive(Debug, Deserialize)]
pub(super) struct UserInfo {
    pub(super) sub: String,
    pub(super) email: Option<String>,
    pub(super) email_verified: Option<serde_json::Value>,
    pub(super) name: Option<String>,
}

/// The issuer that is meant, by preset and text, or what is wrong with it.
pub(super) fn issuer(preset: Preset, given: Option<&str>) -> Result<String, Error> {
    let given = given.map(str::trim).filter(|text| !text.is_empty());
    let issuer = match (preset, given) {
        (Preset::Google, None | Some("https://accounts.google.com")) => "https://accounts.google.com",
        (Preset::Google, Some(_)) => {
            return Err(wrong("Google's issuer is https://accounts.google.com; leave this out"));
        }
        (_, None) => return Err(wrong("say the provider's issuer, for example https://id.example.org")),
        (_, Some(text)) => text,
    };
    if preset == Preset::Microsoft {
        let tenant =
            issuer.strip_prefix("https://login.microsoftonline.com/").and_then(|rest| rest.strip_suffix("/v2.0"));
        // Under these names every organisation in the world signs in, with a different issuer each.
        if tenant.is_none_or(|tenant| tenant.is_empty() || ["common", "organizations", "consumers"].contains(&tenant)) {
            return Err(wrong("use https://login.microsoftonline.com/<tenant id>/v2.0 with the id of your own tenant"));
        }
    }
    if !is_safe(issuer) || issuer.contains(['?', '#']) {
        return Err(wrong("use an https address without a query; http only for this machine itself"));
    }
    Ok(issuer.to_owned())
}

fn wrong(message: &str) -> Error {
    Error::field("issuer", message)
}

/// Over TLS, or not over a network at all.
fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let is_here = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
    let has_login = authority.as_str().contains('@');
    !has_login && (uri.scheme_str() == Some("https") || uri.scheme_str() == Some("http") && is_here)
}

/// Asks a provider for its description, and insists that it is about this issuer.
pub(super) async fn discover(app: &App, issuer: &str) -> Result<Discovery, Trouble> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let found: Discovery = fetch(app, client()?.get(&url)).await?;
    if found.issuer != issuer {
        return Err(Trouble(format!("the provider calls itself {}, which is not {issuer}", found.issuer)));
    }
    let all = [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri];
    let is_plain_http = issuer.starts_with("http:");
    for url in all.into_iter().chain(found.userinfo_endpoint.as_ref()) {
        if !is_safe(url) || url.starts_with("http:") && !is_plain_http {
            return Err(Trouble(format!("the provider names an address that is not safe: {url}")));
        }
    }
    if found.code_challenge_methods_supported.as_ref().is_some_and(|all| !all.iter().any(|m| m == "S256")) {
        return Err(Trouble("the provider does not know PKCE with S256".to_owned()));
    }
    Ok(found)
}

/// A provider's description, from memory when it is young.
pub(super) async fn discovered(app: &App, issuer: &str) -> Result<Discovery, Trouble> {
    let (own, issuer_) = (app.clone(), issuer.to_owned());
    let fetch = || async move { discover(&own, &issuer_).await };
    app.journeys.descriptions.get((&app.spawn, &app.clock), issuer, |_| true, fetch).await
}

/// A provider's keys, from memory when the one that signed this statement is among them.
pub(super) async fn published(app: &App, of: &Discovery, statement: &str) -> Result<Keys, Trouble> {
    let (own, description) = (app.clone(), of.clone());
    let fetch = || async move { keys(&own, &description).await };
    app.journeys.keys.get((&app.spawn, &app.clock), &of.jwks_uri, |keys| keys.knows(statement), fetch).await
}

/// A provider's present keys.
pub(super) async fn keys(app: &App, of: &Discovery) -> Result<Keys, Trouble> {
    fetch(app, client()?.get(&of.jwks_uri)).await
}

/// Exchanges a code.
pub(super) async fn exchange(
    app: &App,
    (provider, of): (&Provider, &Discovery),
    secret: Option<&Secret>,
    (code, verifier, redirect_uri): (&str, &str, &str),
) -> Result<Exchanged, Trouble> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier),
    ];
    let methods = of.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
    let knows = |name: &str| methods.iter().any(|method| method == name);
    let in_form = !methods.is_empty() && !knows("client_secret_basic") && knows("client_secret_post");
    let mut request = client()?.post(&of.token_endpoint);
    match secret {
        Some(secret) if !in_form => {
            let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", escaped(&provider.client_id), escaped(secret.reveal()));
            request = request.header("authorization", format!("Basic {}", STANDARD.encode(pair)));
        }
        secret => {
            form.push(("client_id", &provider.client_id));
            form.extend(secret.map(|secret| ("client_secret", secret.reveal())));
        }
    }
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    fetch(app, request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
}

/// Asks for what the statement left out.
pub(super) async fn user_info(app: &App, url: &str, access_token: &Secret) -> Result<UserInfo, Trouble> {
    fetch(app, client()?.get(url).header("authorization", format!("Bearer {}", access_token.reveal()))).await
}

/// One answer, read up to a bound, within the time.
async fn fetch<T: DeserializeOwned>(app: &App, request: reqwest::RequestBuilder) -> Result<T, Trouble> {
    let (client, request) = request.header("accept", "application/json").build_split();
    let request = request.map_err(|e| Trouble(format!("this cannot be asked: {}", e.without_url())))?;
    let url = request.url().clone();
    let trouble = |what: &str| Trouble(format!("{}{}: {what}", url.host_str().unwrap_or_default(), url.path()));
    let work = async {
        let mut response = client.execute(request).await.map_err(|e| trouble(&chain(&e.without_url())))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| trouble(&chain(&e.without_url())))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST_BYTES {
                return Err(trouble("the answer is too long"));
            }
        }
        if !status.is_success() {
            return Err(trouble(&format!("it answered {status}")));
        }
        serde_json::from_slice(&bytes).map_err(|_| trouble("the answer is not what it should be"))
    };
    app.clock.timeout(PATIENCE, work).await.unwrap_or_else(|| Err(trouble("it did not answer in time")))
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn client() -> Result<&'static reqwest::Client, Trouble> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .user_agent(concat!("ostler/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(PATIENCE.std())
        // A provider that sends us elsewhere could send us into our own network.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| Trouble(format!("HTTP cannot be set up: {}", chain(&e))))?;
    Ok(CLIENT.get_or_init(|| client))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s13_what_a_provider_says_is_one_line() {
        let text = Trouble("id.example.org: no\n2026-01-01 ERROR forged \u{1b}[2J\u{202e}".to_owned()).to_string();
        assert_eq!(text, "id.example.org: no\\u{a}2026-01-01 ERROR forged \\u{1b}[2J\\u{202e}");
    }

    #[test]
    fn finding_a10_only_issuers_that_can_be_told_apart_are_accepted() {
        let ok = |preset, given| issuer(preset, given).ok();
        assert_eq!(ok(Preset::Google, None).as_deref(), Some("https://accounts.google.com"));
        assert!(ok(Preset::Google, Some("https://evil.example")).is_none());
        for tenant in ["common", "organizations", "consumers", ""] {
            let shared = format!("https://login.microsoftonline.com/{tenant}/v2.0");
            assert!(issuer(Preset::Microsoft, Some(&shared)).is_err(), "{tenant}");
        }
        let own = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
        assert_eq!(ok(Preset::Microsoft, Some(own)).as_deref(), Some(own));
        for good in
            ["https://id.example.org", "https://id.example.org/realms/a", "http://127.0.0.1:9400", "http://localhost"]
        {
            assert_eq!(ok(Preset::Generic, Some(good)).as_deref(), Some(good));
        }
        for bad in ["", "http://id.example.org", "ftp://x", "https://a@b.example", "https://x?y", "javascript:1", "//x"]
        {
            assert!(ok(Preset::Generic, Some(bad)).is_none(), "{bad}");
        }
    }
}
