//! What a match writes down, and how it comes back from it.

use super::run::Run;
use super::seat::Seat;
use super::{Conn, Create, Match, Output};
use crate::Rules;
use ostler_model::Time;
use ostler_model::matches::{ClientId, Config, GameId, Phase};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One line of a match's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Everything but the turns. The last one holds, with the changes after it.
    State(String),
    /// What is different since the last state and the changes after it.
    Change(String),
    /// A closed turn.
    Turn(String),
}

/// A journal that no match can come back from.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// There is no state in it.
    #[error("the journal holds no state")]
    Empty,
    /// The state cannot be read.
    #[error("the journal's state cannot be read")]
    State(#[source] serde_json::Error),
    /// The title is not known here.
    #[error("the title {0} is not known")]
    Title(String),
    /// A turn is missing or out of order.
    #[error("turn {0} is missing")]
    Turn(usize),
}

impl Record {
    /// As a line, with its end: a letter, a checksum, the text.
    pub fn line(&self) -> String {
        let (kind, text) = match self {
            Self::State(text) => ('S', text),
            Self::Change(text) => ('C', text),
            Self::Turn(text) => ('T', text),
        };
        format!("{kind}{:08x}{text}\n", checksum(text))
    }
    /// Reads a journal as far as it is whole, and says how many bytes that are. A crash may cut the last line off, and a
    /// power cut may leave anything behind it: what follows the first broken line does not count.
    pub fn read(journal: &[u8]) -> (Vec<Self>, usize) {
        let (mut records, mut used) = (Vec::new(), 0);
        while let Some(end) = journal[used..].iter().position(|byte| *byte == b'\n') {
            let Some(record) = Self::parse(&journal[used..used + end]) else { break };
            records.push(record);
            used += end + 1;
        }
        (records, used)
    }
    fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let (kind, rest) = line.split_at_checked(1)?;
        let (sum, text) = rest.split_at_checked(8)?;
        // As it is written: `+` and capitals read as the same number and were never written.
        if sum != format!("{:08x}", checksum(text)) {
            return None;
        }
        match kind {
            "S" => Some(Self::State(text.to_owned())),
            "C" => Some(Self::Change(text.to_owned())),
            "T" => Some(Self::Turn(text.to_owned())),
            _ => None,
        }
    }
}

fn checksum(text: &str) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    crc.sum()
}

#[derive(serde::Serialize, serde::Deserialize)]
struct State {
    id: GameId,
    title: String,
    config: Config,
    phase: Phase,
    creator: Option<String>,
    created_at: i64,
    starts_at: Option<i64>,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    start_info: Option<String>,
    seats: Vec<Seat>,
    kicked: Vec<String>,
    /// Journals of older releases have all in one list.
    #[serde(default)]
    kicked_by_relay: Vec<String>,
    #[serde(default)]
    kicks: u64,
    is_paused: bool,
    dropped: u64,
    winner: Option<(Value, Value)>,
    runs: Vec<Run>,
    /// Intents of the turn that was open when this was written, and how many turns were closed then: once that turn is
    /// in the journal, too, they are in it.
    open: Vec<String>,
    closed: usize,
}

/// What is different since the record before.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Change {
    /// How many turns were closed then: `open` counts for the turn after them.
    pub(super) closed: usize,
    pub(super) starts_at: Option<i64>,
    pub(super) is_paused: bool,
    pub(super) dropped: u64,
    pub(super) kicks: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) config: Option<Config>,
    /// Seats that are no longer there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) gone: Vec<ClientId>,
    /// Seats that are new or different.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) seats: Vec<Seat>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) kicked: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) kicked_by_relay: Vec<String>,
    /// Further intents of the open turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) open: Vec<String>,
}

impl State {
    /// The last state of a journal with the changes after it.
    fn read(records: &[Record]) -> Result<Self, ResumeError> {
        let at = records.iter().rposition(|record| matches!(record, Record::State(_))).ok_or(ResumeError::Empty)?;
        let Record::State(text) = &records[at] else { return Err(ResumeError::Empty) };
        let mut state: Self = serde_json::from_str(text).map_err(ResumeError::State)?;
        for record in &records[at + 1..] {
            if let Record::Change(text) = record {
                state.apply(serde_json::from_str(text).map_err(ResumeError::State)?);
            }
        }
        Ok(state)
    }

