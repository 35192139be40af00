//! What a match writes down and when: everything at a few moments of its life, between them only what has changed.
//!
//! Changes are found by comparing with what the journal has, so no event can forget to say what it did, and what was undone
//! in between is not written at all.

use super::resume::Change;
use super::seat::{Kept, Seat};
use super::{Match, Output, Record};
use ostler_model::Time;
use ostler_model::bounds::relay::{JOURNAL_CHANGE_BURST_BYTES, JOURNAL_CHANGE_BYTES_PER_SECOND};
use ostler_model::matches::{ClientId, Config};
use std::collections::BTreeMap;

/// How soon the journal learns of what is different now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// It knows everything.
    #[default]
    Never,
    /// With the next turn, or in a lobby with the next tick: what others cause must not cost a write each time.
    WithTick,
    /// Before anything of this step is sent, while the match has not written too much.
    Now,
    /// All of the match, before anything of this step is sent. A match begins, starts, ends, and comes back only once.
    Checkpoint,
}

/// What the journal has of a match, apart from its turns.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    config: Config,
    starts_at: Option<Time>,
    is_paused: bool,
    seats: BTreeMap<ClientId, Kept>,
    kicked: [u64; 2],
    /// Intents of the open turn.
    open: usize,
}

/// The bytes that changes of one match may take.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    left: i64,
    at: Time,
}

/// What a line has around its text.
const LINE: usize = 10;
const BURST: i64 = JOURNAL_CHANGE_BURST_BYTES.cast_signed();

impl Budget {
    pub(super) fn new(now: Time) -> Self {
        Self { left: BURST, at: now }
    }
    /// Whether a change may be written. The last one may go over; the next ones wait for it.
    fn is_open(&mut self, now: Time) -> bool {
        let gained = now.since(self.at).0.saturating_mul(JOURNAL_CHANGE_BYTES_PER_SECOND) / 1_000;
        // A few milliseconds gain nothing, and must not be forgotten.
        if gained > 0 {
            self.left = self.left.saturating_add(i64::try_from(gained).unwrap_or(BURST)).min(BURST);
            self.at = now;
        }
        self.left > 0
    }
    fn take(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

impl Match {
    /// Something is different from what the journal has.
    pub(super) fn changed(&mut self, due: Due) {
        self.journal_due = self.journal_due.max(due);
    }

    /// What every step ends with: the journal learns what the step changed, after the turn that it closed.
    pub(super) fn settle(&mut self, now: Time, is_tick: bool, out: &mut Vec<Output>) {
        let is_due = match self.journal_due {
            Due::Never => false,
            Due::Checkpoint => true,
            Due::Now => self.budget.is_open(now),
            Due::WithTick => is_tick && self.budget.is_open(now),
        };
        if !is_due {
            return;
        }
        if std::mem::take(&mut self.journal_due) == Due::Checkpoint {
            out.push(Output::Journal(Record::State(self.state_text())));
        } else if let Some(change) = self.change() {
            let text = serde_json::to_string(&change).expect("a change is plain data with text keys");
            self.budget.take(text.len() + LINE);
            out.push(Output::Journal(Record::Change(text)));
        }
        self.written = Written {
            config: self.config.clone(),
            starts_at: self.starts_at,
            is_paused: self.is_paused,
            seats: self.seats.iter().map(|seat| (seat.client_id, seat.kept())).collect(),
            kicked: self.kicked.each_ref().map(super::kicked::Kicked::count),
            open: self.open.len(),
        };
    }

    /// The difference between this match and what the journal has.
    fn change(&self) -> Option<Change> {
        let before = &self.written;
        let here = |id: &ClientId| self.seats.iter().any(|seat| seat.client_id == *id);
        let is_new = |seat: &&Seat| before.seats.get(&seat.client_id) != Some(&seat.kept());
        let [people, relay] = [0, 1].map(|by| self.kicked[by].since(before.kicked[by]));
        let change = Change {
            closed: self.turns.len(),
            starts_at: self.starts_at.map(Time::as_millis),
            is_paused: self.is_paused,
            dropped: self.dropped,
            config: (self.config != before.config).then(|| self.config.clone()),
            gone: before.seats.keys().filter(|id| !here(id)).copied().collect(),
            seats: self.seats.iter().filter(is_new).cloned().collect(),
            kicks: self.kicks,
            kicked: people,
            kicked_by_relay: relay,
            open: self.open[before.open.min(self.open.len())..].to_vec(),
        };
        let is_same = change.config.is_none()
            && change.gone.is_empty()
            && change.seats.is_empty()
            && change.kicked.is_empty()
            && change.kicked_by_relay.is_empty()
            && change.open.is_empty()
            && self.starts_at == before.starts_at
            && self.is_paused == before.is_paused;
        (!is_same).then_some(change)
    }

    /// The open turn is in the journal as a turn: nothing of it is in a change any more.
    pub(super) fn open_is_written(&mut self) {
        self.written.open = 0;
    }
}
