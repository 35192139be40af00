//! Sign-in by a provider that this file plays, rightly and wrongly.

use crate::factor::{challenge_cookie, enrol, person, session, verify_in};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method};
use ostler_model::Millis;
use ostler_model::bounds::identity::OIDC_STARTS;
use ostler_server::config::{Config, Rates};
use ostler_testkit::server::{Answer, As, TestServer};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What the provider says next, and what it was asked last.
struct Says {
    key: EcdsaKeyPair,
    issuer: String,
    /// Over the right claims.
    claims: Value,
    header: Value,
    info: Option<Value>,
    nonce: String,
    challenge: String,
    asked: Option<(BTreeMap<String, String>, String)>,
    /// How often it was asked for its description.
    described: usize,
    /// Instead of its own key.
    keys: Option<Value>,
}

#[derive(Clone)]
struct Party(Arc<Mutex<Says>>);

impl Party {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let rng = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &rng).unwrap();
        let party = Party(Arc::new(Mutex::new(Says {
            key,
            issuer,
            claims: json!({}),
            header: json!({"alg": "ES256", "kid": "k"}),
            info: None,
            nonce: String::new(),
            challenge: String::new(),
            asked: None,
            described: 0,
            keys: None,
        })));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(info))
            .with_state(party.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        party
    }
    fn issuer(&self) -> String {
        self.0.lock().unwrap().issuer.clone()
    }
    fn says(&self, claims: Value) {
        self.0.lock().unwrap().claims = claims;
    }
}

async fn describe(State(party): State<Party>) -> Json<Value> {
    let issuer = party.issuer();
    party.0.lock().unwrap().described += 1;
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
        "userinfo_endpoint": format!("{issuer}/userinfo"), "code_challenge_methods_supported": ["S256"]
    }))
}

async fn keys(State(party): State<Party>) -> Json<Value> {
    let says = party.0.lock().unwrap();
    if let Some(keys) = &says.keys {
        return Json(json!({ "keys": keys }));
    }
    let (x, y) = says.key.public_key().as_ref()[1..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    Json(json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "alg": "ES256", "x": x, "y": y}]}))
}

async fn token(State(party): State<Party>, headers: HeaderMap, body: String) -> Json<Value> {
    let form: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let mut says = party.0.lock().unwrap();
    let verifier = form.get("code_verifier").cloned().unwrap_or_default();
    let proves = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == says.challenge;
    if !proves || form.get("code").map(String::as_str) != Some("the-code") {
        return Json(json!({"error": "invalid_grant"}));
    }
    let login = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    says.asked = Some((form, login));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({
        "iss": says.issuer, "aud": "ostler", "sub": "subject-1", "iat": now, "exp": now + 300, "nonce": says.nonce
    });
    for (name, value) in says.claims.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let text = [&says.header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = says.key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
    let id_token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature));
    Json(json!({"id_token": id_token, "access_token": "access", "token_type": "Bearer"}))
}

async fn info(State(party): State<Party>) -> Json<Value> {
    Json(party.0.lock().unwrap().info.clone().unwrap_or_default())
}

async fn server() -> TestServer {
    let public_url = Some("https://ostler.test".to_owned());
    TestServer::with(Config { rates: Rates::NONE, public_url, ..Config::default() }).await
}

