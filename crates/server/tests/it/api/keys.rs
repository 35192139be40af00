//! API keys.

use http::Method;
use ostler_model::authz::{CapabilitySet, Role, Scope};
use ostler_testkit::server::{As, TestServer};
use serde_json::json;

#[tokio::test]
async fn a_key_is_never_stronger_than_its_owner_is_now() {
    let t = TestServer::start().await;
    let boss = t.person(false).await;
    let space = t.workspace(&boss).await;
    let (user, browser) = t.member(&space, Role::Member).await;
    let too_much = json!({"label": "A", "capabilities": ["workload:read", "member:write"]});
    let answer = t.post(&browser, "/api/v1/keys", &too_much).await.is(422).json();
    assert_eq!(answer["fields"][0]["field"], "capabilities[1]");

    let body =
        json!({"label": "A", "capabilities": ["workload:write", "workspace:read"], "scope": {"workspace": space.id}});
    let made = t.post(&browser, "/api/v1/keys", &body).await.is(201).json();
    let secret = As::Bearer(made["secret"].as_str().unwrap().to_owned());
    let path = format!("/api/v1/workspaces/{}", space.id);
    t.get(&secret, &path).await.is(200);
    // The owner leaves the workspace: the key opens nothing any more, and the answer does not say what is there.
    let owner = t.browser(&boss).await;
    t.ask(&owner, Method::DELETE, &format!("{path}/members/{}", user.id), None).await.is(204);
    t.get(&secret, &path).await.is(404);
    t.stop().await;
}

#[tokio::test]
async fn a_weak_key_makes_no_strong_one_and_rotates_none() {
    let t = TestServer::start().await;
    let user = t.person(true).await;
    let set = |list: &[&str]| list.iter().map(|c| c.parse().unwrap()).collect::<CapabilitySet>();
    let (_, weak) = t.key(&user, set(&["user:write", "key:write", "workload:read"]), Scope::All).await;
    let (strong, _) = t.key(&user, CapabilitySet::everything(), Scope::All).await;
    let body = json!({"label": "B", "capabilities": ["workload:write"]});
    t.post(&weak, "/api/v1/keys", &body).await.is(422);
    t.post(&weak, "/api/v1/keys", &json!({"label": "B", "capabilities": ["workload:read"]})).await.is(201);
    t.post(&weak, &format!("/api/v1/keys/{}/rotate", strong.id), &json!({})).await.is(403).code("not_your_key");
    let admin = t.browser(&t.person(true).await).await;
    t.post(&admin, &format!("/api/v1/keys/{}/rotate", strong.id), &json!({})).await.is(403).code("not_your_key");
    let browser = t.browser(&user).await;
    let made = t.post(&browser, &format!("/api/v1/keys/{}/rotate", strong.id), &json!({})).await.is(201).json();
    t.get(&As::Bearer(made["secret"].as_str().unwrap().into()), "/api/v1/users/me").await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn the_secret_is_shown_once_and_kept_nowhere() {
    let t = TestServer::start().await;
    let browser = t.browser(&t.person(true).await).await;
    let made = t.post(&browser, "/api/v1/keys", &json!({"label": "A", "capabilities": ["workload:read"]})).await;
    let made = made.is(201).json();
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("ost_") && secret.len() >= 47, "{}", secret.len());
    for path in ["/api/v1/keys".to_owned(), format!("/api/v1/keys/{}", made["key"]["id"].as_str().unwrap())] {
        let text = String::from_utf8(t.get(&browser, &path).await.is(200).bytes).unwrap();
        assert!(!text.contains(secret) && text.contains(made["key"]["prefix"].as_str().unwrap()));
    }
    let trail = String::from_utf8(t.get(&browser, "/api/v1/audit-logs").await.is(200).bytes).unwrap();
    assert!(trail.contains("key.create") && !trail.contains(secret));
    t.stop().await;
}

#[tokio::test]
async fn a_key_works_from_its_networks_only() {
    let t = TestServer::start().await;
    let browser = t.browser(&t.person(true).await).await;
    let make = async |label: &str, networks: &[&str]| {
        let body = json!({"label": label, "capabilities": ["user:read"], "networks": networks});
        let made = t.post(&browser, "/api/v1/keys", &body).await.is(201).json();
        assert_eq!(made["key"]["networks"].as_array().unwrap().len(), networks.len());
        As::Bearer(made["secret"].as_str().unwrap().to_owned())
    };
    let here = make("Here", &["192.0.2.0/24", "::1"]).await;
    t.get(&here, "/api/v1/users/me").await.is(200);
    let elsewhere = make("Elsewhere", &["198.51.100.0/24"]).await;
    let refused = t.get(&elsewhere, "/api/v1/users/me").await.is(401).json();
    let unknown = t.get(&As::Bearer("ost_unknown".into()), "/api/v1/users/me").await.is(401).json();
    assert_eq!((&refused["error"], &refused["message"]), (&unknown["error"], &unknown["message"]));
    let wrong = json!({"label": "Wrong", "capabilities": ["user:read"], "networks": ["192.0.2.1/24"]});
    let answer = t.post(&browser, "/api/v1/keys", &wrong).await;
    assert!(answer.status.is_client_error(), "{}", answer.status);
    t.stop().await;
}

