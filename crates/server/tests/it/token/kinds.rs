//! No token is taken for another: every kind, at every endpoint and socket, in every place where credentials could be.
//!
//! The kinds are a list. Whoever adds a public endpoint that takes something which looks like a secret has to say here which
//! kind it is and how one is made; from then on it is tried everywhere, and everything else is tried there.

use axum::body::Body;
use base64::Engine as _;
use http::{Method, Request};
use ostler_model::authz::{CapabilitySet, Collection, Grant, Role, Scope, SystemReason, Write};
use ostler_model::node::{Facts, JoinToken, Node};
use ostler_model::user::User;
use ostler_model::workspace::Workspace;
use ostler_model::{Millis, NodeId, Secret};
use ostler_server::config::{Config, Matches, Rates};
use ostler_server::http::{Access, Endpoint};
use ostler_testkit::server::{Answer, As, TestServer};
use ostler_wire::link::sign::{Dialled, Signed};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use schemars::SchemaGenerator;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the platform's own bot presents.
const BOT: &str = "the-platforms-own-bots-key";

/// Where a kind belongs. Everywhere else it must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    /// The session cookie, anywhere.
    Cookie,
    /// `Authorization: Bearer`, anywhere.
    Bearer,
    /// A node's signature of this very request, on nodes' endpoints.
    Signature,
    /// `x-admin-bot-key`, on bots' endpoints.
    Bot,
    /// These fields of public endpoints, by action.
    Field(&'static [(&'static str, &'static str)]),
}

/// Every kind of token there is, and its one place.
const KINDS: &[(&str, Own)] = &[
    ("session cookie", Own::Cookie),
    ("access token", Own::Bearer),
    ("API key", Own::Bearer),
    ("node credential", Own::Signature),
    ("bot key", Own::Bot),
    ("platform's own bot key", Own::Bot),
    ("refresh token", Own::Field(&[("session.refresh", "refresh_token")])),
    (
        "setup secret",
        Own::Field(&[
            ("platform.install", "secret"),
            ("platform.check_database", "secret"),
            ("platform.check_redis", "secret"),
            ("platform.check_smtp", "secret"),
        ]),
    ),
    ("join token", Own::Field(&[("node.join", "token")])),
    ("invite", Own::Field(&[("invite.look", "token"), ("invite.accept", "token")])),
    ("reset", Own::Field(&[("user.look", "token"), ("user.spend", "token")])),
    (
        "second factor's challenge",
        Own::Field(&[("session.verify", "challenge_token"), ("session.recover", "challenge_token")]),
    ),
    ("passkey ticket", Own::Field(&[("session.passkey_verify", "ticket")])),
    ("OIDC state", Own::Field(&[("provider.callback", "state")])),
];

/// Kinds that need something beside them, such as the code of an app, so that presenting them alone cannot succeed. The tests
/// of their own rooms show that they work.
const NOT_ENOUGH: &[&str] = &["second factor's challenge", "passkey ticket", "OIDC state"];
/// Endpoints that look at something else, too: a database or a mail server that is not there.
const ALSO_WANT: &[&str] = &["platform.check_database", "platform.check_redis", "platform.check_smtp"];

/// Fields of public endpoints that look like tokens and are none, each with the reason.
const NO_TOKENS: &[(&str, &str, &str)] = &[
    ("session.login", "password", "what a person knows, not something that was handed out"),
    ("session.login", "token", "asks for tokens, is none"),
    ("session.verify", "token", "what an authenticator app shows"),
    ("session.recover", "recovery_code", "what a person has written down; spent in its own test"),
    ("session.passkey_verify", "credential", "what an authenticator signs"),
    ("session.passkey_verify", "token", "asks for tokens, is none"),
    ("provider.callback", "code", "another party's, and good at that party only"),
    ("platform.install", "password", "what a person chooses"),
    ("platform.check_redis", "password", "of the other server"),
    ("invite.accept", "password", "what a person chooses"),
    ("user.spend", "password", "what a person chooses"),
];

/// Words in names of fields that make one look like a token.
const SUSPECT: [&str; 8] = ["token", "secret", "code", "ticket", "challenge", "state", "credential", "password"];

/// One of each kind, of the person who may do most.
struct Purse {
    t: TestServer,
    tokens: BTreeMap<&'static str, String>,
    node: NodeId,
    node_key: Ed25519KeyPair,
}

