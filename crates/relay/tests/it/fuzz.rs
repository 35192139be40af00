//! Whatever comes over a socket: noise, torn frames, and frames that are nearly right. It may cost its sender the place, and
//! nobody else a turn.

use crate::bot::Bot;
use crate::engine::{active, begun};
use crate::player::Player;
use ostler_model::{Millis, Time};
use ostler_relay::Rules;
use ostler_relay::engine::{Input, Match, Output, Record, step};
use ostler_wire::match_cbor;
use ostler_wire::matches::ClientFrame;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SOCKETS: usize = 300;

/// Frames as clients send them.
fn right() -> impl Strategy<Value = Value> {
    let id = prop_oneof![Just("aB3dE5gH".to_owned()), "[A-Za-z0-9]{8}", "\\PC{0,12}"];
    prop_oneof![
        (id.clone(), "\\PC{0,30}")
            .prop_map(|(id, name)| json!({"type": "join", "gameID": id, "token": name, "username": name})),
        (id, any::<u64>(), any::<u32>()).prop_map(|(id, turn, run)| {
            json!({"type": "rejoin", "gameID": id, "token": "t", "lastTurn": turn, "run": run})
        }),
        ("\\PC{0,20}", any::<f64>()).prop_map(|(kind, n)| json!({"type": "intent", "intent": {"type": kind, "n": n}})),
        any::<bool>()
            .prop_map(|paused| json!({"type": "intent", "intent": {"type": "toggle_pause", "paused": paused}})),
        Just(json!({"type": "ping"})),
        (any::<i64>(), any::<u64>()).prop_map(|(hash, turn)| json!({"type": "hash", "hash": hash, "turnNumber": turn})),
        "\\PC{0,20}".prop_map(|text| json!({"type": "winner", "winner": [text], "allPlayersStats": {"x": null}})),
        "\\PC{0,50}".prop_map(|log| json!({"type": "log", "log": log})),
    ]
}

fn cbor(value: &Value) -> Vec<u8> {
    // The server's own writer: for objects it is the plain form.
    match_cbor::from_text(&value.to_string())
}

/// Bytes that were a frame until something happened to them.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    (right(), any::<bool>(), prop::collection::vec(change, 0..6)).prop_map(|(frame, is_text, changes)| {
        let mut bytes = if is_text { frame.to_string().into_bytes() } else { cbor(&frame) };
        for (at, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_means_the_same_when_it_is_written_again(bytes in mutated()) {
        if let Some(frame) = ClientFrame::read(&String::from_utf8_lossy(&bytes)) {
            let again = serde_json::to_string(&frame).unwrap();
            prop_assert_eq!(ClientFrame::read(&again), Some(frame));
        }
        if let Some((frame, size)) = match_cbor::read(&bytes) {
            let again = serde_json::to_string(&frame).unwrap();
            prop_assert_eq!(size, again.len());
            prop_assert_eq!(ClientFrame::read(&again), Some(frame));
        }
    }

    #[test]
    fn both_forms_are_read_alike(frame in right()) {
        let text = ClientFrame::read(&frame.to_string());
        prop_assert_eq!(match_cbor::read(&cbor(&frame)).map(|(frame, _)| frame), text);
    }

    #[test]
    fn noise_is_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        drop(ClientFrame::read(&String::from_utf8_lossy(&bytes)));
        drop(match_cbor::read(&bytes));
    }
}

