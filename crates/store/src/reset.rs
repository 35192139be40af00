//! New passwords for people who forgot theirs.
//!
//! Asking writes the same rows for every address, whether anybody has it or not; who it is for is found out later, by whoever
//! sends the mail. So neither the answer nor the time it takes tells which addresses have accounts.

use crate::db::error::{Result, Rule, StoreError};
use crate::db::redact::Told;
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::invite::note;
use crate::session::end_all;
use crate::{mail, user};
use ostler_model::authz::{Actor, ActorKind, Grant, Origin, Write};
use ostler_model::event::Fact;
use ostler_model::user::{Email, LinkState, Managed, State, User};
use ostler_model::{Time, UserId};
use serde_json::json;

/// A link to set a new password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    pub user: UserId,
    pub email: Email,
    pub expires_at: Time,
    pub used_at: Option<Time>,
    pub revoked_at: Option<Time>,
}

impl Reset {
    /// What has become of it.
    pub fn state(&self, now: Time) -> LinkState {
        LinkState::of(self.used_at, self.revoked_at, self.expires_at, now)
    }
}

impl Store {
    /// Somebody says that they forgot the password of this address. Without a mail (it is off) only the asking is on record.
    pub async fn reset_ask(&self, email: &Email, mail: Option<&mail::New>, origin: &Origin, at: Time) -> Result<()> {
        change!(self, "reset_ask", at, |tx| {
            if let Some(mail) = mail {
                mail::enqueue(tx, self.key(), mail, at).await?;
            }
            let nobody = Actor { kind: ActorKind::Anonymous, label: "anonymous".to_owned() };
            tx.note(note(nobody, origin, "user.forgot", email, Told::act().with("is_mailed", mail.is_some())));
            Ok(())
        })
    }
    /// Makes a token for whoever has this address, when that is somebody who can sign in with a password; earlier ones end.
    pub async fn reset_begin(
        &self,
        email: &Email,
        token_hash: &[u8],
        expires_at: Time,
        at: Time,
    ) -> Result<Option<User>> {
        change!(self, "reset_begin", at, |tx| {
            let row = tx
                .opt(
                    "SELECT * FROM users WHERE email = $1 AND state = 'active' AND password_hash IS NOT NULL",
                    args![email],
                )
                .await?;
            let Some(user) = row.as_ref().map(user::from_row).transpose()? else { return Ok(None) };
            insert(tx, user.id, (token_hash, true), expires_at, at).await?;
            Ok(Some(user))
        })
    }
    /// Makes a token that an admin hands over; earlier ones end.
    pub async fn reset_hand_out(
        &self,
        grant: &Grant<Managed, Write>,
        token_hash: &[u8],
        expires_at: Time,
        at: Time,
    ) -> Result<User> {
        change!(self, "user_reset_hand_out", at, |tx| {
            let row = tx.opt("SELECT * FROM users WHERE id = $1", args![grant.id()]).await?;
            let user = user::from_row(&row.ok_or_else(|| StoreError::missing("user", grant.id()))?)?;
            if user.state != State::Active {
                return Err(Rule::NotActive.into());
            }
            insert(tx, user.id, (token_hash, false), expires_at, at).await?;
            tx.audit(grant, "user.reset_link", user.id, Told::made(&json!({ "expires_at": expires_at })));
            Ok(user)
        })
    }
    /// A link by its token, in whatever state.
    pub async fn reset_look(&self, token_hash: &[u8]) -> Result<Option<Reset>> {
        read!(self, "reset_look", |db| {
            let row = db
                .opt(
                    "SELECT r.user_id, r.expires_at, r.used_at, r.revoked_at, u.email FROM password_reset r
                     JOIN users u ON u.id = r.user_id WHERE r.token_hash = $1",
                    args![token_hash],
                )
                .await?;
            let Some(row) = row else { return Ok(None) };
            Ok(Some(Reset {
                user: row.get("user_id")?,
                email: row.get("email")?,
                expires_at: row.get("expires_at")?,
                used_at: row.get("used_at")?,
                revoked_at: row.get("revoked_at")?,
            }))
        })
    }
    /// Spends a token: its person has this password from now on, and is signed out everywhere.
    pub async fn reset_spend(&self, token_hash: &[u8], password_hash: &str, origin: &Origin, at: Time) -> Result<User> {
        change!(self, "reset_spend", at, |tx| {
            let row = tx
                .opt(
                    "UPDATE password_reset SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL
                         AND revoked_at IS NULL AND expires_at > $2 RETURNING user_id, is_mailed",
                    args![token_hash, at],
                )
                .await?;
            let row = row.ok_or(Rule::Reset)?;
            let (id, is_mailed): (UserId, bool) = (row.get("user_id")?, row.get("is_mailed")?);
            let before = user::password(tx, &id.to_string()).await?.ok_or(Rule::NotActive)?;
            // A link that an admin hands over shows that the admin means it, and nothing about the address.
            let is_new_proof = is_mailed && user::email_proven(tx, id, at).await?;
            let row = tx
                .opt(
                    "UPDATE users SET password_hash = $2, changed_at = $3 WHERE id = $1 AND state = 'active' RETURNING *",
                    args![id, password_hash, at],
                )
                .await?;
            let user = user::from_row(&row.ok_or(Rule::NotActive)?)?;
            let sessions = end_all(tx, id, None).await?;
            revoke_all(tx, id, at).await?;
            // Whoever could read the mail is not slowed down by somebody else's guesses any more.
            let sql = "DELETE FROM throttle WHERE subject = $1 OR (substr(subject, 1, 11) = 'account-at:'
                       AND substr(subject, length(subject) - length($2) + 1) = $2)";
            tx.exec(sql, args![format!("account:{}", user.email), format!("|{}", user.email)]).await?;
            let actor = Actor { kind: ActorKind::User(id), label: user.email.to_string() };
            tx.event_by(&actor, None, Fact::UserChanged { id });
            let told = Told::changed(&before, &user::password_told(password_hash)).with("sessions_ended", sessions);
            let told = told.with("is_address_proven", is_new_proof);
            tx.note(note(actor, origin, "user.reset_password", id, told));
            Ok(user)
        })
    }
}

async fn insert(
    tx: &mut Tx,
    user: UserId,
    (token_hash, is_mailed): (&[u8], bool),
    expires_at: Time,
    at: Time,
) -> Result<()> {
    revoke_all(tx, user, at).await?;
    tx.exec(
        "INSERT INTO password_reset (token_hash, user_id, created_at, expires_at, is_mailed) VALUES ($1, $2, $3, $4, $5)",
        args![token_hash, user, at, expires_at, is_mailed],
    )
    .await
    .map(|_| ())
}

/// No link to set a person's password works any more.
pub(crate) async fn revoke_all(tx: &mut Tx, user: UserId, at: Time) -> Result<()> {
    tx.exec(
        "UPDATE password_reset SET revoked_at = $2 WHERE user_id = $1 AND used_at IS NULL AND revoked_at IS NULL",
        args![user, at],
    )
    .await
    .map(|_| ())
}
