//! Mail that waits to be sent: written in the transaction of what it tells of, so neither is there without the other.
//!
//! A mail goes out at least once. A process that dies between sending and saying so sends it again; its `Message-ID` is the
//! same. What it says is sealed like every secret, because a link in it is as good as a password.

use crate::db::error::Result;
use crate::db::page::{Page, Paging, Select, page};
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::secret::{MasterKey, sealed};
use ostler_model::user::Email;
use ostler_model::{MailId, Millis, Secret, SecretId, Time};

/// A mail to be sent.
#[derive(Debug, Clone)]
pub struct New {
    pub id: MailId,
    pub secret: SecretId,
    /// Which template.
    pub kind: &'static str,
    pub to: Email,
    /// What the template is filled with, as JSON.
    pub values: Secret,
    pub expires_at: Time,
}

/// A mail that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub id: MailId,
    pub kind: String,
    pub to: Email,
    pub created_at: Time,
    pub due_at: Time,
    pub expires_at: Time,
    pub attempts: u32,
    /// Why it was not sent yet.
    pub error: Option<String>,
    secret: SecretId,
}

impl Store {
    /// Takes up to `limit` mails that are due, for so long: whoever does not say what became of them loses them again.
    pub async fn mail_claim(&self, limit: u32, lease: Millis, at: Time) -> Result<Vec<Waiting>> {
        const DUE: &str = "SELECT * FROM mail WHERE due_at <= $1 AND lease_until <= $1 ORDER BY due_at, id LIMIT $2";
        // Most of the time there is none, and looking changes nothing.
        let due = read!(self, "mail_due", |db| { db.all(DUE, args![at, limit]).await.map(|rows| rows.len()) })?;
        if due == 0 {
            return Ok(Vec::new());
        }
        change!(self, "mail_claim", at, |tx| {
            let mut taken = Vec::new();
            for row in tx.all(DUE, args![at, limit]).await? {
                let mail = waiting(&row)?;
                let done = tx
                    .exec(
                        "UPDATE mail SET lease_until = $2, attempts = attempts + 1 WHERE id = $1 AND lease_until <= $3",
                        args![mail.id, at + lease, at],
                    )
                    .await?;
                if done > 0 {
                    taken.push(Waiting { attempts: mail.attempts.saturating_add(1), ..mail });
                }
            }
            Ok(taken)
        })
    }
    /// What a mail is to say.
    pub async fn mail_values(&self, mail: &Waiting) -> Result<Secret> {
        self.secret_get(mail.secret, &mail.id.to_string()).await
    }
    /// It was sent, or is of no use any more: forgets it and what it said.
    pub async fn mail_forget(&self, mail: &Waiting, at: Time) -> Result<()> {
        change!(self, "mail_forget", at, |tx| {
            tx.exec("DELETE FROM mail WHERE id = $1", args![mail.id]).await?;
            tx.exec("DELETE FROM secret WHERE id = $1 AND owner = $2", args![mail.secret, mail.id]).await?;
            Ok(())
        })
    }
    /// It could not be sent: tries again at the given time.
    pub async fn mail_postpone(&self, id: MailId, error: &str, until: Time, at: Time) -> Result<()> {
        change!(self, "mail_postpone", at, |tx| {
            tx.exec("UPDATE mail SET due_at = $2, lease_until = 0, error = $3 WHERE id = $1", args![id, until, error])
                .await
                .map(|_| ())
        })
    }
    /// Makes everything that waits due now: the server for it was changed.
    pub async fn mail_hurry(&self, at: Time) -> Result<u64> {
        change!(self, "mail_hurry", at, |tx| {
            tx.exec("UPDATE mail SET due_at = $1 WHERE due_at > $1", args![at]).await
        })
    }
    /// What waits, newest first.
    pub async fn mail_list(&self, paging: &Paging) -> Result<Page<Waiting>> {
        read!(self, "mail_list", |db| {
            let (sql, values) = Select::new("SELECT * FROM mail").page("id", paging);
            let mails = db.all(sql, values).await?.iter().map(waiting).collect::<Result<Vec<_>>>()?;
            Ok(page(mails, paging, |mail| mail.id.to_string()))
        })
    }
}

/// Puts a mail into the outbox, in the transaction of what it tells of.
pub(crate) async fn enqueue(tx: &mut Tx, master: &MasterKey, mail: &New, at: Time) -> Result<()> {
    let owner = mail.id.to_string();
    let (key, bytes) = sealed(master, mail.secret, &owner, &mail.values);
    tx.exec(
        "INSERT INTO secret (id, owner, key_id, sealed, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $5)",
        args![mail.secret, owner, key, bytes, at],
    )
    .await?;
    tx.exec(
        "INSERT INTO mail (id, kind, recipient, secret_id, created_at, due_at, expires_at, attempts, lease_until)
         VALUES ($1, $2, $3, $4, $5, $5, $6, 0, 0)",
        args![mail.id, mail.kind, mail.to, mail.secret, at, mail.expires_at],
    )
    .await
    .map(|_| ())
}

fn waiting(row: &Row) -> Result<Waiting> {
    Ok(Waiting {
        id: row.get("id")?,
        kind: row.get("kind")?,
        to: row.get("recipient")?,
        created_at: row.get("created_at")?,
        due_at: row.get("due_at")?,
        expires_at: row.get("expires_at")?,
        attempts: row.get("attempts")?,
        error: row.get("error")?,
        secret: row.get("secret_id")?,
    })
}
