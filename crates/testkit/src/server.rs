//! A whole server in the test's process: no socket, a database in memory, real time that can be moved forward.

use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use ostler_model::authz::{
    Authority, CapabilitySet, Collection, Grant, Origin, Resource, Role, Scope, SystemReason, Verb, Write, authorize,
};
use ostler_model::key::Key;
use ostler_model::user::{Session, State, User};
use ostler_model::workspace::{Member, Workspace};
use ostler_model::{Id, Millis, Name, Secret, Time};
use ostler_runtime::{Clock, ClockSource, Ids, Sleep, Spawn, SystemClock};
use ostler_server::app::App;
use ostler_server::config::{Config, Rates};
use ostler_server::http::{Front, Peer};
use ostler_server::{Ground, auth, build_app, service};
use ostler_store::session::Proof;
use ostler_store::{MasterKey, Options, Store, token, user};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tower::ServiceExt as _;

/// Real time plus what a test has skipped.
#[derive(Clone)]
pub struct SkipClock(watch::Sender<u64>);

impl SkipClock {
    /// Nothing skipped yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(0))
    }
    /// As everybody else sees it.
    pub fn clock(&self) -> Clock {
        Clock::new(self.clone())
    }
    /// Lets this much time pass at once.
    pub fn skip(&self, span: Millis) {
        self.0.send_modify(|skipped| *skipped += span.0);
    }
}

impl Default for SkipClock {
    fn default() -> Self {
        Self::new()
    }
}

impl ClockSource for SkipClock {
    fn now(&self) -> Time {
        SystemClock.now() + Millis(*self.0.borrow())
    }
    fn sleep_until(&self, at: Time) -> Sleep {
        let clock = self.clone();
        let mut skipped = self.0.subscribe();
        Box::pin(async move {
            while clock.now() < at {
                let left = at.since(clock.now()).std();
                tokio::select! {
                    () = tokio::time::sleep(left) => {}
                    changed = skipped.changed() => if changed.is_err() { tokio::time::sleep(left).await },
                }
            }
        })
    }
    fn instant(&self) -> Instant {
        Instant::now() + Duration::from_millis(*self.0.borrow())
    }
}

/// A server, and the means to ask it.
#[derive(Clone)]
pub struct TestServer {
    pub app: App,
    pub time: SkipClock,
    /// What the first run wants.
    pub setup_secret: Secret,
    front: Front,
    number: Arc<AtomicU64>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum As {
    Nobody,
    /// A browser with this session cookie; it sends the CSRF header, too.
    Browser(String),
    /// A program with this value of `Authorization: Bearer`.
    Bearer(String),
    /// Whatever stands in `Authorization`.
    Header(String),
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }
    /// Insists on a status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status.as_u16(), status, "{text}");
        self
    }
    /// Insists on an error code.
    #[track_caller]
    pub fn code(self, code: &str) -> Self {
        assert_eq!(self.json()["error"], code, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
    /// The body without the request's id, which is all that may differ between hidden and missing.
    pub fn without_request_id(&self) -> Value {
        let mut body = self.json();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("request_id");
        }
        body
    }
}

impl TestServer {
    /// A server without rate limits.
    pub async fn start() -> Self {
        Self::with(Config { rates: Rates::NONE, ..Config::default() }).await
    }
    /// A server with this configuration; its data folder is never touched.
    pub async fn with(config: Config) -> Self {
        let time = SkipClock::new();
        let clock = time.clock();
        let ids = Ids::system(clock.clone());
        let options = Options::memory(clock.clone(), MasterKey::new([7; 32]));
        let store = Store::open(options).await.expect("a database in memory opens");
        Self::on(config, store, time, ids).await
    }
    /// A server on a database that is there already.
    pub async fn on(config: Config, store: Store, time: SkipClock, ids: Ids) -> Self {
        let ground = Ground { clock: time.clock(), ids, spawn: Spawn::new(), store };
        let (app, secret) = build_app(config, ground).await.expect("the server starts");
        let front = service(&app);
        let setup_secret = secret.unwrap_or_default();
        Self { app, time, setup_secret, front, number: Arc::new(AtomicU64::new(1)) }
    }
    /// Ends its tasks and closes the database.
    pub async fn stop(self) {
        self.app.stop().await;
    }

