//! Mail: it waits in the database, and goes to a real mail server.

use super::sink::Sink;
use http::Method;
use ostler_model::Millis;
use ostler_server::config::{Config, Mail, Rates, Security};
use ostler_store::Paging;
use ostler_testkit::server::{As, TestServer};
use ostler_testkit::wait;
use serde_json::json;

pub(super) fn with(sink: &Sink) -> Config {
    let mail = Mail {
        host: Some(sink.address.ip().to_string()),
        port: sink.address.port(),
        security: Security::None,
        from: Some("ostler@example.org".parse().unwrap()),
        ..Mail::default()
    };
    Config { rates: Rates::NONE, public_url: Some("https://ostler.test".into()), mail, ..Config::default() }
}

#[tokio::test]
async fn an_invitation_arrives_as_text_and_html_and_opens_the_door() {
    let sink = Sink::start().await;
    let t = TestServer::with(with(&sink)).await;
    let root = t.browser(&t.person(true).await).await;
    let body = json!({"email": "new@example.org", "name": "Ne\u{e9}w <b>Person</b>"});
    let made = t.post(&root, "/api/v1/users", &body).await.is(201).json();
    assert_eq!(made["is_mailed"], true);
    let mail = sink.mail(1).await;
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("ostler@example.org", &["new@example.org".to_owned()][..]));
    assert!(mail.data.contains("multipart/alternative") && mail.data.contains("text/html"), "{}", mail.data);
    let html = mail.data.split("text/html").nth(1).unwrap();
    assert!(!html.contains("<b>Person") && html.contains("b&gt;Person"), "a name is no markup: {html}");
    assert!(mail.header("Message-ID").unwrap().starts_with("<ml_"), "{}", mail.data);
    let path = format!("/api/v1/auth/invitations/{}", mail.token());
    let seen = t.get(&As::Nobody, &path).await.is(200).json();
    assert_eq!(seen["email"], "new@example.org");
    t.post(&As::Nobody, &format!("{path}/accept"), &json!({"password": "correct horse battery"})).await.is(200);
    let login = json!({"email": "new@example.org", "password": "correct horse battery"});
    t.post(&As::Nobody, "/api/v1/auth/login", &login).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn a_broken_mail_server_holds_nobody_up_and_loses_no_mail() {
    let sink = Sink::start().await;
    sink.moody(true);
    let t = TestServer::with(with(&sink)).await;
    let root = t.browser(&t.person(true).await).await;
    t.post(&root, "/api/v1/users", &json!({"email": "new@example.org", "name": "New"})).await.is(201);
    let waiting = wait::until("the refusal is on record", async || {
        let all = t.get(&root, "/api/v1/platform-settings/mail").await.is(200).json();
        all["items"][0]["error"].is_string().then_some(all)
    })
    .await;
    assert!(!waiting.to_string().contains("token="), "what it says is not shown: {waiting}");
    assert!(sink.got().is_empty());
    sink.moody(false);
    t.time.skip(Millis::secs(3600));
    sink.mail(1).await;
    wait::until("the outbox is empty", async || {
        t.app.store.mail_list(&Paging::default()).await.unwrap().items.is_empty().then_some(())
    })
    .await;
    t.stop().await;
}

#[tokio::test]
async fn mail_that_came_too_late_is_not_sent() {
    let sink = Sink::start().await;
    sink.moody(true);
    let t = TestServer::with(with(&sink)).await;
    let root = t.browser(&t.person(true).await).await;
    t.post(&root, "/api/v1/users", &json!({"email": "new@example.org", "name": "New"})).await.is(201);
    wait::until("it was tried", async || {
        t.app.store.mail_list(&Paging::default()).await.unwrap().items[0].error.clone()
    })
    .await;
    t.time.skip(Millis::secs(73 * 3600));
    sink.moody(false);
    wait::until("it is dropped", async || {
        t.app.store.mail_list(&Paging::default()).await.unwrap().items.is_empty().then_some(())
    })
    .await;
    assert!(sink.got().is_empty());
    t.stop().await;
}

#[tokio::test]
async fn everything_works_with_mail_off() {
    let t = TestServer::start().await;
    let root_user = t.person(true).await;
    let root = t.browser(&root_user).await;
    let made = t.post(&root, "/api/v1/users", &json!({"email": "new@example.org", "name": "New"})).await.is(201).json();
    assert_eq!(made["is_mailed"], false);
    let token = made["link"].as_str().unwrap().split("#token=").nth(1).unwrap().to_owned();
    let accept = json!({"password": "correct horse battery", "name": "Newton"});
    let user = t.post(&As::Nobody, &format!("/api/v1/auth/invitations/{token}/accept"), &accept).await.is(200).json();
    assert_eq!((user["state"].as_str(), user["name"].as_str()), (Some("active"), Some("Newton")));
    let forgot = t.post(&As::Nobody, "/api/v1/auth/password/forgot", &json!({"email": "new@example.org"})).await;
    assert_eq!(forgot.is(200).json()["is_mail_on"], false);
    let id = user["id"].as_str().unwrap();
    let path = format!("/api/v1/users/{id}/reset-link");
    let link = t.ask(&root, Method::POST, &path, None).await.is(201).json();
    let token = link["link"].as_str().unwrap().split("#token=").nth(1).unwrap().to_owned();
    let spend = json!({"password": "another horse battery"});
    t.post(&As::Nobody, &format!("/api/v1/auth/password/reset/{token}"), &spend).await.is(204);
    let login = json!({"email": "new@example.org", "password": "another horse battery"});
    t.post(&As::Nobody, "/api/v1/auth/login", &login).await.is(200);
    assert!(t.app.store.mail_list(&Paging::default()).await.unwrap().items.is_empty());
    t.stop().await;
}
