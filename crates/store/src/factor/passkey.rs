//! Passkeys.

use super::sign_in::spend;
use super::{Fresh, begun, from_row};
use crate::db::error::Result;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::value::args;
use crate::held::lock_person;
use ostler_model::authz::{Grant, Write};
use ostler_model::factor::Factor;
use ostler_model::user::User;
use ostler_model::{FactorId, Label, Time, UserId};

/// A passkey, with what its signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    pub id: FactorId,
    pub user: UserId,
    pub credential_id: Vec<u8>,
    pub public_key: Vec<u8>,
    pub sign_count: u32,
}

impl Store {
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
            lock_person(tx, grant.id()).await?;
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
