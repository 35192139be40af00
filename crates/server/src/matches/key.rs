//! Who a bot is: the platform's own by the configured key, others by the keys that were handed out.

use crate::app::App;
use crate::http::{Call, Caller, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use ostler_model::authz::Authority;
use ostler_model::factor::Standing;
use ring::digest::{SHA256, digest as sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// The one place where bots present their keys.
const HEADER: &str = "x-admin-bot-key";
/// What handed-out keys begin with.
pub(super) const PREFIX: &str = "ostbot_";
/// Longer texts are no keys.
const MOST: usize = 1024;

/// SHA-256, which is all that is kept of a key.
pub(super) fn digest(key: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(sha256(&SHA256, key).as_ref());
    out
}

/// A new key.
pub(super) fn mint(app: &App) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(app.ids.bytes::<32>()))
}

/// Enough to recognise a key by, far too little to guess the rest.
pub(super) fn shown(key: &str) -> String {
    key.chars().take(PREFIX.len() + 6).collect()
}

/// Finds out which bot makes a request. Whatever else it presents is not looked at.
pub(crate) async fn authenticate(call: &mut Call, parts: &Parts) -> Result<Arc<Caller>> {
    let mut values = parts.headers.get_all(HEADER).iter();
    let (first, second) = (values.next(), values.next());
    let given = first.map(|value| value.as_bytes()).filter(|key| !key.is_empty() && key.len() <= MOST);
    let given = digest(given.filter(|_| second.is_none()).ok_or(Error::Credentials)?);
    let app = &call.app;
    // Digests have one length, so the comparison tells nothing about the key's.
    let is_own: bool = app.matches.own_key().is_some_and(|own| own[..].ct_eq(&given[..]).into());
    let authority = if is_own {
        Authority::bot(None, "bot:platform")
    } else {
        let bot = app.store.bot_by_key(&given).await?.ok_or(Error::Credentials)?;
        let now = app.clock.now();
        app.matches.spend(bot.id, bot.per_minute, now).map_err(|retry_after| Error::TooMany { retry_after })?;
        if app.matches.is_to_touch(bot.id, now) {
            app.store.bot_touch(bot.id, now).await?;
        }
        let authority = Authority::bot(Some(bot.id), &format!("bot:{}", bot.name));
        call.bot = Some(Arc::new(bot));
        authority
    };
    Ok(Arc::new(Caller {
        authority,
        origin: call.origin.clone(),
        user: None,
        session: None,
        key: None,
        standing: Standing::default(),
    }))
}
