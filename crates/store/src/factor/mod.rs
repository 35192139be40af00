//! Second factors: what they are, what was used up, half-done sign-ins, and who demands them.
//!
//! Whatever works once is used up by the statement that looks at it, so of a hundred that try at once one succeeds. Codes and
//! tokens are kept as SHA-256, the app's secret is sealed.

mod app;
mod demand;
mod passkey;
mod sign_in;

pub use app::Totp;
pub(crate) use demand::standing;
pub use passkey::Passkey;
pub use sign_in::{Challenge, Evidence};
pub(crate) use sign_in::{pass, spend, use_up};

use crate::db::error::{Result, Rule, StoreError};
use crate::db::redact::Told;
use crate::db::row::{Row, unreadable};
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::held::lock_person;
use crate::session::end_all;
use app::drop_totp;
use demand::not_demanded;
use ostler_model::authz::{Grant, Resource, Write};
use ostler_model::event::Fact;
use ostler_model::factor::{Factor, FactorKind};
use ostler_model::user::User;
use ostler_model::{FactorId, SecretId, SessionId, Time, UserId};
use serde_json::json;

/// A person's factors, and how many recovery codes are left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factors {
    pub factors: Vec<Factor>,
    pub recovery_codes: u64,
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
    /// Removes one factor. The last one goes only while nobody demands that there is one; the recovery codes go with it.
    pub async fn factor_remove(
        &self,
        grant: &Grant<User, Write>,
        id: FactorId,
        keep: Option<SessionId>,
        at: Time,
    ) -> Result<()> {
        change!(self, "factor_remove", at, |tx| {
            lock_person(tx, grant.id()).await?;
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
            lock_person(tx, &owner).await?;
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
            end_all(tx, &owner, keep).await?;
            tx.event(grant, None, Fact::UserChanged { id: user });
            let action = if is_reset { "factor.reset" } else { "factor.delete_all" };
            tx.audit(grant, action, user, Told::gone(&json!({ "factors": before, "codes": codes })));
            Ok(())
        })
    }
    /// Replaces the recovery codes of somebody who has a factor.
    pub async fn factor_codes_replace(&self, grant: &Grant<User, Write>, hashes: &[Vec<u8>], at: Time) -> Result<()> {
        change!(self, "factor_codes_replace", at, |tx| {
            lock_person(tx, grant.id()).await?;
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
    end_all(tx, grant.id(), keep).await?;
    let id = grant.id().parse().map_err(|_| unreadable("user_id"))?;
    tx.event(grant, None, Fact::UserChanged { id });
    Ok(())
}

/// Removes all that a person has as second factors, also what is being set up.
pub(crate) async fn drop_all(tx: &mut Tx, user: &str) -> Result<()> {
    drop_totp(tx, user, true).await?;
    drop_totp(tx, user, false).await?;
    tx.exec("DELETE FROM factor WHERE user_id = $1", args![user]).await?;
    tx.exec("DELETE FROM recovery_code WHERE user_id = $1", args![user]).await?;
    Ok(())
}

async fn put_codes(tx: &mut Tx, user: &str, hashes: &[Vec<u8>]) -> Result<()> {
    tx.exec("DELETE FROM recovery_code WHERE user_id = $1", args![user]).await?;
    for hash in hashes {
        tx.exec("INSERT INTO recovery_code (user_id, code_hash) VALUES ($1, $2)", args![user, hash]).await?;
    }
    Ok(())
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
