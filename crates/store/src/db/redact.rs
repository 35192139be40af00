//! What an audit entry may say of a change: what it was before and is after, and nothing that is a secret.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What stands in a secret's place.
const HIDDEN: &str = "(hidden)";
/// Names of fields whose value is never written, wherever they are. Part of a name is enough.
const SECRET_NAMES: [&str; 10] =
    ["password", "passwd", "secret", "token", "credential", "private", "recovery", "authorization", "cookie", "sealed"];
/// True for what looks like a secret of ours (`ost_…`, `osr_…`, `ojt_…`), an access token or a password's hash: hidden under
/// whatever name it comes.
fn is_secret(text: &str) -> bool {
    let is_ours = |text: &str| {
        let bytes = text.as_bytes();
        bytes.len() >= 7 && bytes[0] == b'o' && bytes[1..3].iter().all(u8::is_ascii_lowercase) && bytes[3] == b'_'
    };
    is_ours(text) || text.starts_with("eyJ") || text.starts_with("$argon2")
}

fn clean_fields(fields: &mut Map<String, Value>) {
    for (name, value) in fields.iter_mut() {
        let name = name.to_lowercase();
        // A fact about a secret ("has_password": true) is none.
        let is_fact = value.is_boolean() || value.is_null() || value.is_number();
        if !is_fact && SECRET_NAMES.iter().any(|secret| name.contains(secret)) {
            *value = HIDDEN.into();
        } else {
            clean(value);
        }
    }
}

/// Hides secrets in the details of an entry.
fn clean(value: &mut Value) {
    match value {
        Value::Object(fields) => clean_fields(fields),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::String(text) if is_secret(text) => *text = HIDDEN.to_owned(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What an audit entry says. There is no way to write down a change without what was before it and what is after it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    details: Map<String, Value>,
    is_change: bool,
}

/// What may be told with [`Told::act`], each with the reason why there is no before and after.
pub(crate) const ACTS: [(&str, &str); 5] = [
    ("session.challenge", "half of a sign-in; what it leads to is told"),
    ("user.forgot", "somebody asks; what it leads to is told, and for whom must not be"),
    ("audit.trim", "what was before is what was let go"),
    ("secret.reseal", "no secret is another one"),
    ("session.token_reuse", "refused; the family that ends is its target"),
];

impl Told {
    /// Something is there that was not.
    pub(crate) fn made(after: &impl serde::Serialize) -> Self {
        Self::changed(&json!({}), after)
    }
    /// Something is not there any more.
    pub(crate) fn gone(before: &impl serde::Serialize) -> Self {
        Self::changed(before, &json!({}))
    }
    /// The fields that differ, before and after, and a digest of all of each, so that two entries about one thing can be seen
    /// to meet.
    pub(crate) fn changed(before: &impl serde::Serialize, after: &impl serde::Serialize) -> Self {
        let read = |value: serde_json::Result<Value>| match value {
            Ok(Value::Object(fields)) => fields,
            other => panic!("what is audited has named fields: {other:?}"),
        };
        let (mut before, mut after) = (read(serde_json::to_value(before)), read(serde_json::to_value(after)));
        let names = before.keys().chain(after.keys());
        // Before secrets are hidden, so that a new one is still seen to be another one.
        let differ: BTreeSet<String> = names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
        // And hidden before anything is digested: a short secret could be found by trying.
        clean_fields(&mut before);
        clean_fields(&mut after);
        let digest = |fields: &Map<String, Value>| {
            let text = serde_json::to_vec(fields).expect("names and values are what JSON can hold");
            hex::encode(&ring::digest::digest(&ring::digest::SHA256, &text).as_ref()[..8])
        };
        let digests = json!({ "before": digest(&before), "after": digest(&after) });
        let of = |fields: Map<String, Value>| -> Map<String, Value> {
            fields.into_iter().filter(|(name, _)| differ.contains(name)).collect()
        };
        let details = Map::from_iter([
            ("before".to_owned(), of(before).into()),
            ("after".to_owned(), of(after).into()),
            ("digest".to_owned(), digests),
        ]);
        Self { details, is_change: true }
    }
    /// Something was done, and no thing is other than it was. [`ACTS`] lists all that are told so.
    pub(crate) fn act() -> Self {
        Self { details: Map::new(), is_change: false }
    }
    /// Something was done elsewhere, on a node for example: what whoever did it says about it.
    pub(crate) fn elsewhere(details: Option<Value>) -> Self {
        let details = match details {
            Some(Value::Object(fields)) => fields,
            Some(other) => Map::from_iter([("said".to_owned(), other)]),
            None => Map::new(),
        };
        Self { details, is_change: true }
    }
    /// With one thing more that belongs to the story.
    pub(crate) fn with(mut self, name: &str, value: impl serde::Serialize) -> Self {
        let value = serde_json::to_value(value).expect("what is audited is plain data that JSON can hold");
        self.details.insert(name.to_owned(), value);
        self
    }
    /// As an entry keeps it, without secrets.
    pub(crate) fn into_details(self, action: &str) -> Option<String> {
        debug_assert!(
            self.is_change || ACTS.iter().any(|(listed, _)| *listed == action),
            "{action} says nothing of before and after; tell it, or give the reason in ACTS"
        );
        let mut details = self.details;
        // In one place for all rooms: what a room forgets to leave out must still not be written.
        clean_fields(&mut details);
        (!details.is_empty()).then(|| Value::Object(details).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noderax_a8_no_secret_is_written_under_any_name() {
        let mut details = json!({
            "email": "ada@example.org",
            "smtp": { "Password": "hunter2", "host": "mail" },
            "settings": [{ "name": "jwt", "client_secret": { "raw": "x" } }],
            "note": "ost_abc", "join": "ojt_abc", "jwt": "eyJhbGciOi", "hash": "$argon2id$v=19$x",
            "has_password": true, "token_count": 3, "user": "us_1"
        });
        clean(&mut details);
        let text = details.to_string();
        for secret in ["hunter2", "\"x\"", "ost_abc", "ojt_abc", "eyJ", "argon2"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert_eq!(details["has_password"], true);
        assert_eq!(details["token_count"], 3);
        assert_eq!(details["smtp"]["host"], "mail");
    }

    fn said(told: Told) -> Value {
        serde_json::from_str(&told.into_details("thing.change").unwrap()).unwrap()
    }

    #[test]
    fn only_what_differs_is_told_and_digests_are_of_the_whole() {
        let told = said(Told::changed(&json!({"a": 1, "b": 2}), &json!({"a": 1, "b": 3, "c": 4})));
        assert_eq!(told["before"], json!({"b": 2}));
        assert_eq!(told["after"], json!({"b": 3, "c": 4}));
        let again = said(Told::gone(&json!({"a": 1, "b": 3, "c": 4})));
        assert_eq!(told["digest"]["after"], again["digest"]["before"], "one ends where the next begins");
    }

    #[test]
    fn a_new_secret_is_seen_to_be_another_one_and_neither_is_in_the_digest() {
        let change = |old: &str, new: &str| said(Told::changed(&json!({"password": old}), &json!({"password": new})));
        let told = change("1234", "5678");
        assert_eq!(told["before"], json!({"password": HIDDEN}));
        assert_eq!(told["after"], json!({"password": HIDDEN}));
        assert_eq!(told, change("abcd", "efgh"));
        assert_eq!(change("same", "same")["after"], json!({}));
    }

    #[test]
    #[should_panic(expected = "says nothing of before and after")]
    fn what_is_no_change_has_a_reason() {
        Told::act().into_details("thing.change");
    }
}
