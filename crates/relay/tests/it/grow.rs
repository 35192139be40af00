//! What players make grow in a match, and where it ends.

use crate::engine::{active, begun, lobby, object, step_join};
use ostler_model::bounds::relay as bounds;
use ostler_model::matches::Phase;
use ostler_model::{Millis, Time};
use ostler_relay::Rules;
use ostler_relay::engine::{Conn, Create, Input, IntentActor, Match, Output, Record, step};
use ostler_wire::matches::ClientFrame;
use serde_json::{Value, json};

const START: Time = Time::from_millis(2_000);

fn intent(conn: Conn, intent: &Value) -> Input {
    let size_bytes = intent.to_string().len();
    Input::Frame { conn, frame: ClientFrame::Intent { intent: object(intent.clone()) }, size_bytes }
}

fn journal(out: &[Output]) -> String {
    out.iter().filter_map(|o| if let Output::Journal(record) = o { Some(record.line()) } else { None }).collect()
}

fn resumed(journal: &str, now: Time) -> Match {
    let (records, whole) = Record::read(journal.as_bytes());
    assert_eq!(whole, journal.len());
    Match::resume(Rules::builtin()["openfront"].clone(), &records, 99, now).unwrap().0
}

/// A join and one bad frame, `times` over a time, with a tick every 100 ms. Returns what the journal got.
fn vandals(game: &mut Match, times: u64, within: Millis) -> (String, Time) {
    let (mut text, mut now) = (String::new(), START);
    for n in 0..times {
        let conn = 1_000 + n;
        text += &journal(&step_join(game, conn, &format!("vandal {n}"), now));
        let bad = step(game, Input::Malformed { conn }, now);
        assert!(bad.iter().any(|o| matches!(o, Output::Close { conn: closed, .. } if *closed == conn)), "{bad:?}");
        assert_eq!(journal(&bad), "", "a bad frame is answered, not written down");
        let next = START + Millis(within.0 * (n + 1) / times);
        if next.as_millis() / 100 != now.as_millis() / 100 {
            text += &journal(&step(game, Input::Tick, next));
            for conn in [1, 2] {
                step(game, Input::Frame { conn, frame: ClientFrame::Ping {}, size_bytes: 15 }, next);
            }
        }
        now = next;
    }
    (text, now)
}

#[test]
fn s14_joins_and_bad_frames_do_not_grow_the_journal() {
    const SECONDS: u64 = 25;
    let most = bounds::JOURNAL_CHANGE_BURST_BYTES + SECONDS * bounds::JOURNAL_CHANGE_BYTES_PER_SECOND;
    let (mut running, start) = begun("openfront", 2);
    let (text, now) = vandals(&mut running, 25_000, Millis::secs(SECONDS));
    let sizes = |text: &str| -> Vec<u64> {
        text.split_inclusive('\n').filter(|line| line.starts_with('C')).map(|line| line.len() as u64).collect()
    };
    assert!(!text.contains("\nS"), "the whole of it is written at a few moments only");
    // The last one may go over, and is paid for before the next.
    let changes = sizes(&text);
    let paid: u64 = changes[..changes.len() - 1].iter().sum();
    assert!(paid < most && changes.iter().all(|size| *size < 300_000), "{changes:?}");
    let turns = text.split_inclusive('\n').filter(|line| line.starts_with('T'));
    assert!(turns.map(str::len).sum::<usize>() < 25_000 * 200, "two marks for each vandal at most");
    let back = resumed(&(journal(&start) + &text), now);
    assert_eq!(back.turns(), running.turns());
    assert_eq!(running.stats().kicked, 25_000);

    let mut waiting = lobby("openfront", json!({}));
    for (conn, who) in [(1, "ada"), (2, "bob")] {
        step_join(&mut waiting, conn, who, START);
    }
    let (text, _) = vandals(&mut waiting, 25_000, Millis::secs(SECONDS));
    let changes = sizes(&text);
    assert!(changes[..changes.len() - 1].iter().sum::<u64>() < most, "{changes:?}");
    assert_eq!(waiting.info(START).num_clients, 2);
}

