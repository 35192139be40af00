//! Access tokens: signed statements that a family of tokens is whose it is, for a quarter of an hour.
//!
//! One algorithm, Ed25519, and the token has no say in it: a header that names anything else is refused before anything is
//! checked. A token alone proves nothing; its family is looked up on every request (or in what is [`Known`](super::Known)),
//! so that a revocation holds at once. Nothing else is signed with these keys.

use super::known::Proof;
use crate::app::App;
use crate::http::{Error, Result};
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler_model::authz::{Authority, Grant, Origin, Platform, SystemReason, Write, authorize};
use ostler_model::{InstallationId, Millis, Secret, SessionId, Time, UserId};
use ostler_runtime::{Clock, Ids};
use ostler_store::Store;
use ostler_store::token::{Purpose, SigningKey};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError, RwLock};

/// Who access tokens are for.
const AUDIENCE: &str = "ostler/access";
/// The form of an access token as its header says it.
const TYPE: &str = "at+jwt";
/// The only algorithm.
const ALGORITHM: &str = "EdDSA";
/// A new key is made when the newest is older.
const KEY_TIME: Millis = Millis::secs(90 * 24 * 3600);
/// Longer texts are no tokens of ours.
const MOST: usize = 1024;
/// Clocks of servers may differ by this much.
const SKEW_SECS: i64 = 60;
/// An unknown key's name is looked for in the database at most this often.
const LOOK: Millis = Millis::secs(2);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// Makes and checks access tokens.
pub struct Signer {
    issuer: String,
    own: Ed25519KeyPair,
    own_id: String,
    known: RwLock<Arc<Keys>>,
}

struct Keys {
    all: Vec<(String, Vec<u8>)>,
    read_at: Time,
}

impl Signer {
    /// With the installation's keys; the first start makes the first one.
    pub async fn load(store: &Store, ids: &Ids, clock: &Clock, installation: InstallationId) -> anyhow::Result<Self> {
        let now = clock.now();
        let (own_id, own, keys) = signing_key(store, ids, Purpose::Access, now).await?;
        let known = RwLock::new(Arc::new(Keys::of(keys, now)));
        Ok(Self { issuer: format!("ostler/{installation}"), own, own_id, known })
    }

    /// A token for this family, and when it ends.
    pub fn sign(&self, user: UserId, session: SessionId, now: Time) -> (Secret, Time) {
        let iat = now.as_millis().div_euclid(1000);
        let exp = iat + i64::try_from(limits::ACCESS_TIME.0 / 1000).unwrap_or(0);
        let header = Header { alg: ALGORITHM.into(), typ: TYPE.into(), kid: self.own_id.clone() };
        let claims = Claims { iss: self.issuer.clone(), aud: AUDIENCE.into(), sub: user, sid: session, iat, exp };
        let part = |json: serde_json::Result<Vec<u8>>| URL_SAFE_NO_PAD.encode(json.expect("plain data is JSON"));
        let text = format!("{}.{}", part(serde_json::to_vec(&header)), part(serde_json::to_vec(&claims)));
        let signature = URL_SAFE_NO_PAD.encode(self.own.sign(text.as_bytes()));
        (Secret::new(format!("{text}.{signature}")), Time::from_millis(exp * 1000))
    }

    /// Checks all that a token says by itself: form, algorithm, key, signature, issuer, audience, time.
    pub async fn check(&self, app: &App, token: &str) -> Result<Proof> {
        let now = app.clock.now();
        let (signed, signature) = token.rsplit_once('.').filter(|_| token.len() <= MOST).ok_or(Error::Credentials)?;
        let (header, claims) = signed.split_once('.').ok_or(Error::Credentials)?;
        let header: Header = read(header)?;
        if header.alg != ALGORITHM || header.typ != TYPE {
            return Err(Error::Credentials);
        }
        let public = self.public(&app.store, &header.kid, now).await?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Error::Credentials)?;
        let key = UnparsedPublicKey::new(&ED25519, &public);
        key.verify(signed.as_bytes(), &signature).map_err(|_| Error::Credentials)?;
        let claims: Claims = read(claims)?;
        let now_secs = now.as_millis().div_euclid(1000);
        let is_ours = claims.iss == self.issuer && claims.aud == AUDIENCE;
        if !is_ours || claims.exp <= now_secs || claims.iat > now_secs + SKEW_SECS {
            return Err(Error::Credentials);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, token.as_bytes()).as_ref());
        let until = Time::from_millis(claims.exp.saturating_mul(1000));
        Ok(Proof::Access { hash, session: claims.sid, user: claims.sub, until })
    }

    /// The public half of a key by its name. Another server may have made it a moment ago.
    async fn public(&self, store: &Store, id: &str, now: Time) -> Result<Vec<u8>> {
        let keys = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(public) = keys.find(id) {
            return Ok(public.to_vec());
        }
        if keys.read_at <= now && now.since(keys.read_at) < LOOK {
            return Err(Error::Credentials);
        }
        let fresh = Arc::new(Keys::of(store.signing_keys(Purpose::Access).await?, now));
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        fresh.find(id).map(<[u8]>::to_vec).ok_or(Error::Credentials)
    }
}

impl Keys {
    fn of(keys: Vec<SigningKey>, read_at: Time) -> Self {
        Self { all: keys.into_iter().map(|key| (key.id, key.public)).collect(), read_at }
    }
    fn find(&self, id: &str) -> Option<&[u8]> {
        self.all.iter().find(|(name, _)| name == id).map(|(_, public)| public.as_slice())
    }
}

fn read<T: serde::de::DeserializeOwned>(part: &str) -> Result<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Error::Credentials)?;
    serde_json::from_slice(&bytes).map_err(|_| Error::Credentials)
}

/// The installation's newest key of a purpose with its private half, and all of the purpose. Makes one when there is none,
/// or only old ones.
pub(crate) async fn signing_key(
    store: &Store,
    ids: &Ids,
    purpose: Purpose,
    now: Time,
) -> anyhow::Result<(String, Ed25519KeyPair, Vec<SigningKey>)> {
    let who = Authority::system(SystemReason::Setup);
    let grant: Grant<Platform, Write> = authorize(&who, &Platform, &Arc::new(Origin::default()))
        .map_err(|denied| anyhow::anyhow!("the platform may not keep its own keys: {denied:?}"))?;
    let seed = ids.bytes::<32>();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| anyhow::anyhow!("a key could not be made"))?;
    let public = pair.public_key().as_ref().to_vec();
    let name = hex::encode(&ring::digest::digest(&ring::digest::SHA256, &public).as_ref()[..8]);
    let new = SigningKey { id: name, public, secret: ids.next(), created_at: now };
    // Nodes have pinned the key for links: a newer one would be a stranger's.
    let stale_before = if purpose == Purpose::Link { Time::ZERO } else { now - KEY_TIME };
    let keys =
        store.signing_key_init(&grant, purpose, (&new, &Secret::new(hex::encode(seed))), stale_before, now).await?;
    let newest = keys.first().ok_or_else(|| anyhow::anyhow!("no signing key is there"))?.clone();
    let seed = hex::decode(store.secret_get(newest.secret, grant.id()).await?.reveal())?;
    let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, &newest.public)
        .map_err(|_| anyhow::anyhow!("the signing key {} and its public half do not belong together", newest.id))?;
    Ok((newest.id, pair, keys))
}
