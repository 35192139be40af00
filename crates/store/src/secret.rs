//! Secrets at rest: sealed with ChaCha20-Poly1305 under a master key that is never in the database.

use crate::db::error::{Result, StoreError};
use crate::db::redact::Told;
use crate::db::store::{Store, change, read};
use crate::db::value::args;
use ostler_model::authz::{Grant, Resource, Write};
use ostler_model::{Id as _, Secret, SecretId, Time};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use serde_json::json;

/// The keys that secrets are sealed with: one for new ones, older ones to read what they sealed.
#[derive(Clone)]
pub struct MasterKey {
    current: [u8; 32],
    older: Vec<[u8; 32]>,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({})", key_id(&self.current))
    }
}

impl MasterKey {
    /// A key of 32 random bytes.
    pub fn new(key: [u8; 32]) -> Self {
        Self { current: key, older: Vec::new() }
    }
    /// The same, and still able to read what this older key sealed.
    #[must_use]
    pub fn with_older(mut self, key: [u8; 32]) -> Self {
        self.older.push(key);
        self
    }
    fn find(&self, id: &str) -> Option<&[u8; 32]> {
        std::iter::once(&self.current).chain(&self.older).find(|key| key_id(key) == id)
    }
}

/// Says which key it was without telling anything about it.
fn key_id(key: &[u8; 32]) -> String {
    hex::encode(&derive(key, b"id")[..8])
}

fn derive(key: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose);
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    out
}

/// What the sealed bytes are bound to.
fn binding(id: SecretId, owner: &str) -> Vec<u8> {
    format!("{id}/{owner}").into_bytes()
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(
        UnboundKey::new(&CHACHA20_POLY1305, &derive(key, b"seal")).expect("the key has the cipher's length"),
    )
}

fn seal(key: &[u8; 32], id: SecretId, owner: &str, plain: &[u8]) -> Vec<u8> {
    // A nonce made from the content: two different contents practically never share one, and the same content for the same
    // secret gives the same bytes, which tells nothing new.
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &derive(key, b"nonce")));
    let bound = binding(id, owner);
    context.update(&(bound.len() as u64).to_be_bytes());
    context.update(&bound);
    context.update(plain);
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&context.sign().as_ref()[..12]);
    let mut sealed = plain.to_vec();
    cipher(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&bound), &mut sealed)
        .expect("a secret is far shorter than the cipher's limit");
    [&nonce[..], &sealed].concat()
}

fn open(key: &[u8; 32], id: SecretId, owner: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, body) = sealed.split_first_chunk::<12>()?;
    let mut body = body.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plain = cipher(key).open_in_place(nonce, Aad::from(binding(id, owner)), &mut body).ok()?;
    Some(plain.to_vec())
}

/// The name of the key and the sealed bytes, for rooms that write the row in a transaction of their own.
pub(crate) fn sealed(master: &MasterKey, id: SecretId, owner: &str, secret: &Secret) -> (String, Vec<u8>) {
    (key_id(&master.current), seal(&master.current, id, owner, secret.reveal().as_bytes()))
}