#[test]
fn s14_kicked_players_are_remembered_up_to_a_bound() {
    let mut game = active("openfront", 2);
    step_join(&mut game, 50, "put out by a person", START);
    let client = game.info(START).clients.last().unwrap().client_id;
    let kick = object(json!({"type": "kick_player", "target": client}));
    assert_eq!(game.handle_intent(&kick, IntentActor::BOT, START, &mut vec![]).status, 200);
    let times = 10 * bounds::KICKED_BY_RELAY;
    vandals(&mut game, times, Millis::secs(30));
    let state = state_of(&mut game);
    assert_eq!(state["kicked_by_relay"].as_array().unwrap().len() as u64, bounds::KICKED_BY_RELAY);
    for (conn, who) in [(90_000, "put out by a person".to_owned()), (90_001, format!("vandal {}", times - 1))] {
        let out = step_join(&mut game, conn, &who, START);
        assert!(matches!(&out[0], Output::Send { text, .. } if text.contains("kick_reason.kicked")), "{who}: {out:?}");
    }
    // A person's list ends, too.
    let mut game = lobby("openfront", json!({}));
    for n in 0..10 * bounds::KICKED_BY_PEOPLE {
        step_join(&mut game, n + 1, &format!("p{n}"), START);
        let client = game.info(START).clients.last().unwrap().client_id;
        let kick = object(json!({"type": "kick_player", "target": client}));
        assert_eq!(game.handle_intent(&kick, IntentActor::BOT, START, &mut vec![]).status, 200);
    }
    assert_eq!(state_of(&mut game)["kicked"].as_array().unwrap().len() as u64, bounds::KICKED_BY_PEOPLE);
}

/// What a match writes of itself when it ends.
fn state_of(game: &mut Match) -> Value {
    let out = step(&mut game.clone(), Input::End, START);
    let Some(Output::Journal(Record::State(text))) = out.into_iter().find(|o| matches!(o, Output::Journal(_))) else {
        panic!("the end is a checkpoint")
    };
    serde_json::from_str(&text).unwrap()
}

#[test]
fn s14_seats_of_kicked_players_end_at_their_bound() {
    let mut game = active("openfront", 2);
    vandals(&mut game, 10 * bounds::KICKED_SEATS, Millis::secs(20));
    let seats = state_of(&mut game)["seats"].as_array().unwrap().len() as u64;
    assert!(seats <= bounds::KICKED_SEATS + 2, "{seats} seats");
    assert!(game.archive().unwrap().players.len() as u64 <= bounds::KICKED_SEATS + 2);
    // Those who play have kept their places.
    let out = step(&mut game, intent(1, &json!({"type": "attack"})), START + Millis::secs(21));
    assert!(!out.iter().any(|o| matches!(o, Output::Close { .. })), "{out:?}");
    step(&mut game, Input::Tick, START + Millis::secs(22));
    assert!(game.turns().iter().any(|turn| turn.contains("attack")));
}

#[test]
fn s14_spectators_end_at_their_bound() {
    let mut game = active("openfront", 2);
    let mut refused = 0;
    for conn in 0..10 * bounds::SPECTATORS {
        let out = step(&mut game, Input::Spectate { conn: 100 + conn, last_turn: 0 }, START);
        refused += u64::from(out.iter().any(|o| matches!(o, Output::Close { reason, .. } if reason == "full-lobby")));
    }
    assert_eq!(refused, 9 * bounds::SPECTATORS);
    assert_eq!(game.audience() as u64, bounds::SPECTATORS + 2);
    step(&mut game, Input::Gone { conn: 100 }, START);
    let out = step(&mut game, Input::Spectate { conn: 99_000, last_turn: 0 }, START);
    assert!(!out.iter().any(|o| matches!(o, Output::Close { .. })), "a place that is free again is given again");
}

