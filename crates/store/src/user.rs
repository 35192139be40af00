//! People. A person exists once for the whole platform.

use crate::db::conn::Conn;
use crate::db::error::{Result, Rule, StoreError};
use crate::db::page::{Page, Paging, Select, page};
use crate::db::redact::Told;
use crate::db::row::{Row, unreadable};
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::session::end_all;
use crate::setting;
use ostler_model::authz::{Collection, Grant, Platform, Write};
use ostler_model::event::Fact;
use ostler_model::user::{Email, Managed, Preferences, State, User};
use ostler_model::workspace::Workspace;
use ostler_model::{Label, SessionId, Time, UserId, WorkspaceId};
use serde_json::json;

/// A person to be.
#[derive(Debug, Clone)]
pub struct New {
    pub id: UserId,
    pub email: Email,
    pub name: Label,
    pub state: State,
    pub is_platform_admin: bool,
    /// The argon2 hash, in its own text form; without one nobody can sign in with a password.
    pub password_hash: Option<String>,
}

/// A person with what proves them.
#[derive(Clone)]
pub struct Credential {
    pub user: User,
    pub password_hash: Option<String>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({})", self.user.id)
    }
}

/// What is to be different about a person; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub email: Option<Email>,
    pub name: Option<Label>,
    pub is_platform_admin: Option<bool>,
    /// Let in, or kept out. Who was invited comes in by accepting only.
    pub is_active: Option<bool>,
}

impl Change {
    fn applied(&self, before: &User) -> Result<User> {
        let state = match (self.is_active, before.state) {
            (None, state) => state,
            (Some(false), _) => State::Deactivated,
            (Some(true), State::Invited) => return Err(Rule::NotAccepted.into()),
            (Some(true), State::Active | State::Deactivated) => State::Active,
        };
        let email = self.email.clone().unwrap_or_else(|| before.email.clone());
        let is_platform_admin = self.is_platform_admin.unwrap_or(before.is_platform_admin);
        // What an invited person gets is said by their invitations, and by nothing else.
        if is_platform_admin && state == State::Invited {
            return Err(Rule::NotAccepted.into());
        }
        Ok(User {
            is_email_verified: before.is_email_verified && email == before.email,
            email,
            name: self.name.clone().unwrap_or_else(|| before.name.clone()),
            is_platform_admin,
            state,
            ..before.clone()
        })
    }
}

/// Something that refers to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its noun.
    pub kind: &'static str,
    pub id: String,
    pub name: String,
}

/// What keeps a person from being deleted. Each yields `id` and `name` of what it finds, a few are enough.
const REFERENCES: &[(&str, &str)] = &[
    (
        "workspace",
        "SELECT w.id, w.name FROM member m JOIN workspace w ON w.id = m.workspace_id WHERE m.user_id = $1 ORDER BY w.id LIMIT 20",
    ),
    ("key", "SELECT id, label AS name FROM api_key WHERE user_id = $1 ORDER BY id LIMIT 20"),
];

