//! Browser sessions: begun by a password or by the first run, ended by their person.

use super::hash_token;
use crate::app::App;
use crate::http::{Error, Result};
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, header};
use ostler_model::UserId;
use ostler_model::authz::{Authority, Collection, Grant, Origin, SystemReason, Write, authorize};
use ostler_model::user::Session;
use ostler_store::session::{Begun, Rotation, SignIn};
use std::sync::Arc;

/// Begins a session; the headers carry it to the browser. The session of the cookie that the browser came
/// with ends. `None` when a second factor is wanted first.
pub(crate) async fn begin(
    app: &App,
    user: UserId,
    former: Option<&str>,
    sign_in: SignIn<'_>,
    (origin, is_secure): (&Arc<Origin>, bool),
) -> Result<Option<(HeaderMap, Begun)>> {
    let token = URL_SAFE_NO_PAD.encode(app.ids.bytes::<32>());
    let now = app.clock.now();
    let session = Session {
        id: app.ids.next(),
        user,
        kind: ostler_model::user::SessionKind::Browser,
        created_at: now,
        seen_at: now,
        expires_at: now + limits::SESSION_TIME,
        address: origin.address.clone(),
        user_agent: origin.user_agent.clone(),
    };
    let who = Authority::system(SystemReason::SignIn);
    let grant: Grant<Collection<Session>, Write> = authorize(&who, &Collection::platform(), origin)?;
    let hash = hash_token(&token);
    let new = (&session, hash.as_slice());
    let begun = match former.map(hash_token) {
        Some(former) => app.store.session_replace(&grant, new, &former, sign_in, now).await?,
        None => app.store.session_create(&grant, new, sign_in, now).await?,
    };
    let Some(begun) = begun else { return Ok(None) };
    Ok(Some((cookie(&token, limits::SESSION_TIME.0 / 1000, is_secure)?, begun)))
}

/// Gives a session a new cookie. The old one ends in a moment: whoever had it before its person was given more (or less) must
/// not keep it. `None` when another request of the same browser was first.
pub(crate) async fn renew(
    app: &App,
    session: &Session,
    old_hash: &[u8],
    rights: &str,
    (origin, is_secure): (&Arc<Origin>, bool),
) -> Result<Option<HeaderMap>> {
    let token = URL_SAFE_NO_PAD.encode(app.ids.bytes::<32>());
    let now = app.clock.now();
    let grant: Grant<Session, Write> = authorize(&Authority::system(SystemReason::SignIn), session, origin)?;
    let new_hash = hash_token(&token);
    let with = Rotation { old_hash, new_hash: &new_hash, old_until: now + limits::OLD_COOKIE_TIME, rights };
    if !app.store.session_rotate(&grant, &with, now).await? {
        return Ok(None);
    }
    let left = session.expires_at.since(now).0 / 1000;
    cookie(&token, left, is_secure).map(Some)
}

/// Headers that make the browser forget the session.
pub(crate) fn forget() -> Result<HeaderMap> {
    let mut headers = cookie("", 0, false)?;
    for value in cookie("", 0, true)?.values().cloned() {
        headers.append(header::SET_COOKIE, value);
    }
    Ok(headers)
}

fn cookie(value: &str, max_age: u64, is_secure: bool) -> Result<HeaderMap> {
    let (name, secure) = if is_secure { (super::SECURE_COOKIE, "; Secure") } else { (super::COOKIE, "") };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
    let value = HeaderValue::from_str(&text).map_err(|e| Error::Internal(e.into()))?;
    Ok(HeaderMap::from_iter([(header::SET_COOKIE, value)]))
}
