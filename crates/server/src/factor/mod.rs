//! Strong sign-in: authenticator apps, recovery codes, passkeys, and who demands them.
//!
//! `enter` is the one way from "this person has shown a first factor" to a session, whatever the first factor was; it asks for
//! the second one when there is one. Nothing here makes a session from anything else. Whatever changes factors wants a session
//! (never an API key) that has lately proven who is behind it.

mod api;
mod browser;
mod code;
mod confirm;
mod cose;
mod enter;
#[cfg(test)]
mod fuzz;
mod passkey;
mod prove;
mod require;
mod signin;
pub(crate) mod ticket;
mod totp;
mod webauthn;

pub use browser::FromBrowser;
pub(crate) use browser::{Browser, cookie, forget_cookie};
pub(crate) use confirm::{confirmed, in_person, is_confirmed};
pub use enter::Entry;
pub(crate) use enter::{enter, pending_cookie};
pub(crate) use require::{gate, needed, standing_view};

use crate::http::Routes;

/// The room's endpoints.
pub fn routes() -> Vec<Routes> {
    vec![signin::routes(), api::routes(), passkey::routes(), confirm::routes(), require::routes()]
}
