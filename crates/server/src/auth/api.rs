//! Signing in and out, and one's own sessions.

use super::password::{Fit, is_outdated};
use super::{device, session, token};
use crate::app::App;
use crate::factor::{Browser, Entry, FromBrowser, enter};
use crate::http::{
    Allowed, Error, Found, Json, Load, Lookup, Mine, NoContent, Public, Query, Result, Routes, SignedIn, View,
    WithHeaders, allow, page, window,
};
use crate::limits;
use ostler_model::authz::{Grant, Read, Write};
use ostler_model::user::{Email, Session, State, User};
use ostler_model::{Millis, Secret, UserId};
use ostler_store::session::{Proof, SignIn};
use ostler_store::throttle::{Attempt, Attempts, Policy, address_subject};
use ostler_store::user::Credential;
use ostler_wire::Page;
use ostler_wire::auth::{Login, RefreshInput, SessionView, SessionsEnded, Tokens};
use ostler_wire::page::PageQuery;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("session")
        .post("/api/v1/auth/login", login)
        .post("/api/v1/auth/refresh", refresh)
        .post("/api/v1/auth/logout", logout)
        .get("/api/v1/auth/sessions", list)
        .delete("/api/v1/auth/sessions", revoke_all)
        .delete("/api/v1/auth/sessions/{session}", revoke)
}

/// Sign in with e-mail address and password.
///
/// The answer sets the session cookie, or with `"token": true` holds an access and a refresh token. Who has a second factor is answered 202 and shows it at `/api/v1/auth/mfa/challenge/verify`. Wrong attempts are counted per account and network, per account and per network; too many have to wait. A browser in which the person has signed in before does not wait for the guesses of others.
pub async fn login(app: App, at: Public, asked: FromBrowser<Json<Login>>) -> Result<Entry> {
    let FromBrowser { browser, input: Json(input) } = asked;
    at.about.subject(input.email.as_str());
    let counted = Counted::of(&app, &at, &browser, &input.email);
    let now = app.clock.now();
    if let Attempt::Blocked { until } = app.store.throttle_attempt(&counted.subjects(), now).await? {
        return Err(Error::TooMany { retry_after: until.since(now) });
    }
    let found = app.store.user_credential(&input.email).await?;
    let stored = found.as_ref().and_then(|found| found.password_hash.as_deref());
    let fit = app.passwords.fit(stored, &input.password).await?;
    let is_in = |found: &Credential| fit != Fit::No && found.user.state == State::Active;
    let found = found.filter(is_in).ok_or(Error::Credentials)?;
    let user = found.user.id;
    let stored = renewed(&app, user, (found.password_hash.unwrap_or_default(), fit), &input.password).await?;
    let (forgotten, taken_back) = counted.made_good();
    let attempts = Attempts { forgotten: &[forgotten], taken_back: &taken_back };
    let sign_in = SignIn { proof: Proof::Password(&stored), attempts };
    enter(&app, (user, sign_in), input.token, &at, &browser).await
}

/// What an attempt to sign in is counted under. Guesses from one network slow down that network; guesses from everywhere slow
/// down the account, but for browsers in which its person has signed in before.
struct Counted {
    /// This browser, or this account from this network.
    own: String,
    /// This account from everywhere; not of browsers that are known.
    account: Option<String>,
    address: String,
}

impl Counted {
    fn of(app: &App, at: &Public, browser: &Browser, email: &Email) -> Self {
        let address = address_subject(at.origin.address.as_deref());
        match device::subject(app, browser, email) {
            Some(own) => Self { own, account: None, address },
            None => Self {
                own: format!("account-at:{address}|{email}"),
                account: Some(format!("account:{email}")),
                address,
            },
        }
    }
    fn subjects(&self) -> Vec<(&str, Policy)> {
        let account = self.account.as_deref().map(|account| (account, limits::SIGN_IN_EVERYWHERE));
        let own = (self.own.as_str(), limits::SIGN_IN_ACCOUNT);
        [own, (self.address.as_str(), limits::SIGN_IN_ADDRESS)].into_iter().chain(account).collect()
    }
    /// What is forgotten after a success, and what of it is taken back.
    fn made_good(&self) -> (&str, Vec<(&str, Policy)>) {
        (&self.own, self.subjects().into_iter().skip(1).collect())
    }
}

/// The stored form of a password that is right. One that is weaker than today's, or of
/// another form of the password, is made again: only now is the password known.
async fn renewed(app: &App, user: UserId, (stored, fit): (String, Fit), password: &Secret) -> Result<String> {
    if fit == Fit::Yes && !is_outdated(&stored) {
        return Ok(stored);
    }
    let fresh = app.passwords.hash(&app.ids, password).await?;
    app.store.user_rehash(user, &stored, &fresh, app.clock.now()).await?;
    Ok(fresh)
}

/// Exchange a refresh token for a new access and a new refresh token.
///
/// Each refresh token works once. One that comes back ends the session that it belongs to, because two have it.
pub async fn refresh(app: App, at: Public, Json(input): Json<RefreshInput>) -> Result<View<Tokens>> {
    Ok(View(token::refresh(&app, &input.refresh_token, &at).await?))
}

/// Sign out: the browser's session ends.
pub async fn logout(app: App, who: SignedIn, _: ()) -> Result<WithHeaders<NoContent>> {
    let Some(session) = &who.caller.session else {
        return Err(Error::conflict("no_session", "an API key has no session to end; delete the key instead"));
    };
    let grant: Grant<Session, Write> = allow(&who.caller, session)?;
    app.store.session_revoke(&grant, app.clock.now()).await?;
    Ok(WithHeaders(NoContent, session::forget()?))
}

/// List where you are signed in, browsers and programs, newest first.
pub async fn list(
    app: App,
    mine: Allowed<Mine<Session>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<SessionView>>> {
    let sessions = app.store.session_list(mine.resource.owner, app.clock.now()).await?;
    let current = mine.caller.session.as_ref().map(|session| session.id);
    let sessions = window(sessions, &query, |session| session.id.to_string())?;
    Ok(View(page(sessions, |session| view(session, current))))
}

/// Sign out everywhere: all of your sessions end, but the one that asks.
pub async fn revoke_all(app: App, mine: Allowed<Mine<Session>, Write>, _: ()) -> Result<View<SessionsEnded>> {
    let me = app.store.user_get(mine.resource.owner).await?;
    let grant: Grant<User, Write> = allow(&mine.caller, &me)?;
    let keep = mine.caller.session.as_ref().map(|session| session.id);
    let count = app.store.session_revoke_all(&grant, keep, app.clock.now()).await?;
    Ok(View(SessionsEnded { count }))
}

/// End one of your sessions. Its streams and sockets end within a second.
pub async fn revoke(app: App, session: Allowed<Session, Write>, _: ()) -> Result<NoContent> {
    app.store.session_revoke(&session.grant, app.clock.now()).await?;
    Ok(NoContent)
}

impl Load for Session {
    const FOUND: Found = Found::Param("session");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let Some(id) = find.id("session") else { return Ok(None) };
        let now = app.clock.now();
        Ok(app.store.session_find(id).await?.filter(|session| session.expires_at.since(now) > Millis(0)))
    }
}

fn view(session: Session, current: Option<ostler_model::SessionId>) -> SessionView {
    SessionView {
        id: session.id,
        kind: session.kind,
        created_at: session.created_at,
        seen_at: session.seen_at,
        expires_at: session.expires_at,
        address: session.address,
        user_agent: session.user_agent,
        is_current: current == Some(session.id),
    }
}
