//! A browser's journey to a provider and back.

use super::jws::{Claims, Wanted};
use super::party::{self, Trouble};
use crate::app::App;
use crate::factor::ticket::{self, Purpose, Ticket};
use crate::factor::{Browser, Entry, FromBrowser, cookie, enter, forget_cookie, pending_cookie};
use crate::http::{Error, Output, OutputDoc, Public, Query, Result};
use crate::limits;
use crate::mail::Letter;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use ostler_model::authz::{
    Actor, ActorKind, Authority, Collection, Grant, Kind, Origin, SystemReason, Write, authorize,
};
use ostler_model::oidc::{Provider, is_local_path};
use ostler_model::user::{Email, Session, State, User};
use ostler_model::{Foreign, Label, Name, ProviderId, SessionId, UserId};
use ostler_store::audit::Refused;
use ostler_store::oidc::{Arrival, Claim};
use ostler_store::session::Proof;
use ostler_store::user::New;
use ostler_store::{Rule, StoreError};
use ostler_wire::oidc::OidcStart;
use ring::digest::{SHA256, digest};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

/// The cookie that binds a journey to the browser that began it.
const COOKIE: &str = "ostler_oidc";
const COOKIE_PATH: &str = "/api/v1/auth/oidc";
/// Where journeys end that link a provider.
pub(super) const ACCOUNT: &str = "/settings/security";

/// 303 to another address.
#[derive(Debug)]
pub struct Redirect {
    pub to: String,
    pub headers: HeaderMap,
}

impl Output for Redirect {
    const IS_SECRET: bool = true;
    fn describe(_: &mut SchemaGenerator) -> OutputDoc {
        OutputDoc { status: 303, says: "Go there.", content: vec![], has_location: true, unready: None }
    }
    fn respond(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        *response.headers_mut() = self.headers;
        if let Ok(to) = HeaderValue::from_str(&self.to) {
            response.headers_mut().insert(LOCATION, to);
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}

/// What a browser carries on its journey, sealed.
#[derive(Debug, Serialize, Deserialize)]
struct Journey {
    provider: ProviderId,
    state: String,
    nonce: String,
    verifier: String,
    redirect_uri: String,
    next: String,
    /// Who links the provider to their account, and the session in which they asked for it; none when it is a sign-in.
    #[serde(default)]
    links: Option<(UserId, SessionId)>,
}

/// What a provider sends a browser back with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Callback {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub error: Option<String>,
    /// Who answers; providers that say it must say the right one.
    #[serde(default)]
    pub iss: Option<String>,
}

/// Send the browser to a provider to sign in there. Afterwards it comes to `next`, a path of this server.
pub async fn start(app: App, at: Public, asked: FromBrowser<Query<OidcStart>>) -> Result<Redirect> {
    let FromBrowser { browser, input: Query(input) } = asked;
    let provider = named(&app, &browser).await?;
    let next = input.next.unwrap_or_else(|| "/".to_owned());
    if !is_local_path(&next) {
        return Err(Error::field("next", "use a path of this server, beginning with one slash"));
    }
    depart(&app, (&at.origin, at.is_secure), &browser, &provider, next, None).await
}

/// Sends a browser to a provider: to sign in, or to link the provider to the account of who is signed in.
pub(super) async fn depart(
    app: &App,
    (origin, is_secure): (&Origin, bool),
    browser: &Browser,
    provider: &Provider,
    next: String,
    links: Option<(UserId, SessionId)>,
) -> Result<Redirect> {
    app.journeys.take(origin.address.as_deref(), app.clock.now())?;
    let redirect_uri = redirect_uri(app, browser, &provider.slug).ok_or_else(no_address)?;
    let found = party::discovered(app, &provider.issuer).await.map_err(|why| away(provider, &why))?;
    let random = || URL_SAFE_NO_PAD.encode(app.ids.bytes::<32>());
    let journey = Journey {
        provider: provider.id,
        state: random(),
        nonce: random(),
        verifier: random(),
        redirect_uri,
        next,
        links,
    };
    let to = authorization(&found.authorization_endpoint, provider, &journey);
    let text = ticket::seal(app, Purpose::Oidc, journey, limits::JOURNEY_TIME)?;
    let headers = cookie(COOKIE, &text, COOKIE_PATH, limits::JOURNEY_TIME.0 / 1000, is_secure)?;
    Ok(Redirect { to, headers })
}

/// Where a provider sends the browser back to. Signs it in, or says on the sign-in page why not.
///
/// Who has a second factor shows it next: `GET /api/v1/auth/mfa/challenge` then says how. A journey that links the provider to an
/// account ends at the account's page.
pub async fn callback(app: App, at: Public, asked: FromBrowser<Query<Callback>>) -> Result<Redirect> {
    let FromBrowser { browser, input: Query(input) } = asked;
    let provider = named(&app, &browser).await?;
    let mut headers = forget_cookie(COOKIE, COOKIE_PATH)?;
    let arrived = arrive(&app, &at, &browser, &provider, &input).await;
    let (to, more) = match arrived {
        Ok((next, None)) => (next, HeaderMap::new()),
        Ok((next, Some(Entry::In(_, headers)))) => (next, headers),
        Ok((next, Some(Entry::More(required)))) => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
            (format!("/sign-in?mfa=1&{query}"), pending_cookie(&required, at.is_secure)?)
        }
        Err(Stop::No { code, why }) => {
            tracing::info!(provider = %provider.slug, code, why, "a sign-in by a provider was refused");
            refused(&app, &at, &provider, code).await;
            let journey = browser.cookie(COOKIE).and_then(|text| ticket::open::<Journey>(&app, Purpose::Oidc, text));
            let page = if journey.is_some_and(|it| it.body.links.is_some()) { ACCOUNT } else { "/sign-in" };
            (format!("{page}?error={code}"), HeaderMap::new())
        }
        Err(Stop::Unlinked { code }) => (format!("{ACCOUNT}?error={code}"), HeaderMap::new()),
        Err(Stop::Error(error)) => return Err(error),
    };
    for (name, value) in &more {
        headers.append(name, value.clone());
    }
    Ok(Redirect { to, headers })
}

