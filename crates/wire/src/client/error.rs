//! What can go wrong when asking, in words that say what to do next.

use crate::ErrorBody;
use crate::code::{self, About};
use http::StatusCode;
use serde_json::Value;
use std::fmt::Write as _;
use std::time::Duration;

/// More of a list in an error's details is counted, not named.
const NAMED_MOST: usize = 8;

/// An answer that is an error of the control plane's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub status: StatusCode,
    /// The envelope: code, message, fields, request id.
    pub body: ErrorBody,
    /// When to come back, as the server said.
    pub retry_after: Option<Duration>,
}

/// Why there is no good answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The control plane answered with an error.
    #[error("{}", words(.0))]
    Refused(Box<Refused>),
    /// Nobody answers there. Nothing was sent.
    #[error("{url} cannot be reached: {why}\n  Is the server running, and is the address right?")]
    Unreachable { url: String, why: String },
    /// The connection was lost or the answer did not come; what was asked may have happened.
    #[error("the connection to {url} was lost: {why}\n  Look whether it was done before you repeat it.")]
    Cut { url: String, why: String },
    /// Somebody answers there who is not a control plane.
    #[error("{url} answered {status}, not as an Ostler control plane does{}", moved(.location.as_deref()))]
    Foreign { url: String, status: StatusCode, location: Option<String> },
    /// An answer that this version cannot read.
    #[error(
        "{url} gave an answer that this version cannot read: {why}\n  Server and program may be of different versions."
    )]
    Unreadable { url: String, why: String },
    /// Not an address of a control plane.
    #[error("\"{url}\" is not an address of a control plane; write it like https://ostler.example.org")]
    Address { url: String },
}

impl ClientError {
    /// The status and code of an answer that is an error.
    pub fn refusal(&self) -> Option<(StatusCode, &str)> {
        match self {
            Self::Refused(refused) => Some((refused.status, refused.body.error.as_str())),
            _ => None,
        }
    }

    /// How long to wait before the same request may be sent again; `None` when it may not, or when it would not help.
    pub(super) fn again_after(&self, is_harmless: bool, tried: u32) -> Option<Duration> {
        let backoff = Duration::from_millis(200) * 2u32.saturating_pow(tried.saturating_sub(1)).min(16);
        match self {
            Self::Unreachable { .. } => Some(backoff),
            Self::Cut { .. } => is_harmless.then_some(backoff),
            Self::Refused(refused) => match refused.status {
                // Turned away before anything was done.
                StatusCode::TOO_MANY_REQUESTS => Some(refused.retry_after.unwrap_or(backoff)),
                // A node can be away for days: whoever asks shall hear of it at once.
                StatusCode::SERVICE_UNAVAILABLE if refused.body.error != "node_away" && is_harmless => {
                    Some(refused.retry_after.unwrap_or(backoff))
                }
                _ => None,
            },
            Self::Foreign { .. } | Self::Unreadable { .. } | Self::Address { .. } => None,
        }
    }
}

fn words(refused: &Refused) -> String {
    let mut text = refused.body.message.clone();
    for field in &refused.body.fields {
        let name = if field.field.is_empty() { String::new() } else { format!("{}: ", field.field) };
        let _ = write!(text, "\n  {name}{}", field.message);
    }
    for line in refused.body.details.iter().flat_map(told) {
        let _ = write!(text, "\n  {line}");
    }
    if let Some(next) = next_step(refused) {
        let _ = write!(text, "\n  {next}");
    }
    let _ = write!(text, "\n  ({}, request {})", refused.body.error, refused.body.request_id);
    text
}

/// What a person can do about it, where that is not in the message already.
fn next_step(refused: &Refused) -> Option<&'static str> {
    let code = code::find(&refused.body.error)?;
    let is_said = match code.about {
        About::Everything => !matches!(code.name, "sign_in" | "bad_credentials" | "forbidden" | "node_away"),
        // The field has said it better.
        _ => !refused.body.fields.is_empty(),
    };
    (!is_said).then_some(code.next)
}

/// What is in the way, a line for each list in the details: `workloads: Quake, Trains`.
fn told(details: &Value) -> Vec<String> {
    let lists = details.as_object().into_iter().flatten();
    lists
        .filter_map(|(name, value)| {
            // Either the things, or how many there are with the names of the first.
            let items = value["names"].as_array().or(value.as_array()).filter(|items| !items.is_empty())?;
            let mut named: Vec<String> = items.iter().take(NAMED_MOST).map(item).collect();
            let all = value["count"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(items.len());
            if all > named.len() {
                named.push(format!("and {} more", all - named.len()));
            }
            Some(format!("{name}: {}", named.join(", ")))
        })
        .collect()
}

/// A thing as people call it: its name, else its kind, else its id.
fn item(value: &Value) -> String {
    let called = ["name", "kind", "id"].into_iter().find_map(|field| value[field].as_str());
    // Names come from other people, and a terminal obeys what it is sent.
    let text = called.or(value.as_str()).map_or_else(|| value.to_string(), str::to_owned);
    text.chars().filter(|c| !c.is_control()).collect()
}

fn moved(location: Option<&str>) -> String {
    location.map(|to| format!("; it points to {to}, use that address")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(status: u16, code: &str, retry_after: Option<u64>) -> ClientError {
        let body = ErrorBody {
            error: code.into(),
            message: "no".into(),
            details: None,
            fields: vec![],
            request_id: "req_1".into(),
        };
        let status = StatusCode::from_u16(status).unwrap();
        ClientError::Refused(Box::new(Refused { status, body, retry_after: retry_after.map(Duration::from_secs) }))
    }

    #[test]
    fn what_may_have_happened_is_never_repeated_blindly() {
        let cut = ClientError::Cut { url: String::new(), why: String::new() };
        let unreachable = ClientError::Unreachable { url: String::new(), why: String::new() };
        assert_eq!(cut.again_after(false, 1), None);
        assert!(cut.again_after(true, 1).is_some());
        assert!(unreachable.again_after(false, 1).is_some(), "it never left");
        assert_eq!(refused(503, "unavailable", Some(1)).again_after(false, 1), None);
        assert_eq!(refused(503, "unavailable", Some(1)).again_after(true, 1), Some(Duration::from_secs(1)));
        assert_eq!(refused(429, "too_many_requests", Some(3)).again_after(false, 1), Some(Duration::from_secs(3)));
        for (status, code) in [(503, "node_away"), (500, "internal"), (409, "taken"), (404, "not_found")] {
            assert_eq!(refused(status, code, Some(1)).again_after(true, 1), None, "{code}");
        }
        assert!(unreachable.again_after(true, 3) > unreachable.again_after(true, 1), "it backs off");
    }

    #[test]
    fn errors_name_the_code_the_request_and_the_next_step() {
        let text = refused(401, "sign_in", None).to_string();
        assert!(text.contains("ostler login") && text.contains("(sign_in, request req_1)"), "{text}");
        let mut busy = refused(409, "workspace_busy", None);
        let ClientError::Refused(inner) = &mut busy else { unreachable!() };
        inner.body.details =
            Some(json!({"state": "busy", "jobs": [], "workloads": {"count": 3, "names": ["Q\u{1b}[2J"]},
            "nodes": [{"id": "nd_1", "name": "Barn"}]}));
        let text = busy.to_string();
        assert!(
            text.contains("\n  workloads: Q[2J, and 2 more\n")
                && text.contains("nodes: Barn")
                && text.contains("Stop the workloads"),
            "{text}"
        );
        assert!(!text.contains("jobs:"), "{text}");
    }
}
