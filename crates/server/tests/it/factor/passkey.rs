//! Passkeys, as a second factor and instead of a password.

use super::device::{Device, Wrong};
use super::*;

/// Registers a passkey in a fresh session.
async fn register(t: &TestServer, who: &As, device: &mut Device, wrong: Wrong) -> Answer {
    let asked = t.get(who, "/api/v1/auth/passkey/register/options").await.is(200).json();
    let body =
        json!({"ticket": asked["ticket"], "label": "Laptop", "credential": device.create(&asked["options"], wrong)});
    t.post(who, "/api/v1/auth/passkey/register", &body).await
}

/// Signs in with a passkey alone.
async fn alone(t: &TestServer, device: &mut Device, wrong: Wrong) -> Answer {
    let asked = t.get(&As::Nobody, "/api/v1/auth/passkey/options").await.is(200).json();
    let body = json!({"ticket": asked["ticket"], "credential": device.get(&asked["options"], wrong)});
    t.post(&As::Nobody, "/api/v1/auth/passkey/verify", &body).await
}

/// The second half of a sign-in.
async fn second(t: &TestServer, device: &mut Device, wrong: Wrong) -> Answer {
    let half = login(t, "ada@example.org").await.is(202).json()["mfa"].clone();
    let body = json!({"challenge_token": half["challenge_token"], "passkey": device.get(&half["passkey"], wrong)});
    t.post(&As::Nobody, "/api/v1/auth/mfa/challenge/verify", &body).await
}

fn devices() -> [Device; 3] {
    [Device::p256(), Device::ed25519(), Device::rsa(include_bytes!("rsa.pk8"))]
}

#[tokio::test]
async fn passkeys_of_every_accepted_kind_sign_in_alone_and_as_a_second_factor() {
    for mut device in devices() {
        let t = server().await;
        person(&t, "ada@example.org", false).await;
        let who = session(&login(&t, "ada@example.org").await);
        let made = register(&t, &who, &mut device, Wrong::Nothing).await.is(201).json();
        assert_eq!(made["recovery_codes"].as_array().unwrap().len(), 10);
        assert_eq!(made["factor"]["kind"], "passkey");
        let half = login(&t, "ada@example.org").await.is(202).json();
        assert_eq!(half["mfa"]["methods"], json!(["passkey", "recovery"]));
        assert_eq!(half["mfa"]["passkey"]["rpId"], "ostler.test");
        let done = second(&t, &mut device, Wrong::Nothing).await.is(200);
        t.get(&session(&done), "/api/v1/users/me").await.is(200);
        let done = alone(&t, &mut device, Wrong::Nothing).await.is(200);
        assert_eq!(done.json()["user"]["email"], "ada@example.org");
        t.get(&session(&done), "/api/v1/users/me").await.is(200);
        t.stop().await;
    }
}

#[tokio::test]
async fn a_school_signs_in_with_passkeys_from_one_address() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let mut device = Device::ed25519();
    register(&t, &session(&login(&t, "ada@example.org").await), &mut device, Wrong::Nothing).await.is(201);
    for _ in 0..=ostler_server::limits::SIGN_IN_ADDRESS.free {
        alone(&t, &mut device, Wrong::Nothing).await.is(200);
    }
    t.stop().await;
}

#[tokio::test]
async fn whatever_is_wrong_with_an_answer_nobody_is_signed_in() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let mut device = Device::p256();
    register(&t, &session(&login(&t, "ada@example.org").await), &mut device, Wrong::Nothing).await.is(201);
    for wrong in [
        Wrong::Kind,
        Wrong::Challenge,
        Wrong::Origin,
        Wrong::CrossOrigin,
        Wrong::Host,
        Wrong::NobodyTouched,
        Wrong::Signature,
        Wrong::Truncated,
        Wrong::Trailing,
        Wrong::Person,
    ] {
        let answer = alone(&t, &mut device, wrong).await;
        assert_eq!(answer.status.as_u16(), 401, "alone: {wrong:?}");
        let answer = second(&t, &mut device, wrong).await;
        assert_eq!(answer.status.as_u16(), 401, "second: {wrong:?}");
        t.time.skip(Millis::secs(3600));
    }
    // A device that does not ask who touches it is one factor: enough as the second, not alone.
    alone(&t, &mut device, Wrong::Unverified).await.is(401);
    second(&t, &mut device, Wrong::Unverified).await.is(200);
    let mut stranger = Device::p256();
    stranger.credential_id.clone_from(&device.credential_id);
    stranger.create(&json!({"user": {"id": ""}, "rp": {"id": "ostler.test"}, "challenge": ""}), Wrong::Nothing);
    alone(&t, &mut stranger, Wrong::Nothing).await.is(401);
    alone(&t, &mut device, Wrong::Nothing).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn whatever_is_wrong_with_a_new_passkey_it_is_not_kept() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let who = session(&login(&t, "ada@example.org").await);
    for wrong in [
        Wrong::Kind,
        Wrong::Challenge,
        Wrong::Origin,
        Wrong::CrossOrigin,
        Wrong::Host,
        Wrong::NobodyTouched,
        Wrong::Truncated,
        Wrong::Trailing,
    ] {
        let answer = register(&t, &who, &mut Device::ed25519(), wrong).await;
        assert_eq!(answer.status.as_u16(), 422, "{wrong:?}");
    }
    assert_eq!(t.get(&who, "/api/v1/auth/mfa").await.json()["factors"], json!([]));
    t.stop().await;
}

