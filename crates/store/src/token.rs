//! Refresh tokens and the keys that access tokens are signed with.
//!
//! A family of refresh tokens is a session of the kind `token`: whatever ends sessions ends families. A refresh token works
//! once. A used one stays on record as long as its family, so that its return, which means that somebody has a copy, is seen.

use crate::db::error::{Result, StoreError};
use crate::db::redact::Told;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::Note;
use crate::db::value::args;
use crate::secret::sealed;
use crate::session::{Begun, SignIn, begin};
use ostler_model::audit::Outcome;
use ostler_model::authz::{Actor, ActorKind, Collection, Grant, Platform, Write};
use ostler_model::user::Session;
use ostler_model::{Secret, SecretId, SessionId, Time, UserId};
use serde_json::json;

/// A refresh token, as it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Refresh<'a> {
    pub hash: &'a [u8],
    pub expires_at: Time,
}

/// What became of a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// The old token is used up and the new one holds.
    Done { session: SessionId, user: UserId },
    /// It was used before.
    Reused,
    /// There is no such token, its time is over, or its person may not sign in.
    Unknown,
}

/// What a signing key is for. None is ever used for another purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Access tokens.
    Access,
    /// Checkpoints of the audit trail.
    Audit,
    /// What shows nodes that a server is their control plane. Nodes pin it, so it stays the same.
    Link,
}

impl Purpose {
    /// The stored spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Purpose::Access => "access",
            Purpose::Audit => "audit",
            Purpose::Link => "link",
        }
    }
}

/// A signing key. The private half is read with [`Store::secret_get`] and the owner `platform`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// How tokens and checkpoints name it.
    pub id: String,
    pub public: Vec<u8>,
    pub secret: SecretId,
    pub created_at: Time,
}

