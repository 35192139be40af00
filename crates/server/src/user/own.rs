//! Endpoints about oneself.

use super::invite::{accepted, ended};
use super::{me as describe, user_view};
use crate::app::App;
use crate::auth::{checked_for, hash_token};
use crate::http::{
    Allowed, Confirmed, Error, InPerson, Json, NoContent, Result, Routes, SignedIn, View, allow, find_workspace,
};
use crate::limits;
use ostler_model::authz::{Read, Write};
use ostler_model::timezone::{Timezone, TimezoneError};
use ostler_model::user::{Preferences, User};
use ostler_store::throttle::Attempt;
use ostler_store::{Paging, Reach};
use ostler_wire::auth::Me;
use ostler_wire::invite::InviteJoin;
use ostler_wire::user::{MeUpdate, PasswordChange, PreferencesUpdate, PreferencesView, UserView};

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/api/v1/users/me", me)
        .patch("/api/v1/users/me", update_me)
        .post("/api/v1/users/me/password", change_password)
        .post("/api/v1/users/me/invitations", join)
        .get("/api/v1/users/me/preferences", preferences)
        .patch("/api/v1/users/me/preferences", update_preferences)
}

/// Who you are, and what you may do where.
pub async fn me(app: App, who: SignedIn, _: ()) -> Result<View<Me>> {
    let user = who.caller.user.as_ref().ok_or(Error::NotFound)?;
    let authority = &who.caller.authority;
    let workspaces = app.store.workspace_list(&Reach::of(authority), &Paging::default()).await?.items;
    Ok(View(describe(user, authority, &who.caller.standing, workspaces, app.clock.now())))
}

/// Change your own name, or the workspace that you mean when you name none. What is absent stays.
pub async fn update_me(app: App, own: Allowed<User, Write>, Json(input): Json<MeUpdate>) -> Result<View<UserView>> {
    let default = match input.default_workspace.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(named) => {
            let found = find_workspace(&app, named).await?;
            let found = found.filter(|workspace| allow::<_, Read>(&own.caller, workspace).is_ok());
            Some(Some(found.ok_or_else(|| Error::field("default_workspace", "you are in no such workspace"))?.id))
        }
    };
    Ok(View(user_view(&app.store.user_set_own(&own.grant, input.name.as_ref(), default, app.clock.now()).await?)))
}

/// Change your own password. Your other sessions, and links to set a new password, end.
pub async fn change_password(
    app: App,
    own: InPerson<Allowed<User, Write>>,
    Json(input): Json<PasswordChange>,
) -> Result<NoContent> {
    let user = &own.resource;
    let PasswordChange { current_password, new_password } = input;
    checked_for(&new_password, "new_password", &[user.email.as_str(), user.name.as_str()])?;
    if current_password == new_password {
        return Err(Error::field("new_password", "this is the password that you have already"));
    }
    // A stolen session must not become a way to guess the password.
    let subject = format!("password:{}", user.id);
    let now = app.clock.now();
    if let Attempt::Blocked { until } =
        app.store.throttle_attempt(&[(subject.as_str(), limits::SIGN_IN_ACCOUNT)], now).await?
    {
        return Err(Error::TooMany { retry_after: until.since(now) });
    }
    let stored = app.store.user_credential(&user.email).await?.and_then(|found| found.password_hash);
    let Some(stored) = stored else {
        return Err(Error::conflict("no_password", "you have no password yet; ask for a link to set one"));
    };
    if !app.passwords.check(Some(&stored), &current_password).await? {
        return Err(Error::field("current_password", "this is not your password"));
    }
    let hash = app.passwords.hash(&app.ids, &new_password).await?;
    let now = app.clock.now();
    app.store.user_set_password(&own.grant, &hash, Some(own.session.id), now).await?;
    app.store.throttle_clear(&[subject.as_str()], now).await?;
    Ok(NoContent)
}

/// Accept an invitation to your own address, by the secret in its link. You get what it promises, and keep what you have.
pub async fn join(
    app: App,
    own: Confirmed<Allowed<User, Write>>,
    Json(input): Json<InviteJoin>,
) -> Result<View<UserView>> {
    let token = input.token.reveal();
    let hash = hash_token(token);
    let found = if token.len() > limits::LINK_CHARS { None } else { app.store.invite_look(&hash).await? };
    let found = found.ok_or_else(|| Error::field("token", "this is no invitation; open the link from your mail"))?;
    ended(found.state(app.clock.now()), "this invitation")?;
    let done = app.store.invite_join(&own.grant, &hash, app.clock.now()).await;
    Ok(View(user_view(&accepted(&app, &hash, done).await?)))
}

/// What you prefer.
pub async fn preferences(app: App, own: Allowed<User, Read>, _: ()) -> Result<View<PreferencesView>> {
    Ok(View(view(app.store.user_preferences(own.resource.id).await?)))
}

/// Change what you prefer; what is not named stays.
pub async fn update_preferences(
    app: App,
    own: Allowed<User, Write>,
    Json(input): Json<PreferencesUpdate>,
) -> Result<View<PreferencesView>> {
    let before = app.store.user_preferences(own.resource.id).await?;
    let timezone = match input.timezone {
        None => before.timezone,
        Some(name) if name.is_empty() => None,
        Some(name) => {
            let zone: Timezone =
                name.parse().map_err(|error: TimezoneError| Error::field("timezone", error.to_string()))?;
            Some(zone.to_string())
        }
    };
    let to = Preferences {
        timezone,
        critical_mail: input.critical_mail.unwrap_or(before.critical_mail),
        enrollment_mail: input.enrollment_mail.unwrap_or(before.enrollment_mail),
    };
    app.store.user_set_preferences(&own.grant, &to, app.clock.now()).await?;
    Ok(View(view(to)))
}

fn view(preferences: Preferences) -> PreferencesView {
    let Preferences { timezone, critical_mail, enrollment_mail } = preferences;
    PreferencesView { timezone, critical_mail, enrollment_mail }
}
