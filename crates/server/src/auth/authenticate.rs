//! From a request's headers to its caller.

use crate::http::{Access, Call, Caller, Error, Result};
use http::header::{AUTHORIZATION, COOKIE as COOKIE_HEADER};
use http::request::Parts;
use ostler_model::authz::Authority;
use ostler_wire::link::AUTH_SCHEME;
use ring::digest::{SHA256, digest};
use std::sync::Arc;

/// The session cookie's name.
pub const COOKIE: &str = "ostler_session";
/// What API keys begin with.
pub const KEY_PREFIX: &str = "ost_";

/// How the caller was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Cookie,
    Key,
    Node,
}

/// SHA-256 of a token's text, which is all that is stored of it. Tokens are 256 random bits, so a plain hash is enough.
pub fn hash_token(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

/// Finds out who makes a request. Nodes are accepted where nodes are wanted, and people and keys everywhere else.
pub async fn authenticate(call: &Call, parts: &Parts) -> Result<(Arc<Caller>, By)> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let header = headers.next();
    if headers.next().is_some() {
        return Err(Error::Credentials);
    }
    let wants_node = call.endpoint.access == Access::NodeLink;
    match header {
        Some(value) => {
            let text = value.to_str().map_err(|_| Error::Credentials)?;
            let scheme = text.split(' ').next().unwrap_or_default();
            if scheme == AUTH_SCHEME && wants_node {
                return node(call, parts, text).await.map(|caller| (caller, By::Node));
            }
            let secret = text.get(..7).filter(|s| s.eq_ignore_ascii_case("bearer ")).map(|_| text[7..].trim());
            match secret {
                Some(secret) if !wants_node => key(call, secret).await.map(|caller| (caller, By::Key)),
                _ => Err(Error::Credentials),
            }
        }
        None if wants_node => Err(Error::SignIn),
        None => match cookie(parts) {
            Some(token) => session(call, token).await.map(|caller| (caller, By::Cookie)),
            None => Err(Error::SignIn),
        },
    }
}

/// The session cookie's value.
fn cookie(parts: &Parts) -> Option<&str> {
    parts
        .headers
        .get_all(COOKIE_HEADER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .filter(|value| !value.is_empty())
}

async fn session(call: &Call, token: &str) -> Result<Arc<Caller>> {
    let found = call.app.store.session_authority(&hash_token(token), call.app.clock.now()).await?;
    let found = found.ok_or(Error::Credentials)?;
    call.app.seen.session(found.session.id, found.session.seen_at, call.app.clock.now());
    Ok(Arc::new(Caller {
        authority: found.authority,
        origin: call.origin.clone(),
        user: Some(found.user),
        session: Some(found.session),
        key: None,
    }))
}

async fn key(call: &Call, secret: &str) -> Result<Arc<Caller>> {
    if !secret.starts_with(KEY_PREFIX) {
        return Err(Error::Credentials);
    }
    let now = call.app.clock.now();
    let found = call.app.store.key_authority(&hash_token(secret), now).await?.ok_or(Error::Credentials)?;
    call.app.seen.key(found.key.id, found.key.last_used_at, call.origin.address.clone(), now);
    Ok(Arc::new(Caller {
        authority: found.authority,
        origin: call.origin.clone(),
        user: Some(found.user),
        session: None,
        key: Some(found.key),
    }))
}

async fn node(call: &Call, parts: &Parts, header: &str) -> Result<Arc<Caller>> {
    let app = &call.app;
    let path = parts.uri.path();
    let node = app.verifier.verify(&app.store, app.clock.now(), parts.method.as_str(), path, header).await;
    match node {
        Ok(node) => Ok(Arc::new(Caller {
            authority: Authority::node(node.id, node.name.as_str()),
            origin: call.origin.clone(),
            user: None,
            session: None,
            key: None,
        })),
        Err(crate::fleet::Refused::Store(error)) => Err(error.into()),
        Err(why) => {
            tracing::info!(request.id = %call.request_id, %why, "a node's signature was not accepted");
            Err(Error::Credentials)
        }
    }
}
