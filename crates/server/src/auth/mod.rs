//! Who is it? Sessions, API keys and nodes' signatures; signing in and out.
//!
//! Each kind of credential has its own place in a request and its own table, and none is accepted as another. What this room
//! does not do: decide what somebody may (that is `ostler_model::authz`).

mod access;
mod api;
mod authenticate;
mod device;
mod known;
mod password;
mod seen;
pub(crate) mod session;
pub(crate) mod token;

pub use access::Signer;
pub(crate) use access::signing_key;
pub use api::routes;
pub(crate) use authenticate::session_cookie;
pub use authenticate::{By, COOKIE, KEY_PREFIX, SECURE_COOKIE, authenticate, hash_token, presented};
pub(crate) use device::cookie as device_cookie;
pub use known::{Identity, Known, Proof};
pub use password::{Fit, Passwords, checked, checked_for, is_outdated};
pub use seen::Seen;
