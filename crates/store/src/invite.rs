//! Invitations: how an address becomes a person who can sign in.
//!
//! What an invitation promises (a place in a workspace, the right to administer the platform) is kept on the invitation and
//! is given by accepting it, once. The row of an invited person holds nothing; a CHECK says so. Invitations of one address do
//! not know each other: accepting or withdrawing one leaves the others as they are. The first that is accepted makes the
//! account and its password; the others are then accepted by that person, signed in, one by one.

use crate::db::error::{Constraint, Result, Rule, StoreError};
use crate::db::page::{Page, Paging, Select, page};
use crate::db::redact::Told;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::{Note, Tx};
use crate::db::value::args;
use crate::held::{Held, MANAGE, allowed_by, columns, members_lock, role_of};
use crate::{mail, user};
use ostler_model::audit::Outcome;
use ostler_model::authz::{Actor, ActorKind, CapabilitySet, Collection, Grant, Origin, Resource, RoleRef, Write};
use ostler_model::event::Fact;
use ostler_model::team::TeamReach;
use ostler_model::user::{Invite, Managed, Place, State, User};
use ostler_model::workspace::Member;
use ostler_model::{InviteId, Label, Time, UserId, WorkspaceId};
use serde_json::json;

/// An invitation to be.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    pub id: InviteId,
    pub token_hash: &'a [u8],
    pub expires_at: Time,
    /// The mail that carries it, when mail is on.
    pub mail: Option<&'a mail::New>,
}

/// What a person who accepts says.
#[derive(Debug, Clone, Copy)]
pub struct Accept<'a> {
    pub password_hash: &'a str,
    /// How they want to be called, if other than the inviter thought.
    pub name: Option<&'a Label>,
}

const FIND: &str = "SELECT i.*, u.email, u.name AS user_name, u.state AS user_state
                    FROM invite i JOIN users u ON u.id = i.user_id";
/// What accepting gives.
const PROMISE: &str = "id, user_id, name, workspace_id, role, role_id, invited_by, is_platform_admin, is_mailed";
/// Of a person's invitations that were neither accepted nor withdrawn, the newest; one to the platform comes first.
const LAST: &str = "user_id = $1 AND i.accepted_at IS NULL AND i.revoked_at IS NULL
                    ORDER BY CASE WHEN i.workspace_id IS NULL THEN 0 ELSE 1 END, i.id DESC LIMIT 1";

/// What comes with an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Promise {
    is_platform_admin: bool,
    place: Option<Place>,
}

/// An invitation that is being accepted.
struct Taken {
    id: InviteId,
    user: UserId,
    name: Option<Label>,
    promise: Promise,
    is_mailed: bool,
}

