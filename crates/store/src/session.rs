//! Sessions: browsers with a cookie, programs with tokens. The secrets themselves are never here, only their SHA-256.

use crate::db::conn::Conn;
use crate::db::error::{Result, Rule, StoreError};
use crate::db::page::{Paging, Reach, Select};
use crate::db::redact::Told;
use crate::db::row::{Row, unreadable};
use crate::db::store::{Store, change, read};
use crate::db::tx::{Note, Tx};
use crate::db::value::args;
use crate::factor::{self, Evidence};
use crate::held::{authority, hold, of_rows, person};
use crate::throttle::{Attempts, succeeded};
use ostler_model::audit::Outcome;
use ostler_model::authz::{Authority, Collection, Grant, Resource, Write};
use ostler_model::factor::Standing;
use ostler_model::user::{Session, SessionKind, State, User};
use ostler_model::workspace::Workspace;
use ostler_model::{FactorId, SessionId, Time, UserId};
use serde_json::json;

/// A session that was found by its token, and the rights of its person now.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub session: Session,
    pub user: User,
    pub authority: Authority,
    /// What the person may do now is not what they could do when this cookie was made: it is time for a new one.
    pub is_outdated: bool,
    /// What they may do now, as one short text.
    pub rights: String,
}

/// What somebody has shown. Between the look at it and the session's beginning it may have lost its worth (a password takes its
/// time to check), so all of it is looked at again, or used up, in the transaction in which the session begins.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// Nothing: this person was made a moment ago, by the installation.
    Setup,
    /// The word of a provider. Not enough for people with a second factor.
    Provider,
    /// The password of this stored form. Not enough for people with a second factor.
    Password(&'a str),
    /// The second half: the challenge, by its hash, and what answers it. Both are used up, or neither.
    Challenge { token_hash: &'a [u8], evidence: Evidence<'a> },
    /// A passkey that made sure of its person, with the count that it showed and the ticket that it answers.
    Passkey { id: FactorId, sign_count: u32, ticket: (&'a [u8], Time) },
}

/// A sign-in that has come to its end: what was shown, and the attempts that this makes good.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    pub proof: Proof<'a>,
    pub attempts: Attempts<'a>,
}

impl<'a> From<Proof<'a>> for SignIn<'a> {
    fn from(proof: Proof<'a>) -> Self {
        Self { proof, attempts: Attempts::default() }
    }
}

/// Whose session has begun, their rights and what is demanded of them at that moment, and the first workspaces that they see.
#[derive(Debug, Clone)]
pub struct Begun {
    pub user: User,
    pub authority: Authority,
    pub standing: Standing,
    pub workspaces: Vec<Workspace>,
}

/// What a session is found with; `users` and the memberships come along, one row for each of these.
const FIND: &str =
    "SELECT s.id AS session_id, s.kind, s.created_at AS session_created_at, s.seen_at, s.expires_at, s.address,
            s.user_agent, s.rights, s.old_until, (s.token_hash = $1) AS is_newest,
            u.id, u.email, u.name, u.state, u.is_platform_admin, u.email_verified_at, u.default_workspace_id, u.created_at,
            u.password_hash,
            m.workspace_id, m.role, m.role_id, r.capabilities AS role_capabilities
     FROM session s JOIN users u ON u.id = s.user_id LEFT JOIN member m ON m.user_id = u.id
          LEFT JOIN role r ON r.id = m.role_id
     WHERE s.expires_at > $2 AND u.state = 'active'";

/// A new cookie for a session.
#[derive(Debug, Clone, Copy)]
pub struct Rotation<'a> {
    pub old_hash: &'a [u8],
    pub new_hash: &'a [u8],
    pub old_until: Time,
    pub rights: &'a str,
}