#[test]
fn s14_a_client_writes_few_lines_to_the_log() {
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let most = bounds::CLIENT_LOG_LINES_PER_MINUTE;
    tracing::subscriber::with_default(subscriber, || {
        let mut game = active("openfront", 2);
        for n in 0..10 * most {
            let frame = ClientFrame::Log { log: format!("line {n}\n2026-01-01 INFO forged \u{1b}[2J") };
            step(&mut game, Input::Frame { conn: 1, frame, size_bytes: 50 }, START + Millis(n));
        }
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count() as u64, most, "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn s14_a_journal_of_an_older_release_is_resumed() {
    let old = include_str!("old/journal-of-the-first-release.txt");
    let mut game = resumed(old, START + Millis::secs(9));
    assert_eq!((game.phase(), game.turns().len(), game.stats().kicked), (Phase::Active, 4, 1));
    let now = START + Millis::secs(10);
    let out = step_join(&mut game, 30, "p3", now);
    assert!(matches!(&out[0], Output::Send { text, .. } if text.contains("kick_reason.kicked")), "{out:?}");
    let out = step(&mut game, Input::Rejoin { conn: 31, who: "p1".to_owned(), last_turn: 2, run: Some(1) }, now);
    assert!(matches!(&out[0], Output::Send { text, .. } if text.contains(r#""turnNumber":3"#)), "{out:?}");
    assert!(game.turns()[2].contains("mark_disconnected"), "{:?}", game.turns()[2]);
    step(&mut game, Input::Tick, now);
    assert!(game.turns()[4].starts_with(r#"{"turnNumber":4,"#), "it goes on");
}

#[test]
fn s14_changes_lead_to_the_same_match_as_its_state() {
    let rules = Rules::builtin()["openfront"].clone();
    let config = rules.title.created(&object(json!({"startDelay": 0})));
    let id = ostler_model::matches::GameId::from_random([7; 16]);
    let create = Create { id, rules, config, creator: Some("p1".to_owned()), starts_at: None, run: 1 };
    let (mut game, out) = Match::create(create, START);
    let mut text = journal(&out);
    let mut now = START;
    let compare = |game: &mut Match, text: &str| {
        let mut back = resumed(text, Time::from_millis(9_000_000));
        let (mut here, mut there) = (state_of(game), state_of(&mut back));
        for state in [&mut here, &mut there] {
            for key in ["runs", "ended_at", "dropped"] {
                state[key].take();
            }
        }
        assert_eq!(here, there);
    };
    for n in 1..=5 {
        text += &journal(&step_join(&mut game, n, &format!("p{n}"), now));
        compare(&mut game, &text);
    }
    let mut out = vec![];
    for change in [
        json!({"type": "update_game_config", "config": {"bots": 3}}),
        json!({"type": "kick_player", "target": game.info(now).clients[4].client_id}),
        json!({"type": "toggle_game_start_timer"}),
    ] {
        assert_eq!(game.handle_intent(&object(change), IntentActor::BOT, now, &mut out).status, 200);
        text += &journal(&std::mem::take(&mut out));
        compare(&mut game, &text);
    }
    for input in [
        Input::Tick,
        intent(1, &json!({"type": "attack", "n": 1})),
        Input::Malformed { conn: 2 },
        Input::Gone { conn: 3 },
        Input::Tick,
        intent(1, &json!({"type": "attack", "n": 2})),
        Input::Tick,
        Input::Rejoin { conn: 20, who: "p3".to_owned(), last_turn: 0, run: None },
        Input::Tick,
    ] {
        text += &journal(&step(&mut game, input, now));
        now = now + Millis(200);
        text += &journal(&step(&mut game, Input::Tick, now));
        compare(&mut game, &text);
    }
    assert_eq!(text.matches("\nS").count(), 1, "created and started: the rest are changes\n{text}");
}