impl Store {
    /// Invites an address without an account to the platform. Its person can do nothing before they accept; what `user` says of
    /// rights is promised by the invitation.
    pub async fn user_invite(
        &self,
        grant: &Grant<Collection<User>, Write>,
        user: &user::New,
        invite: New<'_>,
        at: Time,
    ) -> Result<(User, Invite)> {
        let promise = Promise { is_platform_admin: user.is_platform_admin, place: None };
        change!(self, "user_invite", at, |tx| {
            let pending = pending(tx, user, at).await?.filter(|found| found.state == State::Invited);
            let pending = pending.ok_or(StoreError::Taken(Constraint::UserEmail))?;
            let invite = self.insert_invite(tx, grant, (&pending, &user.name), promise, invite, at).await?;
            tx.event(grant, None, Fact::UserChanged { id: pending.id });
            let told = json!({ "email": user.email, "name": user.name, "is_platform_admin": user.is_platform_admin });
            tx.audit(grant, "user.invite", pending.id, Told::made(&told).with("invite", invite.id));
            Ok((pending, invite))
        })
    }
    /// Invites a person once more, with the promise of their last invitation that was not withdrawn, which ends: the one to the
    /// platform, when there is one. Invitations to other places stay.
    pub async fn user_invite_again(
        &self,
        grant: &Grant<Managed, Write>,
        invite: New<'_>,
        at: Time,
    ) -> Result<(User, Invite)> {
        change!(self, "user_invite_again", at, |tx| {
            let user = invited(tx, grant.id()).await?;
            let last =
                tx.opt(format!("SELECT {PROMISE}, expires_at FROM invite i WHERE i.{LAST}"), args![user.id]).await?;
            let promise = last.as_ref().map(promise).transpose()?.unwrap_or_default();
            let name = match &last {
                Some(row) => row.get::<Option<Label>>("name")?,
                None => None,
            };
            let name = name.unwrap_or_else(|| user.name.clone());
            let told = |id: InviteId, until: Time| json!({ "invite": id, "expires_at": until });
            let before = match &last {
                Some(row) => told(row.get("id")?, row.get("expires_at")?),
                None => json!({}),
            };
            let invite = self.insert_invite(tx, grant, (&user, &name), promise, invite, at).await?;
            tx.event(grant, None, Fact::UserChanged { id: user.id });
            let after = told(invite.id, invite.expires_at);
            tx.audit(grant, "user.invite_again", user.id, Told::changed(&before, &after));
            Ok((user, invite))
        })
    }
    /// Invites an address straight into a workspace. No role above the inviter's own. Who has an account with a proven address
    /// is added instead; who has one whose address has not proved itself accepts the invitation signed in.
    pub async fn member_invite(
        &self,
        grant: &Grant<Collection<Member>, Write>,
        user: &user::New,
        role: impl Into<RoleRef>,
        invite: New<'_>,
        at: Time,
    ) -> Result<(User, Invite)> {
        let role = role.into();
        change!(self, "member_invite", at, |tx| {
            let workspace = grant.workspace().ok_or_else(|| StoreError::missing("workspace", grant.id()))?;
            tx.lock(&members_lock(workspace)).await?;
            let held = Held::of(tx, grant, workspace).await?;
            held.may_give(allowed_by(tx, workspace, role).await?, &TeamReach::Workspace)?;
            let pending = pending(tx, user, at).await?.ok_or(Rule::HasAccount)?;
            let is_in = "SELECT 1 AS one FROM member WHERE workspace_id = $1 AND user_id = $2";
            if tx.opt(is_in, args![workspace, pending.id]).await?.is_some() {
                return Err(StoreError::Taken(Constraint::Member));
            }
            let promise = Promise { is_platform_admin: false, place: Some(Place { workspace, role }) };
            let invite = self.insert_invite(tx, grant, (&pending, &user.name), promise, invite, at).await?;
            let user = pending;
            tx.event(grant, Some(workspace), Fact::MemberChanged { user: user.id });
            let told = Told::made(&json!({ "email": user.email, "role": role })).with("invite", invite.id);
            tx.audit(grant, "member.invite", user.id, told);
            Ok((user, invite))
        })
    }
    /// Withdraws an invitation. A person whom nobody invites any more, and who never accepted, goes with the last one.
    pub async fn invite_revoke(&self, grant: &Grant<Invite, Write>, at: Time) -> Result<()> {
        change!(self, "invite_revoke", at, |tx| {
            let row = tx
                .opt(
                    "UPDATE invite SET revoked_at = $2 WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL
                     RETURNING user_id, workspace_id, role, role_id, expires_at",
                    args![grant.id(), at],
                )
                .await?;
            let row = row.ok_or(Rule::Invite)?;
            let user: UserId = row.get("user_id")?;
            let before = json!({
                "user": user, "place": place(&row)?.map(told), "expires_at": row.get::<Time>("expires_at")?,
            });
            let gone = tx
                .exec(
                    "DELETE FROM users WHERE id = $1 AND state = 'invited' AND NOT EXISTS
                     (SELECT 1 FROM invite WHERE user_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL)",
                    args![user],
                )
                .await?;
            tx.event(grant, grant.workspace(), Fact::MemberChanged { user });
            tx.audit(grant, "invite.revoke", grant.id(), Told::gone(&before).with("is_person_gone", gone > 0));
            Ok(())
        })
    }
    /// An invitation by id, if there is one.
    pub async fn invite_find(&self, id: InviteId) -> Result<Option<Invite>> {
        read!(self, "invite_find", |db| {
            let row = db.opt(format!("{FIND} WHERE i.id = $1"), args![id]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// An invitation by its token, in whatever state.
    pub async fn invite_look(&self, token_hash: &[u8]) -> Result<Option<Invite>> {
        read!(self, "invite_look", |db| {
            let row = db.opt(format!("{FIND} WHERE i.token_hash = $1"), args![token_hash]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// Invitations into a workspace that nobody has accepted or withdrawn, newest first.
    pub async fn invite_list(&self, workspace: WorkspaceId, paging: &Paging) -> Result<Page<Invite>> {
        read!(self, "invite_list", |db| {
            let mut select = Select::new(FIND);
            select.when("i.workspace_id = ?", workspace).plain("i.accepted_at IS NULL AND i.revoked_at IS NULL");
            let (sql, values) = select.page("i.id", paging);
            let invites = db.all(sql, values).await?.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            Ok(page(invites, paging, |invite| invite.id.to_string()))
        })
    }
    /// The invitation that [`Store::user_invite_again`] would repeat, if there is one.
    pub async fn invite_last(&self, user: UserId) -> Result<Option<Invite>> {
        read!(self, "invite_last", |db| {
            let row = db.opt(format!("{FIND} WHERE i.{LAST}"), args![user]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// Spends a token: its person is active from now on, has this password, and what was promised. Who has an account already
    /// accepts signed in, with [`Store::invite_join`].
    pub async fn invite_accept(
        &self,
        token_hash: &[u8],
        accept: Accept<'_>,
        origin: &Origin,
        at: Time,
    ) -> Result<User> {
        change!(self, "invite_accept", at, |tx| {
            let taken = take(tx, token_hash, at).await?;
            let before = tx.opt("UPDATE users SET name = name WHERE id = $1 RETURNING *", args![taken.user]).await?;
            let before = user::from_row(&before.ok_or(Rule::Invite)?)?;
            match before.state {
                State::Invited => {}
                State::Active => return Err(Rule::AcceptSignedIn.into()),
                State::Deactivated => return Err(Rule::Invite.into()),
            }
            let row = tx
                .one(
                    "UPDATE users SET state = 'active', password_hash = $2, name = COALESCE($3, $4, name), is_platform_admin = $5,
                         email_verified_at = $6, changed_at = $7 WHERE id = $1 RETURNING *",
                    args![
                        taken.user,
                        accept.password_hash,
                        accept.name,
                        taken.name,
                        taken.promise.is_platform_admin,
                        taken.is_mailed.then_some(at),
                        at
                    ],
                )
                .await?;
            let user = user::from_row(&row)?;
            let actor = Actor { kind: ActorKind::User(user.id), label: user.email.to_string() };
            if let Some(place) = taken.promise.place {
                give_place(tx, &actor, user.id, place, at).await?;
            }
            tx.event_by(&actor, None, Fact::UserChanged { id: user.id });
            let told = Told::changed(&user::told(&before), &user::told(&user)).with("invite", taken.id);
            let told = told.with("place", taken.promise.place.map(self::told));
            tx.note(note(actor, origin, "user.accept", user.id, told));
            Ok(user)
        })
    }
    /// Spends a token of the signed-in person's own address: they get what was promised, and keep what they have.
    pub async fn invite_join(&self, grant: &Grant<User, Write>, token_hash: &[u8], at: Time) -> Result<User> {
        change!(self, "invite_join", at, |tx| {
            let taken = take(tx, token_hash, at).await?;
            if taken.user.to_string() != grant.id() {
                return Err(Rule::NotYourInvite.into());
            }
            let before = tx.opt("UPDATE users SET name = name WHERE id = $1 RETURNING *", args![taken.user]).await?;
            let before = user::from_row(&before.ok_or(Rule::Invite)?)?;
            if before.state != State::Active {
                return Err(Rule::NotActive.into());
            }
            // Who reads the mail and knows the password is one person: nothing of theirs ends.
            let row = tx
                .one(
                    "UPDATE users SET is_platform_admin = (is_platform_admin OR $2), changed_at = $4,
                         email_verified_at = COALESCE(email_verified_at, $3) WHERE id = $1 RETURNING *",
                    args![taken.user, taken.promise.is_platform_admin, taken.is_mailed.then_some(at), at],
                )
                .await?;
            let user = user::from_row(&row)?;
            if let Some(place) = taken.promise.place {
                give_place(tx, grant.actor(), user.id, place, at).await?;
            }
            tx.event(grant, None, Fact::UserChanged { id: user.id });
            let told = Told::changed(&user::told(&before), &user::told(&user)).with("invite", taken.id);
            tx.audit(grant, "user.join", user.id, told.with("place", taken.promise.place.map(self::told)));
            Ok(user)
        })
    }
    /// Removes up to `limit` invitations and resets that ended before a time, and says how many.
    pub async fn invite_expire(&self, before: Time, limit: u32, at: Time) -> Result<u64> {
        change!(self, "invite_expire", at, |tx| {
            let invites = tx
                .exec(
                    "DELETE FROM invite WHERE id IN (SELECT i.id FROM invite i JOIN users u ON u.id = i.user_id
                         WHERE i.expires_at < $1 AND u.state <> 'invited' ORDER BY i.expires_at LIMIT $2)",
                    args![before, limit],
                )
                .await?;
            let resets = tx
                .exec(
                    "DELETE FROM password_reset WHERE token_hash IN (SELECT token_hash FROM password_reset
                         WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
                    args![before, limit],
                )
                .await?;
            Ok(invites + resets)
        })
    }

    async fn insert_invite<R: Resource>(
        &self,
        tx: &mut Tx,
        grant: &Grant<R, Write>,
        (user, name): (&User, &Label),
        Promise { is_platform_admin, place }: Promise,
        new: New<'_>,
        at: Time,
    ) -> Result<Invite> {
        let invited_by = match grant.actor().kind {
            ActorKind::User(id) | ActorKind::Key { owner: id, .. } => Some(id),
            ActorKind::Anonymous | ActorKind::Node(_) | ActorKind::Bot(_) | ActorKind::System(_) => None,
        };
        let workspace = place.map(|p| p.workspace);
        let (role, custom) = place.map(|p| columns(p.role)).unzip();
        tx.exec(
            "UPDATE invite SET revoked_at = $3 WHERE user_id = $1 AND COALESCE(workspace_id, '') = $2
                 AND accepted_at IS NULL AND revoked_at IS NULL",
            args![user.id, workspace.map(|id| id.to_string()).unwrap_or_default(), at],
        )
        .await?;
        tx.exec(
            "INSERT INTO invite (id, user_id, workspace_id, role, token_hash, invited_by, created_at, expires_at, role_id,
                 name, is_platform_admin, is_mailed)
             VALUES ($1, $2, $3, $4, $5, (SELECT id FROM users WHERE id = $6), $7, $8, $9, $10, $11, $12)",
            args![
                new.id,
                user.id,
                workspace,
                role,
                new.token_hash,
                invited_by,
                at,
                new.expires_at,
                custom.flatten(),
                name,
                is_platform_admin,
                new.mail.is_some()
            ],
        )
        .await?;
        if let Some(mail) = new.mail {
            mail::enqueue(tx, self.key(), mail, at).await?;
        }
        from_row(&tx.one(format!("{FIND} WHERE i.id = $1"), args![new.id]).await?)
    }
}

/// The person of an address who can be invited: pending, or active with an address that has not proved itself. Made when
/// there is none; `None` when they have an account like any other.
async fn pending(tx: &mut Tx, new: &user::New, at: Time) -> Result<Option<User>> {
    let row = tx.opt("SELECT * FROM users WHERE email = $1", args![new.email]).await?;
    match row.as_ref().map(user::from_row).transpose()? {
        Some(user) if user.state == State::Invited => Ok(Some(user)),
        Some(user) if user.state == State::Active && !user.is_email_verified => Ok(Some(user)),
        Some(_) => Ok(None),
        None => {
            let new = user::New { state: State::Invited, password_hash: None, is_platform_admin: false, ..new.clone() };
            user::insert(tx, &new, false, at).await.map(Some)
        }
    }
}

/// Spends an invitation that is open and still meant.
async fn take(tx: &mut Tx, token_hash: &[u8], at: Time) -> Result<Taken> {
    let sql = format!(
        "UPDATE invite SET accepted_at = $2 WHERE token_hash = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2
         RETURNING {PROMISE}"
    );
    let row = tx.opt(sql, args![token_hash, at]).await?.ok_or(Rule::Invite)?;
    let promise = promise(&row)?;
    if let Some(place) = promise.place {
        tx.lock(&members_lock(place.workspace)).await?;
    }
    if !still_meant(tx, row.get("invited_by")?, promise.place).await? {
        return Err(Rule::Invite.into());
    }
    Ok(Taken {
        id: row.get("id")?,
        user: row.get("user_id")?,
        name: row.get("name")?,
        promise,
        is_mailed: row.get("is_mailed")?,
    })
}

async fn give_place(tx: &mut Tx, actor: &Actor, user: UserId, place: Place, at: Time) -> Result<()> {
    let (word, custom) = columns(place.role);
    tx.exec(
        "INSERT INTO member (workspace_id, user_id, role, role_id, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
        args![place.workspace, user, word, custom, at],
    )
    .await?;
    tx.event_by(actor, Some(place.workspace), Fact::MemberChanged { user });
    Ok(())
}

/// The person, who must not have accepted yet.
async fn invited(tx: &mut Tx, id: &str) -> Result<User> {
    let row = tx.opt("SELECT * FROM users WHERE id = $1", args![id]).await?;
    let user = user::from_row(&row.ok_or_else(|| StoreError::missing("user", id))?)?;
    if user.state == State::Invited { Ok(user) } else { Err(Rule::Accepted.into()) }
}

/// The inviter may still give that place, or any account, at this moment. The platform itself may always.
async fn still_meant(tx: &mut Tx, by: Option<UserId>, place: Option<Place>) -> Result<bool> {
    let Some(by) = by else { return Ok(true) };
    let Some(place) = place else {
        let sql = "SELECT id FROM users WHERE id = $1 AND state = 'active' AND is_platform_admin = TRUE";
        return Ok(tx.opt(sql, args![by]).await?.is_some());
    };
    let Some(held) = Held::person(tx, place.workspace, by, None).await? else { return Ok(false) };
    let promised = match allowed_by(tx, place.workspace, place.role).await {
        Err(StoreError::Missing { .. }) => return Ok(false),
        promised => promised?,
    };
    Ok(held.may_give(promised.or(CapabilitySet::NONE.with(MANAGE)), &TeamReach::Workspace).is_ok())
}

fn told(place: Place) -> serde_json::Value {
    json!({ "workspace": place.workspace, "role": place.role })
}

/// An entry about somebody who was not signed in when they did it, but has proven who they are.
pub(crate) fn note(actor: Actor, origin: &Origin, action: &str, target: impl std::fmt::Display, told: Told) -> Note {
    Note {
        workspace: None,
        actor,
        origin: origin.clone(),
        action: action.to_owned(),
        target_kind: "user".to_owned(),
        target_id: target.to_string(),
        outcome: Outcome::Done,
        told,
    }
}

fn place(row: &Row) -> Result<Option<Place>> {
    let (workspace, role): (Option<WorkspaceId>, Option<String>) = (row.get("workspace_id")?, row.get("role")?);
    match (workspace, role) {
        (Some(workspace), Some(_)) => Ok(Some(Place { workspace, role: role_of(row)? })),
        _ => Ok(None),
    }
}

fn promise(row: &Row) -> Result<Promise> {
    Ok(Promise { is_platform_admin: row.get("is_platform_admin")?, place: place(row)? })
}

fn from_row(row: &Row) -> Result<Invite> {
    let name: Option<Label> = row.get("name")?;
    Ok(Invite {
        id: row.get("id")?,
        user: row.get("user_id")?,
        email: row.get("email")?,
        name: name.map_or_else(|| row.get("user_name"), Ok)?,
        has_account: user::state(row, "user_state")? != State::Invited,
        is_platform_admin: row.get("is_platform_admin")?,
        place: place(row)?,
        is_mailed: row.get("is_mailed")?,
        invited_by: row.get("invited_by")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        accepted_at: row.get("accepted_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}
