//! Authenticator apps.

use super::{Fresh, begun, from_row};
use crate::db::error::{Result, StoreError};
use crate::db::redact::Told;
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::held::lock_person;
use crate::secret::sealed;
use ostler_model::authz::{Grant, Write};
use ostler_model::factor::{Factor, FactorKind};
use ostler_model::user::User;
use ostler_model::{FactorId, Label, Secret, SecretId, Time, UserId};
use serde_json::json;

/// An authenticator app, with what its codes are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totp {
    pub id: FactorId,
    pub secret: Secret,
    pub is_pending: bool,
}

impl Store {
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
            lock_person(tx, grant.id()).await?;
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
            lock_person(tx, grant.id()).await?;
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
}

pub(super) async fn drop_totp(tx: &mut Tx, user: &str, is_pending: bool) -> Result<()> {
    let sql = "DELETE FROM factor WHERE user_id = $1 AND kind = 'totp' AND is_pending = $2 RETURNING secret_id";
    for row in tx.all(sql, args![user, is_pending]).await? {
        tx.exec("DELETE FROM secret WHERE id = $1", args![row.get::<SecretId>("secret_id")?]).await?;
    }
    Ok(())
}