    /// Sends any request. Without a peer, it comes from 192.0.2.1.
    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        if request.extensions().get::<Peer>().is_none() {
            request.extensions_mut().insert(Peer(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));
        }
        let response = match self.front.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        // A stream of events never ends.
        let is_stream = parts.headers.get(header::CONTENT_TYPE).is_some_and(|v| v == "text/event-stream");
        let body = if is_stream { Body::empty() } else { body };
        let bytes = body.collect().await.expect("bodies of the server end well").to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }
    /// A request with what belongs to its actor.
    pub fn request(&self, who: &As, method: &Method, path: &str, body: Option<&Value>) -> Request<Body> {
        let mut request = Request::builder().method(method.clone()).uri(path).header(header::HOST, "ostler.test");
        request = match who {
            As::Nobody => request,
            As::Browser(token) => {
                let is_tls = self.app.config.is_public_over_tls();
                let name = if is_tls { auth::SECURE_COOKIE } else { auth::COOKIE };
                request.header(header::COOKIE, format!("{name}={token}")).header("x-ostler-csrf", "1")
            }
            As::Bearer(secret) => request.header(header::AUTHORIZATION, format!("Bearer {secret}")),
            As::Header(text) => request.header(header::AUTHORIZATION, text),
        };
        match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        }
        .expect("a test's request is well-formed")
    }
    /// Asks as somebody.
    pub async fn ask(&self, who: &As, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.send(self.request(who, &method, path, body)).await
    }
    /// Reads.
    pub async fn get(&self, who: &As, path: &str) -> Answer {
        self.ask(who, Method::GET, path, None).await
    }
    /// Creates or does.
    pub async fn post(&self, who: &As, path: &str, body: &Value) -> Answer {
        self.ask(who, Method::POST, path, Some(body)).await
    }

    fn next(&self) -> u64 {
        self.number.fetch_add(1, Ordering::SeqCst)
    }
    /// The platform's own right, for preparing things.
    pub fn grant<R: Resource, V: Verb>(&self, reason: SystemReason, what: &R) -> Grant<R, V> {
        authorize(&Authority::system(reason), what, &Arc::new(Origin::default())).expect("a right on the system's list")
    }
    /// A person without a password.
    pub async fn person(&self, is_platform_admin: bool) -> User {
        let n = self.next();
        self.person_named(&format!("person{n}@example.org"), is_platform_admin).await
    }
    /// A person with this address.
    pub async fn person_named(&self, email: &str, is_platform_admin: bool) -> User {
        let new = user::New {
            id: self.app.ids.next(),
            email: email.parse().expect("an address"),
            name: "Person".parse().expect("a label"),
            state: State::Active,
            is_platform_admin,
            password_hash: None,
        };
        let grant: Grant<Collection<User>, Write> = self.grant(SystemReason::Setup, &Collection::platform());
        self.app.store.user_create(&grant, &new, self.app.clock.now()).await.expect("a person is created")
    }
    /// A workspace with its owner.
    pub async fn workspace(&self, owner: &User) -> Workspace {
        let n = self.next();
        let now = self.app.clock.now();
        let slug = format!("space-{n}").parse::<Name>().expect("a name");
        let workspace = Workspace::new(self.app.ids.next(), slug, format!("Space {n}").parse().expect("a label"), now);
        let grant: Grant<Collection<Workspace>, Write> = self.grant(SystemReason::Setup, &Collection::platform());
        self.app.store.workspace_create(&grant, &workspace, owner.id, now).await.expect("a workspace is created")
    }
    /// Makes somebody a member.
    pub async fn join(&self, workspace: &Workspace, user: &User, role: Role) -> Member {
        let grant: Grant<Collection<Member>, Write> = self.grant(SystemReason::Setup, &Collection::of(workspace.id));
        self.app.store.member_add(&grant, user.id, role, self.app.clock.now()).await.expect("a member is added")
    }
    /// A person with a role in a workspace, in a browser.
    pub async fn member(&self, workspace: &Workspace, role: Role) -> (User, As) {
        let user = self.person(false).await;
        self.join(workspace, &user, role).await;
        let browser = self.browser(&user).await;
        (user, browser)
    }
    /// A session of a person.
    pub async fn browser(&self, user: &User) -> As {
        let token = format!("token-{}-{}", self.next(), user.id);
        let now = self.app.clock.now();
        let session = Session {
            id: self.app.ids.next(),
            user: user.id,
            kind: ostler_model::user::SessionKind::Browser,
            created_at: now,
            seen_at: now,
            expires_at: now + Millis::secs(3600),
            address: None,
            user_agent: None,
        };
        let grant: Grant<Collection<Session>, Write> = self.grant(SystemReason::SignIn, &Collection::platform());
        let hash = auth::hash_token(&token);
        let begun = self.app.store.session_create(&grant, (&session, &hash), Proof::Setup.into(), now).await;
        begun.expect("a session begins").expect("with nothing to show");
        As::Browser(token)
    }
    /// An access token of a person, of a family that has just begun.
    pub async fn tokens(&self, user: &User) -> String {
        self.token_pair(user).await.0
    }
    /// An access and a refresh token of a person, of a family that has just begun.
    pub async fn token_pair(&self, user: &User) -> (String, String) {
        let now = self.app.clock.now();
        let session = Session {
            id: self.app.ids.next(),
            user: user.id,
            kind: ostler_model::user::SessionKind::Token,
            created_at: now,
            seen_at: now,
            expires_at: now + Millis::secs(24 * 3600),
            address: None,
            user_agent: None,
        };
        let grant: Grant<Collection<Session>, Write> = self.grant(SystemReason::SignIn, &Collection::platform());
        let text = format!("osr_test-{}", self.next());
        let hash = auth::hash_token(&text);
        let refresh = token::Refresh { hash: &hash, expires_at: session.expires_at };
        let begun = self.app.store.token_create(&grant, &session, refresh, Proof::Setup.into(), now).await;
        begun.expect("a family begins").expect("with nothing to show");
        (self.app.signer.sign(user.id, session.id, now).0.reveal().to_owned(), text)
    }
    /// The right of a person as they are now.
    pub async fn may<R: Resource, V: Verb>(&self, user: &User, what: &R) -> Grant<R, V> {
        let found = self.app.store.user_authority(user.id).await.expect("the database answers");
        let (_, who) = found.expect("the person may sign in");
        authorize(&who, what, &Arc::new(Origin::default())).expect("the person may")
    }
    /// A key of a person.
    pub async fn key(&self, owner: &User, capabilities: CapabilitySet, scope: Scope) -> (Key, As) {
        self.key_until(owner, capabilities, scope, None).await
    }
    /// A key whose time is over.
    pub async fn expired_key(&self, owner: &User, capabilities: CapabilitySet) -> As {
        let at = self.app.clock.now() - Millis::secs(1);
        self.key_until(owner, capabilities, Scope::All, Some(at)).await.1
    }
    async fn key_until(
        &self,
        owner: &User,
        capabilities: CapabilitySet,
        scope: Scope,
        expires_at: Option<Time>,
    ) -> (Key, As) {
        let n = self.next();
        let secret = format!("{}test-{n}-{}", auth::KEY_PREFIX, owner.id);
        let key = Key {
            id: self.app.ids.next(),
            owner: owner.id,
            label: format!("Key {n}").parse().expect("a label"),
            prefix: "ost_test".to_owned(),
            capabilities,
            scope,
            networks: Vec::new(),
            requests_per_minute: None,
            created_at: self.app.clock.now(),
            expires_at,
            last_used_at: None,
            last_used_from: None,
        };
        let grant: Grant<User, Write> = self.grant(SystemReason::Setup, owner);
        let now = self.app.clock.now();
        let key =
            self.app.store.key_create(&grant, &key, &auth::hash_token(&secret), &[], now).await.expect("a key is made");
        (key, As::Bearer(secret))
    }
}

/// An id that nothing has.
pub fn nothing<T: Id>() -> T {
    T::from_parts(Time::from_millis(1_000_000_000_000), 0xdead_beef)
}
