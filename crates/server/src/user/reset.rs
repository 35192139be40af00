//! New passwords for people who forgot theirs.

use super::invite::{ByLink, ended};
use crate::app::App;
use crate::auth::{checked_for, hash_token};
use crate::http::{Error, Json, NoContent, Public, Result, Routes, View};
use crate::limits;
use crate::mail::Letter;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler_model::Secret;
use ostler_model::authz::{Authority, Grant, Origin, SystemReason, Write, authorize};
use ostler_model::user::{Email, Managed};
use ostler_runtime::{Clock, Ids};
use ostler_store::throttle::{Attempt, address_subject};
use ostler_store::{Rule, Store, StoreError};
use ostler_wire::invite::{Forgot, ForgotView, ResetLook, ResetSpend};
use std::sync::Arc;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .post("/api/v1/auth/password/forgot", forgot)
        .get("/api/v1/auth/password/reset/{token}", look)
        .post("/api/v1/auth/password/reset/{token}", spend)
}

/// Ask for a link to set a new password. The answer is the same, and takes as long, whether the address has an account or not.
pub async fn forgot(app: App, at: Public, Json(input): Json<Forgot>) -> Result<View<ForgotView>> {
    at.about.subject(input.email.as_str());
    let account = format!("forgot:{}", input.email);
    let address = format!("forgot-{}", address_subject(at.origin.address.as_deref()));
    let subjects = [(account.as_str(), limits::FORGOT_ACCOUNT), (address.as_str(), limits::FORGOT_ADDRESS)];
    let now = app.clock.now();
    if let Attempt::Blocked { until } = app.store.throttle_attempt(&subjects, now).await? {
        return Err(Error::TooMany { retry_after: until.since(now) });
    }
    // Whether anybody has this address is not even looked at here.
    let mail = app.letter(&input.email, &Letter::Forgot, now + limits::RESET_TIME);
    app.store.reset_ask(&input.email, mail.as_ref(), &at.origin, now).await?;
    app.post.wake();
    Ok(View(ForgotView { is_mail_on: mail.is_some() }))
}

/// Read whose password a link sets, by the secret in it.
pub async fn look(app: App, by: ByLink, _: ()) -> Result<View<ResetLook>> {
    let found = app.store.reset_look(&by.hash).await?.ok_or(Error::NotFound)?;
    ended(found.state(app.clock.now()), "this link")?;
    Ok(View(ResetLook { email: found.email.to_string(), expires_at: found.expires_at }))
}

/// Set a new password by a link. Works once; all sessions of the person end.
pub async fn spend(app: App, by: ByLink, Json(input): Json<ResetSpend>) -> Result<NoContent> {
    // Before the expensive part; the store looks once more when it spends the token.
    let found = app.store.reset_look(&by.hash).await?.ok_or(Error::NotFound)?;
    by.public.about.subject(found.email.as_str());
    ended(found.state(app.clock.now()), "this link")?;
    checked_for(&input.password, "password", &[found.email.as_str()])?;
    let password_hash = app.passwords.hash(&app.ids, &input.password).await?;
    match app.store.reset_spend(&by.hash, &password_hash, &by.public.origin, app.clock.now()).await {
        Err(StoreError::Refused(Rule::Reset)) => {
            let now = app.store.reset_look(&by.hash).await?.ok_or(Error::NotFound)?;
            ended(now.state(app.clock.now()), "this link")?;
            Err(Error::NotFound)
        }
        done => Ok(done.map(|_| NoContent)?),
    }
}

/// A token for somebody, made by the platform itself: for an operator at the machine.
pub(crate) async fn hand_out(store: &Store, ids: &Ids, clock: &Clock, email: &Email) -> anyhow::Result<Secret> {
    let found = store.user_credential(email).await?;
    let user = found.ok_or_else(|| anyhow::anyhow!("nobody has the address {email}"))?.user;
    let who = Authority::system(SystemReason::Setup);
    let grant: Grant<Managed, Write> = authorize(&who, &Managed(user), &Arc::new(Origin::default()))
        .map_err(|denied| anyhow::anyhow!("the platform may not do this: {denied:?}"))?;
    let token = Secret::new(format!("osp_{}", URL_SAFE_NO_PAD.encode(ids.bytes::<32>())));
    let now = clock.now();
    store.reset_hand_out(&grant, &hash_token(token.reveal()), now + limits::RESET_TIME, now).await?;
    Ok(token)
}
