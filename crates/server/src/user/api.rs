//! Endpoints about people, for whoever administers the platform.

use super::invite::{invited, slow_down, told};
use super::user_view;
use crate::app::App;
use crate::http::{
    Allowed, Collected, Confirmed, Error, Found, Json, Load, Lookup, NoContent, Once, Query, Result, Routes, View,
    page, paging,
};
use crate::limits;
use crate::mail::Letter;
use ostler_model::authz::{Collection, Read, Write};
use ostler_model::user::{Managed, State, User};
use ostler_store::user::{Change, New};
use ostler_store::{Rule, StoreError};
use ostler_wire::Page;
use ostler_wire::invite::{Invited, ResetLink};
use ostler_wire::page::PageQuery;
use ostler_wire::user::{ReferenceView, References, UserCreate, UserUpdate, UserView};
use serde_json::json;

pub(super) fn routes() -> Routes {
    Routes::new("user")
        .get("/api/v1/users", list)
        .post("/api/v1/users", create)
        .get("/api/v1/users/{user}", get)
        .patch("/api/v1/users/{user}", update)
        .delete("/api/v1/users/{user}", delete)
        .get("/api/v1/users/{user}/references", references)
        .post("/api/v1/users/{user}/resend-invite", resend_invite)
        .post("/api/v1/users/{user}/reset-link", reset_link)
}

impl Collected for User {
    const IS_ON_PLATFORM: bool = true;
}

impl Load for Managed {
    const FOUND: Found = Found::Param("user");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let Some(id) = find.id("user") else { return Ok(None) };
        Ok(app.store.user_find(id).await?.map(Managed))
    }
}

/// List all people, newest first.
pub async fn list(
    app: App,
    _: Allowed<Collection<User>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<UserView>>> {
    let users = app.store.user_list(&paging(query.limit, query.cursor.as_deref())?).await?;
    Ok(View(page(users, |user| user_view(&user))))
}

/// Invite a person. They choose a password by the link, which works once and for 72 hours; before that they can do nothing.
///
/// The link goes to them by mail when mail is on, and is in the answer in any case. What it promises, the right to administer the
/// platform too, is given by accepting it and by nothing else.
pub async fn create(
    app: App,
    all: Confirmed<Allowed<Collection<User>, Write>>,
    Json(input): Json<UserCreate>,
) -> Result<Once<Invited>> {
    slow_down(&app, &input.email).await?;
    let told = told(&app, &input.email, |link, until| Letter::Invite {
        name: input.name.to_string(),
        by: all.caller.authority.actor.label.clone(),
        workspace: None,
        link,
        until,
    });
    let new = New {
        id: app.ids.next(),
        email: input.email,
        name: input.name,
        state: State::Invited,
        is_platform_admin: input.is_platform_admin,
        password_hash: None,
    };
    let (_, made) = app.store.user_invite(&all.grant, &new, told.to_write(), app.clock.now()).await?;
    Ok(Once(invited(&app, &made, told, true)))
}

/// Read about a person: yourself, or anybody when you administer the platform.
pub async fn get(_: App, user: Allowed<User, Read>, _: ()) -> Result<View<UserView>> {
    Ok(View(user_view(&user.resource)))
}

/// Change a person's name, address or rights, keep them out or let them in again.
///
/// Being kept out ends their sessions. The last active admin of the platform stays one. Another address has to prove itself once more.
pub async fn update(
    app: App,
    user: Confirmed<Allowed<Managed, Write>>,
    Json(input): Json<UserUpdate>,
) -> Result<View<UserView>> {
    let UserUpdate { email, name, is_platform_admin, is_active } = input;
    if is_platform_admin == Some(false) || is_active == Some(false) {
        not_oneself(&user)?;
    }
    let change = Change { email, name, is_platform_admin, is_active };
    if change == Change::default() {
        return Err(Error::field("", "name at least one thing to change"));
    }
    Ok(View(user_view(&app.store.user_update(&user.grant, &change, app.clock.now()).await?)))
}

/// Delete a person to whom nothing refers any more. Otherwise the answer lists what does.
pub async fn delete(app: App, user: Confirmed<Allowed<Managed, Write>>, _: ()) -> Result<NoContent> {
    not_oneself(&user)?;
    match app.store.user_delete(&user.grant, app.clock.now()).await {
        Err(StoreError::Refused(rule @ (Rule::UserInUse | Rule::Linked))) => {
            let items = referring(&app, &user.resource.0).await?;
            Err(Error::Conflict {
                code: "user_in_use",
                message: rule.to_string(),
                details: Some(json!({ "references": items })),
            })
        }
        done => Ok(done.map(|()| NoContent)?),
    }
}

/// List what still refers to a person: they can be deleted when this is empty.
pub async fn references(app: App, user: Allowed<Managed, Read>, _: ()) -> Result<View<References>> {
    Ok(View(References { items: referring(&app, &user.resource.0).await? }))
}

/// Invite a person once more, to what the last open invitation promises. Its link ends.
pub async fn resend_invite(app: App, user: Confirmed<Allowed<Managed, Write>>, _: ()) -> Result<Once<Invited>> {
    let who = &user.resource.0;
    slow_down(&app, &who.email).await?;
    let place = app.store.invite_last(who.id).await?.and_then(|last| last.place);
    let workspace = match place {
        Some(place) => app.store.workspace_find(place.workspace).await?.map(|workspace| workspace.name.to_string()),
        None => None,
    };
    let told = told(&app, &who.email, |link, until| Letter::Invite {
        name: who.name.to_string(),
        by: user.caller.authority.actor.label.clone(),
        workspace,
        link,
        until,
    });
    let (_, made) = app.store.user_invite_again(&user.grant, told.to_write(), app.clock.now()).await?;
    Ok(Once(invited(&app, &made, told, true)))
}

/// Make a link by which a person sets a new password, to hand over when mail is off.
///
/// It works once and for an hour; earlier ones end. It shows nothing about the address.
pub async fn reset_link(app: App, user: Confirmed<Allowed<Managed, Write>>, _: ()) -> Result<Once<ResetLink>> {
    let token = super::fresh_token(&app, "osp_");
    let now = app.clock.now();
    let expires_at = now + limits::RESET_TIME;
    app.store.reset_hand_out(&user.grant, &crate::auth::hash_token(token.reveal()), expires_at, now).await?;
    let link = format!("{}/reset#token={}", app.config.public_url(), token.reveal());
    Ok(Once(ResetLink { link, expires_at }))
}

fn not_oneself(user: &Allowed<Managed, Write>) -> Result<()> {
    if user.caller.authority.user() == Some(user.resource.0.id) {
        return Err(Error::conflict("oneself", "another admin has to do this: you would lock yourself out"));
    }
    Ok(())
}

async fn referring(app: &App, user: &User) -> Result<Vec<ReferenceView>> {
    let all = app.store.user_references(user.id).await?.into_iter();
    Ok(all.map(|r| ReferenceView { kind: r.kind.to_owned(), id: r.id, name: r.name }).collect())
}
