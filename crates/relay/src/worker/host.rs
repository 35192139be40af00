//! One match with its sockets: steps it under a lock and hands on what it wants sent, in order.

use super::Worker;
use super::journal::Entry;
use super::outlet::{self, Outlet};
use crate::engine::{Conn, Match, Output, Record};
use axum::body::Bytes;
use ostler_model::Time;
use ostler_model::matches::{GameId, Phase};
use ostler_wire::match_cbor;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where to send one socket's frames, and in which form.
struct Ear {
    outlet: Arc<Outlet>,
    is_compact: bool,
}

/// A match and who listens to it.
pub(super) struct Host {
    pub(super) id: GameId,
    /// When the ticker should look, in milliseconds since the Unix epoch.
    due: AtomicI64,
    line: Mutex<Line>,
}

struct Line {
    game: Match,
    sockets: BTreeMap<Conn, Ear>,
    /// Steps whose records are not written yet, and all that came after them.
    waiting: VecDeque<(u64, Vec<Output>)>,
    /// Counts entries for the journal.
    asked: u64,
    /// The last entry that the journal has.
    done: u64,
    is_over: bool,
}

impl Host {
    pub(super) fn new(game: Match) -> Self {
        let line = Line { sockets: BTreeMap::new(), waiting: VecDeque::new(), asked: 0, done: 0, is_over: false, game };
        Self { id: line.game.id(), due: AtomicI64::new(0), line: Mutex::new(line) }
    }

    /// When the ticker should look next.
    pub(super) fn due(&self) -> Time {
        Time::from_millis(self.due.load(Ordering::Acquire))
    }

    /// The match is over, and is being archived.
    pub(super) fn is_over(&self) -> bool {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).is_over
    }

    /// Adds a socket, before anything is sent to it.
    pub(super) fn attach(&self, conn: Conn, outlet: Arc<Outlet>, is_compact: bool) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.sockets.insert(conn, Ear { outlet, is_compact });
    }

    /// Forgets a socket.
    pub(super) fn detach(&self, conn: Conn) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).sockets.remove(&conn);
    }

    /// Does something with the match and hands on what came of it.
    pub(super) fn with<T>(self: &Arc<Self>, worker: &Worker, act: impl FnOnce(&mut Match, &mut Vec<Output>) -> T) -> T {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Vec::new();
        let answer = act(&mut line.game, &mut out);
        // Once it is archived, or about to be, a line would bring its journal back.
        let is_kept = !line.is_over;
        let records: Vec<Record> = out
            .extract_if(.., |output| matches!(output, Output::Journal(_)))
            .filter_map(|output| if let Output::Journal(record) = output { is_kept.then_some(record) } else { None })
            .collect();
        let is_over = line.game.phase() == Phase::Finished && !line.is_over;
        if !records.is_empty() || is_over {
            line.is_over |= is_over;
            line.asked += 1;
            let archive = if is_over { Some(line.game.clone()) } else { None };
            let entry = Entry { host: self.clone(), number: line.asked, records, archive };
            let is_queued = worker.0.journal.send(entry);
            if !is_queued {
                // The journal is hopelessly behind. Playing on is worth more than being able to resume.
                tracing::error!(game = %self.id, "the journal is full; a crash now would lose turns");
            }
            if !is_queued || worker.0.journal.is_behind() {
                let asked = line.asked;
                line.waiting.push_back((asked, out));
                line.deliver_until(asked);
                out = Vec::new();
            }
        }
        if !out.is_empty() {
            let asked = line.asked;
            line.waiting.push_back((asked, out));
        }
        let done = line.done;
        line.deliver_until(done);
        let due = line.game.next_due(worker.0.clock.now()).map_or(i64::MAX, Time::as_millis);
        self.due.store(due, Ordering::Release);
        answer
    }

    /// Nothing waits for the journal any longer.
    pub(super) fn let_go(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = line.asked;
        line.deliver_until(asked);
    }

    /// The journal has everything up to this entry: what waited for it goes out.
    pub(super) fn written(&self, number: u64) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).deliver_until(number);
    }
}

impl Line {
    fn deliver_until(&mut self, number: u64) {
        self.done = self.done.max(number);
        let number = self.done;
        while self.waiting.front().is_some_and(|(at, _)| *at <= number) {
            for output in self.waiting.pop_front().map(|(_, out)| out).unwrap_or_default() {
                self.deliver(output);
            }
        }
    }

    fn deliver(&mut self, output: Output) {
        match output {
            Output::Send { to, text } => self.frame(&[to], text),
            Output::All { to, text } => self.frame(&to, text),
            Output::Close { conn, reason } => {
                if let Some(ear) = self.sockets.remove(&conn) {
                    ear.outlet.close(&reason);
                }
            }
            Output::Journal(_) => {}
        }
    }

    /// Written once in each form that somebody wants: a clone is a counter.
    fn frame(&mut self, to: &[Conn], text: String) {
        let mut compact: Option<Bytes> = None;
        let mut plain: Option<Bytes> = None;
        for conn in to {
            let Some(ear) = self.sockets.get(conn) else { continue };
            let frame = if ear.is_compact {
                compact.get_or_insert_with(|| outlet::binary(match_cbor::from_text(&text)))
            } else {
                plain.get_or_insert_with(|| outlet::text(text.clone()))
            };
            if !ear.outlet.send(frame.clone()) {
                // Its task ends with the outlet, and says so to the match.
                self.sockets.remove(conn);
            }
        }
    }
}