#[tokio::test]
async fn a_bound_key_makes_no_key_that_is_bound_less() {
    let t = TestServer::start().await;
    let browser = t.browser(&t.person(true).await).await;
    let until = t.app.clock.now() + ostler_model::Millis::secs(3600);
    let later = t.app.clock.now() + ostler_model::Millis::secs(7200);
    let body = json!({"label": "Bound", "capabilities": ["user:write", "user:read"], "networks": ["192.0.2.0/24", "::1"], "expires_at": until});
    let made = t.post(&browser, "/api/v1/keys", &body).await.is(201).json();
    let bound = As::Bearer(made["secret"].as_str().unwrap().to_owned());
    let child = |networks: &[&str], at| json!({"label": "Child", "capabilities": ["user:read"], "networks": networks, "expires_at": at});
    for (body, field) in [
        (child(&[], json!(until)), "networks"),
        (child(&["0.0.0.0/0"], json!(until)), "networks"),
        (child(&["192.0.2.1"], json!(null)), "expires_at"),
        (child(&["192.0.2.1"], json!(later)), "expires_at"),
    ] {
        let answer = t.post(&bound, "/api/v1/keys", &body).await.is(422).json();
        assert_eq!(answer["fields"][0]["field"], field, "{body}");
    }
    t.post(&bound, "/api/v1/keys", &child(&["192.0.2.1"], json!(until))).await.is(201);
    t.stop().await;
}

#[tokio::test]
async fn the_trail_names_a_key_by_its_label() {
    let t = TestServer::start().await;
    let user = t.person(true).await;
    let (key, secret) = t.key(&user, CapabilitySet::everything(), Scope::All).await;
    let made = t.post(&secret, "/api/v1/workspaces", &json!({"name": "Made by a key"})).await.is(201).json();
    let path = format!("/api/v1/workspaces/{}/audit-logs", made["id"].as_str().unwrap());
    let trail = t.get(&secret, &path).await.is(200).json();
    let entry = trail["items"].as_array().unwrap().iter().find(|e| e["action"] == "workspace.create").unwrap().clone();
    let text = entry.to_string();
    assert!(text.contains(&format!("apikey:{}", key.label)) && text.contains(&key.id.to_string()), "{text}");
    t.stop().await;
}

#[tokio::test]
async fn a_key_with_a_limit_of_its_own_is_held_to_it_and_told() {
    let t = TestServer::start().await;
    let browser = t.browser(&t.person(true).await).await;
    let body =
        json!({"label": "Slow", "capabilities": ["user:read", "key:write", "user:write"], "requests_per_minute": 3});
    let made = t.post(&browser, "/api/v1/keys", &body).await.is(201).json();
    assert_eq!(made["key"]["requests_per_minute"], 3);
    t.post(&browser, "/api/v1/keys", &body).await.is(409).code("taken");
    let key = As::Bearer(made["secret"].as_str().unwrap().to_owned());
    // Thirty at once get no more through than thirty in a row.
    let tries = (0..30).map(|_| t.get(&key, "/api/v1/users/me"));
    let answers = futures_util::future::join_all(tries).await;
    let passed: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(passed.len(), 3);
    assert!(passed.iter().all(|answer| answer.header("ratelimit-limit") == Some("3")));
    let late = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!((late.header("ratelimit-limit"), late.header("ratelimit-remaining")), (Some("3"), Some("0")));
    let wait: u64 = late.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "one of three a minute: {wait} s");
    t.get(&browser, "/api/v1/users/me").await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn a_limited_key_makes_no_key_that_asks_more_often() {
    let t = TestServer::start().await;
    let browser = t.browser(&t.person(true).await).await;
    let body =
        json!({"label": "Slow", "capabilities": ["user:read", "key:write", "user:write"], "requests_per_minute": 50});
    let made = t.post(&browser, "/api/v1/keys", &body).await.is(201).json();
    let key = As::Bearer(made["secret"].as_str().unwrap().to_owned());
    let child =
        |rate: Option<u32>| json!({"label": "Child", "capabilities": ["user:read"], "requests_per_minute": rate});
    let refused = t.post(&key, "/api/v1/keys", &child(None)).await.is(422).json();
    assert_eq!(refused["fields"][0]["field"], "requests_per_minute");
    t.post(&key, "/api/v1/keys", &child(Some(51))).await.is(422);
    t.post(&browser, "/api/v1/keys", &child(Some(0))).await.is(422);
    t.post(&key, "/api/v1/keys", &child(Some(50))).await.is(201);
    t.stop().await;
}
