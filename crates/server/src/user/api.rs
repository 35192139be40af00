//! Endpoints about people.

use super::{me as describe, user_view};
use crate::app::App;
use crate::auth;
use crate::http::{Allowed, Collected, Created, Error, Json, Query, Result, Routes, SignedIn, View, page, paging};
use ostler_model::authz::{Collection, Read, Write};
use ostler_model::user::{State, User};
use ostler_store::user::New;
use ostler_wire::Page;
use ostler_wire::auth::Me;
use ostler_wire::page::PageQuery;
use ostler_wire::user::{UserCreate, UserView};

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("user")
        .get("/api/v1/users/me", me)
        .get("/api/v1/users", list)
        .post("/api/v1/users", create)
        .get("/api/v1/users/{user}", get)
}

impl Collected for User {
    const IS_ON_PLATFORM: bool = true;
}

/// Who you are, and what you may do where.
pub async fn me(app: App, who: SignedIn, _: ()) -> Result<View<Me>> {
    let user = who.caller.user.as_ref().ok_or(Error::NotFound)?;
    Ok(View(describe(&app, user, &who.caller.authority).await?))
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

/// Create a person who can sign in with the given password.
pub async fn create(
    app: App,
    all: Allowed<Collection<User>, Write>,
    Json(input): Json<UserCreate>,
) -> Result<Created<UserView>> {
    auth::checked(&input.password, "password")?;
    let new = New {
        id: app.ids.next(),
        email: input.email,
        name: input.name,
        state: State::Active,
        is_platform_admin: input.is_platform_admin,
        password_hash: Some(app.passwords.hash(&app.ids, &input.password).await?),
    };
    let user = app.store.user_create(&all.grant, &new, app.clock.now()).await?;
    Ok(Created(user_view(&user)))
}

/// Read about a person: yourself, or anybody when you administer the platform.
pub async fn get(_: App, user: Allowed<User, Read>, _: ()) -> Result<View<UserView>> {
    Ok(View(user_view(&user.resource)))
}
