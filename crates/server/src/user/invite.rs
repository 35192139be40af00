//! Invitations: into a workspace, withdrawing them, accepting one.

use super::user_view;
use crate::app::App;
use crate::auth::{checked_for, hash_token};
use crate::http::{
    Access, Allowed, Call, Caller, Collected, Error, Found, Json, Load, Lookup, NoContent, Once, Proof, Public, Query,
    Result, Routes, View, page, paging,
};
use crate::limits;
use crate::mail::Letter;
use crate::role::no_such_role;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler_model::authz::{Collection, Grant, Read, RoleRef, Write};
use ostler_model::user::{Email, Invite, LinkState, State, User};
use ostler_model::workspace::Member;
use ostler_model::{InviteId, Label, Secret, Time};
use ostler_store::throttle::Attempt;
use ostler_store::user::New;
use ostler_store::{Rule, StoreError, invite, mail};
use ostler_wire::Page;
use ostler_wire::invite::{InviteAccept, InviteCreate, InviteLook, InviteView, Invited};
use ostler_wire::page::PageQuery;
use ostler_wire::user::UserView;

/// The endpoints about invitations.
pub fn routes() -> Routes {
    Routes::new("invite")
        .get("/api/v1/workspaces/{workspace}/invites", list)
        .post("/api/v1/workspaces/{workspace}/invites", create)
        .delete("/api/v1/invites/{invite}", revoke)
        .get("/api/v1/auth/invitations/{token}", look)
        .post("/api/v1/auth/invitations/{token}/accept", accept)
}

impl Collected for Invite {}

impl Load for Invite {
    const FOUND: Found = Found::Param("invite");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        match find.id("invite") {
            Some(id) => Ok(app.store.invite_find(id).await?),
            None => Ok(None),
        }
    }
}

/// Whom to invite into a workspace.
#[derive(Debug, Clone)]
pub struct Offer {
    pub email: Email,
    /// The part of the address before the @ when absent.
    pub name: Option<Label>,
    pub role: RoleRef,
}

/// List the invitations into a workspace that nobody has accepted or withdrawn, newest first.
pub async fn list(
    app: App,
    all: Allowed<Collection<Invite>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<InviteView>>> {
    let workspace = all.resource.workspace_id().ok_or(Error::NotFound)?;
    let invites = app.store.invite_list(workspace, &paging(query.limit, query.cursor.as_deref())?).await?;
    let now = app.clock.now();
    Ok(View(page(invites, |invite| view(&invite, now))))
}

/// Invite an address straight into a workspace, with a role. Who has an account already is added as a member instead.
///
/// A later invitation of the same address takes the earlier one's place. The link is shown to people in a confirmed session only; with
/// mail off, where it is needed, others are answered 403 `confirm_first`, and keys get no link.
pub async fn create(
    app: App,
    all: Allowed<Collection<Member>, Write>,
    Json(input): Json<InviteCreate>,
) -> Result<Once<Invited>> {
    let InviteCreate { email, name, role } = input;
    Ok(Once(offer(&app, (&all.grant, &all.caller), Offer { email, name, role }).await?))
}

/// Invites an address into the grant's workspace: what adding a member does for somebody without an account.
pub async fn offer(
    app: &App,
    (grant, caller): (&Grant<Collection<Member>, Write>, &Caller),
    offer: Offer,
) -> Result<Invited> {
    let workspace = grant.workspace().ok_or(Error::NotFound)?;
    let workspace = app.store.workspace_find(workspace).await?.ok_or(Error::NotFound)?;
    let name = match offer.name {
        Some(name) => name,
        None => before_the_at(&offer.email)?,
    };
    let told = told(app, &offer.email, |link, until| Letter::Invite {
        name: name.to_string(),
        by: caller.authority.actor.label.clone(),
        workspace: Some(workspace.name.to_string()),
        link,
        until,
    });
    // Who sees the link can accept it. A key never does; with mail off an invitation without its link is of no use, so a person
    // shows first who they are.
    let is_confirmed = match &caller.session {
        Some(_) if !told.is_mailed() => crate::factor::confirmed(app, caller).await.map(|_| true)?,
        Some(session) => crate::factor::is_confirmed(app, session).await?,
        None => false,
    };
    slow_down(app, &offer.email).await?;
    let new = New {
        id: app.ids.next(),
        email: offer.email,
        name,
        state: State::Invited,
        is_platform_admin: false,
        password_hash: None,
    };
    let made = app.store.member_invite(grant, &new, offer.role, told.to_write(), app.clock.now()).await;
    let (_, made) = made.map_err(no_such_role("role"))?;
    // With mail on, an address proves itself: only who reads its mail can accept. A link in other hands would not.
    let may_see = is_confirmed && (!told.is_mailed() || caller.authority.is_platform_admin);
    Ok(invited(app, &made, told, may_see))
}

/// Withdraw an invitation. Its link ends at once.
pub async fn revoke(app: App, invite: Allowed<Invite, Write>, _: ()) -> Result<NoContent> {
    app.store.invite_revoke(&invite.grant, app.clock.now()).await?;
    Ok(NoContent)
}

/// Read an invitation by the secret in its link.
pub async fn look(app: App, by: ByLink, _: ()) -> Result<View<InviteLook>> {
    let found = app.store.invite_look(&by.hash).await?.ok_or(Error::NotFound)?;
    ended(found.state(app.clock.now()), "this invitation")?;
    Ok(View(InviteLook {
        email: found.email.to_string(),
        name: found.name.to_string(),
        has_account: found.has_account,
        expires_at: found.expires_at,
    }))
}

/// Accept an invitation: choose a password, and sign in with it from then on. Works once.
///
/// It gives what this invitation promises, and leaves others of the same address as they are. Who has an account already signs in
/// and accepts at `POST /api/v1/users/me/invitations`.
pub async fn accept(app: App, by: ByLink, Json(input): Json<InviteAccept>) -> Result<View<UserView>> {
    // Before the expensive part; the store looks once more when it spends the token.
    let found = app.store.invite_look(&by.hash).await?.ok_or(Error::NotFound)?;
    by.public.about.subject(found.email.as_str());
    ended(found.state(app.clock.now()), "this invitation")?;
    if found.has_account {
        return Err(StoreError::Refused(Rule::AcceptSignedIn).into());
    }
    checked_for(&input.password, "password", &[found.email.as_str(), found.name.as_str()])?;
    let password_hash = app.passwords.hash(&app.ids, &input.password).await?;
    let with = invite::Accept { password_hash: &password_hash, name: input.name.as_ref() };
    let done = app.store.invite_accept(&by.hash, with, &by.public.origin, app.clock.now()).await;
    Ok(View(user_view(&accepted(&app, &by.hash, done).await?)))
}

/// What came of accepting, and why not.
pub(super) async fn accepted(app: &App, hash: &[u8], done: Result<User, StoreError>) -> Result<User> {
    match done {
        Err(StoreError::Refused(Rule::Invite)) => {
            let now = app.store.invite_look(hash).await?.ok_or(Error::NotFound)?;
            ended(now.state(app.clock.now()), "this invitation")?;
            let message = "who sent this invitation may not invite you any more; ask for another one".to_owned();
            Err(Error::Gone { code: "revoked", message })
        }
        done => Ok(done?),
    }
}

/// Whoever holds the secret in the path. Nobody else is asked who they are.
#[derive(Debug, Clone)]
pub struct ByLink {
    /// What is kept of the secret.
    pub hash: Vec<u8>,
    pub public: Public,
}

impl Proof for ByLink {
    const ACCESS: Access = Access::Public;
    async fn prove(call: &Call) -> Result<Self> {
        let token = call.param("token").filter(|token| token.len() <= limits::LINK_CHARS).ok_or(Error::NotFound)?;
        Ok(Self { hash: hash_token(token).to_vec(), public: Public::prove(call).await? })
    }
}

/// Refuses links that are over, and says why.
pub(super) fn ended(state: LinkState, what: &str) -> Result<()> {
    let (code, message) = match state {
        LinkState::Open => return Ok(()),
        LinkState::Used => return Err(Error::conflict("used", format!("{what} has been used; it works once"))),
        LinkState::Revoked => ("revoked", format!("{what} was withdrawn, or a later one took its place")),
        LinkState::Expired => ("expired", format!("the time of {what} is over; ask for another one")),
    };
    Err(Error::Gone { code, message })
}

/// What goes to somebody who is invited.
pub(super) struct Told {
    id: InviteId,
    hash: Vec<u8>,
    link: String,
    expires_at: Time,
    mail: Option<mail::New>,
}

impl Told {
    pub(super) fn to_write(&self) -> invite::New<'_> {
        invite::New { id: self.id, token_hash: &self.hash, expires_at: self.expires_at, mail: self.mail.as_ref() }
    }
    fn is_mailed(&self) -> bool {
        self.mail.is_some()
    }
}