/// Writes a refused sign-in into the trail, within the budget that strangers have.
async fn refused(app: &App, at: &Public, provider: &Provider, code: &'static str) {
    let now = app.clock.now();
    let nobody = Actor { kind: ActorKind::Anonymous, label: "anonymous".to_owned() };
    let address = at.origin.address.as_deref().unwrap_or_default();
    let who = crate::audit::Who { actor: &nobody, address, workspace: None };
    let Some(unwritten) = app.refusals.take(who, "session.oidc", code, now) else { return };
    let entry = Refused {
        actor: &nobody,
        origin: &at.origin,
        workspace: None,
        action: "session.oidc",
        target_kind: Kind::Session,
        target_id: provider.slug.as_str(),
        details: Some(json!({ "code": code, "unwritten_before": unwritten })),
    };
    if let Err(error) = app.store.audit_refused(entry, now).await {
        tracing::error!(%error, "a refused sign-in could not be written to the audit trail");
    }
}

/// Why a journey ends at the sign-in page.
enum Stop {
    No {
        code: &'static str,
        why: String,
    },
    /// At the account's page, when it was to link a provider.
    Unlinked {
        code: &'static str,
    },
    Error(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Error(error.into())
    }
}

fn unlinked(code: &'static str) -> Stop {
    Stop::Unlinked { code }
}

fn no(code: &'static str, why: impl ToString) -> Stop {
    Stop::No { code, why: why.to_string() }
}

