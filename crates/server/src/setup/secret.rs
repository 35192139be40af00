//! The setup secret: a new one at each start until somebody has used one. Only its hash is kept.

use crate::http::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler_model::Secret;
use ostler_model::authz::{Authority, Grant, Origin, Platform, SystemReason, Write, authorize};
use ostler_runtime::{Clock, Ids};
use ostler_store::{Store, setting};
use ring::digest::{SHA256, digest};
use std::sync::Arc;

/// Makes a new secret when nobody is installed yet. It is printed on the console and is good for one use.
pub(crate) async fn prepare(store: &Store, ids: &Ids, clock: &Clock) -> Result<Option<Secret>> {
    if store.setting_get(setting::INSTALLED_AT).await?.is_some() {
        return Ok(None);
    }
    let secret = URL_SAFE_NO_PAD.encode(ids.bytes::<24>());
    let grant = grant(&Arc::new(Origin::default()))?;
    store.setting_set(&grant, setting::SETUP_SECRET_HASH, &hash(&secret), clock.now()).await?;
    Ok(Some(Secret::new(secret)))
}

/// The platform's own right to set itself up.
pub(super) fn grant(origin: &Arc<Origin>) -> Result<Grant<Platform, Write>> {
    Ok(authorize(&Authority::system(SystemReason::Setup), &Platform, origin)?)
}

/// What is kept of a secret.
pub(super) fn hash(secret: &str) -> String {
    hex::encode(digest(&SHA256, secret.as_bytes()))
}