/// What one hostile socket does after the upgrade: WebSocket frames around mutated bytes, or no frames at all.
fn attack() -> impl Strategy<Value = Vec<u8>> {
    let framed = (mutated(), any::<u8>(), any::<[u8; 4]>(), 0..20_u8).prop_map(|(bytes, first, mask, kind)| {
        let first = match kind {
            0..=9 => 0x81,
            10..=16 => 0x82,
            _ => first,
        };
        let mut frame = vec![first];
        match u8::try_from(bytes.len()) {
            Ok(short) if short < 126 => frame.push(0x80 | short),
            _ => {
                frame.push(0xfe);
                frame.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(bytes.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    });
    let noise = prop::collection::vec(any::<u8>(), 1..200);
    prop::collection::vec(prop_oneof![5 => framed, 1 => noise], 1..6).prop_map(|parts| parts.concat())
}

async fn open(base: &str, path: &str, is_compact: bool) -> TcpStream {
    let mut socket = TcpStream::connect(base).await.unwrap();
    let protocol = if is_compact { "Sec-WebSocket-Protocol: ostler.match.cbor\r\n" } else { "" };
    let upgrade = format!(
        "GET /{path} HTTP/1.1\r\nHost: {base}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
    );
    socket.write_all(upgrade.as_bytes()).await.unwrap();
    socket
}

/// A text frame as clients send them.
fn frame(text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81, 0xfe];
    frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text);
    frame
}

async fn assail(base: &str, path: &str, game: &str, is_compact: bool, name: &str, bytes: &[u8]) {
    let mut socket = open(base, path, is_compact).await;
    let hello = json!({"type": "join", "gameID": game, "token": name, "username": name}).to_string();
    // The server may have hung up by now, and is right to.
    let _ = socket.write_all(&[&frame(hello.as_bytes())[..], bytes].concat()).await;
    let _ = socket.shutdown().await;
    let mut heard = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut heard)).await;
    assert!(ended.is_ok(), "the server lets go of a socket that is done: {bytes:?}");
    assert!(heard.starts_with(b"HTTP/1.1 101"));
}

/// Whoever is turned away while they still send learns why: unread input must not reset the connection under the answer.
#[tokio::test]
async fn the_reason_reaches_whoever_still_talks() {
    let bot = Bot::start(Some("secret")).await;
    let (id, path) = bot.create("", json!({})).await;
    for hello in [&br#"{"type":"join"}"#[..], b"no json at all"] {
        let mut socket = open(&bot.base, &path, false).await;
        let mut sent = frame(hello);
        sent.resize(sent.len() + (300 << 10), 0x55);
        // It may be let go of in the middle of this.
        let _ = socket.write_all(&sent).await;
        let mut heard = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut heard)).await;
        assert!(matches!(ended, Ok(Ok(_))), "{ended:?}");
        assert!(String::from_utf8_lossy(&heard).contains("kick_reason.invalid_message"), "{id}");
    }
}

#[tokio::test]
async fn hostile_sockets_cost_nobody_else_a_turn() {
    let bot = Bot::start(Some("secret")).await;
    let (id, path) = bot.create("", json!({"startDelay": 0})).await;
    let mut players = Vec::new();
    for name in ["ada", "bob"] {
        let mut player = Player::join(&bot.base, &path, &id, name).await;
        player.hear_type("lobby_info").await;
        players.push(player);
    }
    assert_eq!(bot.intent(&id, json!({"type": "toggle_game_start_timer"})).await.0, 200);
    // A lobby forgets who leaves it, so there is always room in this one.
    let (lobby, lobby_path) = bot.create("", json!({})).await;
    let mut runner = TestRunner::deterministic();
    let strategy = attack();
    for n in 0..SOCKETS {
        let bytes = strategy.new_tree(&mut runner).unwrap().current();
        let (path, game) = if n % 5 == 0 { (&path, &id) } else { (&lobby_path, &lobby) };
        assail(&bot.base, path, game, n % 2 == 0, &format!("mallory {n}"), &bytes).await;
    }
    let (status, stats) = bot.get(&format!("game/{id}/stats")).await;
    assert_eq!((status, &stats["phase"]), (200, &json!("active")), "{stats}");
    let caught = bot.get(&format!("game/{lobby}/stats")).await.1;
    // What is no frame at all ends the socket before the match sees it; of the rest each is a kick.
    assert!(caught["kicked"].as_u64() > Some(60), "{caught}");
    for player in &mut players {
        player.act(json!({"type": "still_here"})).await;
        // The player checks that no turn is missing, repeated or out of order.
        player.hear_intent("still_here").await;
    }
}

