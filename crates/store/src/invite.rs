//! Invitations: how an address becomes a person who can sign in.
//!
//! A later invitation to the same place takes the earlier one's place. Accepting spends one token, exactly once, and gives what
//! *that* invitation promised and nothing else: somebody who invites an address that another workspace has invited, too, does
//! not come into the other one's possession.

use crate::db::error::{Result, Rule, StoreError};
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

/// What somebody who accepts says.
#[derive(Debug, Clone, Copy)]
pub struct Accept<'a> {
    pub password_hash: &'a str,
    /// How they want to be called, if other than the inviter thought.
    pub name: Option<&'a Label>,
}

const FIND: &str = "SELECT i.*, u.email, u.name FROM invite i JOIN users u ON u.id = i.user_id";

impl Store {
    /// Invites a new person to the platform. They are there from now on, and cannot do anything before they accept.
    pub async fn user_invite(
        &self,
        grant: &Grant<Collection<User>, Write>,
        user: &user::New,
        invite: New<'_>,
        at: Time,
    ) -> Result<(User, Invite)> {
        let invited = user::New { state: State::Invited, password_hash: None, ..user.clone() };
        change!(self, "user_invite", at, |tx| {
            let user = user::insert(tx, &invited, at).await?;
            let invite = self.insert_invite(tx, grant, (&user, None), invite, at).await?;
            tx.event(grant, None, Fact::UserChanged { id: user.id });
            tx.audit(grant, "user.invite", user.id, Told::made(&user::told(&user)).with("invite", invite.id));
            Ok((user, invite))
        })
    }
    /// Invites a person once more, to the place of the last invitation; earlier ones end.
    pub async fn user_invite_again(
        &self,
        grant: &Grant<Managed, Write>,
        invite: New<'_>,
        at: Time,
    ) -> Result<(User, Invite)> {
        change!(self, "user_invite_again", at, |tx| {
            let user = invited(tx, grant.id()).await?;
            let last = tx
                .opt(
                    "SELECT id, expires_at, workspace_id, role, role_id FROM invite WHERE user_id = $1 ORDER BY id DESC LIMIT 1",
                    args![user.id],
                )
                .await?;
            let place = last.as_ref().map(place).transpose()?.flatten();
            let told = |id: InviteId, until: Time| json!({ "invite": id, "expires_at": until });
            let before = match &last {
                Some(row) => told(row.get("id")?, row.get("expires_at")?),
                None => json!({}),
            };
            tx.exec(
                "UPDATE invite SET revoked_at = $2 WHERE user_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL",
                args![user.id, at],
            )
            .await?;
            let invite = self.insert_invite(tx, grant, (&user, place), invite, at).await?;
            tx.event(grant, None, Fact::UserChanged { id: user.id });
            let after = told(invite.id, invite.expires_at);
            tx.audit(grant, "user.invite_again", user.id, Told::changed(&before, &after));
            Ok((user, invite))
        })
    }
    /// Invites an address straight into a workspace. Nobody gives a role above their own; who has an account is added instead.
    pub async fn member_invite(
        &self,
        grant: &Grant<Collection<Member>, Write>,
        user: &user::New,
        role: impl Into<RoleRef>,
        invite: New<'_>,
        at: Time,
    ) -> Result<(User, Invite)> {
        let new = user::New { state: State::Invited, password_hash: None, is_platform_admin: false, ..user.clone() };
        let role = role.into();
        change!(self, "member_invite", at, |tx| {
            let workspace = grant.workspace().ok_or_else(|| StoreError::missing("workspace", grant.id()))?;
            tx.lock(&members_lock(workspace)).await?;
            let held = Held::of(tx, grant, workspace).await?;
            held.may_give(allowed_by(tx, workspace, role).await?, &TeamReach::Workspace)?;
            let row = tx.opt("SELECT * FROM users WHERE email = $1", args![new.email]).await?;
            let user = match row.as_ref().map(user::from_row).transpose()? {
                Some(user) if user.state != State::Invited => return Err(Rule::HasAccount.into()),
                Some(user) => user,
                None => user::insert(tx, &new, at).await?,
            };
            let invite = self.insert_invite(tx, grant, (&user, Some(Place { workspace, role })), invite, at).await?;
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
    /// A person's latest invitation, if there is one.
    pub async fn invite_latest(&self, user: UserId) -> Result<Option<Invite>> {
        read!(self, "invite_latest", |db| {
            let row = db.opt(format!("{FIND} WHERE i.user_id = $1 ORDER BY i.id DESC LIMIT 1"), args![user]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// Spends a token: its person is active from now on, has this password, and the place that was promised.
    pub async fn invite_accept(
        &self,
        token_hash: &[u8],
        accept: Accept<'_>,
        origin: &Origin,
        at: Time,
    ) -> Result<User> {
        change!(self, "invite_accept", at, |tx| {
            let row = tx
                .opt(
                    "UPDATE invite SET accepted_at = $2 WHERE token_hash = $1 AND accepted_at IS NULL
                         AND revoked_at IS NULL AND expires_at > $2
                     RETURNING id, user_id, workspace_id, role, role_id, invited_by",
                    args![token_hash, at],
                )
                .await?;
            let row = row.ok_or(Rule::Invite)?;
            let (invite, id): (InviteId, UserId) = (row.get("id")?, row.get("user_id")?);
            let place = place(&row)?;
            if let Some(place) = place {
                tx.lock(&members_lock(place.workspace)).await?;
            }
            if !still_meant(tx, row.get("invited_by")?, place).await? {
                return Err(Rule::Invite.into());
            }
            let before = tx.opt("UPDATE users SET name = name WHERE id = $1 RETURNING *", args![id]).await?;
            let before = user::from_row(&before.ok_or(Rule::Invite)?)?;
            let active = tx
                .opt(
                    "UPDATE users SET state = 'active', password_hash = $2, name = COALESCE($3, name), changed_at = $4
                     WHERE id = $1 AND state = 'invited' RETURNING *",
                    args![id, accept.password_hash, accept.name, at],
                )
                .await?;
            let user = user::from_row(&active.ok_or(Rule::Invite)?)?;
            tx.exec(
                "UPDATE invite SET revoked_at = $2 WHERE user_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL",
                args![id, at],
            )
            .await?;
            let actor = Actor { kind: ActorKind::User(id), label: user.email.to_string() };
            if let Some(Place { workspace, role }) = place {
                let (word, custom) = columns(role);
                tx.exec(
                    "INSERT INTO member (workspace_id, user_id, role, role_id, created_at) VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT DO NOTHING",
                    args![workspace, id, word, custom, at],
                )
                .await?;
                tx.event_by(&actor, Some(workspace), Fact::MemberChanged { user: id });
            }
            tx.event_by(&actor, None, Fact::UserChanged { id });
            let told = Told::changed(&user::told(&before), &user::told(&user)).with("invite", invite);
            tx.note(note(actor, origin, "user.accept", id, told.with("place", place.map(self::told))));
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
        (user, place): (&User, Option<Place>),
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
            "INSERT INTO invite (id, user_id, workspace_id, role, token_hash, invited_by, created_at, expires_at, role_id)
             VALUES ($1, $2, $3, $4, $5, (SELECT id FROM users WHERE id = $6), $7, $8, $9)",
            args![new.id, user.id, workspace, role, new.token_hash, invited_by, at, new.expires_at, custom.flatten()],
        )
        .await?;
        if let Some(mail) = new.mail {
            mail::enqueue(tx, self.key(), mail, at).await?;
        }
        from_row(&tx.one(format!("{FIND} WHERE i.id = $1"), args![new.id]).await?)
    }
}

/// The person, who must not have accepted yet.
async fn invited(tx: &mut Tx, id: &str) -> Result<User> {
    let row = tx.opt("SELECT * FROM users WHERE id = $1", args![id]).await?;
    let user = user::from_row(&row.ok_or_else(|| StoreError::missing("user", id))?)?;
    if user.state == State::Invited { Ok(user) } else { Err(Rule::Accepted.into()) }
}

/// Whoever invited may still give that place, or any account, at this moment. The platform itself may always.
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

fn from_row(row: &Row) -> Result<Invite> {
    Ok(Invite {
        id: row.get("id")?,
        user: row.get("user_id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        place: place(row)?,
        invited_by: row.get("invited_by")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        accepted_at: row.get("accepted_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}
