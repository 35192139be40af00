//! A worker that dies before its slow disk has everything: nobody goes on with turns that the match no longer has.
//!
//! Real clients in little: they keep turns, say how many and of which run, and go back when they are told to.

use crate::engine::{begun, object};
use ostler_model::matches::Phase;
use ostler_model::{Millis, Time};
use ostler_relay::Rules;
use ostler_relay::engine::{Conn, Input, Match, Output, Record, step};
use ostler_wire::matches::ClientFrame;
use proptest::prelude::*;
use serde_json::{Value, json};

const PLAYERS: usize = 3;

#[derive(Default)]
struct Client {
    conn: Option<Conn>,
    run: Option<u32>,
    turns: Vec<Value>,
    went_back: usize,
}

impl Client {
    fn hear(&mut self, text: &str) {
        let frame: Value = serde_json::from_str(text).unwrap();
        match frame["type"].as_str().unwrap() {
            "resync" => {
                self.turns.truncate(usize::try_from(frame["lastTurn"].as_u64().unwrap()).unwrap());
                self.went_back += 1;
            }
            "start" => {
                self.run = Some(u32::try_from(frame["run"].as_u64().unwrap()).unwrap());
                frame["turns"].as_array().unwrap().iter().for_each(|turn| self.take(turn));
            }
            "turn" => self.take(&frame["turn"]),
            _ => {}
        }
    }
    fn take(&mut self, turn: &Value) {
        assert_eq!(turn["turnNumber"], self.turns.len(), "no turn is missing and none comes twice");
        self.turns.push(turn.clone());
    }
}

/// A match, its clients, and a disk that may be behind.
struct World {
    game: Match,
    clients: Vec<Client>,
    journal: Vec<u8>,
    now: Time,
    next: u64,
}

#[derive(Clone, Debug)]
enum Act {
    Play(usize),
    Turn,
    Leave(usize),
    Back(usize),
    /// The process dies and the disk has lost so many bytes of what it was given.
    Die(u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..PLAYERS).prop_map(Act::Play),
        8 => Just(Act::Turn),
        1 => (0..PLAYERS).prop_map(Act::Leave),
        3 => (0..PLAYERS).prop_map(Act::Back),
        2 => (0..900_u16).prop_map(Act::Die),
    ]
}

impl World {
    fn new() -> Self {
        let (game, out) = begun("openfront", PLAYERS as u64);
        let mut world =
            Self { game, clients: Vec::new(), journal: Vec::new(), now: Time::from_millis(2_000), next: 10 };
        world.hear(out);
        for n in 0..PLAYERS {
            world.clients.push(Client::default());
            world.back(n);
        }
        world
    }
    fn feed(&mut self, input: Input) {
        let out = step(&mut self.game, input, self.now);
        self.hear(out);
    }
    fn hear(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Journal(record) => self.journal.extend(record.line().bytes()),
                Output::Send { to, text } => {
                    self.clients.iter_mut().filter(|c| c.conn == Some(to)).for_each(|c| c.hear(&text))
                }
                Output::All { to, text } => {
                    let listening = |client: &&mut Client| client.conn.is_some_and(|conn| to.contains(&conn));
                    self.clients.iter_mut().filter(listening).for_each(|client| client.hear(&text));
                }
                Output::Close { conn, .. } => {
                    self.clients.iter_mut().filter(|c| c.conn == Some(conn)).for_each(|c| c.conn = None);
                }
            }
        }
    }
    fn back(&mut self, n: usize) {
        // A minute passes first: the limit on rejoins has tests of its own.
        self.now = self.now + Millis::secs(13);
        let client = &mut self.clients[n];
        let (last_turn, run) = (client.turns.len() as u64, client.run);
        client.conn = Some(self.next);
        self.next += 1;
        self.feed(Input::Rejoin { conn: self.next - 1, who: format!("p{}", n + 1), last_turn, run });
    }
    fn act(&mut self, act: &Act) {
        match *act {
            Act::Play(n) => {
                if let Some(conn) = self.clients[n].conn {
                    let intent = object(json!({"type": "attack", "at": self.now.as_millis()}));
                    self.feed(Input::Frame { conn, frame: ClientFrame::Intent { intent }, size_bytes: 30 });
                }
            }
            Act::Turn => {
                self.now = self.now + Millis(100);
                self.feed(Input::Tick);
            }
            Act::Leave(n) => {
                if let Some(conn) = self.clients[n].conn.take() {
                    self.feed(Input::Gone { conn });
                }
            }
            Act::Back(n) => self.back(n),
            Act::Die(lost) => self.die(usize::from(lost)),
        }
    }
    fn die(&mut self, lost: usize) {
        let kept = self.journal.len().saturating_sub(lost);
        let (records, whole) = Record::read(&self.journal[..kept]);
        let run = u32::try_from(self.next).unwrap() + 1_000_000;
        self.next += 1;
        let Ok((game, out)) = Match::resume(Rules::builtin()["openfront"].clone(), &records, run, self.now) else {
            return; // Not even its beginning was on the disk: there is no match to come back to.
        };
        self.journal.truncate(whole);
        self.game = game;
        self.clients.iter_mut().for_each(|client| client.conn = None);
        self.hear(out);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whoever_is_connected_has_exactly_the_turns_of_the_match(acts in prop::collection::vec(act(), 1..150)) {
        let mut world = World::new();
        for act in &acts {
            world.act(act);
            prop_assert_eq!(world.game.phase(), Phase::Active);
            let turns: Vec<Value> = world.game.turns().iter().map(|turn| serde_json::from_str(turn).unwrap()).collect();
            for client in world.clients.iter().filter(|client| client.conn.is_some()) {
                prop_assert_eq!(&client.turns, &turns, "after {:?}", act);
            }
        }
    }
}

