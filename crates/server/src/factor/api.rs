//! One's own factors: looking at them, the authenticator app, recovery codes, removing.

use super::confirm::is_confirmed;
use super::require::standing_view;
use super::{code, totp};
use crate::app::App;
use crate::http::{Allowed, Confirmed, Error, Found, Json, Load, Lookup, NoContent, Once, Result, Routes, View, allow};
use ostler_model::authz::{Collection, Grant, Read, Write};
use ostler_model::factor::Factor;
use ostler_model::user::User;
use ostler_model::{FactorId, Label, Secret, UserId};
use ostler_store::factor::Fresh;
use ostler_wire::factor::{FactorCreated, FactorView, FactorsView, RecoveryCodes, TotpBegin, TotpConfirm, TotpSecret};

/// What a code's generator and its picture are called in the app.
const ISSUER: &str = "Ostler";

pub(super) fn routes() -> Routes {
    Routes::new("factor")
        .get("/api/v1/auth/mfa", list)
        .delete("/api/v1/auth/mfa", remove_all)
        .post("/api/v1/auth/mfa/setup/initiate", totp_begin)
        .post("/api/v1/auth/mfa/setup/confirm", totp_confirm)
        .post("/api/v1/auth/mfa/recovery/regenerate", recovery_codes)
        .delete("/api/v1/auth/mfa/factors/{factor}", remove)
        .delete("/api/v1/users/{user}/mfa", reset)
}

impl Load for Factor {
    const FOUND: Found = Found::Param("factor");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let Some(id) = find.id::<FactorId>("factor") else { return Ok(None) };
        Ok(app.store.factor_find(id).await?)
    }
}

/// Your second factors, and who demands that you have one.
pub async fn list(app: App, me: Allowed<User, Read>, _: ()) -> Result<View<FactorsView>> {
    let have = app.store.factor_list(me.resource.id).await?;
    let standing = app.store.factor_standing(me.resource.id).await?;
    let is_confirmed = match &me.caller.session {
        Some(session) => is_confirmed(&app, session).await?,
        None => false,
    };
    Ok(View(FactorsView {
        factors: have.factors.into_iter().map(view).collect(),
        recovery_codes: have.recovery_codes,
        demands: standing_view(&standing, app.clock.now()).demands,
        is_confirmed,
    }))
}

/// Begin to set up an authenticator app. It counts once a code of it was entered; until then one that you have stays.
///
/// Wants a session that has lately proven who you are.
pub async fn totp_begin(
    app: App,
    me: Confirmed<Allowed<User, Write>>,
    Json(input): Json<TotpBegin>,
) -> Result<Once<TotpSecret>> {
    let secret = app.ids.bytes::<20>();
    let label = match input.label {
        Some(label) => label,
        None => label("Authenticator app")?,
    };
    let stored = Secret::new(hex::encode(secret));
    let ids = (app.ids.next(), app.ids.next());
    app.store.factor_totp_begin(&me.grant, ids, (&label, &stored), app.clock.now()).await?;
    let url = totp::otpauth_url(&secret, ISSUER, me.resource.email.as_str());
    let qr_svg = totp::qr_svg(&url)?;
    Ok(Once(TotpSecret { secret: totp::base32(&secret), otpauth_url: url, qr_svg }))
}

/// Take the authenticator app into use with its first code. The recovery codes in the answer replace earlier ones.
///
/// All your other sessions end.
pub async fn totp_confirm(
    app: App,
    me: Confirmed<Allowed<User, Write>>,
    Json(input): Json<TotpConfirm>,
) -> Result<Once<FactorCreated>> {
    let user = me.resource.id;
    let pending = app.store.factor_totp(user, true).await?.ok_or_else(|| {
        Error::conflict("not_begun", "there is no authenticator app being set up; begin with .../setup/initiate")
    })?;
    super::prove::attempt(&app, user).await?;
    let secret = hex::decode(pending.secret.reveal()).map_err(|e| Error::Internal(e.into()))?;
    let step = totp::step_of(&secret, &input.token, app.clock.now()).ok_or_else(|| {
        Error::field("token", "this is not the app's present code; is the clock of the device right?")
    })?;
    let (codes, hashes) = code::fresh(&app.ids, user);
    let fresh = Fresh { code_hashes: &hashes, keep: Some(me.session.id) };
    let factor = app.store.factor_totp_confirm(&me.grant, (pending.id, step), fresh, app.clock.now()).await?;
    super::prove::clear(&app, user).await?;
    Ok(Once(FactorCreated { factor: view(factor), recovery_codes: codes }))
}