impl Store {
    /// Begins a family of tokens of a person who is active at this moment. `None` when a second factor is wanted first.
    pub async fn token_create(
        &self,
        grant: &Grant<Collection<Session>, Write>,
        session: &Session,
        refresh: Refresh<'_>,
        sign_in: SignIn<'_>,
        at: Time,
    ) -> Result<Option<Begun>> {
        // The session's own place for a cookie's hash has to be filled, with something that no cookie has.
        let nothing = ring::digest::digest(&ring::digest::SHA256, &[b"family of ", refresh.hash].concat());
        change!(self, "token_create", at, |tx| {
            let begun = begin(tx, grant, (session, nothing.as_ref()), sign_in).await?;
            if begun.is_some() {
                tx.exec(
                    "INSERT INTO refresh_token (token_hash, session_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
                    args![refresh.hash, session.id, at, refresh.expires_at],
                )
                .await?;
            }
            Ok(begun)
        })
    }
    /// Exchanges a refresh token for a new one. Of many that try at once with the same token, one succeeds.
    pub async fn token_rotate(
        &self,
        grant: &Grant<Collection<Session>, Write>,
        old_hash: &[u8],
        new: Refresh<'_>,
        at: Time,
    ) -> Result<Refreshed> {
        change!(self, "token_rotate", at, |tx| {
            let used = tx
                .opt(
                    "UPDATE refresh_token SET used_at = $2
                     WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING session_id",
                    args![old_hash, at],
                )
                .await?;
            let Some(used) = used else {
                let sql = "SELECT used_at FROM refresh_token WHERE token_hash = $1";
                let row = tx.opt(sql, args![old_hash]).await?;
                let was_used = row.map(|row| row.get::<Option<Time>>("used_at")).transpose()?.flatten().is_some();
                return Ok(if was_used { Refreshed::Reused } else { Refreshed::Unknown });
            };
            let session: SessionId = used.get("session_id")?;
            let row = tx
                .opt(
                    "SELECT u.id, u.email, s.expires_at FROM session s JOIN users u ON u.id = s.user_id
                     WHERE s.id = $1 AND s.kind = 'token' AND s.expires_at > $2 AND u.state = 'active'",
                    args![session, at],
                )
                .await?;
            let Some(row) = row else { return Ok(Refreshed::Unknown) };
            let user: UserId = row.get("id")?;
            tx.exec(
                "INSERT INTO refresh_token (token_hash, session_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
                args![new.hash, session, at, new.expires_at],
            )
            .await?;
            tx.exec(
                "UPDATE session SET seen_at = $2, expires_at = $3 WHERE id = $1",
                args![session, at, new.expires_at],
            )
            .await?;
            let until = |at: Time| json!({ "expires_at": at });
            let told = Told::changed(&until(row.get("expires_at")?), &until(new.expires_at));
            tx.note(note(user, row.get("email")?, grant, ("session.refresh", told), session, Outcome::Done));
            Ok(Refreshed::Done { session, user })
        })
    }
    /// Ends the family of a refresh token that was used before. True when that was this call.
    pub async fn token_reused(&self, grant: &Grant<Collection<Session>, Write>, hash: &[u8], at: Time) -> Result<bool> {
        change!(self, "token_reused", at, |tx| {
            let row = tx
                .opt(
                    "SELECT s.id AS session_id, u.id, u.email FROM refresh_token t JOIN session s ON s.id = t.session_id
                     JOIN users u ON u.id = s.user_id WHERE t.token_hash = $1 AND t.used_at IS NOT NULL",
                    args![hash],
                )
                .await?;
            let Some(row) = row else { return Ok(false) };
            let session: SessionId = row.get("session_id")?;
            let done = tx.exec("DELETE FROM session WHERE id = $1", args![session]).await?;
            if done > 0 {
                let email = row.get("email")?;
                let told = ("session.token_reuse", Told::act());
                tx.note(note(row.get("id")?, email, grant, told, session, Outcome::Refused));
            }
            Ok(done > 0)
        })
    }
    /// When the family of a session may live to at the most: its beginning, for the server's own rule.
    pub async fn token_family_began(&self, hash: &[u8]) -> Result<Option<Time>> {
        read!(self, "token_family_began", |db| {
            let row = db
                .opt(
                    "SELECT s.created_at FROM refresh_token t JOIN session s ON s.id = t.session_id WHERE t.token_hash = $1",
                    args![hash],
                )
                .await?;
            row.map(|row| row.get("created_at")).transpose()
        })
    }
    /// Keeps a new signing key, unless there is one of this purpose that was made after `stale_before`. Returns all of the
    /// purpose, newest first: of servers that start at once, all get the same.
    pub async fn signing_key_init(
        &self,
        grant: &Grant<Platform, Write>,
        purpose: Purpose,
        new: (&SigningKey, &Secret),
        stale_before: Time,
        at: Time,
    ) -> Result<Vec<SigningKey>> {
        let (key, secret) = new;
        let (key_id, bytes) = sealed(self.key(), key.secret, grant.id(), secret);
        change!(self, "signing_key_init", at, |tx| {
            tx.lock("signing keys").await?;
            let have = keys(&tx.all(ALL_KEYS, args![purpose.as_str()]).await?)?;
            if have.first().is_some_and(|newest| newest.created_at > stale_before) {
                return Ok(have);
            }
            tx.exec(
                "INSERT INTO secret (id, owner, key_id, sealed, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $5)",
                args![key.secret, grant.id(), key_id, bytes, at],
            )
            .await?;
            tx.exec(
                "INSERT INTO signing_key (id, purpose, public_key, secret_id, created_at) VALUES ($1, $2, $3, $4, $5)",
                args![key.id, purpose.as_str(), key.public, key.secret, at],
            )
            .await?;
            let told = json!({ "purpose": purpose.as_str(), "public_key": hex::encode(&key.public) });
            tx.audit(grant, "platform.signing_key", &key.id, Told::made(&told));
            keys(&tx.all(ALL_KEYS, args![purpose.as_str()]).await?)
        })
    }
    /// The signing keys of a purpose, newest first.
    pub async fn signing_keys(&self, purpose: Purpose) -> Result<Vec<SigningKey>> {
        read!(self, "signing_keys", |db| { keys(&db.all(ALL_KEYS, args![purpose.as_str()]).await?) })
    }
}

const ALL_KEYS: &str = "SELECT id, public_key, secret_id, created_at FROM signing_key WHERE purpose = $1 ORDER BY created_at DESC, id DESC";

fn keys(rows: &[Row]) -> Result<Vec<SigningKey>, StoreError> {
    let read = |row: &Row| {
        Ok(SigningKey {
            id: row.get("id")?,
            public: row.get("public_key")?,
            secret: row.get("secret_id")?,
            created_at: row.get("created_at")?,
        })
    };
    rows.iter().map(read).collect()
}

fn note(
    user: UserId,
    email: String,
    grant: &Grant<Collection<Session>, Write>,
    (action, told): (&str, Told),
    session: SessionId,
    outcome: Outcome,
) -> Note {
    Note {
        workspace: None,
        actor: Actor { kind: ActorKind::User(user), label: email },
        origin: grant.origin().clone(),
        action: action.to_owned(),
        target_kind: "session".to_owned(),
        target_id: session.to_string(),
        outcome,
        told,
    }
}
