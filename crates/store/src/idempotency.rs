//! `Idempotency-Key`: the first request with a key does the work, each further one gets the same answer.

use crate::db::error::Result;
use crate::db::store::{Store, change};
use crate::db::value::args;
use ostler_model::Time;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: do the work, then call [`Store::idempotency_finish`], or [`Store::idempotency_abandon`] when nothing was done.
    New,
    /// The work is done, and this was the answer.
    Done { status: u16, body: String },
    /// Another request with this key is at work.
    UnderWay,
    /// The key was used for a different request.
    Different,
}

impl Store {
    /// Takes a key for a request with this digest. Of many at the same time exactly one gets [`Begun::New`].
    pub async fn idempotency_begin(
        &self,
        actor: &str,
        key: &str,
        digest: &str,
        expires_at: Time,
        at: Time,
    ) -> Result<Begun> {
        change!(self, "idempotency_begin", at, |tx| {
            // An expired entry counts as none.
            let mine = tx
                .exec(
                    "INSERT INTO idempotency (actor, idempotency_key, digest, expires_at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (actor, idempotency_key) DO UPDATE SET digest = excluded.digest, status = NULL,
                         body = NULL, expires_at = excluded.expires_at WHERE idempotency.expires_at <= $5",
                    args![actor, key, digest, expires_at, at],
                )
                .await?;
            if mine > 0 {
                return Ok(Begun::New);
            }
            let sql = "SELECT digest, status, body FROM idempotency WHERE actor = $1 AND idempotency_key = $2";
            let row = tx.one(sql, args![actor, key]).await?;
            if row.get::<String>("digest")? != digest {
                return Ok(Begun::Different);
            }
            Ok(match row.get::<Option<u16>>("status")? {
                Some(status) => Begun::Done { status, body: row.get::<Option<String>>("body")?.unwrap_or_default() },
                None => Begun::UnderWay,
            })
        })
    }
    /// Keeps the answer for those who ask again.
    pub async fn idempotency_finish(&self, actor: &str, key: &str, status: u16, body: &str, at: Time) -> Result<()> {
        change!(self, "idempotency_finish", at, |tx| {
            tx.exec(
                "UPDATE idempotency SET status = $3, body = $4 WHERE actor = $1 AND idempotency_key = $2",
                args![actor, key, status, body],
            )
            .await
            .map(|_| ())
        })
    }
    /// Lets go of a key whose request did nothing, so that it may be tried again.
    pub async fn idempotency_abandon(&self, actor: &str, key: &str, at: Time) -> Result<()> {
        change!(self, "idempotency_abandon", at, |tx| {
            tx.exec(
                "DELETE FROM idempotency WHERE actor = $1 AND idempotency_key = $2 AND status IS NULL",
                args![actor, key],
            )
            .await
            .map(|_| ())
        })
    }
    /// Removes up to `limit` expired keys and says how many.
    pub async fn idempotency_expire(&self, limit: u32, at: Time) -> Result<u64> {
        change!(self, "idempotency_expire", at, |tx| {
            tx.exec(
                "DELETE FROM idempotency WHERE expires_at <= $1 AND (actor, idempotency_key) IN
                     (SELECT actor, idempotency_key FROM idempotency WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                args![at, limit],
            )
            .await
        })
    }
}