impl Purse {
    async fn fill() -> Self {
        let public_url = Some("http://localhost:8080".to_owned());
        let matches = Matches { admin_bot_key: Some(Secret::new(BOT)), ..Matches::default() };
        let t = TestServer::with(Config { rates: Rates::NONE, public_url, matches, ..Config::default() }).await;
        let root = t.person(true).await;
        let space = t.workspace(&root).await;
        let node_key = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        let (node, join) = node(&t, &space, node_key.public_key().as_ref()).await;
        let mut tokens = BTreeMap::new();
        for (name, _) in KINDS {
            tokens.insert(*name, mint(&t, name, &root, &join).await);
        }
        Self { t, tokens, node, node_key }
    }
    /// The token as it is presented with this request; only a node's signature depends on it.
    fn token(&self, kind: &str, method: &Method, path: &str) -> String {
        if kind != "node credential" {
            return self.tokens[kind].clone();
        }
        let (at, nonce) = (self.t.app.clock.now(), self.t.app.ids.bytes());
        let dialled = Some(Dialled { authority: "localhost".to_owned(), lease: None, boot: [1; 16] });
        let mut signed = Signed { node: self.node, at, nonce, dialled, signature: [0; 64] };
        let bytes = signed.message(method.as_str(), path, self.t.app.installation);
        signed.signature = self.node_key.sign(&bytes).as_ref().try_into().unwrap();
        signed.header()
    }
}

/// How one of each kind is made. A kind without its line here is a kind that nobody has tried.
async fn mint(t: &TestServer, kind: &str, root: &User, join: &str) -> String {
    let text = |who: As| match who {
        As::Browser(text) | As::Bearer(text) => text,
        As::Nobody | As::Header(_) => unreachable!("these carry no token"),
    };
    match kind {
        "session cookie" => text(t.browser(root).await),
        "access token" => t.tokens(root).await,
        "refresh token" => t.token_pair(root).await.1,
        "API key" => text(t.key(root, CapabilitySet::everything(), Scope::All).await.1),
        "setup secret" => t.setup_secret.reveal().to_owned(),
        "platform's own bot key" => BOT.to_owned(),
        "bot key" => {
            let path = format!("/api/v1/workspaces/{}/bots", t.workspace(root).await.id);
            let made = t.post(&t.browser(root).await, &path, &json!({"name": "ladder"})).await.is(201).json();
            made["secret"].as_str().unwrap().to_owned()
        }
        "join token" => join.to_owned(),
        "node credential" => String::new(),
        "invite" => {
            let ask = json!({"email": "invited@example.org", "name": "Invited"});
            let made = t.post(&t.browser(root).await, "/api/v1/users", &ask).await.is(201).json();
            linked(&made["link"])
        }
        "reset" => {
            let other = t.person(false).await;
            let path = format!("/api/v1/users/{}/reset-link", other.id);
            linked(&t.post(&t.browser(root).await, &path, &json!({})).await.is(201).json()["link"])
        }
        "second factor's challenge" => {
            let (text, now) = ("osm_test".to_owned(), t.app.clock.now());
            let grant = t.grant(SystemReason::SignIn, &Collection::platform());
            let row = ostler_store::factor::Challenge {
                user: root.id,
                wants_tokens: true,
                expires_at: now + Millis::secs(300),
            };
            let hash = ostler_server::auth::hash_token(&text);
            t.app
                .store
                .factor_challenge_create(&grant, &hash, row, ostler_store::session::Proof::Provider, now)
                .await
                .unwrap();
            text
        }
        "passkey ticket" => {
            let begun = t.get(&As::Nobody, "/api/v1/auth/passkey/options").await.is(200).json();
            begun["ticket"].as_str().unwrap().to_owned()
        }
        "OIDC state" => {
            let until = t.app.clock.now() + Millis::secs(300);
            let form = json!({"until": until, "body": {"user": root.id}});
            let sealed = t.app.store.ticket_seal("ticket/oidc", &form.to_string());
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sealed)
        }
        other => panic!("say how {other} is made"),
    }
}

/// The token at the end of a link that somebody is given.
fn linked(link: &Value) -> String {
    link.as_str().unwrap().rsplit(['=', '/']).next().unwrap().to_owned()
}

/// A node that has joined, and a join token that nobody has used.
async fn node(t: &TestServer, space: &Workspace, public_key: &[u8]) -> (NodeId, String) {
    let now = t.app.clock.now();
    let grant: Grant<Collection<Node>, Write> = t.grant(SystemReason::Setup, &Collection::of(space.id));
    for (n, secret) in ["ojt_used", "ojt_open"].into_iter().enumerate() {
        let token = JoinToken {
            id: t.app.ids.next(),
            workspace: Some(space.id),
            created_by: None,
            label: None,
            created_at: now,
            expires_at: now + Millis::secs(3600),
            used_at: None,
            node: None,
        };
        let hash = if n == 0 { b"used".to_vec() } else { ostler_server::auth::hash_token(secret) };
        t.app.store.join_token_create(&grant, &token, &hash, now).await.unwrap();
    }
    let facts = Facts { port_range: (20_000, 20_099), ..Facts::default() };
    let id = t.app.ids.next();
    let joining =
        ostler_store::node::Joining { id, name: "rack".parse().unwrap(), public_key: public_key.to_vec(), facts };
    let node = t.app.store.node_join(b"used", &joining, &ostler_model::authz::Origin::default(), now).await.unwrap();
    (node.id, "ojt_open".to_owned())
}

