//! What an audit entry may say of a change: what it was before and is after, and nothing that is a secret.

use serde_json::{Map, Value, json};

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

/// Hides secrets in the details of an entry.
pub(crate) fn clean(value: &mut Value) {
    match value {
        Value::Object(fields) => {
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
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::String(text) if is_secret(text) => *text = HIDDEN.to_owned(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The fields that differ, before and after, and a digest of all of each, so that two entries about one thing can be seen
/// to meet.
pub(crate) fn difference(before: &impl serde::Serialize, after: &impl serde::Serialize) -> Value {
    let read = |value: serde_json::Result<Value>| value.expect("what is audited is plain data that JSON can hold");
    let (before, after) = (read(serde_json::to_value(before)), read(serde_json::to_value(after)));
    let digest = |value: &Value| {
        let hash = ring::digest::digest(&ring::digest::SHA256, value.to_string().as_bytes());
        hex::encode(&hash.as_ref()[..8])
    };
    let digests = json!({ "before": digest(&before), "after": digest(&after) });
    let (old, new) = match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let differs = |name: &String| old.get(name) != new.get(name);
            let of = |all: &Map<String, Value>| -> Map<String, Value> {
                all.iter().filter(|(name, _)| differs(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
            };
            (Value::Object(of(&old)), Value::Object(of(&new)))
        }
        (before, after) => (before, after),
    };
    json!({ "before": old, "after": new, "digest": digests })
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

    #[test]
    fn only_what_differs_is_told_and_digests_are_of_the_whole() {
        let told = difference(&json!({"a": 1, "b": 2}), &json!({"a": 1, "b": 3, "c": 4}));
        assert_eq!(told["before"], json!({"b": 2}));
        assert_eq!(told["after"], json!({"b": 3, "c": 4}));
        let again = difference(&json!({"a": 1, "b": 3, "c": 4}), &json!({}));
        assert_eq!(told["digest"]["after"], again["digest"]["before"], "one ends where the next begins");
    }
}
