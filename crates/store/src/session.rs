//! Browser sessions. The token itself is never here, only its SHA-256.

use crate::db::error::{Result, Rule, StoreError};
use crate::db::page::Select;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::Note;
use crate::db::value::args;
use ostler_model::audit::Outcome;
use ostler_model::authz::{Actor, ActorKind, Authority, Collection, Grant, Membership, Write};
use ostler_model::user::{Session, State, User};
use ostler_model::{SessionId, Time, UserId};
use serde_json::json;

/// A session that was found by its token, and the rights of its person now.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub session: Session,
    pub user: User,
    pub authority: Authority,
}

impl Store {
    /// Begins a session of a person who is active at this moment.
    pub async fn session_create(
        &self,
        grant: &Grant<Collection<Session>, Write>,
        session: &Session,
        token_hash: &[u8],
        at: Time,
    ) -> Result<Session> {
        change!(self, "session_create", at, |tx| {
            let row = tx.opt("SELECT email, state FROM users WHERE id = $1", args![session.user]).await?;
            let row = row.ok_or_else(|| StoreError::missing("user", session.user))?;
            if crate::user::state(&row, "state")? != State::Active {
                return Err(Rule::NotActive.into());
            }
            tx.exec(
                "INSERT INTO session (id, user_id, token_hash, created_at, seen_at, expires_at, address, user_agent)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                args![
                    session.id,
                    session.user,
                    token_hash,
                    session.created_at,
                    session.seen_at,
                    session.expires_at,
                    session.address,
                    session.user_agent
                ],
            )
            .await?;
            // The person signed in, although the platform had to act before it knew who that was.
            tx.note(Note {
                workspace: None,
                actor: Actor { kind: ActorKind::User(session.user), label: row.get("email")? },
                origin: grant.origin().clone(),
                action: "session.create".to_owned(),
                target_kind: "session".to_owned(),
                target_id: session.id.to_string(),
                outcome: Outcome::Done,
                details: None,
            });
            Ok(session.clone())
        })
    }
    /// Who a token belongs to now: one query. `None` when unknown, expired, or its person may not sign in.
    pub async fn session_authority(&self, token_hash: &[u8], now: Time) -> Result<Option<SignedIn>> {
        read!(self, "session_authority", |db| {
            let rows = db
                .all(
                    "SELECT s.id AS session_id, s.created_at AS session_created_at, s.seen_at, s.expires_at, s.address,
                            s.user_agent, u.id, u.email, u.name, u.state, u.is_platform_admin, u.created_at,
                            m.workspace_id, m.role
                     FROM session s JOIN users u ON u.id = s.user_id LEFT JOIN member m ON m.user_id = u.id
                     WHERE s.token_hash = $1 AND s.expires_at > $2 AND u.state = 'active'",
                    args![token_hash, now],
                )
                .await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let user = crate::user::from_row(row)?;
            let session = Session {
                id: row.get("session_id")?,
                user: user.id,
                created_at: row.get("session_created_at")?,
                seen_at: row.get("seen_at")?,
                expires_at: row.get("expires_at")?,
                address: row.get("address")?,
                user_agent: row.get("user_agent")?,
            };
            let authority = Authority {
                actor: Actor { kind: ActorKind::User(user.id), label: user.email.to_string() },
                is_platform_admin: user.is_platform_admin,
                memberships: memberships(&rows)?,
                limit: None,
            };
            Ok(Some(SignedIn { session, user, authority }))
        })
    }
    /// The rights of an active person now, for work in their name: one query.
    pub async fn user_authority(&self, id: UserId) -> Result<Option<(User, Authority)>> {
        read!(self, "user_authority", |db| {
            let rows = db
                .all(
                    "SELECT u.id, u.email, u.name, u.state, u.is_platform_admin, u.created_at, m.workspace_id, m.role
                     FROM users u LEFT JOIN member m ON m.user_id = u.id WHERE u.id = $1 AND u.state = 'active'",
                    args![id],
                )
                .await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let user = crate::user::from_row(row)?;
            let authority = Authority {
                actor: Actor { kind: ActorKind::User(user.id), label: user.email.to_string() },
                is_platform_admin: user.is_platform_admin,
                memberships: memberships(&rows)?,
                limit: None,
            };
            Ok(Some((user, authority)))
        })
    }
    /// A session by id, if there is one.
    pub async fn session_find(&self, id: SessionId) -> Result<Option<Session>> {
        read!(self, "session_find", |db| {
            let row = db.opt("SELECT * FROM session WHERE id = $1", args![id]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// A person's sessions that have not expired, newest first; at most the page limit.
    pub async fn session_list(&self, user: UserId, now: Time) -> Result<Vec<Session>> {
        read!(self, "session_list", |db| {
            let mut select = Select::new("SELECT * FROM session");
            select.when("user_id = ?", user).when("expires_at > ?", now);
            let (sql, values) = select.end(" ORDER BY id DESC LIMIT ?", crate::PAGE_MOST);
            db.all(sql, values).await?.iter().map(from_row).collect()
        })
    }
    /// Notes when sessions were last used. Called now and then with many at once; an older time changes nothing.
    pub async fn session_touch(&self, seen: &[(SessionId, Time)], at: Time) -> Result<()> {
        change!(self, "session_touch", at, |tx| {
            for (id, seen_at) in seen {
                tx.exec("UPDATE session SET seen_at = $2 WHERE id = $1 AND seen_at < $2", args![id, seen_at]).await?;
            }
            Ok(())
        })
    }
    /// Ends a session. True when there was one.
    pub async fn session_revoke(&self, grant: &Grant<Session, Write>, at: Time) -> Result<bool> {
        change!(self, "session_revoke", at, |tx| {
            let done = tx.exec("DELETE FROM session WHERE id = $1", args![grant.id()]).await?;
            if done > 0 {
                tx.audit(grant, "session.revoke", grant.id(), None);
            }
            Ok(done > 0)
        })
    }
    /// Ends all of a person's sessions but one, and says how many.
    pub async fn session_revoke_all(
        &self,
        grant: &Grant<User, Write>,
        keep: Option<SessionId>,
        at: Time,
    ) -> Result<u64> {
        change!(self, "session_revoke_all", at, |tx| {
            let keep = keep.map(|id| id.to_string()).unwrap_or_default();
            let done = tx.exec("DELETE FROM session WHERE user_id = $1 AND id <> $2", args![grant.id(), keep]).await?;
            tx.audit(grant, "session.revoke_all", grant.id(), Some(json!({ "count": done })));
            Ok(done)
        })
    }
    /// Removes up to `limit` expired sessions and says how many.
    pub async fn session_expire(
        &self,
        _grant: &Grant<Collection<Session>, Write>,
        now: Time,
        limit: u32,
    ) -> Result<u64> {
        change!(self, "session_expire", now, |tx| {
            tx.exec(
                "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                args![now, limit],
            )
            .await
        })
    }
}

/// Reads the memberships of rows that repeat one person once per membership.
pub(crate) fn memberships(rows: &[Row]) -> Result<Vec<Membership>> {
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(workspace) = row.get("workspace_id")? {
            out.push(Membership { workspace, role: row.parse("role")? });
        }
    }
    Ok(out)
}

fn from_row(row: &Row) -> Result<Session> {
    Ok(Session {
        id: row.get("id")?,
        user: row.get("user_id")?,
        created_at: row.get("created_at")?,
        seen_at: row.get("seen_at")?,
        expires_at: row.get("expires_at")?,
        address: row.get("address")?,
        user_agent: row.get("user_agent")?,
    })
}
