//! Second factors: what they are, what was used up, half-done sign-ins, and who demands them.
//!
//! Whatever works once is used up by the statement that looks at it, so of a hundred that try at once one succeeds. Codes and
//! tokens are kept as SHA-256, the app's secret is sealed.

use crate::db::conn::Conn;
use crate::db::error::{Result, Rule, StoreError};
use crate::db::redact::Told;
use crate::db::row::{Row, unreadable};
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::secret::sealed;
use ostler_model::authz::{Collection, Grant, Platform, Resource, Write};
use ostler_model::event::Fact;
use ostler_model::factor::{Demand, Factor, FactorKind, Requirement, Standing};
use ostler_model::user::{Session, User};
use ostler_model::workspace::Workspace;
use ostler_model::{FactorId, Label, Millis, Secret, SecretId, SessionId, Time, UserId, WorkspaceId};
use serde_json::json;

/// A person's factors, and how many recovery codes are left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factors {
    pub factors: Vec<Factor>,
    pub recovery_codes: u64,
}

/// An authenticator app, with what its codes are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totp {
    pub id: FactorId,
    pub secret: Secret,
    pub is_pending: bool,
}

/// A passkey, with what its signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    pub id: FactorId,
    pub user: UserId,
    pub credential_id: Vec<u8>,
    pub public_key: Vec<u8>,
    pub sign_count: u32,
}

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

/// What comes with a new factor: fresh recovery codes, and the session that stays while all others end.
#[derive(Debug, Clone, Copy)]
pub struct Fresh<'a> {
    pub code_hashes: &'a [Vec<u8>],
    pub keep: Option<SessionId>,
}

const FACTOR: &str = "SELECT id, user_id, kind, label, created_at, last_used_at FROM factor WHERE is_pending = FALSE";