#[tokio::test]
async fn a_ticket_and_its_answer_work_once_and_for_their_own_person() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let who = session(&login(&t, "ada@example.org").await);
    let mut device = Device::p256();
    let asked = t.get(&who, "/api/v1/auth/passkey/register/options").await.json();
    let credential = device.create(&asked["options"], Wrong::Nothing);
    let body = json!({"ticket": asked["ticket"], "label": "Laptop", "credential": credential});
    let eve = t.person(false).await;
    t.post(&t.browser(&eve).await, "/api/v1/auth/passkey/register", &body).await.is(422);
    t.post(&who, "/api/v1/auth/passkey/register", &body).await.is(201);
    t.post(&who, "/api/v1/auth/passkey/register", &body).await.is(409);
    let mut second = Device::p256();
    let again = json!({
        "ticket": asked["ticket"], "label": "Two", "credential": second.create(&asked["options"], Wrong::Nothing)
    });
    t.post(&who, "/api/v1/auth/passkey/register", &again).await.is(409).code("factor_used");
    let asked = t.get(&As::Nobody, "/api/v1/auth/passkey/options").await.json();
    let body = json!({"ticket": asked["ticket"], "credential": device.get(&asked["options"], Wrong::Nothing)});
    let tries = (0..8).map(|_| t.post(&As::Nobody, "/api/v1/auth/passkey/verify", &body));
    let done: Vec<u16> = futures_util::future::join_all(tries).await.iter().map(|a| a.status.as_u16()).collect();
    assert_eq!(done.iter().filter(|s| **s == 200).count(), 1, "{done:?}");
    let late = t.get(&As::Nobody, "/api/v1/auth/passkey/options").await.json();
    t.time.skip(Millis::secs(301));
    let body = json!({"ticket": late["ticket"], "credential": device.get(&late["options"], Wrong::Nothing)});
    t.post(&As::Nobody, "/api/v1/auth/passkey/verify", &body).await.is(401);
    // A ticket for one thing is not one for another.
    let asked = t.get(&who, "/api/v1/auth/passkey/register/options").await.json();
    let options = json!({"challenge": asked["options"]["challenge"], "rpId": "ostler.test"});
    let body = json!({"ticket": asked["ticket"], "credential": device.get(&options, Wrong::Nothing)});
    t.post(&As::Nobody, "/api/v1/auth/passkey/verify", &body).await.is(401);
    t.stop().await;
}

#[tokio::test]
async fn a_copied_passkey_is_noticed_by_its_count() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let mut device = Device::p256();
    device.count = 5;
    register(&t, &session(&login(&t, "ada@example.org").await), &mut device, Wrong::Nothing).await.is(201);
    alone(&t, &mut device, Wrong::Nothing).await.is(200);
    device.count -= 1;
    alone(&t, &mut device, Wrong::Nothing).await.is(401);
    t.stop().await;
}

#[tokio::test]
async fn a_passkey_proves_anew_who_is_there() {
    let t = server().await;
    person(&t, "ada@example.org", false).await;
    let who = session(&login(&t, "ada@example.org").await);
    let mut device = Device::ed25519();
    register(&t, &who, &mut device, Wrong::Nothing).await.is(201);
    t.time.skip(Millis::secs(600));
    register(&t, &who, &mut Device::p256(), Wrong::Nothing).await.is(403).code("confirm_first");
    let asked = t.get(&who, "/api/v1/auth/confirm").await.is(200).json();
    assert_eq!(asked["methods"], json!(["password", "passkey", "recovery"]));
    let answer = device.get(&asked["passkey"], Wrong::Nothing);
    let body = json!({"password": PASSWORD, "ticket": asked["ticket"], "passkey": answer});
    t.post(&who, "/api/v1/auth/confirm", &body).await.is(204);
    t.post(&who, "/api/v1/auth/confirm", &body).await.is(403).code("not_confirmed");
    register(&t, &who, &mut Device::p256(), Wrong::Nothing).await.is(201);
    t.stop().await;
}

#[tokio::test]
async fn without_a_known_address_passkeys_work_on_localhost_only() {
    let t = TestServer::start().await;
    let user = t.person(false).await;
    let who = t.browser(&user).await;
    t.get(&who, "/api/v1/auth/passkey/register/options").await.is(422);
    t.get(&As::Nobody, "/api/v1/auth/passkey/options").await.is(422);
    let mut request = t.request(&who, &Method::GET, "/api/v1/auth/passkey/register/options", None);
    request.headers_mut().insert("host", "localhost:8080".parse().unwrap());
    assert_eq!(t.send(request).await.is(200).json()["options"]["rp"]["id"], "localhost");
    t.stop().await;
}