impl Store {
    /// Seals a short-lived ticket that its holder carries and cannot read or change. The purpose is sealed in: a ticket for
    /// one thing never opens as one for another.
    pub fn ticket_seal(&self, purpose: &str, plain: &str) -> Vec<u8> {
        seal(&self.key().current, SecretId::from_parts(Time::ZERO, 0), purpose, plain.as_bytes())
    }
    /// Opens a ticket of this purpose. `None` when it was not sealed here, or for something else.
    pub fn ticket_open(&self, purpose: &str, sealed: &[u8]) -> Option<String> {
        let id = SecretId::from_parts(Time::ZERO, 0);
        let keys = std::iter::once(&self.key().current).chain(&self.key().older);
        let plain = keys.into_iter().find_map(|key| open(key, id, purpose, sealed))?;
        String::from_utf8(plain).ok()
    }
    /// Seals and stores a secret that belongs to the grant's resource; an existing one is replaced.
    pub async fn secret_put<R: Resource>(
        &self,
        grant: &Grant<R, Write>,
        id: SecretId,
        secret: &Secret,
        at: Time,
    ) -> Result<()> {
        let (owner, key) = (grant.id(), &self.key().current);
        let sealed = seal(key, id, owner, secret.reveal().as_bytes());
        change!(self, "secret_put", at, |tx| {
            // The owner is part of the condition: nobody replaces the secret of another thing by its id.
            let before = tx.opt("SELECT changed_at FROM secret WHERE id = $1 AND owner = $2", args![id, owner]).await?;
            let before = before.map(|row| row.get::<Time>("changed_at")).transpose()?;
            let done = tx
                .exec(
                    "INSERT INTO secret (id, owner, key_id, sealed, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $5)
                     ON CONFLICT (id) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed,
                         changed_at = excluded.changed_at WHERE secret.owner = excluded.owner",
                    args![id, owner, key_id(key), sealed, at],
                )
                .await?;
            if done == 0 {
                return Err(StoreError::missing("secret", id));
            }
            let told = Told::changed(&before.map_or(json!({}), kept), &kept(at));
            tx.audit(grant, "secret.put", id, told);
            Ok(())
        })
    }
    /// Opens a secret of this owner.
    pub async fn secret_get(&self, id: SecretId, owner: &str) -> Result<Secret> {
        let (key, sealed): (String, Vec<u8>) = read!(self, "secret_get", |db| {
            let row =
                db.opt("SELECT key_id, sealed FROM secret WHERE id = $1 AND owner = $2", args![id, owner]).await?;
            let row = row.ok_or_else(|| StoreError::missing("secret", id))?;
            Ok((row.get("key_id")?, row.get("sealed")?))
        })?;
        let plain = self.key().find(&key).and_then(|key| open(key, id, owner, &sealed));
        let text = plain.and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(Secret::new).ok_or_else(|| StoreError::Sealed { id: id.to_string() })
    }
    /// Removes a secret of the grant's resource. True when there was one.
    pub async fn secret_delete<R: Resource>(&self, grant: &Grant<R, Write>, id: SecretId, at: Time) -> Result<bool> {
        change!(self, "secret_delete", at, |tx| {
            let sql = "DELETE FROM secret WHERE id = $1 AND owner = $2 RETURNING changed_at";
            let row = tx.opt(sql, args![id, grant.id()]).await?;
            if let Some(row) = &row {
                tx.audit(grant, "secret.delete", id, Told::gone(&kept(row.get("changed_at")?)));
            }
            Ok(row.is_some())
        })
    }
    /// Seals up to `limit` secrets of older keys anew with the current one. Zero means that all are done.
    pub async fn secret_reseal(
        &self,
        grant: &Grant<ostler_model::authz::Platform, Write>,
        limit: u32,
        at: Time,
    ) -> Result<usize> {
        let current = key_id(&self.key().current);
        change!(self, "secret_reseal", at, |tx| {
            let rows = tx
                .all(
                    "SELECT id, owner, key_id, sealed FROM secret WHERE key_id <> $1 ORDER BY id LIMIT $2",
                    args![current, limit],
                )
                .await?;
            for row in &rows {
                let (id, owner): (SecretId, String) = (row.get("id")?, row.get("owner")?);
                let (key, sealed): (String, Vec<u8>) = (row.get("key_id")?, row.get("sealed")?);
                let plain = self.key().find(&key).and_then(|key| open(key, id, &owner, &sealed));
                let plain = plain.ok_or_else(|| StoreError::Sealed { id: id.to_string() })?;
                let sealed = seal(&self.key().current, id, &owner, &plain);
                tx.exec(
                    "UPDATE secret SET key_id = $2, sealed = $3, changed_at = $4 WHERE id = $1",
                    args![id, current, sealed, at],
                )
                .await?;
            }
            if !rows.is_empty() {
                tx.audit(grant, "secret.reseal", "platform", Told::act().with("count", rows.len()));
            }
            Ok(rows.len())
        })
    }
}

/// What the audit trail says about a secret: since when it is this one.
fn kept(at: Time) -> serde_json::Value {
    json!({ "set_at": at })
}