impl Store {
    /// A person's factors, oldest first, and how many recovery codes are left.
    pub async fn factor_list(&self, user: UserId) -> Result<Factors> {
        read!(self, "factor_list", |db| {
            let rows = db.all(format!("{FACTOR} AND user_id = $1 ORDER BY id"), args![user]).await?;
            let factors = rows.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            let count = db.one("SELECT COUNT(*) AS n FROM recovery_code WHERE user_id = $1", args![user]).await?;
            Ok(Factors { factors, recovery_codes: count.get::<u64>("n")? })
        })
    }
    /// One factor, if there is one.
    pub async fn factor_find(&self, id: FactorId) -> Result<Option<Factor>> {
        read!(self, "factor_find", |db| {
            let row = db.opt(format!("{FACTOR} AND id = $1"), args![id]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// A person's authenticator app, or the one that they are setting up.
    pub async fn factor_totp(&self, user: UserId, is_pending: bool) -> Result<Option<Totp>> {
        let found: Option<(FactorId, SecretId)> = read!(self, "factor_totp", |db| {
            let row = db
                .opt(
                    "SELECT id, secret_id FROM factor WHERE user_id = $1 AND kind = 'totp' AND is_pending = $2",
                    args![user, is_pending],
                )
                .await?;
            row.map(|row| Ok((row.get("id")?, row.get("secret_id")?))).transpose()
        })?;
        let Some((id, secret)) = found else { return Ok(None) };
        let secret = self.secret_get(secret, &user.to_string()).await?;
        Ok(Some(Totp { id, secret, is_pending }))
    }
    /// A person's passkeys.
    pub async fn factor_passkeys(&self, user: UserId) -> Result<Vec<Passkey>> {
        read!(self, "factor_passkeys", |db| {
            let sql = "SELECT * FROM factor WHERE user_id = $1 AND kind = 'passkey' ORDER BY id";
            db.all(sql, args![user]).await?.iter().map(passkey).collect()
        })
    }
    /// A passkey by the name that its device gave it.
    pub async fn factor_passkey(&self, credential_id: &[u8]) -> Result<Option<Passkey>> {
        read!(self, "factor_passkey", |db| {
            let row = db.opt("SELECT * FROM factor WHERE credential_id = $1", args![credential_id]).await?;
            row.as_ref().map(passkey).transpose()
        })
    }
    /// Begins to set up an authenticator app. One that was begun before is forgotten; one in use stays until it is confirmed.
    pub async fn factor_totp_begin(
        &self,
        grant: &Grant<User, Write>,
        (id, secret_id): (FactorId, SecretId),
        (label, secret): (&Label, &Secret),
        at: Time,
    ) -> Result<()> {
        let (key_id, bytes) = sealed(self.key(), secret_id, grant.id(), secret);
        change!(self, "factor_totp_begin", at, |tx| {
            lock(tx, grant.id()).await?;
            drop_totp(tx, grant.id(), true).await?;
            tx.exec(
                "INSERT INTO secret (id, owner, key_id, sealed, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $5)",
                args![secret_id, grant.id(), key_id, bytes, at],
            )
            .await?;
            tx.exec(
                "INSERT INTO factor (id, user_id, kind, label, is_pending, secret_id, created_at)
                 VALUES ($1, $2, 'totp', $3, TRUE, $4, $5)",
                args![id, grant.id(), label, secret_id, at],
            )
            .await?;
            let told = json!({ "kind": FactorKind::Totp, "label": label, "is_pending": true });
            tx.audit(grant, "factor.begin", id, Told::made(&told));
            Ok(())
        })
    }
    /// Takes a begun app into use, in place of the one before. Its first code is used up by this.
    pub async fn factor_totp_confirm(
        &self,
        grant: &Grant<User, Write>,
        (id, step): (FactorId, i64),
        fresh: Fresh<'_>,
        at: Time,
    ) -> Result<Factor> {
        change!(self, "factor_totp_confirm", at, |tx| {
            lock(tx, grant.id()).await?;
            drop_totp(tx, grant.id(), false).await?;
            let row = tx
                .opt(
                    "UPDATE factor SET is_pending = FALSE, last_step = $3, last_used_at = $4
                     WHERE id = $1 AND user_id = $2 AND is_pending = TRUE
                     RETURNING id, user_id, kind, label, created_at, last_used_at",
                    args![id, grant.id(), step, at],
                )
                .await?;
            let factor = from_row(&row.ok_or_else(|| StoreError::missing("factor", id))?)?;
            begun(tx, grant, &factor, fresh, at).await?;
            Ok(factor)
        })
    }
    /// Adds a passkey. The ticket that its making was asked for with works once.
    pub async fn factor_passkey_add(
        &self,
        grant: &Grant<User, Write>,
        (key, label): (&Passkey, &Label),
        (ticket_hash, ticket_until): (&[u8], Time),
        fresh: Fresh<'_>,
        at: Time,
    ) -> Result<Factor> {
        change!(self, "factor_passkey_add", at, |tx| {
            lock(tx, grant.id()).await?;
            spend(tx, ticket_hash, ticket_until).await?;
            let row = tx
                .one(
                    "INSERT INTO factor (id, user_id, kind, label, is_pending, credential_id, public_key, sign_count, created_at)
                     VALUES ($1, $2, 'passkey', $3, FALSE, $4, $5, $6, $7)
                     RETURNING id, user_id, kind, label, created_at, last_used_at",
                    args![key.id, grant.id(), label, key.credential_id, key.public_key, key.sign_count, at],
                )
                .await?;
            let factor = from_row(&row)?;
            begun(tx, grant, &factor, fresh, at).await?;
            Ok(factor)
        })
    }
    /// Removes one factor. The last one goes only while nobody demands that there is one; the recovery codes go with it.
    pub async fn factor_remove(
        &self,
        grant: &Grant<User, Write>,
        id: FactorId,
        keep: Option<SessionId>,
        at: Time,
    ) -> Result<()> {
        change!(self, "factor_remove", at, |tx| {
            lock(tx, grant.id()).await?;
            let row = tx
                .opt(
                    "DELETE FROM factor WHERE id = $1 AND user_id = $2 AND is_pending = FALSE
                     RETURNING kind, label, secret_id",
                    args![id, grant.id()],
                )
                .await?;
            let row = row.ok_or_else(|| StoreError::missing("factor", id))?;
            if let Some(secret) = row.get::<Option<SecretId>>("secret_id")? {
                tx.exec("DELETE FROM secret WHERE id = $1", args![secret]).await?;
            }
            let left = "SELECT COUNT(*) AS n FROM factor WHERE user_id = $1 AND is_pending = FALSE";
            if tx.one(left, args![grant.id()]).await?.get::<i64>("n")? == 0 {
                not_demanded(tx, grant.id()).await?;
                tx.exec("DELETE FROM recovery_code WHERE user_id = $1", args![grant.id()]).await?;
            }
            changed(tx, grant, keep).await?;
            let before = json!({ "kind": row.get::<String>("kind")?, "label": row.get::<String>("label")? });
            tx.audit(grant, "factor.delete", id, Told::gone(&before));
            Ok(())
        })
    }
    /// Removes all factors and recovery codes of a person. With `is_reset` an admin does it for somebody who has lost them, and
    /// all of the person's sessions end; otherwise it is refused while somebody demands a factor.
    pub async fn factor_remove_all<R: Resource>(
        &self,
        grant: &Grant<R, Write>,
        user: UserId,
        (keep, is_reset): (Option<SessionId>, bool),
        at: Time,
    ) -> Result<()> {
        change!(self, "factor_remove_all", at, |tx| {
            let owner = user.to_string();
            lock(tx, &owner).await?;
            if !is_reset {
                not_demanded(tx, &owner).await?;
            }
            let sql = "SELECT kind, label FROM factor WHERE user_id = $1 ORDER BY id";
            let mut before = Vec::new();
            for row in tx.all(sql, args![user]).await? {
                before.push(json!({ "kind": row.get::<String>("kind")?, "label": row.get::<String>("label")? }));
            }
            drop_totp(tx, &owner, true).await?;
            drop_totp(tx, &owner, false).await?;
            tx.exec("DELETE FROM factor WHERE user_id = $1", args![user]).await?;
            let codes = tx.exec("DELETE FROM recovery_code WHERE user_id = $1", args![user]).await?;
            end_sessions(tx, &owner, keep).await?;
            tx.event(grant, None, Fact::UserChanged { id: user });
            let action = if is_reset { "factor.reset" } else { "factor.delete_all" };
            tx.audit(grant, action, user, Told::gone(&json!({ "factors": before, "codes": codes })));
            Ok(())
        })
    }
    /// Replaces the recovery codes of somebody who has a factor.
    pub async fn factor_codes_replace(&self, grant: &Grant<User, Write>, hashes: &[Vec<u8>], at: Time) -> Result<()> {
        change!(self, "factor_codes_replace", at, |tx| {
            lock(tx, grant.id()).await?;
            let have = "SELECT COUNT(*) AS n FROM factor WHERE user_id = $1 AND is_pending = FALSE";
            if tx.one(have, args![grant.id()]).await?.get::<i64>("n")? == 0 {
                return Err(Rule::NoFactor.into());
            }
            let left = tx.one("SELECT COUNT(*) AS n FROM recovery_code WHERE user_id = $1", args![grant.id()]).await?;
            let told = |count: u64, at: Option<Time>| json!({ "codes": count, "made_at": at });
            let before = told(left.get("n")?, None);
            put_codes(tx, grant.id(), hashes).await?;
            let after = told(hashes.len() as u64, Some(at));
            tx.audit(grant, "factor.recovery_codes", grant.id(), Told::changed(&before, &after));
            Ok(())
        })
    }
    /// Begins the second half of a sign-in.
    pub async fn factor_challenge_create(
        &self,
        grant: &Grant<Collection<Session>, Write>,
        token_hash: &[u8],
        challenge: Challenge,
        at: Time,
    ) -> Result<()> {
        change!(self, "factor_challenge_create", at, |tx| {
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
    /// Uses up a challenge together with what answers it: both or neither.
    pub async fn factor_challenge_pass(&self, token_hash: &[u8], evidence: Evidence<'_>, at: Time) -> Result<UserId> {
        change!(self, "factor_challenge_pass", at, |tx| {
            let row = tx
                .opt(
                    "DELETE FROM factor_challenge WHERE token_hash = $1 AND expires_at > $2 RETURNING user_id",
                    args![token_hash, at],
                )
                .await?;
            let user: UserId = row.ok_or(Rule::FactorUsed)?.get("user_id")?;
            use_up(tx, user, evidence, at).await?;
            Ok(user)
        })
    }
    /// Uses up a passkey's answer to a ticket, for signing in without a password.
    pub async fn factor_passkey_pass(
        &self,
        key: &Passkey,
        (ticket_hash, ticket_until): (&[u8], Time),
        sign_count: u32,
        at: Time,
    ) -> Result<()> {
        change!(self, "factor_passkey_pass", at, |tx| {
            spend(tx, ticket_hash, ticket_until).await?;
            use_up(tx, key.user, Evidence::Passkey { id: key.id, sign_count }, at).await
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
    /// What is demanded of a person, and whether they have it: one query.
    pub async fn factor_standing(&self, user: UserId) -> Result<Standing> {
        read!(self, "factor_standing", |db| {
            let rows = db
                .all(
                    "SELECT r.workspace_id, r.since, r.grace_ms, u.created_at AS person_since, m.created_at AS member_since,
                            (SELECT COUNT(*) FROM factor f WHERE f.user_id = u.id AND f.is_pending = FALSE) AS factors
                     FROM users u LEFT JOIN factor_requirement r ON r.workspace_id IS NULL OR r.workspace_id IN
                            (SELECT workspace_id FROM member WHERE user_id = u.id)
                     LEFT JOIN member m ON m.user_id = u.id AND m.workspace_id = r.workspace_id
                     WHERE u.id = $1 ORDER BY r.scope",
                    args![user],
                )
                .await?;
            standing(&rows)
        })
    }
    /// Who demands a factor in a workspace, or on the platform.
    pub async fn factor_requirement(&self, workspace: Option<WorkspaceId>) -> Result<Option<Requirement>> {
        read!(self, "factor_requirement", |db| { required(db, workspace).await })
    }
    /// Demands a factor of everybody on the platform, or no longer.
    pub async fn factor_require(
        &self,
        grant: &Grant<Platform, Write>,
        grace: Option<Millis>,
        at: Time,
    ) -> Result<Option<Requirement>> {
        change!(self, "factor_require", at, |tx| {
            let before = required(tx, None).await?;
            let made = require(tx, None, grace, at).await?;
            let told = Told::changed(&demanded(before.as_ref()), &demanded(made.as_ref()));
            tx.audit(grant, "platform.require_factor", "platform", told);
            Ok(made)
        })
    }
    /// Demands a factor of everybody in a workspace, or no longer.
    pub async fn factor_require_in(
        &self,
        grant: &Grant<Workspace, Write>,
        workspace: WorkspaceId,
        grace: Option<Millis>,
        at: Time,
    ) -> Result<Option<Requirement>> {
        change!(self, "factor_require_in", at, |tx| {
            let before = required(tx, Some(workspace)).await?;
            let made = require(tx, Some(workspace), grace, at).await?;
            tx.event(grant, Some(workspace), Fact::WorkspaceChanged { id: workspace });
            let told = Told::changed(&demanded(before.as_ref()), &demanded(made.as_ref()));
            tx.audit(grant, "workspace.require_factor", workspace, told);
            Ok(made)
        })
    }
}

async fn required(db: &mut Conn, workspace: Option<WorkspaceId>) -> Result<Option<Requirement>> {
    let sql = "SELECT since, grace_ms FROM factor_requirement WHERE scope = $1";
    let row = db.opt(sql, args![scope(workspace)]).await?;
    row.as_ref().map(requirement).transpose()
}

/// What the audit trail says about a demand.
fn demanded(requirement: Option<&Requirement>) -> serde_json::Value {
    match requirement {
        Some(it) => json!({ "is_demanded": true, "grace_ms": it.grace.0 }),
        None => json!({ "is_demanded": false }),
    }
}

/// One change of a person's factors at a time.
async fn lock(tx: &mut Tx, user: &str) -> Result<()> {
    tx.lock(&format!("factors of {user}")).await
}

/// What every new factor brings with it.
async fn begun(tx: &mut Tx, grant: &Grant<User, Write>, factor: &Factor, fresh: Fresh<'_>, _: Time) -> Result<()> {
    put_codes(tx, grant.id(), fresh.code_hashes).await?;
    changed(tx, grant, fresh.keep).await?;
    let told = json!({ "kind": factor.kind, "label": factor.label });
    tx.audit(grant, "factor.create", factor.id, Told::made(&told));
    Ok(())
}

/// Sessions that were begun under other terms end, and everybody who watches the person hears of it.
async fn changed(tx: &mut Tx, grant: &Grant<User, Write>, keep: Option<SessionId>) -> Result<()> {
    end_sessions(tx, grant.id(), keep).await?;
    let id = grant.id().parse().map_err(|_| unreadable("user_id"))?;
    tx.event(grant, None, Fact::UserChanged { id });
    Ok(())
}

async fn end_sessions(tx: &mut Tx, user: &str, keep: Option<SessionId>) -> Result<()> {
    let keep = keep.map(|id| id.to_string()).unwrap_or_default();
    tx.exec("DELETE FROM session WHERE user_id = $1 AND id <> $2", args![user, keep]).await?;
    // A sign-in that is half done was begun under the old terms, too.
    tx.exec("DELETE FROM factor_challenge WHERE user_id = $1", args![user]).await?;
    Ok(())
}

async fn put_codes(tx: &mut Tx, user: &str, hashes: &[Vec<u8>]) -> Result<()> {
    tx.exec("DELETE FROM recovery_code WHERE user_id = $1", args![user]).await?;
    for hash in hashes {
        tx.exec("INSERT INTO recovery_code (user_id, code_hash) VALUES ($1, $2)", args![user, hash]).await?;
    }
    Ok(())
}

async fn drop_totp(tx: &mut Tx, user: &str, is_pending: bool) -> Result<()> {
    let sql = "DELETE FROM factor WHERE user_id = $1 AND kind = 'totp' AND is_pending = $2 RETURNING secret_id";
    for row in tx.all(sql, args![user, is_pending]).await? {
        tx.exec("DELETE FROM secret WHERE id = $1", args![row.get::<SecretId>("secret_id")?]).await?;
    }
    Ok(())
}

async fn not_demanded(tx: &mut Tx, user: &str) -> Result<()> {
    let sql = "SELECT COUNT(*) AS n FROM factor_requirement WHERE workspace_id IS NULL OR workspace_id IN
                   (SELECT workspace_id FROM member WHERE user_id = $1)";
    if tx.one(sql, args![user]).await?.get::<i64>("n")? > 0 {
        return Err(Rule::FactorDemanded.into());
    }
    Ok(())
}

/// Uses up what somebody showed. What was used before, or is somebody else's, is refused.
async fn use_up(tx: &mut Tx, user: UserId, evidence: Evidence<'_>, at: Time) -> Result<()> {
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

pub(crate) async fn spend(tx: &mut Tx, ticket_hash: &[u8], until: Time) -> Result<()> {
    let sql = "INSERT INTO spent (ticket_hash, expires_at) VALUES ($1, $2) ON CONFLICT (ticket_hash) DO NOTHING";
    if tx.exec(sql, args![ticket_hash, until]).await? == 1 { Ok(()) } else { Err(Rule::FactorUsed.into()) }
}

async fn require(
    tx: &mut Tx,
    workspace: Option<WorkspaceId>,
    grace: Option<Millis>,
    at: Time,
) -> Result<Option<Requirement>> {
    let Some(grace) = grace else {
        tx.exec("DELETE FROM factor_requirement WHERE scope = $1", args![scope(workspace)]).await?;
        return Ok(None);
    };
    // Saying it again with another grace does not begin the grace anew.
    let row = tx
        .one(
            "INSERT INTO factor_requirement (scope, workspace_id, since, grace_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (scope) DO UPDATE SET grace_ms = excluded.grace_ms RETURNING since, grace_ms",
            args![scope(workspace), workspace, at, i64::try_from(grace.0).unwrap_or(i64::MAX)],
        )
        .await?;
    requirement(&row).map(Some)
}

fn scope(workspace: Option<WorkspaceId>) -> String {
    workspace.map_or_else(|| "platform".to_owned(), |id| id.to_string())
}

fn requirement(row: &Row) -> Result<Requirement> {
    Ok(Requirement { since: row.get("since")?, grace: Millis(row.get::<u64>("grace_ms")?) })
}

fn standing(rows: &[Row]) -> Result<Standing> {
    let mut standing = Standing::default();
    for row in rows {
        standing.has_factor = row.get::<i64>("factors")? > 0;
        let Some(since) = row.get::<Option<Time>>("since")? else { continue };
        let rule = Requirement { since, ..requirement(row)? };
        let member_since: Option<Time> = row.get("member_since")?;
        let subject_since = member_since.map_or_else(|| row.get("person_since"), Ok)?;
        standing.demands.push(Demand { workspace: row.get("workspace_id")?, due: rule.due(subject_since) });
    }
    Ok(standing)
}

fn challenge(row: &Row) -> Result<Challenge> {
    Ok(Challenge {
        user: row.get("user_id")?,
        wants_tokens: row.get("wants_tokens")?,
        expires_at: row.get("expires_at")?,
    })
}

fn passkey(row: &Row) -> Result<Passkey> {
    Ok(Passkey {
        id: row.get("id")?,
        user: row.get("user_id")?,
        credential_id: row.get("credential_id")?,
        public_key: row.get("public_key")?,
        sign_count: row.get("sign_count")?,
    })
}

fn from_row(row: &Row) -> Result<Factor> {
    Ok(Factor {
        id: row.get("id")?,
        user: row.get("user_id")?,
        kind: match row.get::<String>("kind")?.as_str() {
            "totp" => FactorKind::Totp,
            "passkey" => FactorKind::Passkey,
            _ => return Err(unreadable("kind")),
        },
        label: row.get("label")?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
    })
}
