//! Adding passkeys.

use super::api::view;
use super::browser::FromBrowser;
use super::signin::no_party;
use super::ticket::{self, Purpose};
use super::{code, webauthn};
use crate::app::App;
use crate::http::{Allowed, Confirmed, Error, Json, Once, Result, Routes, View};
use crate::limits;
use ostler_model::UserId;
use ostler_model::authz::{Read, Write};
use ostler_model::user::User;
use ostler_store::factor::{Fresh, Passkey};
use ostler_wire::factor::{FactorCreated, PasskeyCreate, PasskeyCreation};

pub(super) fn routes() -> Routes {
    Routes::new("factor")
        .get("/api/v1/auth/passkey/register/options", options)
        .post("/api/v1/auth/passkey/register", create)
}

/// What to ask the browser for a new passkey with.
pub async fn options(app: App, me: Allowed<User, Read>, asked: FromBrowser<()>) -> Result<View<PasskeyCreation>> {
    let party = asked.browser.party(&app).ok_or_else(no_party)?;
    let user = &me.resource;
    let have = app.store.factor_passkeys(user.id).await?;
    let names = have.iter().map(|key| webauthn::name(&key.credential_id)).collect();
    let challenge = app.ids.bytes::<32>();
    let (id, email, name) = (user.id.to_string(), user.email.as_str(), user.name.to_string());
    let options = webauthn::creation(&party, &challenge, (&id, email, &name), names);
    let ticket = ticket::seal(&app, Purpose::PasskeyCreate, (user.id, challenge), limits::CHALLENGE_TIME)?;
    Ok(View(PasskeyCreation { ticket, options }))
}

/// Add a passkey. The recovery codes in the answer replace earlier ones; all your other sessions end.
///
/// Wants a session that has lately proven who you are. A ticket works once.
pub async fn create(
    app: App,
    me: Confirmed<Allowed<User, Write>>,
    asked: FromBrowser<Json<PasskeyCreate>>,
) -> Result<Once<FactorCreated>> {
    let FromBrowser { browser, input: Json(input) } = asked;
    let user = me.resource.id;
    let ticket = ticket::open::<(UserId, [u8; 32])>(&app, Purpose::PasskeyCreate, input.ticket.reveal());
    let ticket = ticket.filter(|ticket| ticket.body.0 == user);
    let ticket = ticket.ok_or_else(|| Error::field("ticket", "this took too long, or is not yours; begin anew"))?;
    let party = browser.party(&app).ok_or_else(no_party)?;
    let have = app.store.factor_passkeys(user).await?;
    if have.len() >= limits::PASSKEYS_PER_PERSON {
        let message = format!("you have {} passkeys; remove one that is not used any more", have.len());
        return Err(Error::conflict("too_many_passkeys", message));
    }
    let made = webauthn::made(&party, &ticket.body.1, &input.credential)
        .map_err(|why| Error::field("credential", format!("this passkey cannot be accepted: {why}")))?;
    let key = Passkey {
        id: app.ids.next(),
        user,
        credential_id: made.credential_id,
        public_key: made.public_key,
        sign_count: made.sign_count,
    };
    let (codes, hashes) = code::fresh(&app.ids, user);
    let fresh = Fresh { code_hashes: &hashes, keep: Some(me.session.id) };
    let spent = (ticket.hash.as_slice(), ticket.until);
    let done = app.store.factor_passkey_add(&me.grant, (&key, &input.label), spent, fresh, app.clock.now()).await;
    Ok(Once(FactorCreated { factor: view(done?), recovery_codes: codes }))
}