async fn arrive(
    app: &App,
    at: &Public,
    browser: &Browser,
    provider: &Provider,
    input: &Callback,
) -> Result<(String, Option<Entry>), Stop> {
    let journey = begun_here(app, browser, provider, input)?;
    let Some(code) = input.code.as_deref().filter(|_| input.error.is_none()) else {
        let said = input.error.clone().unwrap_or_else(|| "there is no code".to_owned());
        return Err(no("provider_refused", Foreign(said)));
    };
    let person = verified(app, provider, &journey.body, code).await.map_err(|why| no("provider_failed", why))?;
    if let Some(who) = journey.body.links {
        link(app, at, provider, &person, &journey, who).await?;
        return Ok((journey.body.next, None));
    }
    // Beyond its domains, a provider's word about an address is about its own people only.
    let email = proven_email(provider, &person).filter(|email| is_welcome(provider, email));
    let newcomer = email.as_ref().map(|email| newcomer(app, email, &person));
    let name = newcomer.as_ref().map(|new| new.name.to_string()).unwrap_or_default();
    let notice = email.as_ref().and_then(|email| notice(app, provider, email, name));
    let claim =
        Claim { subject: &person.sub, email: email.as_ref(), newcomer: newcomer.as_ref(), notice: notice.as_ref() };
    let who = Authority::system(SystemReason::SignIn);
    let grant: Grant<Collection<Session>, Write> = authorize(&who, &Collection::platform(), &at.origin)?;
    let spent = (journey.hash.as_slice(), journey.until);
    let user = match app.store.oidc_arrive(&grant, provider, claim, spent, app.clock.now()).await {
        Ok(Arrival::Known(user) | Arrival::Linked(user) | Arrival::Created(user)) => user,
        Ok(Arrival::LinkFirst) => return Err(no("link_first", "who has this address links the provider themselves")),
        Ok(Arrival::Nobody) => return Err(no("no_account", "nobody here has this subject, or this proven address")),
        Err(StoreError::Refused(Rule::FactorUsed)) => return Err(no("state", "the journey has ended already")),
        Err(StoreError::Taken(_)) => return Err(no("no_account", "two came at once")),
        Err(other) => return Err(other.into()),
    };
    app.post.wake();
    match enter(app, (user, Proof::Provider.into()), false, at, browser).await {
        Ok(entry) => Ok((journey.body.next, Some(entry))),
        Err(Error::Conflict { code: "not_active", .. }) => Err(no("no_account", "the person may not sign in")),
        Err(other) => Err(other.into()),
    }
}

/// Links the account at the provider to the person who asked for it, while the session in which they did still lasts.
async fn link(
    app: &App,
    at: &Public,
    provider: &Provider,
    person: &Claims,
    journey: &Ticket<Journey>,
    (user, session): (UserId, SessionId),
) -> Result<(), Stop> {
    let now = app.clock.now();
    let session = app.store.session_find(session).await?.filter(|found| found.user == user && found.expires_at > now);
    let found = app.store.user_authority(user).await?;
    let (Some((owner, who)), Some(_)) = (found, session) else { return Err(unlinked("state")) };
    let grant: Grant<User, Write> = authorize(&who, &owner, &at.origin)?;
    let notice = notice(app, provider, &owner.email, owner.name.to_string());
    let with = (person.sub.as_str(), notice.as_ref());
    let done = app.store.identity_link(&grant, provider, with, (journey.hash.as_slice(), journey.until), now).await;
    app.post.wake();
    match done {
        Ok(()) => Ok(()),
        Err(StoreError::Refused(Rule::FactorUsed)) => Err(unlinked("state")),
        Err(StoreError::Refused(Rule::IdentityTaken)) => Err(unlinked("identity_taken")),
        Err(StoreError::Refused(Rule::IdentityLinked)) => Err(unlinked("identity_linked")),
        Err(other) => Err(other.into()),
    }
}

/// Tells a person that a provider may sign them in from now on.
fn notice(app: &App, provider: &Provider, to: &Email, name: String) -> Option<ostler_store::mail::New> {
    let letter = Letter::Linked { name, provider: provider.name.to_string(), server: app.config.public_url() };
    app.letter(to, &letter, app.clock.now() + limits::INVITE_TIME)
}

/// The journey that this browser began, if this is its end: a link that somebody else made leads nowhere.
fn begun_here(app: &App, browser: &Browser, provider: &Provider, input: &Callback) -> Result<Ticket<Journey>, Stop> {
    let ticket = browser.cookie(COOKIE).and_then(|text| ticket::open::<Journey>(app, Purpose::Oidc, text));
    let ticket = ticket.ok_or_else(|| no("state", "this browser has not begun it, or too long ago"))?;
    let state = input.state.as_deref().unwrap_or_default();
    if !bool::from(state.as_bytes().ct_eq(ticket.body.state.as_bytes())) {
        return Err(no("state", "this browser has begun another one"));
    }
    if ticket.body.provider != provider.id || input.iss.as_ref().is_some_and(|iss| *iss != provider.issuer) {
        return Err(no("state", "another provider answers"));
    }
    Ok(ticket)
}

