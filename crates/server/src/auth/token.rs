//! Tokens for programs and apps: an access token for a quarter of an hour, and a refresh token that works once.

use super::hash_token;
use crate::app::App;
use crate::http::{Error, Public, Result};
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler_model::authz::{Authority, Collection, Grant, Origin, SystemReason, Write, authorize};
use ostler_model::user::{Session, SessionKind};
use ostler_model::{Secret, SessionId, Time, UserId};
use ostler_store::session::{Begun, SignIn};
use ostler_store::token::{Refresh, Refreshed};
use ostler_wire::auth::Tokens;
use std::sync::Arc;

/// What refresh tokens begin with.
pub const REFRESH_PREFIX: &str = "osr_";

/// Begins a family of tokens for somebody who has just proven who they are. `None` when a second factor is wanted first.
pub(crate) async fn begin(
    app: &App,
    user: UserId,
    sign_in: SignIn<'_>,
    origin: &Arc<Origin>,
) -> Result<Option<(Tokens, Begun)>> {
    let now = app.clock.now();
    let (secret, expires_at) = (fresh(app), now + limits::REFRESH_TIME);
    let session = Session {
        id: app.ids.next(),
        user,
        kind: SessionKind::Token,
        created_at: now,
        seen_at: now,
        expires_at,
        address: origin.address.clone(),
        user_agent: origin.user_agent.clone(),
    };
    let refresh = Refresh { hash: &hash_token(secret.reveal()), expires_at };
    let begun = app.store.token_create(&grant(origin)?, &session, refresh, sign_in, now).await?;
    Ok(begun.map(|begun| (pair(app, user, session.id, (secret, expires_at), now), begun)))
}

/// Exchanges a refresh token. One that was used before ends its family: two have it, and one of them is not its owner.
pub(crate) async fn refresh(app: &App, presented: &Secret, at: &Public) -> Result<Tokens> {
    if !presented.reveal().starts_with(REFRESH_PREFIX) {
        return Err(Error::Credentials);
    }
    let now = app.clock.now();
    let grant = grant(&at.origin)?;
    let old = hash_token(presented.reveal());
    let began = app.store.token_family_began(&old).await?.ok_or(Error::Credentials)?;
    let (secret, expires_at) = (fresh(app), (now + limits::REFRESH_TIME).min(began + limits::FAMILY_TIME));
    let new = Refresh { hash: &hash_token(secret.reveal()), expires_at };
    match app.store.token_rotate(&grant, &old, new, now).await? {
        Refreshed::Done { session, user } => Ok(pair(app, user, session, (secret, expires_at), now)),
        Refreshed::Reused => {
            if app.store.token_reused(&grant, &old, now).await? {
                at.about.settle();
            }
            Err(Error::Credentials)
        }
        Refreshed::Unknown => Err(Error::Credentials),
    }
}

fn fresh(app: &App) -> Secret {
    Secret::new(format!("{REFRESH_PREFIX}{}", URL_SAFE_NO_PAD.encode(app.ids.bytes::<32>())))
}

fn grant(origin: &Arc<Origin>) -> Result<Grant<Collection<Session>, Write>> {
    Ok(authorize(&Authority::system(SystemReason::SignIn), &Collection::platform(), origin)?)
}

fn pair(app: &App, user: UserId, session: SessionId, refresh: (Secret, Time), now: Time) -> Tokens {
    let (access_token, access_expires_at) = app.signer.sign(user, session, now);
    let (refresh_token, refresh_expires_at) = refresh;
    Tokens {
        session,
        token_type: "Bearer".to_owned(),
        access_token: access_token.reveal().to_owned(),
        access_expires_at,
        refresh_token: refresh_token.reveal().to_owned(),
        refresh_expires_at,
    }
}