    fn apply(&mut self, change: Change) {
        if change.closed != self.closed {
            // A turn has closed in between, with everything that was open.
            self.open.clear();
        }
        self.closed = change.closed;
        self.open.extend(change.open);
        self.starts_at = change.starts_at;
        self.is_paused = change.is_paused;
        self.dropped = change.dropped;
        self.kicks = change.kicks;
        if let Some(config) = change.config {
            self.config = config;
        }
        self.seats.retain(|seat| !change.gone.contains(&seat.client_id));
        for seat in change.seats {
            match self.seats.iter_mut().find(|known| known.client_id == seat.client_id) {
                Some(known) => *known = seat,
                None => self.seats.push(seat),
            }
        }
        for (list, new) in [(&mut self.kicked, change.kicked), (&mut self.kicked_by_relay, change.kicked_by_relay)] {
            list.extend(new);
        }
    }
}

/// The title that a journal is about.
pub(crate) fn title_of(records: &[Record]) -> Result<String, ResumeError> {
    Ok(State::read(records)?.title)
}

impl Match {
    pub(super) fn state_text(&self) -> String {
        let state = State {
            id: self.id,
            title: self.rules.title.id.clone(),
            config: self.config.clone(),
            phase: self.phase,
            creator: self.creator.clone(),
            created_at: self.created_at.as_millis(),
            starts_at: self.starts_at.map(Time::as_millis),
            started_at: self.started_at.map(Time::as_millis),
            ended_at: self.ended_at.map(Time::as_millis),
            start_info: self.start_info.clone(),
            seats: self.seats.clone(),
            kicked: self.kicked[0].all(),
            kicked_by_relay: self.kicked[1].all(),
            kicks: self.kicks,
            is_paused: self.is_paused,
            dropped: self.dropped,
            winner: self.winner.clone(),
            runs: self.runs.clone(),
            open: self.open.clone(),
            closed: self.turns.len(),
        };
        serde_json::to_string(&state).expect("the state is plain data with text keys")
    }

    /// The match as its journal left it, at its last closed turn, and what to write down about the run that begins.
    /// Nobody is connected; everybody may rejoin.
    pub fn resume(
        rules: Arc<Rules>,
        records: &[Record],
        run: u32,
        now: Time,
    ) -> Result<(Self, Vec<Output>), ResumeError> {
        let state = State::read(records)?;
        if state.title != rules.title.id {
            return Err(ResumeError::Title(state.title));
        }
        let create = Create { id: state.id, rules, config: state.config, creator: state.creator, starts_at: None, run };
        let (mut game, _) = Match::create(create, Time::from_millis(state.created_at));
        for record in records {
            if let Record::Turn(text) = record {
                let number = game.turns.len();
                let start = format!(r#"{{"turnNumber":{number},"#);
                if !text.starts_with(&start) {
                    return Err(ResumeError::Turn(number));
                }
                game.turns.push(text.clone());
                game.turn_bytes += text.len() as u64;
            }
        }
        if state.closed > game.turns.len() {
            return Err(ResumeError::Turn(game.turns.len()));
        }
        if state.closed == game.turns.len() {
            game.open = state.open;
        }
        game.phase = state.phase;
        game.starts_at = state.starts_at.map(Time::from_millis);
        game.started_at = state.started_at.map(Time::from_millis);
        game.ended_at = state.ended_at.map(Time::from_millis);
        game.start_info = state.start_info;
        game.seats = state.seats;
        for seat in &mut game.seats {
            seat.seen_at = now;
        }
        game.kicks = state.kicks.max((state.kicked.len() + state.kicked_by_relay.len()) as u64);
        for (list, all) in game.kicked.iter_mut().zip([state.kicked, state.kicked_by_relay]) {
            all.into_iter().for_each(|who| list.add(who));
        }
        game.is_paused = state.is_paused;
        game.dropped = state.dropped;
        game.winner = state.winner;
        game.empty_since = Some(now);
        game.next_turn_at = game.first_turn_after(now);
        game.conns = BTreeMap::<Conn, usize>::new();
        game.runs = state.runs;
        game.begin_run(run);
        let mut out = Vec::new();
        game.settle(now, false, &mut out);
        Ok((game, out))
    }
}
