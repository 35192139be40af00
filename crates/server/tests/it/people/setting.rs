//! Settings: what holds, who said it, and what is refused.

use super::sink::Sink;
use http::Method;
use ostler_server::config::{Config, Rates};
use ostler_store::Paging;
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/platform-settings";

async fn set(t: &TestServer, who: &As, values: Value) -> ostler_testkit::server::Answer {
    t.ask(who, Method::PATCH, PATH, Some(&json!({ "values": values }))).await
}

fn item(all: &Value, name: &str) -> Value {
    all["items"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap().clone()
}

fn config(text: &str, variables: &[(&str, &str)]) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ostler.toml");
    std::fs::write(&file, text).unwrap();
    let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    Config { rates: Rates::NONE, ..Config::load(Some(&file), variable).unwrap() }
}

#[tokio::test]
async fn each_value_says_who_said_it() {
    let file = "public_url = \"http://stable\"\n[mail]\nport = 2525\nfrom_name = \"Stable\"";
    let t = TestServer::with(config(file, &[("OSTLER_MAIL_PORT", "26")])).await;
    let root = t.browser(&t.person(true).await).await;
    let all = set(&t, &root, json!({"mail.from_name": "Inn"})).await.is(200).json();
    for (name, value, source) in [
        ("listen", json!("127.0.0.1:8080"), "default"),
        ("public_url", json!("http://stable"), "file"),
        ("mail.port", json!(26), "environment"),
        ("mail.from_name", json!("Inn"), "database"),
    ] {
        let item = item(&all, name);
        assert_eq!((&item["value"], item["source"].as_str()), (&value, Some(source)), "{name}");
    }
    let wrong = set(&t, &root, json!({"mail.port": 27})).await.is(422).json();
    assert_eq!(wrong["fields"][0]["field"], "values.mail.port");
    assert!(wrong["fields"][0]["message"].as_str().unwrap().contains("OSTLER_MAIL_PORT"), "{wrong}");
    let back = set(&t, &root, json!({"mail.from_name": null})).await.is(200).json();
    assert_eq!(item(&back, "mail.from_name")["value"], "Stable");
    t.stop().await;
}

#[tokio::test]
async fn wrong_and_unsafe_values_are_refused_with_their_name() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    for (name, value) in [
        ("public_url", json!("ostler.example.org")),
        ("public_url", json!("http://ostler.example.org")),
        ("public_url", json!("https://*")),
        ("trusted_proxies", json!(["0.0.0.0/0"])),
        ("trusted_proxies", json!("10.0.0.5")),
        ("metrics_on_loopback", json!("false")),
        ("rates.per_actor", json!(-1)),
        ("mail.port", json!(70000)),
        ("mail.security", json!("ssl")),
        ("mail.from", json!("nobody")),
        ("mail.host", json!("a\nb")),
        ("listen", json!("0.0.0.0:80")),
        ("data_dir", json!("/tmp")),
        ("no.such", json!(1)),
    ] {
        let wrong = set(&t, &root, json!({ name: value })).await.is(422).json();
        assert_eq!(wrong["fields"][0]["field"], format!("values.{name}"), "{wrong}");
    }
    let half = set(&t, &root, json!({"mail.host": "smtp.example.org"})).await.is(422).json();
    assert_eq!(half["fields"][0]["field"], "values.mail.from");
    assert_eq!(t.app.store.setting_config().await.unwrap().len(), 0, "nothing was kept");
    t.stop().await;
}

/// Noderax A8: the settings gave secrets to whoever read them, and the audit trail kept both documents whole.
#[tokio::test]
async fn noderax_a8_secrets_go_in_and_never_come_out() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    let values = json!({"mail.host": "127.0.0.1", "mail.from": "o@example.org", "mail.password": "hunter2-hunter2"});
    let answer = set(&t, &root, values).await.is(200);
    let all = t.get(&root, PATH).await.is(200);
    let password = item(&all.json(), "mail.password");
    assert_eq!((password["is_set"].as_bool(), password["value"].is_null()), (Some(true), true));
    let trail = t.get(&root, "/api/v1/audit-logs").await.is(200);
    let rows = format!("{:?}", t.app.store.setting_all().await.unwrap());
    for (what, bytes) in [("answer", answer.bytes), ("list", all.bytes), ("trail", trail.bytes), ("rows", rows.into())]
    {
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"), "{what}");
    }
    assert_eq!(t.app.settings.mail().password.as_ref().unwrap().reveal(), "hunter2-hunter2", "and it holds at once");
    set(&t, &root, json!({"mail.password": null})).await.is(200);
    assert!(t.app.settings.mail().password.is_none());
    t.stop().await;
}

#[tokio::test]
async fn what_does_not_hold_yet_asks_for_a_new_start() {
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    let live = json!({"mail.from_name": "Inn"});
    assert_eq!(set(&t, &root, live).await.is(200).json()["restart_required"], false, "mail holds at once");
    let later = set(&t, &root, json!({"metrics_on_loopback": true})).await.is(200).json();
    assert_eq!(
        (&later["restart_required"], &item(&later, "metrics_on_loopback")["is_pending"]),
        (&json!(true), &json!(true))
    );
    assert!(!t.app.config.metrics_on_loopback);
    let asked = t.ask(&root, Method::POST, &format!("{PATH}/restart"), None).await.is(202).json();
    assert_eq!(asked["boot_id"], json!(t.app.boot));
    t.app.settings.restart_asked().await;
    t.stop().await;
}

#[tokio::test]
async fn settings_are_for_admins_of_the_platform() {
    let t = TestServer::start().await;
    let user = t.person(false).await;
    t.workspace(&user).await;
    let browser = t.browser(&user).await;
    t.get(&As::Nobody, PATH).await.is(401);
    t.get(&browser, PATH).await.is(404);
    set(&t, &browser, json!({"mail.port": 1})).await.is(404);
    t.ask(&browser, Method::POST, &format!("{PATH}/restart"), None).await.is(404);
    t.stop().await;
}

#[tokio::test]
async fn mail_is_tried_before_it_is_saved_and_holds_without_a_new_start() {
    let sink = Sink::start().await;
    let t = TestServer::start().await;
    let root = t.browser(&t.person(true).await).await;
    let values = json!({
        "mail.host": "127.0.0.1", "mail.port": sink.address.port(), "mail.security": "none", "mail.from": "o@example.org"
    });
    let check = format!("{PATH}/validate/smtp");
    let good = json!({"values": values, "to": "admin@example.org"});
    assert_eq!(t.post(&root, &check, &good).await.is(200).json()["is_good"], true);
    assert_eq!(sink.mail(1).await.to, ["admin@example.org"]);
    let mut away = good.clone();
    away["values"]["mail.port"] = json!(1);
    let bad = t.post(&root, &check, &away).await.is(200).json();
    assert_eq!(bad["is_good"], false);
    assert!(bad["says"].as_str().unwrap().contains("127.0.0.1"), "{bad}");
    assert!(t.app.settings.mail().host.is_none(), "nothing is saved by trying");
    set(&t, &root, values).await.is(200);
    t.post(&root, "/api/v1/users", &json!({"email": "new@example.org", "name": "New"})).await.is(201);
    assert_eq!(sink.mail(2).await.to, ["new@example.org"]);
    assert!(t.app.store.mail_list(&Paging::default()).await.is_ok());
    t.stop().await;
}
