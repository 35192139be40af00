//! Endpoints of the first run.

use super::secret;
use crate::app::App;
use crate::auth::{checked, session};
use crate::http::{Created, Error, Json, Public, Result, Routes, View, WithHeaders};
use crate::limits;
use crate::user::me;
use ostler_model::user::State;
use ostler_model::workspace::Workspace;
use ostler_model::{Label, Name};
use ostler_store::setting;
use ostler_store::throttle::Attempt;
use ostler_store::user::New;
use ostler_wire::auth::Me;
use ostler_wire::setup::{Install, SetupState, SetupStatus};
use subtle::ConstantTimeEq as _;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("platform").get("/api/v1/setup/status", status).post("/api/v1/setup/install", install)
}

/// Whether there is an admin yet.
pub async fn status(app: App, _: Public, _: ()) -> Result<View<SetupStatus>> {
    let is_installed = app.store.setting_get(setting::INSTALLED_AT).await?.is_some();
    let state = if is_installed { SetupState::Installed } else { SetupState::Setup };
    Ok(View(SetupStatus { state, version: env!("CARGO_PKG_VERSION").to_owned() }))
}

/// Create the first admin and the first workspace, with the secret that the server printed when it started.
///
/// Possible once; afterwards this does not exist. The answer signs in.
pub async fn install(app: App, at: Public, Json(input): Json<Install>) -> Result<WithHeaders<Created<Me>>> {
    let Some(stored) = app.store.setting_get(setting::SETUP_SECRET_HASH).await? else { return Err(Error::NotFound) };
    let now = app.clock.now();
    if let Attempt::Blocked { until } = app.store.throttle_attempt(&[("setup", limits::SETUP)], now).await? {
        return Err(Error::TooMany { retry_after: until.since(now) });
    }
    let given = secret::hash(input.secret.reveal());
    // Before the expensive part; the store looks once more when it spends the secret.
    if !bool::from(given.as_bytes().ct_eq(stored.as_bytes())) {
        let message = "this is not the secret that the server printed when it last started".to_owned();
        return Err(Error::Forbidden { code: "setup_secret", message });
    }
    checked(&input.password, "password")?;
    let admin = New {
        id: app.ids.next(),
        email: input.email,
        name: input.name,
        state: State::Active,
        is_platform_admin: true,
        password_hash: Some(app.passwords.hash(&app.ids, &input.password).await?),
    };
    let name = match input.workspace {
        Some(name) => name,
        None => "Home".parse::<Label>().map_err(|e| Error::Internal(e.into()))?,
    };
    let slug = Name::slug(name.as_str(), "home");
    let now = app.clock.now();
    let workspace = Workspace { id: app.ids.next(), slug, name, created_at: now };
    let grant = secret::grant(&at.origin)?;
    let user = app.store.user_install(&grant, &given, &admin, &workspace, now).await?;
    let headers = session::begin(&app, user.id, &at.origin, at.is_secure).await?;
    let (user, authority) = app.store.user_authority(user.id).await?.ok_or(Error::NotFound)?;
    Ok(WithHeaders(Created(me(&app, &user, &authority).await?), headers))
}
