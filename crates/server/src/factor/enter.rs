//! From the first factor to a session, or to the question for the second one.

use super::browser::{Browser, cookie};
use super::webauthn;
use crate::app::App;
use crate::auth::{device_cookie, hash_token, session, token};
use crate::http::{Output, OutputDoc, Public, Result, View};
use crate::limits;
use crate::user::me;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Response, StatusCode};
use ostler_model::authz::{Authority, Collection, Grant, SystemReason, Write, authorize};
use ostler_model::factor::FactorKind;
use ostler_model::user::Session;
use ostler_model::{Time, UserId};
use ostler_store::factor::{Challenge, Factors};
use ostler_store::session::{Proof, SignIn};
use ostler_wire::auth::Welcome;
use ostler_wire::factor::{Method, MfaChallenge, MfaRequired};
use schemars::SchemaGenerator;

/// What challenges begin with.
pub(super) const CHALLENGE_PREFIX: &str = "osm_";
/// The cookie in which a browser that comes back from a provider holds its challenge, and where it is sent.
pub(super) const CHALLENGE_COOKIE: &str = "ostler_mfa";
pub(super) const CHALLENGE_PATH: &str = "/api/v1/auth/mfa";

/// The answer to a sign-in: you are in, or show one more thing.
#[derive(Debug, Clone)]
pub enum Entry {
    In(Box<Welcome>, HeaderMap),
    More(Box<MfaRequired>),
}

impl Output for Entry {
    const IS_SECRET: bool = true;
    fn describe(generator: &mut SchemaGenerator) -> OutputDoc {
        OutputDoc { says: "Signed in.", ..View::<Welcome>::describe(generator) }
    }
    fn others(generator: &mut SchemaGenerator) -> Vec<OutputDoc> {
        let says = "The password is right; now a second factor is wanted. Nobody is signed in yet.";
        vec![OutputDoc { status: 202, says, ..View::<MfaRequired>::describe(generator) }]
    }
    fn respond(self) -> Response<Body> {
        match self {
            Entry::In(welcome, headers) => {
                let mut response = View(welcome).respond();
                response.headers_mut().extend(headers);
                response
            }
            Entry::More(required) => {
                let mut response = View(required).respond();
                *response.status_mut() = StatusCode::ACCEPTED;
                response
            }
        }
    }
}

/// Lets an active person in by what they have shown, or asks for the second factor when they have one and it is not part of
/// that.
pub(crate) async fn enter(
    app: &App,
    (user, sign_in): (UserId, SignIn<'_>),
    wants_tokens: bool,
    at: &Public,
    browser: &Browser,
) -> Result<Entry> {
    let begun = if wants_tokens {
        let begun = token::begin(app, user, sign_in, &at.origin).await?;
        begun.map(|(tokens, begun)| (HeaderMap::new(), Some(tokens), begun))
    } else {
        let former = browser.session(app);
        let begun = session::begin(app, user, former, sign_in, (&at.origin, at.is_secure)).await?;
        begun.map(|(headers, begun)| (headers, None, begun))
    };
    let Some((headers, tokens, begun)) = begun else {
        let have = app.store.factor_list(user).await?;
        return Ok(Entry::More(Box::new(
            challenge(app, (user, sign_in.proof), wants_tokens, at, browser, &have).await?,
        )));
    };
    let mut headers = headers;
    if tokens.is_none() {
        for (name, value) in &device_cookie(app, browser, &begun.user.email, at.is_secure)? {
            headers.append(name, value.clone());
        }
    }
    let me = me(&begun.user, &begun.authority, &begun.standing, begun.workspaces, app.clock.now());
    Ok(Entry::In(Box::new(Welcome { me, tokens }), headers))
}

/// Begins the second half.
async fn challenge(
    app: &App,
    (user, proof): (UserId, Proof<'_>),
    wants_tokens: bool,
    at: &Public,
    browser: &Browser,
    have: &Factors,
) -> Result<MfaRequired> {
    let now = app.clock.now();
    let text = format!("{CHALLENGE_PREFIX}{}", URL_SAFE_NO_PAD.encode(app.ids.bytes::<32>()));
    let expires_at = now + limits::CHALLENGE_TIME;
    let who = Authority::system(SystemReason::SignIn);
    let grant: Grant<Collection<Session>, Write> = authorize(&who, &Collection::platform(), &at.origin)?;
    let row = Challenge { user, wants_tokens, expires_at };
    app.store.factor_challenge_create(&grant, &hash_token(&text), row, proof, now).await?;
    let mfa = describe(app, &text, (user, expires_at), browser, have).await?;
    Ok(MfaRequired { mfa: MfaChallenge { challenge_token: Some(text), ..mfa } })
}

/// What the second half needs, without the token itself.
pub(super) async fn describe(
    app: &App,
    text: &str,
    (user, expires_at): (UserId, Time),
    browser: &Browser,
    have: &Factors,
) -> Result<MfaChallenge> {
    let has = |kind| have.factors.iter().any(|factor| factor.kind == kind);
    let party = browser.party(app).filter(|_| has(FactorKind::Passkey));
    let passkey = match &party {
        Some(party) => {
            let keys = app.store.factor_passkeys(user).await?;
            let names = keys.iter().map(|key| webauthn::name(&key.credential_id)).collect();
            Some(webauthn::request(party, &passkey_challenge(text), names))
        }
        None => None,
    };
    let mut methods = Vec::new();
    if passkey.is_some() {
        methods.push(Method::Passkey);
    }
    if has(FactorKind::Totp) {
        methods.push(Method::Totp);
    }
    if have.recovery_codes > 0 {
        methods.push(Method::Recovery);
    }
    Ok(MfaChallenge { challenge_token: None, expires_at, methods, passkey })
}

/// What a passkey has to sign in the second half: as secret and as short-lived as the challenge itself.
pub(super) fn passkey_challenge(text: &str) -> Vec<u8> {
    hash_token(&format!("passkey/{text}"))
}

/// Puts the challenge of a sign-in that a browser began at a provider into a cookie: a token must not stand in an address.
pub(crate) fn pending_cookie(required: &MfaRequired, is_secure: bool) -> Result<HeaderMap> {
    let text = required.mfa.challenge_token.as_deref().unwrap_or_default();
    cookie(CHALLENGE_COOKIE, text, CHALLENGE_PATH, limits::CHALLENGE_TIME.0 / 1000, is_secure)
}
