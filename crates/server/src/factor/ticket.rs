//! Sealed tickets: what a browser carries between two requests of one ceremony, and can neither read, change nor use twice.
//!
//! They cost nobody a row until they are used, so that strangers who begin ceremonies cannot fill the database.

use crate::app::App;
use crate::http::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler_model::{Millis, Time};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longer texts are no tickets of ours.
const MOST: usize = 4096;

/// What a ticket is for. A ticket for one thing never opens as one for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Adding a passkey.
    PasskeyCreate,
    /// Signing in with a passkey alone.
    PasskeyLogin,
    /// Proving anew who one is, with a passkey.
    PasskeyConfirm,
    /// Being away at a provider.
    Oidc,
    /// A browser in which a person has signed in before.
    Device,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Purpose::PasskeyCreate => "ticket/passkey-create",
            Purpose::PasskeyLogin => "ticket/passkey-login",
            Purpose::PasskeyConfirm => "ticket/passkey-confirm",
            Purpose::Oidc => "ticket/oidc",
            Purpose::Device => "ticket/device",
        }
    }
}

/// An opened ticket.
#[derive(Debug, Clone)]
pub(crate) struct Ticket<T> {
    pub(crate) body: T,
    /// What is remembered of it once it is used.
    pub(crate) hash: Vec<u8>,
    pub(crate) until: Time,
}

#[derive(Serialize, Deserialize)]
struct Form<T> {
    until: Time,
    body: T,
}

/// Seals a ticket that is good for a while.
pub(crate) fn seal<T: Serialize>(app: &App, purpose: Purpose, body: T, span: Millis) -> Result<String> {
    let form = Form { until: app.clock.now() + span, body };
    let text = serde_json::to_string(&form).map_err(|e| Error::Internal(e.into()))?;
    Ok(URL_SAFE_NO_PAD.encode(app.store.ticket_seal(purpose.as_str(), &text)))
}

/// Opens one. What was not sealed here for this purpose, or is over, is `None`.
pub(crate) fn open<T: DeserializeOwned>(app: &App, purpose: Purpose, text: &str) -> Option<Ticket<T>> {
    let sealed = URL_SAFE_NO_PAD.decode(text).ok().filter(|_| text.len() <= MOST)?;
    let plain = app.store.ticket_open(purpose.as_str(), &sealed)?;
    let Form { until, body } = serde_json::from_str(&plain).ok()?;
    let hash = ring::digest::digest(&ring::digest::SHA256, &sealed).as_ref().to_vec();
    (app.clock.now() < until).then_some(Ticket { body, hash, until })
}
