//! The second half of signing in, and signing in with a passkey alone.

use super::browser::{Browser, FromBrowser, forget_cookie};
use super::enter::{CHALLENGE_COOKIE, CHALLENGE_PATH, CHALLENGE_PREFIX, describe, enter, passkey_challenge};
use super::prove::{self, Shown};
use super::ticket::{self, Purpose};
use super::{Entry, webauthn};
use crate::app::App;
use crate::auth::hash_token;
use crate::http::{Error, Json, Public, Result, Routes, View};
use crate::limits;
use ostler_model::Secret;
use ostler_store::session::{Proof, SignIn};
use ostler_store::throttle::{Attempt, Attempts};
use ostler_store::{Rule, StoreError};
use ostler_wire::factor::{MfaChallenge, MfaVerify, PasskeyLogin, PasskeyLoginOptions, RecoveryVerify};

pub(super) fn routes() -> Routes {
    Routes::new("session")
        .get("/api/v1/auth/mfa/challenge", pending)
        .post("/api/v1/auth/mfa/challenge/verify", verify)
        .post("/api/v1/auth/mfa/recovery/verify", recover)
        .get("/api/v1/auth/passkey/options", passkey_options)
        .post("/api/v1/auth/passkey/verify", passkey_verify)
}

/// What the second half of a sign-in that this browser began at a provider needs.
pub async fn pending(app: App, _: Public, asked: FromBrowser<()>) -> Result<View<MfaChallenge>> {
    let text = challenge_text(&None, &asked.browser).ok_or(Error::NotFound)?;
    let found = app.store.factor_challenge_find(&hash_token(&text), app.clock.now()).await?.ok_or(Error::NotFound)?;
    let have = app.store.factor_list(found.user).await?;
    Ok(View(describe(&app, &text, (found.user, found.expires_at), &asked.browser, &have).await?))
}

/// Finish signing in with a code of the authenticator app, or with a passkey.
///
/// A challenge has five attempts and ends after five minutes; wrong ones are also counted per person. A code works once.
pub async fn verify(app: App, at: Public, asked: FromBrowser<Json<MfaVerify>>) -> Result<Entry> {
    let FromBrowser { browser, input: Json(input) } = asked;
    let text = challenge_text(&input.challenge_token, &browser).ok_or(Error::Credentials)?;
    let to_sign = passkey_challenge(&text);
    let shown = match (&input.token, &input.passkey) {
        (Some(code), None) => Shown::Code(code),
        (None, Some(answer)) => Shown::Passkey { answer, challenge: &to_sign },
        _ => return Err(Error::field("token", "send a code or a passkey's answer, and not both")),
    };
    second_half(&app, &at, &browser, &text, shown).await
}

/// Finish signing in with a recovery code, which is used up.
pub async fn recover(app: App, at: Public, asked: FromBrowser<Json<RecoveryVerify>>) -> Result<Entry> {
    let FromBrowser { browser, input: Json(input) } = asked;
    let text = challenge_text(&input.challenge_token, &browser).ok_or(Error::Credentials)?;
    second_half(&app, &at, &browser, &text, Shown::Recovery(&input.recovery_code)).await
}

/// What to ask the browser's passkeys with, to sign in without a password.
pub async fn passkey_options(app: App, _: Public, asked: FromBrowser<()>) -> Result<View<PasskeyLoginOptions>> {
    let party = asked.browser.party(&app).ok_or_else(no_party)?;
    let challenge = app.ids.bytes::<32>();
    let options = webauthn::request(&party, &challenge, Vec::new());
    let ticket = ticket::seal(&app, Purpose::PasskeyLogin, challenge, limits::CHALLENGE_TIME)?;
    Ok(View(PasskeyLoginOptions { ticket, options }))
}