/// A server with the provider set up, as an admin does it.
async fn set_up(more: Value) -> (TestServer, Party, As) {
    let (t, party) = (server().await, Party::start().await);
    let root = t.person(true).await;
    let admin = t.browser(&root).await;
    let mut body = json!({
        "slug": "corp", "name": "Corp", "issuer": party.issuer(), "client_id": "ostler", "client_secret": "s%cret",
        "domains": ["example.org"]
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let made = t.post(&admin, "/api/v1/auth/providers", &body).await.is(201);
    assert!(!String::from_utf8_lossy(&made.bytes).contains("s%cret"));
    assert_eq!(made.json()["redirect_uri"], "https://ostler.test/api/v1/auth/oidc/corp/callback");
    (t, party, admin)
}

/// A browser on its way: the cookie, and the state in the address.
struct Journey {
    cookie: String,
    state: String,
}

async fn begin(t: &TestServer, party: &Party, next: &str) -> Journey {
    let path = format!("/api/v1/auth/oidc/corp/start?next={next}");
    let sent = t.get(&As::Nobody, &path).await.is(303);
    let to = sent.header("location").unwrap().to_owned();
    on_the_way(party, &sent, &to)
}

/// What the provider and the browser know of a journey that has begun.
fn on_the_way(party: &Party, sent: &Answer, to: &str) -> Journey {
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(to.split_once('?').unwrap().1.as_bytes()).into_owned().collect();
    assert_eq!((query["response_type"].as_str(), query["code_challenge_method"].as_str()), ("code", "S256"));
    let mut says = party.0.lock().unwrap();
    says.nonce.clone_from(&query["nonce"]);
    says.challenge.clone_from(&query["code_challenge"]);
    let cookie = sent.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/api/v1/auth/oidc"] {
        assert!(sent.header("set-cookie").unwrap().contains(part));
    }
    Journey { cookie, state: query["state"].clone() }
}

async fn end(t: &TestServer, cookie: &str, query: &str) -> Answer {
    let path = format!("/api/v1/auth/oidc/corp/callback?{query}");
    let mut request = t.request(&As::Nobody, &Method::GET, &path, None);
    if !cookie.is_empty() {
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
    }
    t.send(request).await.is(303)
}

async fn travel(t: &TestServer, party: &Party) -> Answer {
    let journey = begin(t, party, "/workloads").await;
    end(t, &journey.cookie, &format!("code=the-code&state={}", journey.state)).await
}

fn ends_at(answer: &Answer, place: &str) {
    assert_eq!(answer.header("location").unwrap(), place);
    let is_in = answer.headers.get_all("set-cookie").iter().any(|c| c.to_str().unwrap().contains("ostler_session="));
    assert_eq!(is_in, place == "/workloads");
}

fn verified(email: &str) -> Value {
    json!({"email": email, "email_verified": true})
}

#[tokio::test]
async fn a_person_comes_in_by_a_proven_address_and_from_then_on_by_the_subject() {
    let (t, party, _) = set_up(json!({})).await;
    t.person_named("ada@example.org", false).await;
    t.person_named("eve@example.org", false).await;
    party.says(verified("Ada@Example.org"));
    let first = travel(&t, &party).await;
    ends_at(&first, "/workloads");
    let me = t.get(&session(&first), "/api/v1/users/me").await.is(200).json();
    assert_eq!(me["user"]["email"], "ada@example.org");
    let (form, login) = party.0.lock().unwrap().asked.clone().unwrap();
    assert!(login.starts_with("Basic ") && !form.contains_key("client_secret"));
    // The provider gives the subject another address, even somebody else's: it stays the same person.
    party.says(verified("eve@example.org"));
    let again = travel(&t, &party).await;
    assert_eq!(t.get(&session(&again), "/api/v1/users/me").await.json()["user"]["email"], "ada@example.org");
    // And another subject with her address is somebody else.
    party.says(json!({"sub": "subject-2", "email": "ada@example.org", "email_verified": true}));
    ends_at(&travel(&t, &party).await, "/sign-in?error=no_account");
    t.stop().await;
}

#[tokio::test]
async fn finding_a10_no_statement_that_fails_is_replaced_by_another_answer() {
    let (t, party, _) = set_up(json!({})).await;
    t.person_named("ada@example.org", false).await;
    // The person's own description is right all the time; it must not save a wrong statement.
    party.0.lock().unwrap().info =
        Some(json!({"sub": "subject-1", "email": "ada@example.org", "email_verified": true}));
    for wrong in [
        json!({"iss": "https://evil.example"}),
        json!({"aud": "somebody-else"}),
        json!({"exp": 1}),
        json!({"nonce": "another"}),
        json!({"nonce": null}),
    ] {
        party.says(wrong.clone());
        let answer = travel(&t, &party).await;
        assert_eq!(answer.header("location"), Some("/sign-in?error=provider_failed"), "{wrong}");
    }
    party.says(json!({}));
    for header in [json!({"alg": "none"}), json!({"alg": "HS256", "kid": "k"}), json!({"alg": "ES256", "kid": "other"})]
    {
        party.0.lock().unwrap().header = header.clone();
        let answer = travel(&t, &party).await;
        assert_eq!(answer.header("location"), Some("/sign-in?error=provider_failed"), "{header}");
    }
    party.0.lock().unwrap().header = json!({"alg": "ES256", "kid": "k"});
    ends_at(&travel(&t, &party).await, "/workloads");
    party.0.lock().unwrap().info = Some(json!({"sub": "somebody", "email": "ada@example.org", "email_verified": true}));
    ends_at(&travel(&t, &party).await, "/sign-in?error=provider_failed");
    t.stop().await;
}

#[tokio::test]
async fn finding_a10_a_journey_belongs_to_the_browser_that_began_it_and_ends_once() {
    let (t, party, _) = set_up(json!({})).await;
    t.person_named("ada@example.org", false).await;
    party.says(verified("ada@example.org"));
    let (mine, theirs) = (begin(&t, &party, "/workloads").await, begin(&t, &party, "/workloads").await);
    let by = |journey: &Journey| format!("code=the-code&state={}", journey.state);
    ends_at(&end(&t, "", &by(&theirs)).await, "/sign-in?error=state");
    ends_at(&end(&t, &mine.cookie, &by(&theirs)).await, "/sign-in?error=state");
    ends_at(&end(&t, &mine.cookie, "code=the-code").await, "/sign-in?error=state");
    ends_at(&end(&t, "ostler_oidc=AAAA", &by(&mine)).await, "/sign-in?error=state");
    let other = format!("{}&iss=https://evil.example", by(&theirs));
    ends_at(&end(&t, &theirs.cookie, &other).await, "/sign-in?error=state");
    // An older journey of the same browser: its verifier is not the one that the code was asked for with.
    ends_at(&end(&t, &mine.cookie, &by(&mine)).await, "/sign-in?error=provider_failed");
    let again = theirs.cookie.clone();
    ends_at(&end(&t, &theirs.cookie, &by(&theirs)).await, "/workloads");
    ends_at(&end(&t, &again, &by(&theirs)).await, "/sign-in?error=state");
    let late = begin(&t, &party, "/workloads").await;
    t.time.skip(Millis::secs(601));
    ends_at(&end(&t, &late.cookie, &by(&late)).await, "/sign-in?error=state");
    let refused = begin(&t, &party, "/workloads").await;
    let query = format!("error=access_denied&state={}", refused.state);
    ends_at(&end(&t, &refused.cookie, &query).await, "/sign-in?error=provider_refused");
    t.stop().await;
}

#[tokio::test]
async fn finding_a10_nobody_is_sent_to_another_site() {
    let (t, _, _) = set_up(json!({})).await;
    for evil in [
        "https://evil.example",
        "//evil.example",
        "/%5Cevil.example",
        "%2F%2Fevil.example",
        "javascript:alert(1)",
        "/%0A/evil.example",
    ] {
        t.get(&As::Nobody, &format!("/api/v1/auth/oidc/corp/start?next={evil}")).await.is(422);
    }
    t.get(&As::Nobody, "/api/v1/auth/oidc/nobody/start").await.is(404);
    t.stop().await;
}

#[tokio::test]
async fn finding_a9_a_provider_does_not_replace_the_second_factor() {
    let (t, party, _) = set_up(json!({})).await;
    let user = t.person_named("ada@example.org", false).await;
    let (phone, _) = enrol(&t, &t.browser(&user).await).await;
    party.says(verified("ada@example.org"));
    let half = travel(&t, &party).await;
    ends_at(&half, "/sign-in?mfa=1&next=%2Fworkloads");
    let cookie = challenge_cookie(&half);
    let mut request = t.request(&As::Nobody, &Method::GET, "/api/v1/auth/mfa/challenge", None);
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    let asked = t.send(request).await.is(200).json();
    assert_eq!(asked["methods"], json!(["totp", "recovery"]));
    assert!(asked.get("challenge_token").is_none());
    let done = verify_in(&t, &cookie, &phone.code(&t)).await.is(200);
    t.get(&session(&done), "/api/v1/users/me").await.is(200);
    verify_in(&t, &cookie, &phone.code(&t)).await.is(401);
    t.stop().await;
}

#[tokio::test]
async fn unproven_addresses_and_people_who_are_out_come_in_nowhere() {
    let (t, party, admin) = set_up(json!({})).await;
    let user = t.person_named("ada@example.org", false).await;
    party.0.lock().unwrap().info = Some(json!({"sub": "subject-1"}));
    for claims in [
        json!({}),
        json!({"email": "ada@example.org"}),
        json!({"email": "ada@example.org", "email_verified": false}),
        json!({"email": "ada@example.org", "email_verified": "false"}),
        verified("nobody@elsewhere.example"),
    ] {
        party.says(claims.clone());
        let answer = travel(&t, &party).await;
        assert_eq!(answer.header("location"), Some("/sign-in?error=no_account"), "{claims}");
    }
    let body = json!({"trusts_email": true});
    t.ask(&admin, Method::PATCH, "/api/v1/auth/providers/corp", Some(&body)).await.is(200);
    party.says(json!({"email": "ada@example.org"}));
    ends_at(&travel(&t, &party).await, "/workloads");
    let grant = t.grant(ostler_model::authz::SystemReason::Setup, &ostler_model::authz::Collection::platform());
    let out = ostler_model::user::State::Deactivated;
    t.app.store.user_set_state(&grant, user.id, out, t.app.clock.now()).await.unwrap();
    ends_at(&travel(&t, &party).await, "/sign-in?error=no_account");
    t.stop().await;
}

#[tokio::test]
async fn newcomers_of_welcome_domains_get_an_account_and_nothing_more() {
    let (t, party, admin) = set_up(json!({"domains": ["Example.org"]})).await;
    party.says(json!({"email": "new@example.org", "email_verified": true, "name": "New Person"}));
    let first = travel(&t, &party).await;
    ends_at(&first, "/workloads");
    let me = t.get(&session(&first), "/api/v1/users/me").await.is(200).json();
    assert_eq!(me["user"]["name"], "New Person");
    assert_eq!((&me["memberships"], &me["user"]["is_platform_admin"]), (&json!([]), &json!(false)));
    for stranger in ["new@evil.example", "new@sub.example.org", "new@example.org.evil.example"] {
        party.says(json!({"sub": stranger, "email": stranger, "email_verified": true}));
        ends_at(&travel(&t, &party).await, "/sign-in?error=no_account");
    }
    t.ask(&admin, Method::DELETE, "/api/v1/auth/providers/corp", None).await.is(204);
    t.get(&As::Nobody, "/api/v1/auth/oidc/corp/start").await.is(404);
    assert_eq!(t.get(&As::Nobody, "/api/v1/auth/providers").await.json()["items"], json!([]));
    t.stop().await;
}

#[tokio::test]
async fn what_does_not_answer_as_itself_is_not_saved_and_no_secret_comes_back() {
    let (t, party, admin) = set_up(json!({})).await;
    let test = async |issuer: String| t.post(&admin, "/api/v1/auth/providers/test", &json!({"issuer": issuer})).await;
    assert_eq!(test(party.issuer()).await.is(200).json()["keys"], 1);
    test(format!("{}/", party.issuer())).await.is(422);
    test("http://127.0.0.1:1".into()).await.is(422);
    test("http://192.0.2.1".into()).await.is(422);
    let body = json!({"slug": "bad", "name": "Bad", "issuer": "http://127.0.0.1:1", "client_id": "x"});
    t.post(&admin, "/api/v1/auth/providers", &body).await.is(422);
    let body = json!({"slug": "ms", "name": "M", "preset": "microsoft", "client_id": "x",
        "issuer": "https://login.microsoftonline.com/common/v2.0"});
    t.post(&admin, "/api/v1/auth/providers", &body).await.is(422);
    for path in ["/api/v1/auth/providers/admin", "/api/v1/auth/providers", "/api/v1/audit-logs"] {
        let text = String::from_utf8_lossy(&t.get(&admin, path).await.is(200).bytes).into_owned();
        assert!(!text.contains("s%cret"), "{path}");
    }
    let all = t.get(&admin, "/api/v1/auth/providers/admin").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    assert_eq!(all["items"][0]["has_client_secret"], true);
    let body = json!({"client_secret": "", "is_enabled": false});
    let changed = t.ask(&admin, Method::PATCH, "/api/v1/auth/providers/corp", Some(&body)).await.is(200).json();
    assert_eq!((&changed["has_client_secret"], &changed["is_enabled"]), (&json!(false), &json!(false)));
    t.get(&As::Nobody, "/api/v1/auth/oidc/corp/start").await.is(404);
    t.stop().await;
}

const LINK: &str = "/api/v1/auth/identities/corp/link";

/// A journey that links the provider to the account of who is signed in.
async fn begin_link(t: &TestServer, party: &Party, who: &As) -> Journey {
    let sent = t.ask(who, Method::POST, LINK, None).await.is(200);
    let to = sent.json()["location"].as_str().unwrap().to_owned();
    on_the_way(party, &sent, &to)
}

#[tokio::test]
async fn s7_a_providers_word_takes_no_account_over() {
    let (t, party, _) = set_up(json!({"domains": ["partner.example"]})).await;
    t.person_named("ceo@corp.example", false).await;
    person(&t, "admin@corp.example", true).await;
    for email in ["admin@corp.example", "ceo@corp.example", "ceo@sub.partner.example"] {
        party.says(verified(email));
        assert_eq!(travel(&t, &party).await.header("location"), Some("/sign-in?error=no_account"), "{email}");
    }
    // Inside its domains: neither people with a password nor admins of the platform.
    person(&t, "ada@partner.example", false).await;
    t.person_named("root@partner.example", true).await;
    for email in ["ada@partner.example", "root@partner.example"] {
        party.says(verified(email));
        assert_eq!(travel(&t, &party).await.header("location"), Some("/sign-in?error=link_first"), "{email}");
    }
    t.stop().await;
}

#[tokio::test]
async fn s7_a_provider_is_linked_by_the_person_in_a_confirmed_session() {
    let (t, party, _) = set_up(json!({"domains": []})).await;
    let ada = person(&t, "ada@example.org", false).await;
    let me = t.browser(&ada).await;
    party.says(json!({"sub": "ada-there", "email": "other@elsewhere.example", "email_verified": true}));
    let everything = ostler_model::authz::CapabilitySet::everything();
    let (_, key) = t.key(&ada, everything, ostler_model::authz::Scope::All).await;
    t.ask(&key, Method::POST, LINK, None).await.is(403).code("person_only");
    t.ask(&me, Method::POST, "/api/v1/auth/identities/other/link", None).await.is(409).code("not_linked");
    let journey = begin_link(&t, &party, &me).await;
    let query = format!("code=the-code&state={}", journey.state);
    let back = end(&t, &journey.cookie, &query).await;
    assert_eq!(back.header("location"), Some("/settings/security"));
    let mine = t.get(&me, "/api/v1/auth/identities").await.is(200).json();
    assert_eq!(mine["items"][0]["slug"], "corp");
    ends_at(&travel(&t, &party).await, "/workloads");
    // The same account there is nobody else's.
    let eve = person(&t, "eve@example.org", false).await;
    let hers = t.browser(&eve).await;
    let journey = begin_link(&t, &party, &hers).await;
    let back = end(&t, &journey.cookie, &format!("code=the-code&state={}", journey.state)).await;
    assert_eq!(back.header("location"), Some("/settings/security?error=identity_taken"));
    // A session that has ended links nothing any more.
    party.says(json!({"sub": "eve-there", "email": "eve@elsewhere.example"}));
    let journey = begin_link(&t, &party, &hers).await;
    t.ask(&hers, Method::POST, "/api/v1/auth/logout", None).await.is(204);
    let back = end(&t, &journey.cookie, &format!("code=the-code&state={}", journey.state)).await;
    assert_eq!(back.header("location"), Some("/settings/security?error=state"));
    t.ask(&me, Method::DELETE, LINK, None).await.is(204);
    t.ask(&me, Method::DELETE, LINK, None).await.is(409).code("not_linked");
    t.time.skip(Millis::secs(301));
    t.ask(&me, Method::POST, LINK, None).await.is(403).code("confirm_first");
    t.stop().await;
}

#[tokio::test]
async fn s18_many_starts_ask_the_provider_once_and_are_bounded() {
    let (t, party, _) = set_up(json!({})).await;
    let asked = |party: &Party| party.0.lock().unwrap().described;
    let before = asked(&party);
    let mut answers = vec![];
    for _ in 0..OIDC_STARTS * 10 {
        answers.push(t.get(&As::Nobody, "/api/v1/auth/oidc/corp/start").await.status.as_u16());
    }
    assert_eq!(asked(&party) - before, 1);
    assert_eq!(answers.iter().filter(|status| **status == 303).count() as u64, OIDC_STARTS);
    assert!(answers[120..].iter().all(|status| *status == 429));
    t.time.skip(Millis::secs(61));
    t.get(&As::Nobody, "/api/v1/auth/oidc/corp/start").await.is(303);
    assert_eq!(asked(&party) - before, 1, "what it said is known for ten minutes");
    t.stop().await;
}

#[tokio::test]
async fn f23_a_provider_that_signs_with_es512_only_is_refused_when_it_is_saved() {
    let (t, party) = (server().await, Party::start().await);
    let admin = t.browser(&t.person(true).await).await;
    party.0.lock().unwrap().keys =
        Some(json!([{"kty": "EC", "crv": "P-521", "kid": "k", "use": "sig", "alg": "ES512", "x": "AA", "y": "AA"}]));
    let body = json!({"slug": "corp", "name": "Corp", "issuer": party.issuer(), "client_id": "ostler"});
    let refused = t.post(&admin, "/api/v1/auth/providers", &body).await.is(422).json();
    let why = refused["fields"][0]["message"].as_str().unwrap();
    assert!(why.contains("ES512 only") && why.contains("ES256"), "{why}");
    assert_eq!(t.get(&admin, "/api/v1/auth/providers/admin").await.json()["items"], json!([]));
    t.stop().await;
}
