//! From a request's headers to its caller.

use super::known::{Identity, Proof};
use crate::app::App;
use crate::http::{Access, Call, Caller, Error, Result};
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE as COOKIE_HEADER};
use http::request::Parts;
use ostler_model::authz::Authority;
use ostler_model::network;
use ostler_wire::link::AUTH_SCHEME;
use ring::digest::{SHA256, digest};
use std::sync::Arc;

/// The session cookie's name.
pub const COOKIE: &str = "ostler_session";
/// Its name over TLS: browsers take a cookie of this name only from this very host, with `Secure` and for all paths.
pub const SECURE_COOKIE: &str = "__Host-ostler_session";
/// What API keys begin with.
pub const KEY_PREFIX: &str = "ost_";

/// How the caller was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Cookie,
    Key,
    /// An access token.
    Access,
    Node,
    Bot,
}

impl Proof {
    /// How this proves its caller.
    pub fn by(&self) -> By {
        match self {
            Proof::Cookie(_) => By::Cookie,
            Proof::Key(_) => By::Key,
            Proof::Access { .. } => By::Access,
        }
    }
}

/// SHA-256 of a token's text, which is all that is stored of it. Tokens are 256 random bits, so a plain hash is enough.
pub fn hash_token(token: &str) -> Vec<u8> {
    digest_of(token).to_vec()
}

/// Finds out who makes a request. Nodes are accepted where nodes are wanted, and people and keys everywhere else.
///
/// A session whose person's rights have changed gets a new cookie on the way, which the call carries to the answer.
pub async fn authenticate(call: &mut Call, parts: &Parts) -> Result<(Arc<Caller>, By)> {
    let wants_node = call.endpoint.access == Access::NodeLink;
    if wants_node {
        let text = authorization(&parts.headers)?.ok_or(Error::SignIn)?;
        return match text.split(' ').next() {
            Some(AUTH_SCHEME) => node(call, parts, text).await.map(|caller| (caller, By::Node)),
            _ => Err(Error::Credentials),
        };
    }
    if call.endpoint.access == Access::Bot {
        return crate::matches::authenticate(call, parts).await.map(|caller| (caller, By::Bot));
    }
    let proof = presented(&call.app, &parts.headers).await?.ok_or(Error::SignIn)?;
    known(call, proof).await
}

/// The credentials of a person or a key in a request's headers, checked as far as that goes without the database.
///
/// Each kind has one place and one form: nothing is tried twice, and nothing falls through to the cookie.
pub async fn presented(app: &App, headers: &HeaderMap) -> Result<Option<Proof>> {
    let Some(text) = authorization(headers)? else {
        return Ok(session_cookie(app, headers).map(|token| Proof::Cookie(digest_of(token))));
    };
    let secret = text.get(..7).filter(|s| s.eq_ignore_ascii_case("bearer ")).map(|_| text[7..].trim());
    let secret = secret.ok_or(Error::Credentials)?;
    if secret.starts_with(KEY_PREFIX) {
        return Ok(Some(Proof::Key(digest_of(secret))));
    }
    app.signer.check(app, secret).await.map(Some)
}

/// The one `Authorization` header; two are an attempt at something.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Error::Credentials);
    }
    first.map(|value| value.to_str().map_err(|_| Error::Credentials)).transpose()
}

/// The session cookie's value. Where everybody comes over TLS, a cookie that another host of the domain may have set is none.
pub(crate) fn session_cookie<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    let plain = || cookie(headers, COOKIE).filter(|_| !app.config.is_public_over_tls());
    cookie(headers, SECURE_COOKIE).or_else(plain)
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE_HEADER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
        .filter(|value| !value.is_empty())
}

fn digest_of(token: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    out
}

/// The caller that these credentials belong to now.
async fn known(call: &mut Call, proof: Proof) -> Result<(Arc<Caller>, By)> {
    let app = &call.app.clone();
    let now = app.clock.now();
    let identity = app.known.find(&app.store, &proof, now).await?.ok_or(Error::Credentials)?;
    if let Some(session) = &identity.session {
        app.seen.session(session.id, session.seen_at, now);
    }
    if let Some(key) = &identity.key {
        // Like a wrong key: whoever found one must not learn that it works elsewhere.
        if !network::lets_through(&key.networks, call.origin.address.as_deref()) {
            tracing::info!(key.id = %key.id, "a key was used from a network that it is not for");
            return Err(Error::Credentials);
        }
        app.seen.key(key.id, key.last_used_at, call.origin.address.clone(), now);
    }
    if let (Some(session), Some(rights), Proof::Cookie(hash)) = (&identity.session, &identity.renew, &proof) {
        call.cookie = super::session::renew(app, session, hash, rights, (&call.origin, call.is_secure)).await?;
    }
    let Identity { authority, user, session, key, standing, .. } = identity.as_ref().clone();
    let caller = Caller { authority, origin: call.origin.clone(), user: Some(user), session, key, standing };
    Ok((Arc::new(caller), proof.by()))
}

async fn node(call: &Call, parts: &Parts, header: &str) -> Result<Arc<Caller>> {
    let app = &call.app;
    let path = parts.uri.path();
    let shown = (header, &app.link_key);
    let node = app.verifier.verify(&app.store, app.clock.now(), parts.method.as_str(), path, shown).await;
    match node {
        Ok(node) => Ok(Arc::new(Caller {
            authority: Authority::node(node.id, node.name.as_str()),
            origin: call.origin.clone(),
            user: None,
            session: None,
            key: None,
            standing: ostler_model::factor::Standing::default(),
        })),
        Err(crate::fleet::Refused::Store(error)) => Err(error.into()),
        Err(why @ crate::fleet::Refused::Elsewhere { .. }) => {
            tracing::warn!(request.id = %call.request_id, %why, "a node has dialled another name than this control plane's");
            Err(Error::Forbidden {
                code: "dialled_elsewhere",
                message: format!(
                    "{why}; set public_url to the one, or name it in node_urls, or let the node join again"
                ),
            })
        }
        Err(why) => {
            tracing::info!(request.id = %call.request_id, %why, "a node's signature was not accepted");
            Err(Error::Credentials)
        }
    }
}
