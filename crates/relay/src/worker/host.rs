//! One match with its sockets: steps it under a lock and hands on what it wants sent, in order.

use super::Worker;
use super::journal::Entry;
use crate::engine::{Conn, Match, Output};
use axum::extract::ws::Utf8Bytes;
use ostler_model::Time;
use ostler_model::matches::{GameId, Phase};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Frames that may wait for one socket. Who falls further behind is let go and rejoins.
pub(super) const QUEUE_FRAMES: usize = 256;

/// What goes to one socket.
#[derive(Debug)]
pub(super) enum Parcel {
    Text(Utf8Bytes),
    Close(String),
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
    sockets: BTreeMap<Conn, mpsc::Sender<Parcel>>,
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

    /// Adds a socket, before anything is sent to it.
    pub(super) fn attach(&self, conn: Conn, sender: mpsc::Sender<Parcel>) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).sockets.insert(conn, sender);
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
        let mut lines = String::new();
        for output in &out {
            if let Output::Journal(record) = output {
                lines.push_str(&record.line());
            }
        }
        if line.is_over {
            // It is archived, or about to be: a line now would bring its journal back.
            lines.clear();
        }
        let is_over = line.game.phase() == Phase::Finished && !line.is_over;
        if !lines.is_empty() || is_over {
            line.is_over |= is_over;
            line.asked += 1;
            let archive = if is_over { Some(line.game.clone()) } else { None };
            let entry = Entry { host: self.clone(), number: line.asked, lines, archive };
            if !worker.0.journal.send(entry) {
                // The journal is hopelessly behind. Playing on is worth more than being able to resume.
                tracing::error!(game = %self.id, "the journal is full; a crash now would lose turns");
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
            Output::Send { to, text } => self.parcel(to, Parcel::Text(text.into())),
            Output::All { to, text } => {
                // One text for all: a clone of it is a counter.
                let text = Utf8Bytes::from(text);
                for conn in to.iter() {
                    self.parcel(*conn, Parcel::Text(text.clone()));
                }
            }
            Output::Close { conn, reason } => {
                self.parcel(conn, Parcel::Close(reason));
                self.sockets.remove(&conn);
            }
            Output::Journal(_) => {}
        }
    }

    fn parcel(&mut self, to: Conn, parcel: Parcel) {
        let is_stuck = self.sockets.get(&to).is_some_and(|sender| sender.try_send(parcel).is_err());
        if is_stuck {
            // Its task sees the closed queue, closes the socket and says so to the match.
            self.sockets.remove(&to);
        }
    }
}