#[test]
fn a_player_who_saw_lost_turns_goes_back_and_nobody_else_does() {
    let mut world = World::new();
    (0..5).for_each(|_| world.act(&Act::Turn));
    world.act(&Act::Leave(1));
    let before = world.journal.len();
    (0..5).for_each(|_| world.act(&Act::Turn));
    let lost = world.journal.len() - before;
    world.die(lost);
    assert!(world.game.turns().len() < 8);
    // The match is past the lost turns again before they come back: the count alone would not tell.
    (0..20).for_each(|_| world.act(&Act::Turn));
    (0..PLAYERS).for_each(|n| world.back(n));
    let went_back: Vec<usize> = world.clients.iter().map(|client| client.went_back).collect();
    assert_eq!(went_back, [1, 0, 1]);
    assert!(world.clients.iter().all(|client| client.turns.len() == world.game.turns().len()));
}

#[test]
fn a_client_that_says_no_run_is_turned_away_until_it_begins_again() {
    let mut world = World::new();
    (0..5).for_each(|_| world.act(&Act::Turn));
    let before = world.journal.len();
    (0..3).for_each(|_| world.act(&Act::Turn));
    world.die(world.journal.len() - before);
    (0..20).for_each(|_| world.act(&Act::Turn));
    let rejoin = |last_turn| Input::Rejoin { conn: 7, who: "p1".to_owned(), last_turn, run: None };
    let out = step(&mut world.game, rejoin(8), world.now);
    assert!(matches!(&out[0], Output::Send { to: 7, text } if text.contains("turns-lost")), "{out:?}");
    let out = step(&mut world.game, rejoin(0), world.now);
    assert!(matches!(&out[0], Output::Send { to: 7, text } if text.contains(r#""turnNumber":0"#)), "{out:?}");
}

#[test]
fn a_journal_counts_as_far_as_it_is_whole() {
    let lines: Vec<String> = (0..3).map(|n| Record::Turn(format!("turn {n}")).line()).collect();
    let text = lines.concat();
    assert_eq!(Record::read(text.as_bytes()).0.len(), 3);
    for length in 0..text.len() {
        let (records, whole) = Record::read(&text.as_bytes()[..length]);
        assert_eq!((records.len(), whole), (length / lines[0].len(), length / lines[0].len() * lines[0].len()));
    }
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let (records, _) = Record::read(&bytes);
        assert!(records.len() <= at / lines[0].len(), "a flipped bit at {at} is noticed");
    }
}