/// Places in a request where credentials could be, and how they are put there.
type Put = fn(http::request::Builder, &str) -> http::request::Builder;
const PLACES: &[(&str, Put)] = &[
    ("bearer", |r, token| r.header("authorization", format!("Bearer {token}"))),
    ("authorization", |r, token| r.header("authorization", token)),
    ("basic", |r, token| {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{token}:"));
        r.header("authorization", format!("Basic {pair}"))
    }),
    ("node scheme", |r, token| r.header("authorization", format!("Ostler-Node {token}"))),
    ("cookie", |r, token| r.header("cookie", format!("ostler_session={token}")).header("x-ostler-csrf", "1")),
    ("x-api-key", |r, token| r.header("x-api-key", token)),
    ("x-admin-bot-key", |r, token| r.header("x-admin-bot-key", token)),
    ("websocket protocol", |r, token| {
        let plain: String = token.chars().map(|c| if c == ' ' { '.' } else { c }).collect();
        r.header("sec-websocket-protocol", format!("bearer, {plain}"))
    }),
];
/// Names under which tokens are tried in the query.
const QUERY: [&str; 4] = ["token", "access_token", "ticket", "key"];

/// True when this is where the kind belongs.
fn belongs(own: Own, place: &str, endpoint: &Endpoint) -> bool {
    let is_node = endpoint.access == Access::NodeLink;
    let is_bot = endpoint.access == Access::Bot;
    match own {
        Own::Cookie => place == "cookie" && !is_node && !is_bot,
        Own::Bearer => place == "bearer" && !is_node && !is_bot,
        Own::Bot => place == "x-admin-bot-key" && is_bot,
        // Its header is whole: scheme and signature.
        Own::Signature => place == "authorization" && is_node,
        Own::Field(..) => false,
    }
}

fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn noderax_a1_no_kind_of_token_is_accepted_in_another_ones_place_on_any_endpoint_or_socket() {
    let purse = Purse::fill().await;
    let mut wrong = Vec::new();
    let mut tried = 0;
    for endpoint in ostler_server::routes().iter().filter(|e| e.access != Access::Public && e.family.is_none()) {
        let path = filled(&endpoint.path);
        for (kind, own) in KINDS {
            let token = purse.token(kind, &endpoint.method, &path);
            for (place, put) in PLACES.iter().filter(|(place, _)| !belongs(*own, place, endpoint)) {
                let request =
                    Request::builder().method(endpoint.method.clone()).uri(&path).header("host", "ostler.test");
                let status = purse.t.send(put(request, &token).body(Body::empty()).unwrap()).await.status.as_u16();
                if status != 401 {
                    wrong.push(format!("{kind} as {place} at {endpoint:?}: {status}"));
                }
                tried += 1;
            }
            let escaped: String = form_urlencode(&token);
            for name in QUERY {
                let uri = format!("{path}?{name}={escaped}");
                let request = Request::builder().method(endpoint.method.clone()).uri(uri).header("host", "ostler.test");
                let status = purse.t.send(request.body(Body::empty()).unwrap()).await.status.as_u16();
                if status != 401 {
                    wrong.push(format!("{kind} as ?{name}= at {endpoint:?}: {status}"));
                }
                tried += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 1000, "only {tried} were tried");
    purse.t.stop().await;
}

#[tokio::test]
async fn in_the_body_of_a_public_endpoint_only_its_own_kind_is_accepted() {
    let routes = ostler_server::routes();
    for (kind, own) in KINDS {
        let Own::Field(places) = *own else { continue };
        for (action, field) in places {
            let purse = Purse::fill().await;
            let endpoint = routes.iter().find(|e| e.action() == *action && e.family.is_none());
            let endpoint = endpoint.unwrap_or_else(|| panic!("there is no {action}"));
            for (other, _) in KINDS.iter().filter(|(other, _)| other != kind) {
                let token = purse.token(other, &endpoint.method, &endpoint.path);
                let answer = with_field(&purse.t, endpoint, field, &token).await;
                assert!(answer.status.is_client_error(), "{other} as {kind} at {endpoint:?}: {}", answer.status);
            }
            purse.t.stop().await;
            if NOT_ENOUGH.contains(kind) || ALSO_WANT.contains(action) {
                continue;
            }
            // Its own is: otherwise this test could not fail. With nobody having guessed before, who is made to wait.
            let purse = Purse::fill().await;
            let own = purse.token(kind, &endpoint.method, &endpoint.path);
            let answer = with_field(&purse.t, endpoint, field, &own).await;
            assert!(answer.status.is_success(), "{kind} at {endpoint:?}: {} {}", answer.status, answer.json());
            purse.t.stop().await;
        }
    }
}

#[tokio::test]
async fn every_kind_is_accepted_where_it_belongs() {
    let purse = Purse::fill().await;
    for (kind, own) in KINDS {
        let token = purse.token(kind, &Method::GET, "/api/v1/users/me");
        let who = match own {
            Own::Cookie => As::Browser(token),
            Own::Bearer => As::Bearer(token),
            Own::Bot => {
                let request = Request::builder().uri("/api/v1/adminbot/archive").header("x-admin-bot-key", token);
                purse.t.send(request.body(Body::empty()).unwrap()).await.is(200);
                continue;
            }
            Own::Signature | Own::Field(..) => continue,
        };
        purse.t.get(&who, "/api/v1/users/me").await.is(200);
    }
    let path = "/api/v1/agent/link";
    let signed = As::Header(purse.token("node credential", &Method::GET, path));
    let answer = purse.t.get(&signed, path).await;
    assert_ne!(answer.status, 401, "the node is known; what it lacks is an upgrade");
    purse.t.stop().await;
}

#[test]
fn whatever_looks_like_a_token_at_a_public_endpoint_is_registered() {
    let mut unknown = Vec::new();
    for endpoint in ostler_server::routes().iter().filter(|e| e.access == Access::Public && e.family.is_none()) {
        let action = endpoint.action();
        for name in names(endpoint) {
            let is_suspect = SUSPECT.iter().any(|word| name.to_lowercase().contains(word));
            let is_kind = KINDS
                .iter()
                .any(|(_, own)| matches!(own, Own::Field(all) if all.contains(&(action.as_str(), name.as_str()))));
            let is_none = NO_TOKENS.iter().any(|(a, n, _)| *a == action && *n == name);
            if is_suspect && !is_kind && !is_none {
                unknown.push(format!("{action}: {name}"));
            }
        }
    }
    assert!(unknown.is_empty(), "say in KINDS what these are, and how one is made:\n{}", unknown.join("\n"));
}

/// Everything that an endpoint's input and path can name.
fn names(endpoint: &Endpoint) -> Vec<String> {
    let mut generator = SchemaGenerator::default();
    let doc = (endpoint.input)(&mut generator);
    let mut names: Vec<String> = endpoint.params().map(str::to_owned).collect();
    let definitions = Value::Object(generator.definitions().clone());
    for schema in [doc.query, doc.body].into_iter().flatten() {
        collect(&schema.to_value(), &definitions, &mut names, 0);
    }
    names
}

fn collect(schema: &Value, definitions: &Value, names: &mut Vec<String>, depth: usize) {
    if depth > 8 {
        return;
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|text| text.rsplit('/').next()) {
        collect(&definitions[name], definitions, names, depth + 1);
    }
    if let Some(properties) = schema["properties"].as_object() {
        names.extend(properties.keys().cloned());
    }
    for part in ["oneOf", "anyOf", "allOf"] {
        for inner in schema[part].as_array().into_iter().flatten() {
            collect(inner, definitions, names, depth + 1);
        }
    }
}

async fn with_field(t: &TestServer, endpoint: &Endpoint, field: &str, token: &str) -> Answer {
    if endpoint.params().any(|param| param == field) {
        let path = endpoint.path.replace(&format!("{{{field}}}"), &form_urlencode(token));
        let body = (endpoint.input)(&mut SchemaGenerator::default()).sample;
        return t.ask(&As::Nobody, endpoint.method.clone(), &path, body.as_ref()).await;
    }
    if endpoint.method == Method::GET {
        let path = format!("{}?{field}={}", filled(&endpoint.path), form_urlencode(token));
        return t.get(&As::Nobody, &path).await;
    }
    let mut body = (endpoint.input)(&mut SchemaGenerator::default()).sample.unwrap_or_else(|| json!({}));
    body[field] = json!(token);
    t.ask(&As::Nobody, endpoint.method.clone(), &endpoint.path, Some(&body)).await
}

fn form_urlencode(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-_.".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

#[tokio::test]
async fn a_weaker_role_gets_nothing_more_by_any_kind_of_its_own() {
    // The same person, by three kinds of credential: what one may not, none may.
    let t = TestServer::start().await;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let (user, cookie) = t.member(&space, Role::Viewer).await;
    let (_, key) = t.key(&user, CapabilitySet::everything(), Scope::All).await;
    let token = As::Bearer(t.tokens(&user).await);
    let path = format!("/api/v1/workspaces/{}", space.id);
    for who in [&cookie, &key, &token] {
        t.get(who, &path).await.is(200);
        t.ask(who, Method::PATCH, &path, Some(&json!({"name": "Mine"}))).await.is(403).code("forbidden");
        t.get(who, "/api/v1/audit-logs").await.is(404);
    }
    t.stop().await;
}
