//! The compact form of a match's frames, for whoever asks for it by subprotocol: CBOR (RFC 8949) in binary frames.
//!
//! A turn, which is nearly everything that is sent, becomes `[0, turnNumber, intents]`. All other frames are the same objects
//! as in JSON. JSON text is understood beside it.

use crate::matches::{ClientFrame, FRAME_LIMIT_BYTES};
use serde_json::Value;

/// The subprotocol by which it is asked for.
pub const SUBPROTOCOL: &str = "ostler.match.cbor";

/// Deepest nesting of what a client sends.
const DEPTH: usize = 64;

/// A server's frame, from its JSON text. Text that is no JSON becomes `null`.
pub fn from_text(text: &str) -> Vec<u8> {
    let frame: Value = serde_json::from_str(text).unwrap_or_default();
    let mut out = Vec::with_capacity(text.len());
    let written = match (frame["type"].as_str(), &frame["turn"]["turnNumber"], &frame["turn"]["intents"]) {
        (Some("turn"), number @ Value::Number(_), intents @ Value::Array(_)) => {
            ciborium::into_writer(&(0, number, intents), &mut out)
        }
        _ => ciborium::into_writer(&frame, &mut out),
    };
    written.expect("JSON is CBOR, and a vector takes everything");
    out
}

/// Reads a client's frame, and how long it would be as JSON: limits are the same in both forms. Any bytes at all may come in.
pub fn read(bytes: &[u8]) -> Option<(ClientFrame, usize)> {
    if bytes.len() > FRAME_LIMIT_BYTES {
        return None;
    }
    let mut rest = bytes;
    let frame: ClientFrame = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH).ok()?;
    let size = serde_json::to_string(&frame).ok()?.len();
    (rest.is_empty() && size <= FRAME_LIMIT_BYTES).then_some((frame, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bytes(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        ciborium::into_writer(value, &mut out).unwrap();
        out
    }

    #[test]
    fn an_empty_turn_is_five_bytes() {
        let turn = |number: u64| json!({"type": "turn", "turn": {"turnNumber": number, "intents": []}}).to_string();
        assert_eq!(from_text(&turn(7)), [0x83, 0, 7, 0x80]);
        assert_eq!(from_text(&turn(120)), [0x83, 0, 24, 120, 0x80]);
        assert_eq!(from_text(&turn(500)), [0x83, 0, 25, 1, 0xf4, 0x80]);
    }

    #[test]
    fn other_frames_are_the_same_objects() {
        let text = r#"{"type":"error","error":"full-lobby","message":"Every place is taken."}"#;
        let read: Value = ciborium::from_reader(&from_text(text)[..]).unwrap();
        assert_eq!(read, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn frames_are_read_as_strictly_as_text() {
        let right = [
            json!({"type": "ping"}),
            json!({"type": "join", "gameID": "aB3dE5gH", "token": "t", "username": "Ada"}),
            json!({"type": "hash", "hash": -3, "turnNumber": 10}),
            json!({"type": "intent", "intent": {"type": "attack", "troops": 1.5, "at": [1, null, {"x": true}]}}),
            json!({"type": "winner", "winner": ["player", "x"], "allPlayersStats": {}}),
        ];
        for value in right {
            let (frame, size) = read(&bytes(&value)).unwrap();
            assert_eq!((Some(frame), size), (ClientFrame::read(&value.to_string()), value.to_string().len()));
        }
        for wrong in [
            json!(null),
            json!([]),
            json!({}),
            json!({"type": "teleport"}),
            json!({"type": "ping", "extra": 1}),
            json!({"type": "hash", "hash": 1.5, "turnNumber": 10}),
            json!({"type": "join", "gameID": "ADMINBOT", "token": "t", "username": "Ada"}),
        ] {
            assert_eq!(read(&bytes(&wrong)), None, "{wrong}");
        }
        let ping = bytes(&json!({"type": "ping"}));
        assert_eq!(read(&[&ping[..], &[0]].concat()), None, "nothing may follow");
        for length in 0..ping.len() {
            assert_eq!(read(&ping[..length]), None);
        }
        assert_eq!(read(&[0x81; 60_000]), None, "nested too deep");
    }

    #[test]
    fn an_intent_is_measured_as_it_will_be_sent() {
        let value = json!({"type": "intent", "intent": {"type": "chat", "text": "\u{1}".repeat(500)}});
        let (_, size) = read(&bytes(&value)).unwrap();
        assert!(size > 3_000, "every character becomes six");
    }
}
