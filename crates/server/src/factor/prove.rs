//! Checking what somebody shows as a second factor, and turning it into evidence that the store uses up.

use super::browser::Browser;
use super::{code, totp, webauthn};
use crate::app::App;
use crate::http::{Error, Result};
use crate::limits;
use ostler_model::{Secret, UserId};
use ostler_store::factor::Evidence;
use ostler_store::throttle::Attempt;
use ostler_wire::factor::PasskeyAnswer;

/// What somebody shows.
pub(super) enum Shown<'a> {
    Code(&'a Secret),
    Recovery(&'a Secret),
    /// With what it had to sign.
    Passkey {
        answer: &'a PasskeyAnswer,
        challenge: &'a [u8],
    },
}

/// Evidence that owns its parts.
#[derive(Debug)]
pub(super) enum Proven {
    Totp { id: ostler_model::FactorId, step: i64 },
    Recovery { hash: Vec<u8> },
    Passkey { id: ostler_model::FactorId, sign_count: u32 },
}

impl Proven {
    pub(super) fn evidence(&self) -> Evidence<'_> {
        match self {
            Proven::Totp { id, step } => Evidence::Totp { id: *id, step: *step },
            Proven::Recovery { hash } => Evidence::Recovery { hash },
            Proven::Passkey { id, sign_count } => Evidence::Passkey { id: *id, sign_count: *sign_count },
        }
    }
}

/// Under what attempts at somebody's second factor are counted.
pub(super) fn subject(user: UserId) -> String {
    format!("factor:{user}")
}

/// Counts an attempt at somebody's second factor before it is made, over all challenges and sessions, across restarts.
pub(super) async fn attempt(app: &App, user: UserId) -> Result<()> {
    let now = app.clock.now();
    match app.store.throttle_attempt(&[(subject(user).as_str(), limits::FACTOR)], now).await? {
        Attempt::Allowed => Ok(()),
        Attempt::Blocked { until } => Err(Error::TooMany { retry_after: until.since(now) }),
    }
}

/// Forgets the attempts, after a right one.
pub(super) async fn clear(app: &App, user: UserId) -> Result<()> {
    Ok(app.store.throttle_clear(&[subject(user).as_str()], app.clock.now()).await?)
}

/// What is shown, if it is right. Whether it was used before is the store's to say.
pub(super) async fn check(app: &App, user: UserId, browser: &Browser, shown: Shown<'_>) -> Result<Option<Proven>> {
    match shown {
        Shown::Code(code) => {
            let Some(app_factor) = app.store.factor_totp(user, false).await? else { return Ok(None) };
            let secret = hex::decode(app_factor.secret.reveal()).map_err(|e| Error::Internal(e.into()))?;
            let step = totp::step_of(&secret, code, app.clock.now());
            Ok(step.map(|step| Proven::Totp { id: app_factor.id, step }))
        }
        Shown::Recovery(text) => Ok(Some(Proven::Recovery { hash: code::hash(user, text) })),
        Shown::Passkey { answer, challenge } => {
            let Some(party) = browser.party(app) else { return Ok(None) };
            let Some(name) = webauthn::named(answer) else { return Ok(None) };
            let key = app.store.factor_passkey(&name).await?.filter(|key| key.user == user);
            let Some(key) = key else { return Ok(None) };
            match webauthn::answered(&party, challenge, (&key.public_key, &user.to_string()), answer, false) {
                Ok(sign_count) => Ok(Some(Proven::Passkey { id: key.id, sign_count })),
                Err(why) => {
                    tracing::info!(user.id = %user, %why, "a passkey was not accepted");
                    Ok(None)
                }
            }
        }
    }
}
