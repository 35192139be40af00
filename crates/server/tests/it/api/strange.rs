//! What no endpoint takes, generated from the list of all of them: U+0000, a member given twice; and what every one takes.

use axum::body::Body;
use http::{Method, header};
use ostler_model::Secret;
use ostler_server::config::{Config, Matches, Rates};
use ostler_testkit::server::{Answer, As, TestServer};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const BOT: &str = "a-key-of-a-bot-that-is-long-enough";

/// With a bot's key, so that the bots' routes exist.
async fn server() -> TestServer {
    let matches = Matches { admin_bot_key: Some(Secret::new(BOT)), ..Matches::default() };
    TestServer::with(Config { rates: Rates::NONE, matches, ..Config::default() }).await
}

fn field(answer: &Answer) -> Value {
    answer.json()["fields"][0]["field"].clone()
}

#[tokio::test]
async fn f16_no_endpoint_takes_nul_in_path_or_query() {
    let t = server().await;
    let document: Value = serde_json::from_str(&ostler_server::openapi_json()).unwrap();
    let mut count = 0;
    for endpoint in ostler_server::routes() {
        let names: Vec<String> = endpoint.params().map(str::to_owned).collect();
        let fill = |wrong: Option<&str>| {
            names.iter().fold(endpoint.path.clone(), |path, name| {
                let value = if wrong == Some(name) { "a%00b" } else { "x" };
                path.replace(&format!("{{{name}}}"), value).replace(&format!("{{*{name}}}"), value)
            })
        };
        let operation = &document["paths"][&endpoint.path][endpoint.method.as_str().to_lowercase()];
        let queries = operation["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] == "query");
        let queries = queries.filter_map(|p| p["name"].as_str()).chain(["anything"]);
        let wrong = names.iter().map(|name| (fill(Some(name)), name.as_str()));
        let wrong = wrong.chain(queries.map(|name| (format!("{}?{name}=a%00", fill(None)), name)));
        for (path, name) in wrong {
            let answer = t.ask(&As::Nobody, endpoint.method.clone(), &path, None).await;
            assert_eq!(answer.status, 422, "{} {path}: {}", endpoint.method, answer.json());
            assert_eq!(field(&answer), name, "{} {path}", endpoint.method);
            count += 1;
        }
    }
    assert!(count > 400, "{count}");
    t.stop().await;
}

/// Every place of a text in a value.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, item)| texts(item, &format!("{at}/{number}"), found));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, item)| texts(item, &format!("{at}/{name}"), found)),
        _ => {}
    }
}

/// Sends a body to its endpoint; the answer must be a refusal. Which field it names, when it names one.
async fn refused(t: &TestServer, admin: &As, method: &Method, path: &str, body: String) -> Option<String> {
    let is_bots = path.starts_with("/api/v1/adminbot/");
    let mut request = t.request(if is_bots { &As::Nobody } else { admin }, method, path, None);
    if is_bots {
        request.headers_mut().insert("x-admin-bot-key", BOT.parse().unwrap());
    }
    request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    *request.body_mut() = Body::from(body.clone());
    let answer = t.send(request).await;
    assert!(answer.status.is_client_error(), "{method} {path} {body}: {}", answer.status);
    (answer.status == 422).then(|| field(&answer).as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn f16_s24_no_endpoint_takes_nul_or_a_member_twice_in_its_body() {
    let t = server().await;
    let person = t.person(true).await;
    t.workspace(&person).await;
    let admin = t.browser(&person).await;
    let document: Value = serde_json::from_str(&ostler_server::openapi_json()).unwrap();
    let mut named = BTreeSet::new();
    for endpoint in ostler_server::routes() {
        let operation = &document["paths"][&endpoint.path][endpoint.method.as_str().to_lowercase()];
        let sample = &operation["requestBody"]["content"]["application/json"]["example"];
        if !sample.is_object() {
            continue;
        }
        let path =
            endpoint.params().fold(endpoint.path.clone(), |path, name| path.replace(&format!("{{{name}}}"), "x"));
        let mut places = vec![];
        texts(sample, "", &mut places);
        for place in places {
            let mut body = sample.clone();
            *body.pointer_mut(&place).unwrap() = json!("a\u{0}b");
            named.extend(
                refused(&t, &admin, &endpoint.method, &path, body.to_string()).await.map(|f| (path.clone(), f)),
            );
        }
        let text = sample.to_string();
        if let Some((name, value)) = sample.as_object().and_then(|fields| fields.iter().next()) {
            let twice = format!("{{{}:{value},{}", json!(name), &text[1..]);
            let found = refused(&t, &admin, &endpoint.method, &path, twice).await;
            // Where the thing is looked up first, there is none.
            assert!(found.as_ref().is_none_or(|found| found == name), "{path}: {found:?}");
            named.extend(found.map(|f| (path.clone(), f)));
        }
    }
    assert!(named.len() > 30, "{named:?}");
    assert!(named.iter().any(|(path, _)| path.contains("adminbot")), "{named:?}");
    t.stop().await;
}

#[tokio::test]
async fn f32_a_body_may_begin_with_a_byte_order_mark() {
    let t = TestServer::start().await;
    let admin = t.browser(&t.person(true).await).await;
    let mut request = t.request(&admin, &Method::POST, "/api/v1/workspaces", None);
    request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    *request.body_mut() = Body::from("\u{feff}{\"name\":\"Mark\"}");
    let made = t.send(request).await.is(201).json();
    assert_eq!(made["name"], "Mark");
    t.stop().await;
}

#[test]
fn f21_no_schema_of_the_document_is_a_bare_boolean() {
    fn look(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, below) in fields {
                    let here = format!("{at}/{name}");
                    let schemas: Vec<&Value> = match (name.as_str(), below) {
                        ("properties" | "schemas" | "patternProperties" | "$defs", Value::Object(all)) => {
                            all.values().collect()
                        }
                        ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(all)) => all.iter().collect(),
                        ("schema" | "items" | "not", one) => vec![one],
                        _ => vec![],
                    };
                    if schemas.iter().any(|schema| schema.is_boolean()) {
                        found.push(here.clone());
                    }
                    look(below, &here, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| look(item, at, found)),
            _ => {}
        }
    }
    let document: Value = serde_json::from_str(&ostler_server::openapi_json()).unwrap();
    let mut found = vec![];
    look(&document, "", &mut found);
    assert!(found.is_empty(), "some generators of clients stop at these: {found:?}");
    assert_eq!(document["components"]["schemas"]["ErrorBody"]["properties"]["details"].as_bool(), None);
}

#[tokio::test]
async fn s22_the_reference_of_the_api_has_a_policy_with_which_it_works() {
    let t = TestServer::start().await;
    for path in ["/api/v1/docs", "/api/docs"] {
        let answer = t.get(&As::Nobody, path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("script-src 'self'") && policy.contains("connect-src 'self'"), "{path}: {policy}");
    }
    for path in ["/api/v1/openapi.json", "/api/v1/none", "/api/v1/docs/x"] {
        let answer = t.get(&As::Nobody, path).await;
        assert!(!answer.header("content-security-policy").unwrap().contains("script-src"), "{path}");
    }
    t.stop().await;
}