/// A journal is this worker's own, but a power cut leaves anything behind it, and a folder may be copied from elsewhere.
#[test]
fn fuzz_journal() {
    let (mut game, start) = begun("openfront", 3);
    let lines = |out: Vec<Output>| -> String {
        out.iter().filter_map(|o| if let Output::Journal(record) = o { Some(record.line()) } else { None }).collect()
    };
    let mut text = lines(start);
    let mut now = Time::from_millis(2_000);
    for n in 0..6_u64 {
        let intent = json!({"type": "attack", "n": n}).as_object().unwrap().clone();
        text += &lines(step(
            &mut game,
            Input::Frame { conn: 1, frame: ClientFrame::Intent { intent }, size_bytes: 30 },
            now,
        ));
        text += &lines(step(&mut game, Input::Malformed { conn: 3 }, now));
        now = now + Millis(200);
        text += &lines(step(&mut game, Input::Tick, now));
    }
    let samples = [text.into_bytes(), include_bytes!("old/journal-of-the-first-release.txt").to_vec()];
    let rules = Rules::builtin()["openfront"].clone();
    ostler_fuzz::run("journal", &samples, |data| {
        let (mut records, whole) = Record::read(data);
        assert!(whole <= data.len());
        let written: String = records.iter().map(Record::line).collect();
        assert_eq!(written.as_bytes(), &data[..whole], "what counts is what was written");
        // Past the checksum, too: the text of a line is somebody's that can reckon.
        let broken = data.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
        records.extend(broken.filter_map(|line| {
            let text = line.get(9..)?.to_owned();
            match line.as_bytes()[0] {
                b'S' => Some(Record::State(text)),
                b'C' => Some(Record::Change(text)),
                _ => Some(Record::Turn(text)),
            }
        }));
        for records in [&records[..], &records[records.len() / 2..]] {
            if let Ok((mut game, out)) = Match::resume(rules.clone(), records, 9, now) {
                assert!(matches!(out.first(), Some(Output::Journal(Record::State(_)))), "a run begins with all of it");
                step(&mut game, Input::Tick, now);
                step(&mut game, Input::End, now);
                game.stats();
            }
        }
    });
}

/// Frames of one player, one after the other, to a match with three.
#[test]
fn fuzz_match_frames() {
    let frames = |all: &[Value]| all.iter().map(Value::to_string).collect::<Vec<_>>().join("\n").into_bytes();
    let samples = [
        frames(&[
            json!({"type": "ping"}),
            json!({"type": "intent", "intent": {"type": "attack", "troops": 5}}),
            json!({"type": "hash", "hash": 5, "turnNumber": 0}),
            json!({"type": "winner", "winner": ["player", "x"], "allPlayersStats": {}}),
        ]),
        frames(&[
            json!({"type": "intent", "intent": {"type": "toggle_pause", "paused": true}}),
            json!({"type": "intent", "intent": {"type": "kick_player", "targetClientID": "aB3dE5gH"}}),
            json!({"type": "intent", "intent": {"type": "update_game_config", "config": {"bots": 3}}}),
            json!({"type": "intent", "intent": {"type": "mark_disconnected", "isDisconnected": true}}),
            json!({"type": "log", "log": "x"}),
        ]),
    ];
    ostler_fuzz::run("match_frames", &samples, |data| {
        let mut game = active("openfront", 3);
        let mut now = Time::from_millis(3_000);
        for line in data.split(|byte| *byte == b'\n').take(100) {
            let text = String::from_utf8_lossy(line);
            let frame = ClientFrame::read(&text).or_else(|| match_cbor::read(line).map(|(frame, _)| frame));
            let input = match frame {
                Some(frame) => Input::Frame { conn: 1, frame, size_bytes: text.len() },
                None => Input::Malformed { conn: 1 },
            };
            step(&mut game, input, now);
            now = now + Millis(50);
            step(&mut game, Input::Tick, now);
        }
        let turns: Vec<Value> = game.turns().iter().map(|turn| serde_json::from_str(turn).unwrap()).collect();
        for (n, turn) in turns.iter().enumerate() {
            assert_eq!(turn["turnNumber"], n);
            for intent in turn["intents"].as_array().unwrap() {
                assert!(intent["clientID"].is_string(), "the stamp is the server's: {intent}");
            }
        }
        assert_eq!(game.info(now).num_clients + usize::from(game.stats().kicked > 0), 3, "it costs only its sender");
    });
}
