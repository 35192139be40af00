//! What comes over sockets, links and streams of events, as bytes that nobody would send.

use crate::client::Frames;
use crate::console::{ConsoleFrame, ConsoleInput, ConsoleLine};
use crate::link::sign::Signed;
use crate::link::{DesiredAnswer, Hello, HelloAnswer, Observation, Status, Want};
use crate::match_cbor;
use crate::matches::{ClientFrame, FRAME_LIMIT_BYTES, ServerFrame};
use crate::stats::{NodeStats, WorkloadStats};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn frames() -> Vec<Value> {
    vec![
        json!({"type": "join", "gameID": "aB3dE5gH", "token": "secret", "username": "Ada", "clanTag": "AB"}),
        json!({"type": "rejoin", "gameID": "aB3dE5gH", "token": "secret", "lastTurn": 12, "run": 7}),
        json!({"type": "intent", "intent": {"type": "attack", "troops": 1.5, "at": [1, null, {"x": true}]}}),
        json!({"type": "ping"}),
        json!({"type": "hash", "hash": -3, "turnNumber": 10}),
        json!({"type": "winner", "winner": ["player", "x"], "allPlayersStats": {"x": null}}),
        json!({"type": "log", "log": "a line"}),
    ]
}

#[test]
fn fuzz_match_json() {
    let samples: Vec<Vec<u8>> = frames().iter().map(|frame| frame.to_string().into_bytes()).collect();
    ostler_fuzz::run("match_json", &samples, |data| {
        let text = String::from_utf8_lossy(data);
        if let Some(frame) = ClientFrame::read(&text) {
            let again = serde_json::to_string(&frame).unwrap();
            assert_eq!(ClientFrame::read(&again), Some(frame));
        }
        // What the server writes, a client of ours reads.
        drop(serde_json::from_str::<ServerFrame>(&text));
    });
}

#[test]
fn fuzz_match_cbor() {
    let samples: Vec<Vec<u8>> = frames().iter().map(|frame| match_cbor::from_text(&frame.to_string())).collect();
    ostler_fuzz::run("match_cbor", &samples, |data| {
        if let Some((frame, size)) = match_cbor::read(data) {
            let text = serde_json::to_string(&frame).unwrap();
            assert_eq!(size, text.len());
            assert!(size <= FRAME_LIMIT_BYTES);
            assert_eq!(ClientFrame::read(&text).as_ref(), Some(&frame), "both forms mean the same");
            assert_eq!(match_cbor::read(&match_cbor::from_text(&text)), Some((frame, size)));
        }
    });
}

/// Read once and written, it is read as the same again.
fn same<T: DeserializeOwned + Serialize>(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(data) {
        let text = serde_json::to_string(&value).unwrap();
        let again: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
    }
}

#[test]
fn fuzz_link_json() {
    let id = "01m8hn4b6bvkwd3t48skhjeqjp";
    let samples = [
        json!({"installation": format!("in_{id}"), "node": format!("nd_{id}"), "newest": 1, "oldest": 1,
            "server_version": "0.1.0", "now": "2026-01-01T00:00:00.000Z"}),
        json!({"type": "accepted", "seq": 4}),
        json!({"type": "need_snapshot", "have": 4}),
        json!({"type": "foreign", "installation": format!("in_{id}")}),
        json!({"type": "synced", "seq": 9}),
        json!({"type": "beat", "at": "2026-01-01T00:00:00.000Z"}),
        json!({"type": "snapshot", "installation": format!("in_{id}"), "seq": 3, "workloads": []}),
        json!({"version": "0.1.0", "started_at": "2026-01-01T00:00:00.000Z", "desired_seq": 1, "workloads": 2, "links": 2}),
        json!({"at": "2026-01-01T00:00:00.000Z", "cpu_millis": 120, "memory_bytes": 1048576, "pids": 3}),
        serde_json::to_value(NodeStats::default()).unwrap(),
        json!({"seq": 7, "at": "2026-01-01T00:00:00.000Z", "stream": "out", "text": "\u{1b}[32mready\u{1b}[0m"}),
        json!({"type": "lines", "lines": [{"seq": 7, "at": "2026-01-01T00:00:00.000Z", "stream": "in", "text": "stop"}]}),
        json!({"type": "command", "command": "say hi"}),
    ];
    ostler_fuzz::run("link_json", &samples.map(|value| value.to_string().into_bytes()), |data| {
        same::<Hello>(data);
        same::<HelloAnswer>(data);
        same::<Want>(data);
        same::<DesiredAnswer>(data);
        same::<Observation>(data);
        same::<Status>(data);
        same::<NodeStats>(data);
        same::<WorkloadStats>(data);
        same::<ConsoleLine>(data);
        same::<ConsoleFrame>(data);
        same::<ConsoleInput>(data);
    });
}

#[test]
fn fuzz_node_signature() {
    let header = "Ostler-Node nd_01m8hn4b6bvkwd3t48skhjeqjp.1767225600123.AwMDAwMDAwMDAwMDAwMDAw.\
        CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQ";
    ostler_fuzz::run("node_signature", &[header.as_bytes().to_vec()], |data| {
        let text = String::from_utf8_lossy(data);
        if let Some(signed) = Signed::parse(&text) {
            assert_eq!(Signed::parse(&signed.header()), Some(signed));
        }
    });
}

#[test]
fn fuzz_sse() {
    let samples: [&[u8]; 4] = [
        b": hello\n\nid: 12\nevent: workload.created\ndata: {\"seq\":12}\n\n",
        b"data: one\r\ndata: two\r\n\r\ndata\rid\r\r",
        b"\xef\xbb\xbfdata:x\n\nretry: 5000\n\nid: a\0b\ndata:\n\n",
        b"event: reset\ndata: {}\n\ndata: cut in the middle",
    ];
    ostler_fuzz::run("sse", &samples.map(<[u8]>::to_vec), |data| {
        let all = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut frames = Frames::default();
            let mut whole = vec![];
            for piece in pieces {
                match frames.feed(piece) {
                    Ok(more) => whole.extend(more),
                    Err(_) => return None,
                }
            }
            Some((whole, frames.last_id().map(str::to_owned)))
        };
        let at_once = all(&mut std::iter::once(data));
        // However the network cuts it, it is the same.
        let (head, tail) = data.split_at(data.len() / 3);
        assert_eq!(all(&mut [head, tail].into_iter()), at_once);
        if data.len() < 4096 {
            assert_eq!(all(&mut data.chunks(1)), at_once);
        }
    });
}