/// Makes a link and the letter that carries it.
pub(super) fn told(app: &App, to: &Email, letter: impl FnOnce(String, Time) -> Letter) -> Told {
    let token = fresh_token(app, "osi_");
    let expires_at = app.clock.now() + limits::INVITE_TIME;
    let link = format!("{}/invite#token={}", app.config.public_url(), token.reveal());
    let mail = app.letter(to, &letter(link.clone(), expires_at), expires_at);
    Told { id: app.ids.next(), hash: hash_token(token.reveal()).to_vec(), link, expires_at, mail }
}

/// Holds up whoever would make this server write to one address again and again.
pub(super) async fn slow_down(app: &App, to: &Email) -> Result<()> {
    let subject = format!("invite:{to}");
    let now = app.clock.now();
    match app.store.throttle_attempt(&[(subject.as_str(), limits::INVITES)], now).await? {
        Attempt::Blocked { until } => Err(Error::TooMany { retry_after: until.since(now) }),
        Attempt::Allowed => Ok(()),
    }
}

/// The answer, once it is written down. It shows what this invitation says, and nothing that others say about the address.
pub(super) fn invited(app: &App, invite: &Invite, told: Told, may_see: bool) -> Invited {
    app.post.wake();
    let user = UserView {
        id: invite.user,
        email: invite.email.to_string(),
        name: invite.name.to_string(),
        state: State::Invited,
        is_platform_admin: false,
        is_email_verified: false,
        created_at: invite.created_at,
    };
    Invited {
        user,
        invite: view(invite, app.clock.now()),
        is_mailed: told.is_mailed(),
        link: may_see.then_some(told.link),
    }
}

/// A secret for a link, of its own kind.
pub(crate) fn fresh_token(app: &App, prefix: &str) -> Secret {
    Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(app.ids.bytes::<32>())))
}

fn before_the_at(email: &Email) -> Result<Label> {
    let local = email.as_str().split('@').next().unwrap_or_default();
    local.chars().take(80).collect::<String>().parse().map_err(|_| Error::field("name", "say what to call them"))
}

fn view(invite: &Invite, now: Time) -> InviteView {
    InviteView {
        id: invite.id,
        user: invite.user,
        email: invite.email.to_string(),
        name: invite.name.to_string(),
        workspace: invite.place.map(|place| place.workspace),
        role: invite.place.map(|place| place.role),
        is_platform_admin: invite.is_platform_admin,
        state: invite.state(now),
        created_at: invite.created_at,
        expires_at: invite.expires_at,
    }
}