/// Replace your recovery codes. The earlier ones end at once.
pub async fn recovery_codes(app: App, me: Confirmed<Allowed<User, Write>>, _: ()) -> Result<Once<RecoveryCodes>> {
    let (codes, hashes) = code::fresh(&app.ids, me.resource.id);
    app.store.factor_codes_replace(&me.grant, &hashes, app.clock.now()).await?;
    Ok(Once(RecoveryCodes { recovery_codes: codes }))
}

/// Remove one of your factors. The last one stays while somebody demands that you have one. All your other sessions end.
pub async fn remove(app: App, factor: Confirmed<Allowed<Factor, Write>>, _: ()) -> Result<NoContent> {
    let owner = app.store.user_get(factor.resource.user).await?;
    // An admin may reset somebody's factors, which is another thing and looks like one in the audit trail.
    if factor.caller.authority.user() != Some(owner.id) {
        return Err(super::confirm::forbidden("not_your_factor", "only its owner removes a single factor"));
    }
    let grant: Grant<User, Write> = allow(&factor.caller, &owner)?;
    app.store.factor_remove(&grant, factor.resource.id, Some(factor.session.id), app.clock.now()).await?;
    Ok(NoContent)
}

/// Remove all your factors and recovery codes. Refused while somebody demands that you have one.
pub async fn remove_all(app: App, me: Confirmed<Allowed<User, Write>>, _: ()) -> Result<NoContent> {
    let what = (Some(me.session.id), false);
    app.store.factor_remove_all(&me.grant, me.resource.id, what, app.clock.now()).await?;
    Ok(NoContent)
}

/// Remove all factors of somebody who has lost them, and end all their sessions. They sign in with what is left and set up new
/// ones. For platform admins whose session has lately proven who they are.
pub async fn reset(app: App, all: Confirmed<Allowed<Collection<User>, Write>>, path: ResetPath) -> Result<NoContent> {
    let user = app.store.user_get(path.0.ok_or(Error::NotFound)?).await?;
    let keep = (all.caller.authority.user() == Some(user.id)).then_some(all.session.id);
    app.store.factor_remove_all(&all.grant, user.id, (keep, true), app.clock.now()).await?;
    Ok(NoContent)
}

pub(super) fn label(text: &str) -> Result<Label> {
    text.parse().map_err(|_| Error::Internal(anyhow::anyhow!("{text} is no label")))
}

pub(super) fn view(factor: Factor) -> FactorView {
    FactorView {
        id: factor.id,
        kind: factor.kind,
        label: factor.label.to_string(),
        created_at: factor.created_at,
        last_used_at: factor.last_used_at,
    }
}

/// The person that the path names.
#[derive(Debug, Clone, Copy)]
pub struct ResetPath(Option<UserId>);

impl crate::http::Input for ResetPath {
    const BODY: crate::http::BodyUse = crate::http::BodyUse::None;
    fn describe(_: &mut schemars::SchemaGenerator) -> crate::http::InputDoc {
        crate::http::InputDoc::default()
    }
    fn read(from: &mut crate::http::Incoming) -> Result<Self> {
        <() as crate::http::Input>::read(from)?;
        let mut parts = from.parts.uri.path().rsplit('/');
        Ok(Self(parts.nth(1).and_then(|part| part.parse().ok())))
    }
}
