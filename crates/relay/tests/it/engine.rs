//! Properties of the engine: order, completeness, one truth for all, limits, and the same bytes from the same inputs.

use ostler_model::matches::{ClientId, GameId, Phase};
use ostler_model::{Millis, Time};
use ostler_relay::Rules;
use ostler_relay::engine::{Archive, Conn, Create, Input, IntentActor, Match, Output, Record, step};
use ostler_wire::matches::ClientFrame;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(crate) fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub(crate) fn lobby(title: &str, config: Value) -> Match {
    let rules = Rules::builtin()[title].clone();
    let config = rules.title.created(&object(config));
    let id = GameId::from_random([7; 16]);
    let new = Create { id, rules, config, creator: Some("creator".to_owned()), starts_at: None, run: 1 };
    Match::create(new, Time::from_millis(1_000)).0
}

pub(crate) fn step_join(game: &mut Match, conn: Conn, who: &str, now: Time) -> Vec<Output> {
    let mut seed = [0_u8; 16];
    seed[0] = who.bytes().fold(1, |a, b| a.wrapping_mul(31).wrapping_add(b));
    seed[1..9].copy_from_slice(&conn.to_be_bytes());
    let fresh = ClientId::from_random(seed);
    let (who, username) = (who.to_owned(), who.to_owned());
    step(game, Input::Join { conn, who, public_id: None, username, clan_tag: None, is_admin: false, fresh }, now)
}

/// A running match with players on sockets 1, 2, ….
pub(crate) fn active(title: &str, players: u64) -> Match {
    begun(title, players).0
}

/// The same, with what came of its start.
pub(crate) fn begun(title: &str, players: u64) -> (Match, Vec<Output>) {
    let mut game = lobby(title, json!({"startDelay": 0}));
    let now = Time::from_millis(2_000);
    for n in 1..=players {
        step_join(&mut game, n, &format!("p{n}"), now);
    }
    let mut out = Vec::new();
    let timer = object(json!({"type": "toggle_game_start_timer"}));
    assert_eq!(game.handle_intent(&timer, IntentActor::BOT, now, &mut out).status, 200);
    let out = step(&mut game, Input::Tick, now);
    assert_eq!(game.phase(), Phase::Active);
    (game, out)
}

fn intent(conn: Conn, intent: Value) -> Input {
    let size_bytes = intent.to_string().len();
    Input::Frame { conn, frame: ClientFrame::Intent { intent: object(intent) }, size_bytes }
}

/// What each socket heard, as turns.
#[derive(Default)]
struct Ears(BTreeMap<Conn, Vec<String>>);

