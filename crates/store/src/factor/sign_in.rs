//! What a second factor is shown for: half-done sign-ins, proving anew who one is, and tickets that work once.

use crate::db::error::{Result, Rule};
use crate::db::redact::Told;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::session::{Proof, entitled};
use ostler_model::authz::{Collection, Grant, Write};
use ostler_model::user::Session;
use ostler_model::{FactorId, SessionId, Time, UserId};
use serde_json::json;

/// What showed that somebody has a factor. Checked already; the store sees to it that it works once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence<'a> {
    /// A code of the app, by the step that it belongs to.
    Totp { id: FactorId, step: i64 },
    /// A recovery code.
    Recovery { hash: &'a [u8] },
    /// A signature of a passkey, with the count that it showed.
    Passkey { id: FactorId, sign_count: u32 },
}

/// The beginning of a sign-in that still wants a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    pub user: UserId,
    pub wants_tokens: bool,
    pub expires_at: Time,
}

impl Store {
    /// Begins the second half of a sign-in, while what was shown in the first still counts.
    pub async fn factor_challenge_create(
        &self,
        grant: &Grant<Collection<Session>, Write>,
        token_hash: &[u8],
        challenge: Challenge,
        proof: Proof<'_>,
        at: Time,
    ) -> Result<()> {
        change!(self, "factor_challenge_create", at, |tx| {
            entitled(tx, challenge.user, proof).await?;
            // Whoever has the password could fill the table: older ones of this person make room.
            tx.exec(
                "DELETE FROM factor_challenge WHERE user_id = $1 AND token_hash NOT IN
                     (SELECT token_hash FROM factor_challenge WHERE user_id = $1 ORDER BY created_at DESC LIMIT 9)",
                args![challenge.user],
            )
            .await?;
            tx.exec(
                "INSERT INTO factor_challenge (token_hash, user_id, wants_tokens, attempts, created_at, expires_at)
                 VALUES ($1, $2, $3, 0, $4, $5)",
                args![token_hash, challenge.user, challenge.wants_tokens, at, challenge.expires_at],
            )
            .await?;
            tx.audit(grant, "session.challenge", challenge.user, Told::act());
            Ok(())
        })
    }
    /// A challenge that has not expired.
    pub async fn factor_challenge_find(&self, token_hash: &[u8], now: Time) -> Result<Option<Challenge>> {
        read!(self, "factor_challenge_find", |db| {
            let sql = "SELECT * FROM factor_challenge WHERE token_hash = $1 AND expires_at > $2";
            db.opt(sql, args![token_hash, now]).await?.as_ref().map(challenge).transpose()
        })
    }
    /// Counts an attempt before it is made. `None` when the challenge is unknown or over, or has had its attempts.
    pub async fn factor_challenge_attempt(&self, token_hash: &[u8], most: u32, at: Time) -> Result<Option<Challenge>> {
        change!(self, "factor_challenge_attempt", at, |tx| {
            let row = tx
                .opt(
                    "UPDATE factor_challenge SET attempts = attempts + 1
                     WHERE token_hash = $1 AND expires_at > $2 AND attempts < $3 RETURNING *",
                    args![token_hash, at, most],
                )
                .await?;
            row.as_ref().map(challenge).transpose()
        })
    }
    /// Remembers that the person of a session has proven anew who they are, and uses up what they showed.
    pub async fn session_prove(
        &self,
        grant: &Grant<Session, Write>,
        user: UserId,
        evidence: Option<Evidence<'_>>,
        ticket: Option<(&[u8], Time)>,
        at: Time,
    ) -> Result<()> {
        change!(self, "session_prove", at, |tx| {
            if let Some((hash, until)) = ticket {
                spend(tx, hash, until).await?;
            }
            if let Some(evidence) = evidence {
                use_up(tx, user, evidence, at).await?;
            }
            let proven = tx.opt("SELECT proven_at FROM session_proof WHERE session_id = $1", args![grant.id()]).await?;
            let proven: Option<Time> = proven.map(|row| row.get("proven_at")).transpose()?;
            tx.exec(
                "INSERT INTO session_proof (session_id, proven_at) VALUES ($1, $2)
                 ON CONFLICT (session_id) DO UPDATE SET proven_at = excluded.proven_at",
                args![grant.id(), at],
            )
            .await?;
            let told = |at: Option<Time>| json!({ "proven_at": at });
            tx.audit(grant, "session.confirm", grant.id(), Told::changed(&told(proven), &told(Some(at))));
            Ok(())
        })
    }
    /// When the person of a session last proved anew who they are.
    pub async fn session_proven_at(&self, session: SessionId) -> Result<Option<Time>> {
        read!(self, "session_proven_at", |db| {
            let row = db.opt("SELECT proven_at FROM session_proof WHERE session_id = $1", args![session]).await?;
            row.map(|row| row.get("proven_at")).transpose()
        })
    }
    /// Marks a sealed ticket as used. Of many at once, one succeeds.
    pub async fn ticket_spend(&self, ticket_hash: &[u8], until: Time, at: Time) -> Result<()> {
        change!(self, "ticket_spend", at, |tx| { spend(tx, ticket_hash, until).await })
    }
    /// Removes up to `limit` challenges, and as many tickets, whose time is over.
    pub async fn factor_expire(&self, now: Time, limit: u32) -> Result<u64> {
        change!(self, "factor_expire", now, |tx| {
            let mut count = 0;
            for (table, key) in [("factor_challenge", "token_hash"), ("spent", "ticket_hash")] {
                let sql = format!(
                    "DELETE FROM {table} WHERE {key} IN
                         (SELECT {key} FROM {table} WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
                );
                count += tx.exec(sql, args![now, limit]).await?;
            }
            Ok(count)
        })
    }
}

/// Uses up what somebody showed. What was used before, or is somebody else's, is refused.
pub(crate) async fn use_up(tx: &mut Tx, user: UserId, evidence: Evidence<'_>, at: Time) -> Result<()> {
    let done = match evidence {
        Evidence::Totp { id, step } => {
            let sql = "UPDATE factor SET last_step = $3, last_used_at = $4 WHERE id = $1 AND user_id = $2
                       AND kind = 'totp' AND is_pending = FALSE AND (last_step IS NULL OR last_step < $3)";
            tx.exec(sql, args![id, user, step, at]).await?
        }
        Evidence::Recovery { hash } => {
            tx.exec("DELETE FROM recovery_code WHERE user_id = $1 AND code_hash = $2", args![user, hash]).await?
        }
        // A count that does not grow means a copied key, unless the key does not count at all.
        Evidence::Passkey { id, sign_count } => {
            let sql = "UPDATE factor SET sign_count = $3, last_used_at = $4 WHERE id = $1 AND user_id = $2
                       AND kind = 'passkey' AND (sign_count < $3 OR (sign_count = 0 AND $3 = 0))";
            tx.exec(sql, args![id, user, sign_count, at]).await?
        }
    };
    if done == 1 { Ok(()) } else { Err(Rule::FactorUsed.into()) }
}

/// Uses up a person's challenge together with what answers it.
pub(crate) async fn pass(tx: &mut Tx, user: UserId, token_hash: &[u8], evidence: Evidence<'_>, at: Time) -> Result<()> {
    let sql = "DELETE FROM factor_challenge WHERE token_hash = $1 AND user_id = $2 AND expires_at > $3";
    if tx.exec(sql, args![token_hash, user, at]).await? == 0 {
        return Err(Rule::FactorUsed.into());
    }
    use_up(tx, user, evidence, at).await
}

pub(crate) async fn spend(tx: &mut Tx, ticket_hash: &[u8], until: Time) -> Result<()> {
    let sql = "INSERT INTO spent (ticket_hash, expires_at) VALUES ($1, $2) ON CONFLICT (ticket_hash) DO NOTHING";
    if tx.exec(sql, args![ticket_hash, until]).await? == 1 { Ok(()) } else { Err(Rule::FactorUsed.into()) }
}

fn challenge(row: &Row) -> Result<Challenge> {
    Ok(Challenge {
        user: row.get("user_id")?,
        wants_tokens: row.get("wants_tokens")?,
        expires_at: row.get("expires_at")?,
    })
}
