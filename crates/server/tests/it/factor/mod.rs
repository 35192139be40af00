//! Strong sign-in: second factors, passkeys, and who demands them.

mod device;
mod finding;
mod passkey;
mod require;
mod totp;

use http::Method;
use ostler_model::authz::{Collection, Grant, SystemReason, Write};
use ostler_model::user::{State, User};
use ostler_model::{Millis, Secret};
use ostler_server::config::{Config, Rates};
use ostler_store::user;
use ostler_testkit::server::{Answer, As, TestServer};
use ring::hmac;
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const STEP: Millis = Millis::secs(30);

/// A server that knows its own address.
pub(crate) async fn server() -> TestServer {
    let public_url = Some("https://ostler.test".to_owned());
    TestServer::with(Config { rates: Rates::NONE, public_url, ..Config::default() }).await
}

/// A person with a password.
pub(crate) async fn person(t: &TestServer, email: &str, is_platform_admin: bool) -> User {
    let hash = t.app.passwords.hash(&t.app.ids, &Secret::new(PASSWORD)).await.unwrap();
    let new = user::New {
        id: t.app.ids.next(),
        email: email.parse().unwrap(),
        name: "Ada".parse().unwrap(),
        state: State::Active,
        is_platform_admin,
        password_hash: Some(hash),
    };
    let grant: Grant<Collection<User>, Write> = t.grant(SystemReason::Setup, &Collection::platform());
    t.app.store.user_create(&grant, &new, t.app.clock.now()).await.unwrap()
}

pub(crate) async fn login(t: &TestServer, email: &str) -> Answer {
    t.post(&As::Nobody, "/api/v1/auth/login", &json!({"email": email, "password": PASSWORD})).await
}

/// The session that an answer begins.
pub(crate) fn session(answer: &Answer) -> As {
    let cookies = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let mut sessions = cookies
        .filter_map(|cookie| cookie.split(';').next()?.trim_start_matches("__Host-").strip_prefix("ostler_session="));
    As::Browser(sessions.next().expect("the answer sets a session").to_owned())
}

/// The challenge that a half-done sign-in answers.
pub(crate) fn challenge(answer: Answer) -> String {
    answer.is(202).json()["mfa"]["challenge_token"].as_str().unwrap().to_owned()
}

/// An authenticator app that was written apart from the server's.
#[derive(Clone)]
pub(crate) struct Phone(Vec<u8>);

impl Phone {
    /// From what the server shows for typing.
    pub(crate) fn scan(shown: &Value) -> Self {
        let mut bits = 0_u64;
        let (mut count, mut bytes) = (0, Vec::new());
        for letter in shown["secret"].as_str().unwrap().bytes() {
            let value = if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
            bits = bits << 5 | u64::from(value);
            count += 5;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
            }
        }
        Self(bytes)
    }
    /// What it shows now.
    pub(crate) fn code(&self, t: &TestServer) -> String {
        let counter = u64::try_from(t.app.clock.now().as_millis() / 30_000).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &counter.to_be_bytes());
        let tag = tag.as_ref();
        let at = (tag[19] & 15) as usize;
        let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
    /// A code that is not the one of any near step.
    pub(crate) fn wrong(&self, t: &TestServer) -> String {
        let near = |shift: i64| {
            let step = (t.app.clock.now().as_millis() / 30_000 + shift) as u64;
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0), &step.to_be_bytes());
            let at = (tag.as_ref()[19] & 15) as usize;
            u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff
        };
        let taken: Vec<u32> = (-3..=3).map(|shift| near(shift) % 1_000_000).collect();
        let free = (0..).find(|n| !taken.contains(n)).unwrap();
        format!("{free:06}")
    }
}

/// Sets up an authenticator app in a fresh session. Gives the app, the recovery codes, and time has moved past the first code.
pub(crate) async fn enrol(t: &TestServer, who: &As) -> (Phone, Vec<String>) {
    let shown = t.post(who, "/api/v1/auth/mfa/setup/initiate", &json!({})).await.is(201).json();
    let phone = Phone::scan(&shown);
    let body = json!({"token": phone.code(t)});
    let made = t.post(who, "/api/v1/auth/mfa/setup/confirm", &body).await.is(201).json();
    let codes = made["recovery_codes"].as_array().unwrap().iter().map(|c| c.as_str().unwrap().to_owned()).collect();
    t.time.skip(STEP);
    (phone, codes)
}

pub(crate) async fn verify(t: &TestServer, challenge: &str, code: &str) -> Answer {
    let body = json!({"challenge_token": challenge, "token": code});
    t.post(&As::Nobody, "/api/v1/auth/mfa/challenge/verify", &body).await
}

pub(crate) async fn recover(t: &TestServer, challenge: &str, code: &str) -> Answer {
    let body = json!({"challenge_token": challenge, "recovery_code": code});
    t.post(&As::Nobody, "/api/v1/auth/mfa/recovery/verify", &body).await
}

pub(crate) async fn delete(t: &TestServer, who: &As, path: &str) -> Answer {
    t.ask(who, Method::DELETE, path, None).await
}

/// The cookie in which a browser that came back from a provider holds its challenge.
pub(crate) fn challenge_cookie(answer: &Answer) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let mut challenges = cookies.filter(|cookie| cookie.starts_with("ostler_mfa=osm_"));
    challenges.next().expect("there is a challenge").split(';').next().unwrap().to_owned()
}

/// The second half in a browser that holds its challenge in a cookie.
pub(crate) async fn verify_in(t: &TestServer, cookie: &str, code: &str) -> Answer {
    let body = json!({"token": code});
    let mut request = t.request(&As::Nobody, &Method::POST, "/api/v1/auth/mfa/challenge/verify", Some(&body));
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    t.send(request).await
}
