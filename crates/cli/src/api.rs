//! Requests, and errors in words with the right exit code.

use crate::config::Profile;
use anyhow::{Context, Result};
use ostler_wire::ErrorBody;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// An answer that is an error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{}", told(body))]
    Refused { status: StatusCode, body: Box<ErrorBody> },
    #[error("{url} cannot be reached: {why}")]
    Unreachable { url: String, why: String },
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Late(String),
}

fn told(body: &ErrorBody) -> String {
    let mut text = body.message.clone();
    for field in &body.fields {
        text.push_str(&format!("\n  {}: {}", field.field, field.message));
    }
    text.push_str(&format!("\n  ({}, request {})", body.error, body.request_id));
    text
}

/// The exit code for an error.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<ApiError>() {
        Some(ApiError::Refused { status, .. }) => match status.as_u16() {
            400 | 422 => 2,
            404 => 3,
            401 | 403 => 4,
            409 => 5,
            _ => 1,
        },
        Some(ApiError::NotFound(_)) => 3,
        Some(ApiError::Late(_)) => 6,
        Some(ApiError::Unreachable { .. }) => 7,
        None => 1,
    }
}

/// A control plane to ask.
pub(crate) struct Api {
    http: reqwest::Client,
    profile: Profile,
}

pub(crate) fn http() -> Result<reqwest::Client> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(60));
    client.user_agent(concat!("ostler/", env!("CARGO_PKG_VERSION"))).build().context("HTTP cannot be set up")
}

/// The body of a good answer; a typed error for any other.
pub(crate) async fn read(url: &str, sent: reqwest::Result<reqwest::Response>) -> Result<Value> {
    let away = |e: reqwest::Error| {
        let why = std::error::Error::source(&e).map_or_else(|| e.to_string(), |source| format!("{e}: {source}"));
        ApiError::Unreachable { url: url.to_owned(), why }
    };
    let answer = sent.map_err(away)?;
    let status = answer.status();
    let text = answer.text().await.map_err(away)?;
    if status.is_success() {
        return if text.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_str(&text).context("the answer is not JSON")
        };
    }
    let body = serde_json::from_str::<ErrorBody>(&text)
        .with_context(|| format!("{url} answered {status}; is it an Ostler control plane?"))?;
    Err(ApiError::Refused { status, body: Box::new(body) }.into())
}

impl Api {
    /// The control plane that this person is signed in to.
    pub(crate) fn open() -> Result<Self> {
        Ok(Self { http: http()?, profile: Profile::load()? })
    }
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let url = format!("{}/api/v1{path}", self.profile.url.trim_end_matches('/'));
        let request = self.http.request(method, &url).bearer_auth(&self.profile.key);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        read(&self.profile.url, request.send().await).await
    }
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, None).await
    }
    /// Every item of a list, page by page, at most `most`.
    pub(crate) async fn all(&self, path: &str, most: usize) -> Result<Vec<Value>> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let next = cursor.map(|c| format!("&cursor={c}")).unwrap_or_default();
            let page = self.get(&format!("{path}{joint}limit={}{next}", (most - items.len()).clamp(1, 200))).await?;
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() || items.len() >= most {
                items.truncate(most);
                return Ok(items);
            }
        }
    }
    /// The id of what a person calls by id or by name.
    pub(crate) async fn find(&self, list: &str, what: &str, prefix: &str) -> Result<String> {
        if what.starts_with(prefix) {
            return Ok(what.to_owned());
        }
        let all = self.all(list, usize::MAX).await?;
        let mut named = all.iter().filter(|item| item["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(what)));
        match (named.next().and_then(|item| item["id"].as_str()), named.next()) {
            (Some(id), None) => Ok(id.to_owned()),
            (Some(_), Some(_)) => Err(ApiError::NotFound(format!("{what} is the name of several; use the id")).into()),
            (None, _) => Err(ApiError::NotFound(format!("there is nothing called {what}; see: ostler … list")).into()),
        }
    }
}

/// Twice a second: how often something is looked at again. A person's terminal, not a loop of the product.
#[allow(clippy::disallowed_methods, reason = "the command line is a person's clock, nothing simulates it")]
pub(crate) fn ticks() -> tokio::time::Interval {
    tokio::time::interval(Duration::from_millis(500))
}