impl Ears {
    fn hear(&mut self, out: &[Output]) {
        for output in out {
            match output {
                Output::Send { to, text } => self.take(*to, text),
                Output::All { to, text } => to.iter().for_each(|conn| self.take(*conn, text)),
                Output::Close { .. } | Output::Journal(_) => {}
            }
        }
    }
    fn take(&mut self, conn: Conn, text: &str) {
        let frame: Value = serde_json::from_str(text).unwrap();
        let heard = self.0.entry(conn).or_default();
        match frame["type"].as_str().unwrap() {
            "start" => heard.extend(frame["turns"].as_array().unwrap().iter().map(Value::to_string)),
            "turn" => heard.push(frame["turn"].to_string()),
            _ => {}
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Play(u64, u16),
    Drop(u64),
    Back(u64, u8),
    Pause(bool),
    Kick(u64),
    Ping(u64),
    Hash(u64, i64, u8),
    Wait(u16),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (1..5_u64, any::<u16>()).prop_map(|(p, n)| Act::Play(p, n)),
        2 => (1..5_u64).prop_map(Act::Drop),
        3 => (1..5_u64, any::<u8>()).prop_map(|(p, n)| Act::Back(p, n)),
        1 => any::<bool>().prop_map(Act::Pause),
        1 => (1..5_u64).prop_map(Act::Kick),
        1 => (1..5_u64).prop_map(Act::Ping),
        1 => (1..5_u64, 0..3_i64, any::<u8>()).prop_map(|(p, h, t)| Act::Hash(p, h, t)),
        8 => (0..400_u16).prop_map(Act::Wait),
        1 => Just(Act::Restart),
    ]
}

/// A match with four players, driven by random acts; it remembers what everybody heard and what was written down.
struct Run {
    game: Match,
    now: Time,
    next_conn: Conn,
    sits: BTreeMap<u64, Conn>,
    /// Turns that the player had when the socket was opened, by socket.
    had: BTreeMap<Conn, usize>,
    ears: Ears,
    journal: String,
    bytes: Vec<Output>,
    runs: u32,
}

impl Run {
    fn new() -> Self {
        let (game, start) = begun("openfront", 4);
        let state = Match::archive(&game).unwrap();
        assert_eq!(state.turns.len(), 0);
        let journal = start.iter().filter_map(|o| if let Output::Journal(r) = o { Some(r.line()) } else { None });
        Self {
            now: Time::from_millis(2_000),
            next_conn: 10,
            sits: (1..5).map(|n| (n, n)).collect(),
            had: (1..5).map(|n| (n, 0)).collect(),
            ears: Ears::default(),
            journal: journal.collect(),
            bytes: Vec::new(),
            runs: 1,
            game,
        }
    }
    fn feed(&mut self, input: Input) {
        let out = step(&mut self.game, input, self.now);
        self.heard(out);
    }
    fn heard(&mut self, out: Vec<Output>) {
        for output in &out {
            match output {
                Output::Journal(record) => self.journal.push_str(&record.line()),
                Output::Close { conn, .. } => self.sits.retain(|_, held| held != conn),
                Output::Send { .. } | Output::All { .. } => {}
            }
        }
        self.ears.hear(&out);
        self.bytes.extend(out);
    }
    fn manage(&mut self, intent: Value) {
        let mut out = Vec::new();
        self.game.handle_intent(&object(intent), IntentActor::BOT, self.now, &mut out);
        self.heard(out);
    }
    fn act(&mut self, act: &Act) {
        match *act {
            Act::Play(player, n) => {
                if let Some(conn) = self.sits.get(&player) {
                    self.feed(intent(*conn, json!({"type": "attack", "n": n})));
                }
            }
            Act::Drop(player) => {
                if let Some(conn) = self.sits.remove(&player) {
                    self.feed(Input::Gone { conn });
                }
            }
            Act::Back(player, share) => {
                let closed = self.game.turns().len();
                let has = closed * usize::from(share) / 255;
                let conn = self.next_conn;
                self.next_conn += 1;
                let old = self.sits.insert(player, conn);
                self.had.insert(conn, has);
                self.feed(Input::Rejoin { conn, who: format!("p{player}"), last_turn: has as u64, run: None });
                if self.ears.0.get(&conn).is_none_or(Vec::is_empty) && has < closed {
                    // Turned away: too often, or kicked.
                    self.sits.remove(&player);
                    self.had.remove(&conn);
                    if let Some(old) = old {
                        self.sits.insert(player, old);
                    }
                }
            }
            Act::Pause(paused) => self.manage(json!({"type": "toggle_pause", "paused": paused})),
            Act::Kick(player) => {
                let found = self.game.info(self.now).clients;
                if let Some(client) = found.iter().find(|c| c.username == format!("p{player}")) {
                    self.manage(json!({"type": "kick_player", "target": client.client_id}));
                }
            }
            Act::Ping(player) => {
                if let Some(conn) = self.sits.get(&player) {
                    self.feed(Input::Frame { conn: *conn, frame: ClientFrame::Ping {}, size_bytes: 15 });
                }
            }
            Act::Hash(player, hash, turn) => {
                if let Some(conn) = self.sits.get(&player) {
                    let frame = ClientFrame::Hash { hash, turn_number: u64::from(turn) };
                    self.feed(Input::Frame { conn: *conn, frame, size_bytes: 40 });
                }
            }
            Act::Wait(ms) => {
                self.now = self.now + Millis(u64::from(ms));
                self.feed(Input::Tick);
            }
            Act::Restart => self.restart(),
        }
    }
    fn restart(&mut self) {
        let (records, _) = Record::read(self.journal.as_bytes());
        assert!(records.iter().any(|record| matches!(record, Record::State(_))), "a start is a checkpoint");
        let before = self.game.turns().to_vec();
        self.runs += 1;
        let (game, out) = Match::resume(Rules::builtin()["openfront"].clone(), &records, self.runs, self.now).unwrap();
        self.game = game;
        assert_eq!(self.game.turns(), before, "it goes on at the last closed turn");
        self.heard(out);
        self.sits.clear();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn everybody_hears_every_turn_once_and_in_order(acts in prop::collection::vec(act(), 1..120)) {
        let mut run = Run::new();
        acts.iter().for_each(|act| run.act(act));
        let closed: Vec<String> =
            run.game.turns().iter().map(|t| serde_json::from_str::<Value>(t).unwrap().to_string()).collect();
        for (conn, heard) in &run.ears.0 {
            let from = run.had.get(conn).copied().unwrap_or(0);
            prop_assert_eq!(&heard[..], &closed[from..from + heard.len()], "socket {}", conn);
        }
        for conn in run.sits.values() {
            let heard = run.ears.0.get(conn).map_or(0, Vec::len);
            prop_assert_eq!(run.had[conn] + heard, closed.len(), "socket {} has all", conn);
        }
        for (at, turn) in run.game.turns().iter().enumerate() {
            let turn: Value = serde_json::from_str(turn).unwrap();
            prop_assert_eq!(&turn["turnNumber"], at);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_bytes(acts in prop::collection::vec(act(), 1..120)) {
        let play = || {
            let mut run = Run::new();
            acts.iter().for_each(|act| run.act(act));
            (run.bytes, run.journal)
        };
        prop_assert_eq!(play(), play());
    }

    #[test]
    fn nothing_is_played_during_a_pause(acts in prop::collection::vec(act(), 1..120)) {
        let mut run = Run::new();
        acts.iter().for_each(|act| run.act(act));
        let mut is_paused = false;
        for turn in run.game.turns() {
            let turn: Value = serde_json::from_str(turn).unwrap();
            for intent in turn["intents"].as_array().unwrap() {
                match intent["type"].as_str().unwrap() {
                    "toggle_pause" => is_paused = intent["paused"] == true,
                    "mark_disconnected" => {}
                    other => prop_assert!(!is_paused, "{} during a pause", other),
                }
            }
        }
    }

    #[test]
    fn an_archive_replays_to_the_bytes_that_were_sent(acts in prop::collection::vec(act(), 1..120)) {
        let mut run = Run::new();
        run.feed(Input::Spectate { conn: 9, last_turn: 0 });
        acts.iter().filter(|act| !matches!(act, Act::Restart)).for_each(|act| run.act(act));
        run.feed(Input::End);
        let text = serde_json::to_string(&run.game.archive().unwrap()).unwrap();
        let archive = Archive::read(&text).unwrap();
        let sent: Vec<&str> = run.bytes.iter().filter_map(|output| match output {
            Output::Send { to: 9, text } => Some(text.as_str()),
            Output::All { to, text } if to.contains(&9) => Some(text.as_str()),
            _ => None,
        }).collect();
        let replayed: Vec<String> = archive.replay(0).collect();
        prop_assert_eq!(sent, replayed.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn random_bytes_never_hurt(bytes in prop::collection::vec(any::<u8>(), 0..400), tail in "\\PC{0,200}") {
        let mut game = active("openfront", 2);
        let lossy = String::from_utf8_lossy(&bytes).into_owned();
        for text in [lossy, tail.clone(), format!(r#"{{"type":"intent","intent":{{"type":"{tail}"}}}}"#)] {
            let input = match ClientFrame::read(&text) {
                Some(frame) => Input::Frame { conn: 1, frame, size_bytes: text.len() },
                None => Input::Malformed { conn: 1 },
            };
            step(&mut game, input, Time::from_millis(3_000));
        }
        prop_assert_eq!(game.phase(), Phase::Active);
        for record in [Record::State(tail.clone()), Record::Change(tail.clone()), Record::Turn(tail.clone())] {
            prop_assert_eq!(Record::read(record.line().as_bytes()).0, std::slice::from_ref(&record));
            drop(Match::resume(Rules::builtin()["openfront"].clone(), &[record], 2, Time::ZERO));
        }
        prop_assert!(Record::read(&bytes).1 <= bytes.len());
    }
}

#[test]
fn soft_limits_drop_and_hard_limits_kick() {
    let mut game = active("openfront", 3);
    let now = Time::from_millis(2_010);
    for _ in 0..15 {
        step(&mut game, intent(1, json!({"type": "attack"})), now);
    }
    assert_eq!(game.stats().dropped_intents, 5, "ten in a second");
    let mut at = now;
    for _ in 0..300 {
        at = at + Millis(125);
        step(&mut game, intent(1, json!({"type": "attack"})), at);
    }
    assert_eq!(game.stats().dropped_intents, 5 + 300 - 140, "a hundred and fifty in a minute");
    assert_eq!(game.stats().kicked, 0);
    let out = step(&mut game, intent(2, json!({"type": "attack", "x": "y".repeat(2_000)})), at);
    assert!(out.iter().any(|o| matches!(o, Output::Send { to: 2, text } if text.contains("intent_too_large"))));
    let log = ClientFrame::Log { log: String::new() };
    for _ in 0..100 {
        step(&mut game, Input::Frame { conn: 3, frame: log.clone(), size_bytes: 50_000 }, at);
    }
    assert_eq!(game.stats().kicked, 1, "five million bytes are allowed");
    step(&mut game, Input::Frame { conn: 3, frame: log, size_bytes: 1 }, at);
    assert_eq!(game.stats().kicked, 2);
    let out = step_join(&mut game, 20, "p3", at);
    assert!(matches!(&out[0], Output::Send { text, .. } if text.contains("kick_reason.kicked")));
}

#[test]
fn silence_disconnects_and_the_others_are_told() {
    let mut game = active("openfront", 2);
    let start = Time::from_millis(2_000);
    step(&mut game, Input::Frame { conn: 1, frame: ClientFrame::Ping {}, size_bytes: 15 }, start + Millis::secs(30));
    let early = step(&mut game, Input::Tick, start + Millis(59_999));
    assert!(!early.iter().any(|o| matches!(o, Output::Close { .. })));
    let out = step(&mut game, Input::Tick, start + Millis::secs(60));
    assert!(out.contains(&Output::Close { conn: 2, reason: "no_ping".to_owned() }));
    step(&mut game, Input::Tick, start + Millis::secs(61));
    let marks = game.turns().iter().filter(|turn| turn.contains(r#""isDisconnected":true"#)).count();
    assert_eq!(marks, 1);
    step(&mut game, Input::Rejoin { conn: 5, who: "p2".to_owned(), last_turn: 0, run: None }, start + Millis::secs(62));
    step(&mut game, Input::Tick, start + Millis::secs(63));
    assert!(game.turns().last().unwrap().contains(r#""isDisconnected":false"#));
}

#[test]
fn a_private_lobby_closes_with_its_creator_and_every_match_after_three_hours() {
    let mut game = lobby("openfront", json!({}));
    let now = Time::from_millis(2_000);
    step_join(&mut game, 1, "creator", now);
    step_join(&mut game, 2, "guest", now);
    step(&mut game, Input::Gone { conn: 2 }, now);
    assert_eq!(game.phase(), Phase::Lobby);
    step(&mut game, Input::Gone { conn: 1 }, now);
    assert_eq!(game.phase(), Phase::Finished);
    let mut game = lobby("openfront", json!({}));
    step(&mut game, Input::Tick, Time::from_millis(1_000 + 3 * 3_600_000 - 1));
    assert_eq!(game.phase(), Phase::Lobby);
    step(&mut game, Input::Tick, Time::from_millis(1_000 + 3 * 3_600_000));
    assert_eq!(game.phase(), Phase::Finished);
}

#[test]
fn dissenters_are_told_once_and_winners_need_a_majority() {
    let mut game = active("openfront", 3);
    let now = Time::from_millis(2_500);
    step(&mut game, Input::Tick, now);
    step(&mut game, Input::Tick, now + Millis(200));
    let mut told = Vec::new();
    for turn_number in [0, 1] {
        for (conn, hash) in [(1, 5), (2, 6), (3, 5)] {
            let frame = ClientFrame::Hash { hash, turn_number };
            told.extend(step(&mut game, Input::Frame { conn, frame, size_bytes: 40 }, now));
        }
    }
    let desyncs: Vec<&Output> = told.iter().filter(|o| !matches!(o, Output::Journal(_))).collect();
    assert_eq!(desyncs.len(), 1, "{desyncs:?}");
    let Output::Send { to: 2, text } = desyncs[0] else { panic!("{desyncs:?}") };
    let wanted = json!({"type": "desync", "turn": 0, "correctHash": 5, "clientsWithCorrectHash": 2,
        "totalActiveClients": 3, "yourHash": 6});
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), wanted);
    let vote = |winner: &str| ClientFrame::Winner { winner: json!(winner), all_players_stats: json!({}) };
    for (conn, winner) in [(1, "a"), (1, "a"), (2, "b")] {
        step(&mut game, Input::Frame { conn, frame: vote(winner), size_bytes: 40 }, now);
        assert_eq!(game.phase(), Phase::Active, "one player votes once");
    }
    step(&mut game, Input::Frame { conn: 3, frame: vote("a"), size_bytes: 40 }, now);
    assert_eq!((game.phase(), game.stats().winner), (Phase::Finished, Some(json!("a"))));
}

#[test]
fn spectators_receive_and_never_send() {
    let mut game = active("openfront", 2);
    let now = Time::from_millis(2_100);
    let out = step(&mut game, Input::Spectate { conn: 8, last_turn: 0 }, now);
    assert!(matches!(&out[0], Output::Send { to: 8, text } if !text.contains("myClientID")));
    let out = step(&mut game, intent(8, json!({"type": "attack"})), now);
    assert!(out.iter().any(|o| matches!(o, Output::Close { conn: 8, .. })));
    let out = step(&mut game, Input::Tick, now + Millis(200));
    assert!(out.iter().any(|o| matches!(o, Output::All { to, .. } if **to == vec![1, 2])));
    assert!(!game.turns().iter().any(|turn| turn.contains("attack")));
}

#[test]
fn a_lobby_is_shown_on_change_and_at_most_once_a_second() {
    let mut game = lobby("openfront", json!({}));
    let now = Time::from_millis(5_000);
    step_join(&mut game, 1, "ada", now);
    let infos = |out: Vec<Output>| out.iter().filter(|o| matches!(o, Output::Send { .. })).count();
    assert_eq!(infos(step(&mut game, Input::Tick, now)), 1);
    step_join(&mut game, 2, "bob", now + Millis(10));
    assert_eq!(infos(step(&mut game, Input::Tick, now + Millis(999))), 0);
    assert_eq!(infos(step(&mut game, Input::Tick, now + Millis(1_000))), 2);
    assert_eq!(infos(step(&mut game, Input::Tick, now + Millis(9_000))), 0);
}