/// Sign in with a passkey alone. The device must have made sure of its person, which makes it two factors.
pub async fn passkey_verify(app: App, at: Public, asked: FromBrowser<Json<PasskeyLogin>>) -> Result<Entry> {
    let FromBrowser { browser, input: Json(input) } = asked;
    let now = app.clock.now();
    let address = format!("address:{}", at.origin.address.as_deref().unwrap_or_default());
    let subjects = [(address.as_str(), limits::SIGN_IN_ADDRESS)];
    if let Attempt::Blocked { until } = app.store.throttle_attempt(&subjects, now).await? {
        return Err(Error::TooMany { retry_after: until.since(now) });
    }
    let ticket = ticket::open::<[u8; 32]>(&app, Purpose::PasskeyLogin, input.ticket.reveal());
    let ticket = ticket.ok_or(Error::Credentials)?;
    let party = browser.party(&app).ok_or_else(no_party)?;
    let name = webauthn::named(&input.credential).ok_or(Error::Credentials)?;
    let key = app.store.factor_passkey(&name).await?.ok_or(Error::Credentials)?;
    let user = app.store.user_get(key.user).await?;
    at.about.subject(user.email.as_str());
    let person = (key.public_key.as_slice(), &*key.user.to_string());
    let sign_count = webauthn::answered(&party, &ticket.body, person, &input.credential, true).map_err(|why| {
        tracing::info!(user.id = %key.user, %why, "a passkey was not accepted");
        Error::Credentials
    })?;
    let proof = Proof::Passkey { id: key.id, sign_count, ticket: (&ticket.hash, ticket.until) };
    let sign_in = SignIn { proof, attempts: Attempts { taken_back: &subjects, ..Attempts::default() } };
    enter(&app, (key.user, sign_in), input.token, &at, &browser).await.map_err(wrong)
}

/// Where the challenge is: in the body, or in the cookie of a browser that came back from a provider.
fn challenge_text(given: &Option<Secret>, browser: &Browser) -> Option<String> {
    let text = given.as_ref().map(Secret::reveal).or_else(|| browser.cookie(CHALLENGE_COOKIE))?;
    text.starts_with(CHALLENGE_PREFIX).then(|| text.to_owned())
}

async fn second_half(app: &App, at: &Public, browser: &Browser, text: &str, shown: Shown<'_>) -> Result<Entry> {
    let (hash, now) = (hash_token(text), app.clock.now());
    let challenge = app.store.factor_challenge_attempt(&hash, limits::CHALLENGE_ATTEMPTS, now).await?;
    let challenge = challenge.ok_or(Error::Credentials)?;
    at.about.subject(app.store.user_get(challenge.user).await?.email.as_str());
    prove::attempt(app, challenge.user).await?;
    let proven = prove::check(app, challenge.user, browser, shown).await?.ok_or(Error::Credentials)?;
    let counted = prove::subject(challenge.user);
    let sign_in = SignIn {
        proof: Proof::Challenge { token_hash: &hash, evidence: proven.evidence() },
        attempts: Attempts { forgotten: &[&counted], ..Attempts::default() },
    };
    let entered = enter(app, (challenge.user, sign_in), challenge.wants_tokens, at, browser).await.map_err(wrong)?;
    Ok(match entered {
        Entry::In(welcome, mut headers) => {
            for (name, value) in &forget_cookie(CHALLENGE_COOKIE, CHALLENGE_PATH)? {
                headers.append(name, value.clone());
            }
            Entry::In(welcome, headers)
        }
        more @ Entry::More(_) => more,
    })
}

/// A code or a signature that was used before is as wrong as one that never was right.
pub(super) fn used_up(error: StoreError) -> Error {
    match error {
        StoreError::Refused(Rule::FactorUsed) => Error::Credentials,
        other => other.into(),
    }
}

/// The same at the end of a sign-in, where who may not sign in learns no more than who is unknown.
fn wrong(error: Error) -> Error {
    match error {
        Error::Conflict { code: "not_active" | "factor_used", .. } => Error::Credentials,
        other => other,
    }
}

/// Passkeys are bound to an address, and nobody has said which one is ours.
pub(super) fn no_party() -> Error {
    Error::field("public_url", "passkeys need the server's public address; an admin has to set public_url first")
}
