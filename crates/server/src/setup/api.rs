//! Endpoints of the first run.

use super::check;
use super::secret;
use crate::app::App;
use crate::auth::{checked_for, session};
use crate::http::{Created, Error, Json, Public, Result, Routes, View, WithHeaders};
use crate::user::me;
use crate::{limits, mail, setting as settings};
use ostler_model::user::State;
use ostler_model::workspace::Workspace;
use ostler_model::{Label, Name, Secret};
use ostler_store::session::Proof;
use ostler_store::setting;
use ostler_store::throttle::Attempt;
use ostler_store::user::New;
use ostler_wire::auth::Me;
use ostler_wire::setting::CheckView;
use ostler_wire::setup::{CheckDatabase, CheckRedis, CheckSmtp, Install, SetupState, SetupStatus};
use subtle::ConstantTimeEq as _;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("platform")
        .get("/api/v1/setup/status", status)
        .post("/api/v1/setup/validate/postgres", check_database)
        .post("/api/v1/setup/validate/redis", check_redis)
        .post("/api/v1/setup/validate/smtp", check_smtp)
        .post("/api/v1/setup/install", install)
}

/// Whether there is an admin yet, and whether the server has to start anew before it runs with what was said.
pub async fn status(app: App, _: Public, _: ()) -> Result<View<SetupStatus>> {
    let is_installed = app.store.setting_get(setting::INSTALLED_AT).await?.is_some();
    let state = match is_installed {
        false => SetupState::Setup,
        true if app.settings.is_restart_required(&app.store).await? => SetupState::RestartRequired,
        true => SetupState::Installed,
    };
    Ok(View(SetupStatus { state, version: env!("CARGO_PKG_VERSION").to_owned() }))
}

/// Check a database before it is installed into: the one that the server runs on, or a PostgreSQL by its URL.
///
/// Like all of the first run this wants the secret that the server printed, and does not exist once there is an admin.
pub async fn check_database(app: App, at: Public, Json(input): Json<CheckDatabase>) -> Result<View<CheckView>> {
    open(&app, &input.secret).await?;
    checked(&app, &at, "platform.check_database", check::database(&app, input.url.as_ref()).await).await
}

/// Check whether a Redis or Valkey answers.
pub async fn check_redis(app: App, at: Public, Json(input): Json<CheckRedis>) -> Result<View<CheckView>> {
    open(&app, &input.secret).await?;
    let found = check::redis(&app, &input.host, input.port, input.password.as_ref()).await;
    checked(&app, &at, "platform.check_redis", found).await
}

/// Check whether mail can leave. With `to`, a mail is sent.
pub async fn check_smtp(app: App, at: Public, Json(input): Json<CheckSmtp>) -> Result<View<CheckView>> {
    open(&app, &input.secret).await?;
    let now = app.settings.effective(&app.store).await?;
    let new = settings::changes(&input.values, &now, &app.ids, "values")?;
    checked(&app, &at, "platform.check_smtp", mail::check(&app, &new.config.mail, input.to.as_ref()).await).await
}

/// Create the first admin and the first workspace, with the secret that the server printed when it started.
///
/// Possible once; afterwards this does not exist. Nothing is created when a setting would not be safe, or mail is set and
/// cannot leave. The answer signs in.
pub async fn install(app: App, at: Public, Json(input): Json<Install>) -> Result<WithHeaders<Created<Me>>> {
    let given = open(&app, &input.secret).await?;
    checked_for(&input.password, "password", &[input.email.as_str(), input.name.as_str()])?;
    let effective = app.settings.effective(&app.store).await?;
    let new = settings::changes(&input.settings, &effective, &app.ids, "settings")?;
    if new.config.mail.host.is_some() {
        let found = mail::check(&app, &new.config.mail, None).await;
        if !found.is_good {
            return Err(Error::field("settings.mail.host", found.says));
        }
    }
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
    let workspace = first_workspace(&app, name);
    let grant = secret::grant(&at.origin)?;
    let user = app.store.user_install(&grant, &given, &admin, &workspace, app.clock.now()).await?;
    if !new.puts.is_empty() {
        app.store.setting_change(&grant, &new.puts, app.clock.now()).await?;
        app.settings.refresh(&app.store).await?;
    }
    let begun = session::begin(&app, user.id, None, Proof::Setup.into(), (&at.origin, at.is_secure)).await?;
    let (headers, begun) = begun.ok_or(Error::Credentials)?;
    let me = me(&begun.user, &begun.authority, &begun.standing, begun.workspaces, app.clock.now());
    Ok(WithHeaders(Created(me), headers))
}

fn first_workspace(app: &App, name: Label) -> Workspace {
    let slug = Name::slug(name.as_str(), "home");
    Workspace::new(app.ids.next(), slug, name, app.clock.now())
}

/// Lets in whoever has the secret, while there is one; answers what is kept of it. Guesses are counted before they are looked
/// at, so that many at once count as many.
async fn open(app: &App, given: &Secret) -> Result<String> {
    let Some(stored) = app.store.setting_get(setting::SETUP_SECRET_HASH).await? else { return Err(Error::NotFound) };
    let now = app.clock.now();
    if let Attempt::Blocked { until } = app.store.throttle_attempt(&[("setup", limits::SETUP)], now).await? {
        return Err(Error::TooMany { retry_after: until.since(now) });
    }
    let given = secret::hash(given.reveal());
    if !bool::from(given.as_bytes().ct_eq(stored.as_bytes())) {
        let message = "this is not the secret that the server printed when it last started".to_owned();
        return Err(Error::Forbidden { code: "setup_secret", message });
    }
    app.store.throttle_clear(&["setup"], now).await?;
    Ok(given)
}

async fn checked(app: &App, at: &Public, action: &str, found: CheckView) -> Result<View<CheckView>> {
    app.store.setting_note(&secret::grant(&at.origin)?, action, found.is_good, app.clock.now()).await?;
    Ok(View(found))
}
