//! Proving anew who is behind a session, before factors are changed: an old cookie alone must not be enough.

use super::browser::FromBrowser;
use super::prove::{self, Shown};
use super::signin::used_up;
use super::ticket::{self, Purpose};
use super::webauthn;
use crate::app::App;
use crate::http::{Allowed, Caller, Error, InPerson, Json, NoContent, Result, Routes, View, allow};
use crate::limits;
use ostler_model::authz::{Grant, Read, Write};
use ostler_model::factor::FactorKind;
use ostler_model::user::{Session, User};
use ostler_wire::factor::{Confirm, ConfirmOptions, Method};

pub(super) fn routes() -> Routes {
    Routes::new("session").get("/api/v1/auth/confirm", options).post("/api/v1/auth/confirm", confirm)
}

/// What you have to show to prove anew who you are.
pub async fn options(app: App, me: Allowed<User, Read>, asked: FromBrowser<()>) -> Result<View<ConfirmOptions>> {
    let have = app.store.factor_list(me.resource.id).await?;
    let has = |kind| have.factors.iter().any(|factor| factor.kind == kind);
    let mut methods = Vec::new();
    if has_password(&app, &me.resource).await? {
        methods.push(Method::Password);
    }
    let party = asked.browser.party(&app).filter(|_| has(FactorKind::Passkey));
    let (mut ticket, mut passkey) = (None, None);
    if let Some(party) = party {
        let challenge = app.ids.bytes::<32>();
        let keys = app.store.factor_passkeys(me.resource.id).await?;
        let names = keys.iter().map(|key| webauthn::name(&key.credential_id)).collect();
        passkey = Some(webauthn::request(&party, &challenge, names));
        let body = (me.resource.id, challenge);
        ticket = Some(ticket::seal(&app, Purpose::PasskeyConfirm, body, limits::CHALLENGE_TIME)?);
        methods.push(Method::Passkey);
    }
    if has(FactorKind::Totp) {
        methods.push(Method::Totp);
    }
    if have.recovery_codes > 0 {
        methods.push(Method::Recovery);
    }
    Ok(View(ConfirmOptions { methods, ticket, passkey }))
}

/// Prove anew who you are: the password, when you have one, and a second factor, when you have one.
///
/// For ten minutes, this session may then do what is only for confirmed ones. Wrong attempts are counted.
pub async fn confirm(
    app: App,
    me: InPerson<Allowed<User, Write>>,
    asked: FromBrowser<Json<Confirm>>,
) -> Result<NoContent> {
    let FromBrowser { browser, input: Json(input) } = asked;
    let user = &me.resource;
    let grant: Grant<Session, Write> = allow(&me.caller, &me.session)?;
    let has_password = has_password(&app, user).await?;
    let has_factor = !app.store.factor_list(user.id).await?.factors.is_empty();
    if !has_password && !has_factor {
        return Err(forbidden("confirm_by_sign_in", "you have neither a password nor a second factor: sign in again"));
    }
    prove::attempt(&app, user.id).await?;
    if has_password {
        let stored = app.store.user_credential(&user.email).await?.and_then(|found| found.password_hash);
        let given = input.password.clone().unwrap_or_default();
        if !app.passwords.check(stored.as_deref(), &given).await? {
            return Err(wrong());
        }
    }
    let ticket = input.ticket.as_ref().and_then(|text| {
        ticket::open::<(ostler_model::UserId, [u8; 32])>(&app, Purpose::PasskeyConfirm, text.reveal())
    });
    let ticket = ticket.filter(|ticket| ticket.body.0 == user.id);
    let proven = if has_factor {
        let shown = match (&input.token, &input.recovery_code, &input.passkey, &ticket) {
            (Some(code), None, None, _) => Shown::Code(code),
            (None, Some(code), None, _) => Shown::Recovery(code),
            (None, None, Some(answer), Some(ticket)) => Shown::Passkey { answer, challenge: &ticket.body.1 },
            _ => return Err(wrong()),
        };
        Some(prove::check(&app, user.id, &browser, shown).await?.ok_or_else(wrong)?)
    } else {
        None
    };
    let evidence = proven.as_ref().map(prove::Proven::evidence);
    let spent = ticket.as_ref().filter(|_| input.passkey.is_some()).map(|t| (t.hash.as_slice(), t.until));
    let done = app.store.session_prove(&grant, user.id, evidence, spent, app.clock.now()).await;
    done.map_err(used_up).map_err(|error| if matches!(error, Error::Credentials) { wrong() } else { error })?;
    prove::clear(&app, user.id).await?;
    Ok(NoContent)
}

/// The session of a request. Keys have none: by what is guarded so, a key could make itself stronger.
pub(crate) async fn in_person(_: &App, caller: &Caller) -> Result<Session> {
    let message = "this needs a person who has signed in; a key could make itself stronger by it";
    caller.session.clone().ok_or_else(|| forbidden("person_only", message))
}

/// True when the session has lately shown who is behind it: by beginning, or by [`confirm`].
pub(crate) async fn is_confirmed(app: &App, session: &Session) -> Result<bool> {
    let now = app.clock.now();
    // A time in the future is a clock that was set back, and no proof of anything.
    let is_recent = |at, span| at <= now && now.since(at) < span;
    if is_recent(session.created_at, limits::FRESH_SESSION) {
        return Ok(true);
    }
    Ok(app.store.session_proven_at(session.id).await?.is_some_and(|at| is_recent(at, limits::CONFIRMED)))
}

/// The session of a request, when it has lately shown who is behind it.
pub(crate) async fn confirmed(app: &App, caller: &Caller) -> Result<Session> {
    let session = in_person(app, caller).await?;
    if is_confirmed(app, &session).await? {
        return Ok(session);
    }
    Err(forbidden("confirm_first", "prove anew who you are first, with POST /api/v1/auth/confirm"))
}

async fn has_password(app: &App, user: &User) -> Result<bool> {
    Ok(app.store.user_credential(&user.email).await?.is_some_and(|found| found.password_hash.is_some()))
}

pub(super) fn forbidden(code: &'static str, message: &str) -> Error {
    Error::Forbidden { code, message: message.to_owned() }
}

fn wrong() -> Error {
    forbidden("not_confirmed", "this does not show that it is you: the password, the code or the passkey is not right")
}
