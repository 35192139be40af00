//! What somebody behind an open stream or socket may do *now*.
//!
//! A request is decided on once, but a stream stays open for hours: who was signed out, thrown out or given less must not go
//! on reading. So the credentials that opened it are looked up again, at most once a second and whenever rights have changed.

use crate::app::App;
use crate::auth::{COOKIE, hash_token};
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE as COOKIE_HEADER};
use ostler_model::authz::Authority;
use ostler_model::{Millis, Time};
use ostler_store::StoreError;

/// Rights may be this old.
pub const FRESH: Millis = Millis(900);

/// The credentials of an open stream.
pub struct Standing {
    app: App,
    proof: Proof,
    authority: Authority,
    checked_at: Time,
}

enum Proof {
    Session(Vec<u8>),
    Key(Vec<u8>),
}

impl Standing {
    /// For the request that opened the stream and the rights that it had. `None` without usable credentials.
    pub fn new(app: &App, headers: &HeaderMap, authority: &Authority) -> Option<Self> {
        let proof = match headers.get(AUTHORIZATION) {
            Some(value) => {
                let (_, secret) = value.to_str().ok()?.split_once(' ')?;
                Proof::Key(hash_token(secret.trim()))
            }
            None => Proof::Session(hash_token(cookie(headers)?)),
        };
        Some(Self { app: app.clone(), proof, authority: authority.clone(), checked_at: app.clock.now() })
    }

    /// The rights of this moment; `None` when the credentials are not valid any more. When the database cannot be asked the
    /// answer is an error: nobody is let through on old rights.
    pub async fn now(&mut self) -> Result<Option<&Authority>, StoreError> {
        let now = self.app.clock.now();
        // A clock that was set back makes rights old, not young.
        if self.checked_at <= now && now.since(self.checked_at) < FRESH {
            return Ok(Some(&self.authority));
        }
        self.look().await
    }

    /// The same, looked up at once.
    pub async fn look(&mut self) -> Result<Option<&Authority>, StoreError> {
        let now = self.app.clock.now();
        let found = match &self.proof {
            Proof::Session(hash) => self.app.store.session_authority(hash, now).await?.map(|found| found.authority),
            Proof::Key(hash) => self.app.store.key_authority(hash, now).await?.map(|found| found.authority),
        };
        let Some(authority) = found else { return Ok(None) };
        self.authority = authority;
        self.checked_at = now;
        Ok(Some(&self.authority))
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE_HEADER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .filter(|value| !value.is_empty())
}