impl Store {
    /// Creates a person.
    pub async fn user_create(&self, grant: &Grant<Collection<User>, Write>, new: &New, at: Time) -> Result<User> {
        change!(self, "user_create", at, |tx| {
            // The platform's own word: only it creates people who are active at once.
            let user = insert(tx, new, true, at).await?;
            tx.event(grant, None, Fact::UserChanged { id: user.id });
            tx.audit(grant, "user.create", user.id, Told::made(&told(&user)));
            Ok(user)
        })
    }
    /// A person by id.
    pub async fn user_get(&self, id: UserId) -> Result<User> {
        self.user_find(id).await?.ok_or_else(|| StoreError::missing("user", id))
    }
    /// A person by id, if there is one.
    pub async fn user_find(&self, id: UserId) -> Result<Option<User>> {
        read!(self, "user_find", |db| {
            let row = db.opt("SELECT * FROM users WHERE id = $1", args![id]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// A person by address, with the password's hash, for signing in.
    pub async fn user_credential(&self, email: &Email) -> Result<Option<Credential>> {
        read!(self, "user_credential", |db| {
            let row = db.opt("SELECT * FROM users WHERE email = $1", args![email]).await?;
            row.map(|row| Ok(Credential { user: from_row(&row)?, password_hash: row.get("password_hash")? }))
                .transpose()
        })
    }
    /// People, newest first.
    pub async fn user_list(&self, paging: &Paging) -> Result<Page<User>> {
        read!(self, "user_list", |db| {
            let (sql, values) = Select::new("SELECT * FROM users").page("id", paging);
            let users = db.all(sql, values).await?.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            Ok(page(users, paging, |user| user.id.to_string()))
        })
    }
    /// Changes what people say about themselves: their name, and the workspace they mean when they name none. What is absent
    /// stays.
    pub async fn user_set_own(
        &self,
        grant: &Grant<User, Write>,
        name: Option<&Label>,
        default_workspace: Option<Option<WorkspaceId>>,
        at: Time,
    ) -> Result<User> {
        change!(self, "user_set_own", at, |tx| {
            let missing = || StoreError::missing("user", grant.id());
            let before = tx.opt("UPDATE users SET name = name WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let before = from_row(&before.ok_or_else(missing)?)?;
            let row = tx
                .opt(
                    "UPDATE users SET name = COALESCE($2, name), default_workspace_id = $3, changed_at = $4
                     WHERE id = $1 RETURNING *",
                    args![grant.id(), name, default_workspace.unwrap_or(before.default_workspace), at],
                )
                .await?;
            let user = from_row(&row.ok_or_else(missing)?)?;
            tx.event(grant, None, Fact::UserChanged { id: user.id });
            let told = |user: &User| json!({ "name": user.name, "default_workspace": user.default_workspace });
            tx.audit(grant, "user.set_own", user.id, Told::changed(&told(&before), &told(&user)));
            Ok(user)
        })
    }
    /// Sets the password's hash and ends every session but the one to keep.
    pub async fn user_set_password(
        &self,
        grant: &Grant<User, Write>,
        password_hash: &str,
        keep: Option<SessionId>,
        at: Time,
    ) -> Result<()> {
        change!(self, "user_set_password", at, |tx| {
            let before = password(tx, grant.id()).await?.ok_or_else(|| StoreError::missing("user", grant.id()))?;
            tx.exec(
                "UPDATE users SET password_hash = $2, changed_at = $3 WHERE id = $1",
                args![grant.id(), password_hash, at],
            )
            .await?;
            let ended = end_all(tx, grant.id(), keep).await?;
            let id: UserId = grant.id().parse().map_err(|_| StoreError::missing("user", grant.id()))?;
            crate::reset::revoke_all(tx, id, at).await?;
            tx.event(grant, None, Fact::UserChanged { id });
            let told = Told::changed(&before, &password_told(password_hash)).with("sessions_ended", ended);
            tx.audit(grant, "user.set_password", grant.id(), told);
            Ok(())
        })
    }
    /// Replaces a hash by a stronger one of the same password, unless the password changed meanwhile. No session ends.
    pub async fn user_rehash(&self, id: UserId, old_hash: &str, new_hash: &str, at: Time) -> Result<()> {
        change!(self, "user_rehash", at, |tx| {
            tx.exec(
                "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
                args![id, old_hash, new_hash],
            )
            .await
            .map(|_| ())
        })
    }
    /// Lets somebody in or keeps them out; keeping out also ends their sessions. The last active admin stays.
    pub async fn user_set_state(
        &self,
        grant: &Grant<Collection<User>, Write>,
        id: UserId,
        state: State,
        at: Time,
    ) -> Result<User> {
        change!(self, "user_set_state", at, |tx| {
            let before = taken(tx, id).await?;
            let row = tx
                .opt(
                    "UPDATE users SET state = $2, changed_at = $3 WHERE id = $1 RETURNING *",
                    args![id, state_text(state), at],
                )
                .await?;
            let user = from_row(&row.ok_or_else(|| StoreError::missing("user", id))?)?;
            if state != State::Active {
                end_all(tx, id, None).await?;
            }
            keep_an_admin(tx).await?;
            tx.event(grant, None, Fact::UserChanged { id });
            tx.audit(grant, "user.set_state", id, Told::changed(&told(&before), &told(&user)));
            Ok(user)
        })
    }
    /// Gives or takes the right to administer the platform. The last active admin stays.
    pub async fn user_set_platform_admin(
        &self,
        grant: &Grant<Collection<User>, Write>,
        id: UserId,
        is_platform_admin: bool,
        at: Time,
    ) -> Result<User> {
        change!(self, "user_set_platform_admin", at, |tx| {
            let before = taken(tx, id).await?;
            if is_platform_admin && before.state == State::Invited {
                return Err(Rule::NotAccepted.into());
            }
            let row = tx
                .opt(
                    "UPDATE users SET is_platform_admin = $2, changed_at = $3 WHERE id = $1 RETURNING *",
                    args![id, is_platform_admin, at],
                )
                .await?;
            let user = from_row(&row.ok_or_else(|| StoreError::missing("user", id))?)?;
            keep_an_admin(tx).await?;
            tx.event(grant, None, Fact::UserChanged { id });
            tx.audit(grant, "user.set_admin", id, Told::changed(&told(&before), &told(&user)));
            Ok(user)
        })
    }
    /// Changes what is named about a person, all or nothing. The last active admin stays one.
    ///
    /// A new address ends links that went to the old one. Being kept out ends sessions.
    pub async fn user_update(&self, grant: &Grant<Managed, Write>, change: &Change, at: Time) -> Result<User> {
        change!(self, "user_update", at, |tx| {
            tx.lock(ADMINS).await?;
            let missing = || StoreError::missing("user", grant.id());
            let before = tx.opt("SELECT * FROM users WHERE id = $1", args![grant.id()]).await?;
            let before = from_row(&before.ok_or_else(missing)?)?;
            let after = change.applied(&before)?;
            let row = tx
                .opt(
                    "UPDATE users SET name = $2, email = $3, is_platform_admin = $4, state = $5, changed_at = $6,
                         email_verified_at = CASE WHEN email = $3 THEN email_verified_at ELSE NULL END
                     WHERE id = $1 RETURNING *",
                    args![after.id, after.name, after.email, after.is_platform_admin, state_text(after.state), at],
                )
                .await?;
            let user = from_row(&row.ok_or_else(missing)?)?;
            if user.state == State::Deactivated {
                end_all(tx, user.id, None).await?;
            }
            if user.email != before.email || user.state == State::Deactivated {
                crate::reset::revoke_all(tx, user.id, at).await?;
            }
            if user.email != before.email {
                tx.exec(
                    "UPDATE invite SET revoked_at = $2 WHERE user_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL",
                    args![user.id, at],
                )
                .await?;
            }
            if before.is_platform_admin && before.state == State::Active {
                keep_an_admin(tx).await?;
            }
            tx.event(grant, None, Fact::UserChanged { id: user.id });
            tx.audit(grant, "user.update", user.id, Told::changed(&told(&before), &told(&user)));
            Ok(user)
        })
    }
    /// What still refers to a person, in words: such a person cannot be deleted.
    pub async fn user_references(&self, id: UserId) -> Result<Vec<Reference>> {
        read!(self, "user_references", |db| {
            let mut all = Vec::new();
            for (kind, sql) in REFERENCES {
                for row in db.all(*sql, args![id]).await? {
                    all.push(Reference { kind, id: row.get("id")?, name: row.get("name")? });
                }
            }
            Ok(all)
        })
    }
    /// Deletes a person to whom nothing refers any more. The last active admin stays.
    pub async fn user_delete(&self, grant: &Grant<Managed, Write>, at: Time) -> Result<()> {
        change!(self, "user_delete", at, |tx| {
            tx.lock(ADMINS).await?;
            let row = tx.opt("SELECT * FROM users WHERE id = $1", args![grant.id()]).await?;
            let user = from_row(&row.ok_or_else(|| StoreError::missing("user", grant.id()))?)?;
            for (_, sql) in REFERENCES {
                if !tx.all(*sql, args![user.id]).await?.is_empty() {
                    return Err(Rule::UserInUse.into());
                }
            }
            tx.exec("DELETE FROM users WHERE id = $1", args![user.id]).await?;
            if user.is_platform_admin && user.state == State::Active {
                keep_an_admin(tx).await?;
            }
            tx.event(grant, None, Fact::UserChanged { id: user.id });
            tx.audit(grant, "user.delete", user.id, Told::gone(&told(&user)));
            Ok(())
        })
    }
    /// What a person prefers.
    pub async fn user_preferences(&self, id: UserId) -> Result<Preferences> {
        read!(self, "user_preferences", |db| { preferences(db, id).await })
    }
    /// Sets what a person prefers.
    pub async fn user_set_preferences(&self, grant: &Grant<User, Write>, to: &Preferences, at: Time) -> Result<()> {
        change!(self, "user_set_preferences", at, |tx| {
            let before = preferences(tx, grant.id()).await?;
            tx.exec(
                "INSERT INTO preference (user_id, timezone, critical_mail, enrollment_mail) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (user_id) DO UPDATE SET timezone = excluded.timezone,
                     critical_mail = excluded.critical_mail, enrollment_mail = excluded.enrollment_mail",
                args![grant.id(), to.timezone, to.critical_mail, to.enrollment_mail],
            )
            .await?;
            let told = |p: &Preferences| json!({ "timezone": p.timezone, "critical_mail": p.critical_mail, "enrollment_mail": p.enrollment_mail });
            tx.audit(grant, "user.set_preferences", grant.id(), Told::changed(&told(&before), &told(to)));
            Ok(())
        })
    }
    /// The first run: spends the setup secret and creates the first admin, the first workspace and its owner, all or nothing.
    pub async fn user_install(
        &self,
        grant: &Grant<Platform, Write>,
        secret_hash: &str,
        admin: &New,
        workspace: &Workspace,
        at: Time,
    ) -> Result<User> {
        change!(self, "user_install", at, |tx| {
            tx.lock(ADMINS).await?;
            let row = tx.opt("SELECT value FROM setting WHERE name = $1", args![setting::SETUP_SECRET_HASH]).await?;
            let stored: String = row.ok_or(Rule::Installed)?.get("value")?;
            if !same(stored.as_bytes(), secret_hash.as_bytes()) {
                return Err(Rule::SetupSecret.into());
            }
            tx.exec("DELETE FROM setting WHERE name = $1", args![setting::SETUP_SECRET_HASH]).await?;
            tx.exec(
                "INSERT INTO setting (name, value, changed_at) VALUES ($1, $2, $3)",
                args![setting::INSTALLED_AT, at.to_string(), at],
            )
            .await?;
            let admin = New { is_platform_admin: true, state: State::Active, ..admin.clone() };
            let user = insert(tx, &admin, true, at).await?;
            crate::workspace::insert(tx, workspace, user.id, at).await?;
            tx.event(grant, None, Fact::UserChanged { id: user.id });
            tx.event(grant, Some(workspace.id), Fact::WorkspaceChanged { id: workspace.id });
            tx.audit(grant, "platform.install", "platform", Told::made(&told(&user)).with("user", user.id));
            let made = Told::made(&crate::workspace::told(workspace)).with("owner", user.id);
            tx.audit_in(grant, Some(workspace.id), "workspace.create", workspace.id, made);
            Ok(user)
        })
    }
}

/// A person as they are now, with no other change of admins under way.
async fn taken(tx: &mut Tx, id: UserId) -> Result<User> {
    tx.lock(ADMINS).await?;
    let row = tx.opt("UPDATE users SET name = name WHERE id = $1 RETURNING *", args![id]).await?;
    from_row(&row.ok_or_else(|| StoreError::missing("user", id))?)
}

async fn preferences(db: &mut Conn, id: impl std::fmt::Display) -> Result<Preferences> {
    let Some(row) = db.opt("SELECT * FROM preference WHERE user_id = $1", args![id.to_string()]).await? else {
        return Ok(Preferences::default());
    };
    Ok(Preferences {
        timezone: row.get("timezone")?,
        critical_mail: row.get("critical_mail")?,
        enrollment_mail: row.get("enrollment_mail")?,
    })
}

/// What the audit trail says about a person's password now; `None` when there is no such person.
pub(crate) async fn password(tx: &mut Tx, id: &str) -> Result<Option<serde_json::Value>> {
    let row = tx.opt("UPDATE users SET name = name WHERE id = $1 RETURNING password_hash", args![id]).await?;
    let Some(row) = row else { return Ok(None) };
    let hash: Option<String> = row.get("password_hash")?;
    Ok(Some(hash.as_deref().map_or_else(|| json!({ "has_password": false }), password_told)))
}

/// What the audit trail says about a password: that it is another one, and nothing of what it is.
pub(crate) fn password_told(hash: &str) -> serde_json::Value {
    json!({ "has_password": true, "password": hash })
}

/// What the audit trail says about a person.
pub(crate) fn told(user: &User) -> serde_json::Value {
    json!({
        "email": user.email, "name": user.name, "state": user.state, "is_platform_admin": user.is_platform_admin,
        "is_email_verified": user.is_email_verified,
    })
}

/// Serialises whatever may end an admin.
const ADMINS: &str = "platform admins";

async fn keep_an_admin(tx: &mut Tx) -> Result<()> {
    let sql = "SELECT COUNT(*) AS n FROM users WHERE is_platform_admin = TRUE AND state = 'active'";
    if tx.one(sql, vec![]).await?.get::<i64>("n")? == 0 {
        return Err(Rule::LastAdmin.into());
    }
    Ok(())
}

/// Compares without telling by the time it takes where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

/// Writes a person. `is_proven` says that the address is known to be theirs; it never is of those who are invited.
pub(crate) async fn insert(tx: &mut Tx, new: &New, is_proven: bool, at: Time) -> Result<User> {
    let proven = (is_proven && new.state != State::Invited).then_some(at);
    let row = tx
        .one(
            "INSERT INTO users (id, email, name, state, is_platform_admin, password_hash, created_at, changed_at,
                 email_verified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8) RETURNING *",
            args![
                new.id,
                new.email,
                new.name,
                state_text(new.state),
                new.is_platform_admin,
                new.password_hash,
                at,
                proven
            ],
        )
        .await?;
    from_row(&row)
}

/// The address of an active person has proved itself for the first time. What was set up before, by a person who may have
/// been another one, ends: password, sessions, keys, factors, sign-in by providers, links. False when it was proven before.
pub(crate) async fn email_proven(tx: &mut Tx, id: UserId, at: Time) -> Result<bool> {
    let proven = tx
        .exec(
            "UPDATE users SET email_verified_at = $2, password_hash = NULL, changed_at = $2
             WHERE id = $1 AND state = 'active' AND email_verified_at IS NULL",
            args![id, at],
        )
        .await?;
    if proven == 0 {
        return Ok(false);
    }
    end_all(tx, id, None).await?;
    crate::reset::revoke_all(tx, id, at).await?;
    crate::factor::drop_all(tx, &id.to_string()).await?;
    tx.exec("DELETE FROM api_key WHERE user_id = $1", args![id]).await?;
    tx.exec("DELETE FROM identity WHERE user_id = $1", args![id]).await?;
    Ok(true)
}

/// The stored spelling.
fn state_text(state: State) -> &'static str {
    match state {
        State::Invited => "invited",
        State::Active => "active",
        State::Deactivated => "deactivated",
    }
}

/// Reads the columns of `users`, under these names.
pub(crate) fn from_row(row: &Row) -> Result<User> {
    Ok(User {
        id: row.get("id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        state: state(row, "state")?,
        is_platform_admin: row.get("is_platform_admin")?,
        is_email_verified: row.get::<Option<Time>>("email_verified_at")?.is_some(),
        default_workspace: row.get("default_workspace_id")?,
        created_at: row.get("created_at")?,
    })
}

/// Reads a state column.
pub(crate) fn state(row: &Row, column: &str) -> Result<State> {
    match row.get::<String>(column)?.as_str() {
        "invited" => Ok(State::Invited),
        "active" => Ok(State::Active),
        "deactivated" => Ok(State::Deactivated),
        _ => Err(unreadable(column)),
    }
}