/// Exchanges the code and verifies the statement. An address that the statement leaves out is asked for, and only believed
/// about the same subject.
async fn verified(app: &App, provider: &Provider, journey: &Journey, code: &str) -> Result<Claims, Trouble> {
    let broken = |error: StoreError| Trouble(format!("the provider's secret cannot be read: {error}"));
    let secret = app.store.provider_secret(provider).await.map_err(broken)?;
    let found = party::discovered(app, &provider.issuer).await?;
    let with = (code, journey.verifier.as_str(), journey.redirect_uri.as_str());
    let exchanged = party::exchange(app, (provider, &found), secret.as_ref(), with).await?;
    let keys = party::published(app, &found, &exchanged.id_token).await?;
    let wanted = Wanted {
        issuer: &provider.issuer,
        client_id: &provider.client_id,
        nonce: &journey.nonce,
        now: app.clock.now(),
    };
    let mut claims = keys.verify(&exchanged.id_token, wanted).map_err(|why| Trouble(why.to_string()))?;
    if let (None, Some(url)) = (&claims.email, &found.userinfo_endpoint) {
        let info = party::user_info(app, url, &exchanged.access_token).await?;
        if info.sub != claims.sub {
            return Err(Trouble("the provider speaks of two different people".to_owned()));
        }
        claims.email = info.email;
        claims.email_verified = info.email_verified;
        claims.name = claims.name.or(info.name);
    }
    Ok(claims)
}

/// The address, when the provider says that it is proven, or is trusted to know.
fn proven_email(provider: &Provider, claims: &Claims) -> Option<Email> {
    let says_so = match &claims.email_verified {
        Some(Value::Bool(verified)) => *verified,
        Some(Value::String(text)) => text == "true",
        _ => false,
    };
    claims.email.as_deref().filter(|_| says_so || provider.trusts_email)?.parse().ok()
}

/// True when the provider is trusted with this address' domain.
fn is_welcome(provider: &Provider, email: &Email) -> bool {
    let same = |welcome: &String| format!("x@{welcome}").parse::<Email>().is_ok_and(|it| it.domain() == email.domain());
    provider.domains.iter().any(same)
}

fn newcomer(app: &App, email: &Email, claims: &Claims) -> New {
    let local = email.as_str().split('@').next().unwrap_or_default();
    let said = claims.name.as_deref().and_then(|name| name.trim().parse::<Label>().ok());
    let name =
        said.or_else(|| local.parse().ok()).unwrap_or_else(|| "Newcomer".parse().expect("a plain word is a label"));
    New {
        id: app.ids.next(),
        email: email.clone(),
        name,
        state: State::Active,
        is_platform_admin: false,
        password_hash: None,
    }
}

/// The provider that the path names, when people may use it.
async fn named(app: &App, browser: &Browser) -> Result<Provider> {
    let slug: Option<Name> = browser.path_part_before_last().and_then(|part| part.parse().ok());
    let found = app.store.provider_by_slug(&slug.ok_or(Error::NotFound)?).await?;
    found.filter(|provider| provider.is_enabled).ok_or(Error::NotFound)
}

/// Where the provider sends browsers back to.
pub(super) fn redirect_uri(app: &App, browser: &Browser, slug: &Name) -> Option<String> {
    browser.origin(app).map(|origin| format!("{origin}/api/v1/auth/oidc/{slug}/callback"))
}

fn authorization(endpoint: &str, provider: &Provider, journey: &Journey) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, journey.verifier.as_bytes()));
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.client_id)
        .append_pair("redirect_uri", &journey.redirect_uri)
        .append_pair("scope", &provider.scopes.join(" "))
        .append_pair("state", &journey.state)
        .append_pair("nonce", &journey.nonce)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .finish();
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{joint}{query}")
}

fn away(provider: &Provider, why: &Trouble) -> Error {
    tracing::warn!(provider = %provider.slug, %why, "a provider cannot be used");
    let message = format!("{} cannot be reached for signing in now", provider.name);
    Error::Unavailable { message, retry_after: ostler_model::Millis::secs(30) }
}

fn no_address() -> Error {
    Error::field("public_url", "this needs the server's public address; an admin has to set public_url first")
}