impl Store {
    /// Begins a session of a person who is active at this moment. `None` when a second factor is wanted first.
    pub async fn session_create(
        &self,
        grant: &Grant<Collection<Session>, Write>,
        (session, token_hash): (&Session, &[u8]),
        sign_in: SignIn<'_>,
        at: Time,
    ) -> Result<Option<Begun>> {
        change!(self, "session_create", at, |tx| { begin(tx, grant, (session, token_hash), sign_in).await })
    }
    /// The same in a browser that has another session already, by its cookie: that one ends, whoever's it was. Nobody would
    /// hold its cookie any more, but whoever had stolen it.
    pub async fn session_replace(
        &self,
        grant: &Grant<Collection<Session>, Write>,
        (session, token_hash): (&Session, &[u8]),
        former_hash: &[u8],
        sign_in: SignIn<'_>,
        at: Time,
    ) -> Result<Option<Begun>> {
        change!(self, "session_replace", at, |tx| {
            let begun = begin(tx, grant, (session, token_hash), sign_in).await?;
            if begun.is_some() {
                tx.exec(
                    "DELETE FROM session WHERE kind = 'browser' AND (token_hash = $1 OR old_token_hash = $1)",
                    args![former_hash],
                )
                .await?;
            }
            Ok(begun)
        })
    }
    /// Who a token belongs to now: one query. `None` when unknown, expired, or its person may not sign in.
    pub async fn session_authority(&self, token_hash: &[u8], now: Time) -> Result<Option<SignedIn>> {
        read!(self, "session_authority", |db| {
            let sql = format!(
                "{FIND} AND s.kind = 'browser' AND (s.token_hash = $1 OR (s.old_token_hash = $1 AND s.old_until > $2))"
            );
            let rows = db.all(sql, args![token_hash, now]).await?;
            found(db, &rows).await
        })
    }
    /// Who a family of tokens belongs to now: one query. `None` when it was revoked, has expired, or its person may not sign in.
    pub async fn token_authority(&self, id: SessionId, now: Time) -> Result<Option<SignedIn>> {
        read!(self, "token_authority", |db| {
            let sql = format!("{FIND} AND s.kind = 'token' AND s.id = $3");
            let rows = db.all(sql, args![&[0_u8; 0][..], now, id]).await?;
            found(db, &rows).await
        })
    }
    /// The rights of an active person now, for work in their name: one query.
    pub async fn user_authority(&self, id: UserId) -> Result<Option<(User, Authority)>> {
        read!(self, "user_authority", |db| { authority(db, id).await })
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
    /// Gives a session a new cookie, and the old one a short time to end in. False when somebody else was first.
    pub async fn session_rotate(&self, grant: &Grant<Session, Write>, with: &Rotation<'_>, at: Time) -> Result<bool> {
        change!(self, "session_rotate", at, |tx| {
            let done = tx
                .exec(
                    "UPDATE session SET old_token_hash = token_hash, old_until = $4, token_hash = $3, rights = $5
                     WHERE id = $1 AND kind = 'browser' AND token_hash = $2",
                    args![grant.id(), with.old_hash, with.new_hash, with.old_until, with.rights],
                )
                .await?;
            Ok(done > 0)
        })
    }
    /// Ends a session. True when there was one.
    pub async fn session_revoke(&self, grant: &Grant<Session, Write>, at: Time) -> Result<bool> {
        change!(self, "session_revoke", at, |tx| {
            let row = tx.opt("DELETE FROM session WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            if let Some(row) = &row {
                tx.audit(grant, "session.revoke", grant.id(), Told::gone(&told(&from_row(row)?)));
            }
            Ok(row.is_some())
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
            tx.exec("DELETE FROM factor_challenge WHERE user_id = $1", args![grant.id()]).await?;
            let sql = "DELETE FROM session WHERE user_id = $1 AND id <> $2 RETURNING id";
            let rows = tx.all(sql, args![grant.id(), keep]).await?;
            let ended = rows.iter().take(TOLD_MOST).map(|row| row.get("id")).collect::<Result<Vec<SessionId>>>()?;
            let told = Told::gone(&json!({ "sessions": ended })).with("count", rows.len());
            tx.audit(grant, "session.revoke_all", grant.id(), told);
            Ok(rows.len() as u64)
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

/// Writes a session of a person who is active at this moment, and its audit entry.
pub(crate) async fn begin<R: Resource>(
    tx: &mut Tx,
    grant: &Grant<R, Write>,
    (session, token_hash): (&Session, &[u8]),
    sign_in: SignIn<'_>,
) -> Result<Option<Begun>> {
    let (user, authority, password_hash) = entitled(tx, session.user, sign_in.proof).await?;
    let at = session.created_at;
    match sign_in.proof {
        Proof::Challenge { token_hash, evidence } => factor::pass(tx, user.id, token_hash, evidence, at).await?,
        Proof::Passkey { id, sign_count, ticket: (ticket_hash, until) } => {
            factor::spend(tx, ticket_hash, until).await?;
            factor::use_up(tx, user.id, Evidence::Passkey { id, sign_count }, at).await?;
        }
        Proof::Setup | Proof::Provider | Proof::Password(_) => {}
    }
    succeeded(tx, sign_in.attempts).await?;
    let standing = factor::standing(tx, user.id).await?;
    if standing.has_factor && matches!(sign_in.proof, Proof::Provider | Proof::Password(_)) {
        return Ok(None);
    }
    tx.exec(
        "INSERT INTO session (id, user_id, kind, token_hash, created_at, seen_at, expires_at, address, user_agent, rights)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        args![
            session.id,
            session.user,
            session.kind.as_str(),
            token_hash,
            session.created_at,
            session.seen_at,
            session.expires_at,
            session.address,
            session.user_agent,
            rights(&authority, password_hash.as_deref())
        ],
    )
    .await?;
    // The person signed in, although the platform had to act before it knew who that was.
    tx.note(Note {
        workspace: None,
        actor: authority.actor.clone(),
        origin: grant.origin().clone(),
        action: "session.create".to_owned(),
        target_kind: "session".to_owned(),
        target_id: session.id.to_string(),
        outcome: Outcome::Done,
        told: Told::made(&told(session)),
    });
    let workspaces = crate::workspace::list(tx, &Reach::of(&authority), &Paging::default()).await?.items;
    Ok(Some(Begun { user, authority, standing, workspaces }))
}

/// The person of a sign-in, their rights and the hash of their password, when they may sign in and the password that was checked
/// is still theirs. Held from here on: whoever changes their password, factors or state comes before, or ends what this
/// transaction begins.
pub(crate) async fn entitled(tx: &mut Tx, user: UserId, proof: Proof<'_>) -> Result<(User, Authority, Option<String>)> {
    hold(tx, user).await?;
    let found = person(tx, user).await?.ok_or_else(|| StoreError::missing("user", user))?;
    if found.0.state != State::Active {
        return Err(Rule::NotActive.into());
    }
    match proof {
        Proof::Password(checked) if found.2.as_deref() != Some(checked) => Err(Rule::PasswordChanged.into()),
        _ => Ok(found),
    }
}

/// Signs somebody out everywhere but in one session, and says how many sessions ended. Sign-ins that are half done end as
/// well: they were begun under the same terms.
pub(crate) async fn end_all(tx: &mut Tx, user: impl std::fmt::Display, keep: Option<SessionId>) -> Result<u64> {
    let (user, keep) = (user.to_string(), keep.map(|id| id.to_string()).unwrap_or_default());
    tx.exec("DELETE FROM factor_challenge WHERE user_id = $1", args![user]).await?;
    tx.exec("DELETE FROM session WHERE user_id = $1 AND id <> $2", args![user, keep]).await
}

/// The most sessions that an entry names.
const TOLD_MOST: usize = 50;

/// What the audit trail says about a session.
fn told(session: &Session) -> serde_json::Value {
    json!({ "kind": session.kind, "user": session.user, "created_at": session.created_at })
}

/// Reads what [`FIND`] found.
async fn found(db: &mut Conn, rows: &[Row]) -> Result<Option<SignedIn>> {
    let Some(row) = rows.first() else { return Ok(None) };
    let user = crate::user::from_row(row)?;
    let is_newest: bool = row.get("is_newest")?;
    let session = Session {
        id: row.get("session_id")?,
        user: user.id,
        kind: kind(row)?,
        created_at: row.get("session_created_at")?,
        seen_at: row.get("seen_at")?,
        // The cookie before the present one ends with its own time.
        expires_at: match row.get::<Option<Time>>("old_until")? {
            Some(until) if kind(row)? == SessionKind::Browser && !is_newest => until,
            _ => row.get("expires_at")?,
        },
        address: row.get("address")?,
        user_agent: row.get("user_agent")?,
    };
    let authority = of_rows(db, rows, &user).await?;
    let rights = rights(&authority, row.get::<Option<String>>("password_hash")?.as_deref());
    // The old cookie is on its way out already.
    let is_outdated = is_newest && row.get::<Option<String>>("rights")?.is_some_and(|then| then != rights);
    Ok(Some(SignedIn { session, user, authority, is_outdated, rights }))
}

/// What somebody may do and is known by, as one short text: another one means that something of it has changed.
fn rights(authority: &Authority, password_hash: Option<&str>) -> String {
    let mut memberships: Vec<String> = authority.memberships.iter().map(|m| format!("{m:?}")).collect();
    memberships.sort_unstable();
    let all = format!("{} {memberships:?} {password_hash:?}", authority.is_platform_admin);
    hex::encode(&ring::digest::digest(&ring::digest::SHA256, all.as_bytes()).as_ref()[..16])
}

fn kind(row: &Row) -> Result<SessionKind> {
    match row.get::<String>("kind")?.as_str() {
        "browser" => Ok(SessionKind::Browser),
        "token" => Ok(SessionKind::Token),
        _ => Err(unreadable("kind")),
    }
}

pub(crate) fn from_row(row: &Row) -> Result<Session> {
    Ok(Session {
        id: row.get("id")?,
        user: row.get("user_id")?,
        kind: kind(row)?,
        created_at: row.get("created_at")?,
        seen_at: row.get("seen_at")?,
        expires_at: row.get("expires_at")?,
        address: row.get("address")?,
        user_agent: row.get("user_agent")?,
    })
}
