//! The ring of lines.

use super::Players;
use crate::limits;
use ostler_model::Time;
use ostler_model::workload::blueprint::PlayerRule;
use ostler_runtime::Clock;
use ostler_wire::console::{ConsoleLine, ConsoleStream};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One workload's console. Cheap to clone.
#[derive(Clone)]
pub struct Console(Arc<Inner>);

struct Inner {
    clock: Clock,
    ring: Mutex<Ring>,
    /// The newest sequence number.
    newest: watch::Sender<u64>,
    /// How many players are known, `None` without a rule.
    players: watch::Sender<Option<u32>>,
}

struct Ring {
    lines: VecDeque<ConsoleLine>,
    bytes: usize,
    next: u64,
    players: Option<Players>,
    rule: Option<PlayerRule>,
}

/// A part of the ring.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub lines: Vec<ConsoleLine>,
    /// The oldest number that is still kept; one more than the newest when nothing is.
    pub first_seq: u64,
    pub last_seq: u64,
}

impl Console {
    /// An empty console whose first line gets number 1.
    pub fn new(clock: Clock) -> Self {
        let ring = Ring { lines: VecDeque::new(), bytes: 0, next: 1, players: None, rule: None };
        let (newest, players) = (watch::Sender::new(0), watch::Sender::new(None));
        Self(Arc::new(Inner { clock, ring: Mutex::new(ring), newest, players }))
    }
    /// Adds a text; line breaks and over-long lines make several lines of it.
    pub fn push(&self, stream: ConsoleStream, text: &str) {
        let at = self.0.clock.now();
        let mut ring = self.lock();
        for line in text.lines() {
            for piece in pieces(line) {
                ring.push(at, stream, piece);
            }
        }
        self.announce(&ring);
    }
    /// What the agent says about the workload.
    pub fn say(&self, text: &str) {
        self.push(ConsoleStream::Agent, text);
    }
    /// Goes on counting at least after this number, so that numbers never repeat when the agent was away.
    pub fn resume_after(&self, seq: u64) {
        let mut ring = self.lock();
        ring.next = ring.next.max(seq + 1);
        self.announce(&ring);
    }
    /// The newest number.
    pub fn last_seq(&self) -> u64 {
        self.lock().next - 1
    }
    /// Lines with a number above `after`, oldest first, at most `most`.
    pub fn page(&self, after: u64, most: usize) -> Page {
        let ring = self.lock();
        let from = ring.lines.partition_point(|line| line.seq <= after);
        Page {
            lines: ring.lines.range(from..).take(most).cloned().collect(),
            first_seq: ring.lines.front().map_or(ring.next, |line| line.seq),
            last_seq: ring.next - 1,
        }
    }
    /// Follows the newest number.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.newest.subscribe()
    }
    /// Follows how many players there are.
    pub fn watch_players(&self) -> watch::Receiver<Option<u32>> {
        self.0.players.subscribe()
    }
    /// How many players there are, as far as the console tells.
    pub fn players(&self) -> Option<u32> {
        *self.0.players.borrow()
    }
    /// Counts players by this rule from now on. The count begins at none when the rule is new.
    pub fn count_players(&self, rule: Option<&PlayerRule>) {
        let mut ring = self.lock();
        if ring.rule.as_ref() != rule {
            ring.rule = rule.cloned();
            ring.players = rule.and_then(Players::new);
            self.announce(&ring);
        }
    }
    /// A run began or ended: nobody is in it.
    pub fn nobody_plays(&self) {
        let mut ring = self.lock();
        if let Some(players) = &mut ring.players {
            players.clear();
        }
        self.announce(&ring);
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn announce(&self, ring: &Ring) {
        let count = ring.players.as_ref().map(Players::count);
        self.0.newest.send_if_modified(|newest| std::mem::replace(newest, ring.next - 1) != ring.next - 1);
        self.0.players.send_if_modified(|players| std::mem::replace(players, count) != count);
    }
}

impl Ring {
    fn push(&mut self, at: Time, stream: ConsoleStream, text: &str) {
        if let (Some(players), ConsoleStream::Out | ConsoleStream::Err) = (&mut self.players, stream) {
            players.see(text);
        }
        self.bytes += text.len();
        self.lines.push_back(ConsoleLine { seq: self.next, at, stream, text: text.to_owned() });
        self.next += 1;
        while self.lines.len() > limits::CONSOLE_LINES || self.bytes > limits::CONSOLE_BYTES {
            let Some(old) = self.lines.pop_front() else { break };
            self.bytes -= old.text.len();
        }
    }
}

/// What the console says in the place of output that is left out.
pub fn dropped(bytes: u64) -> String {
    let digits = bytes.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("… {grouped} bytes dropped …")
}

/// The line in pieces of bounded length, cut between characters.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        if text.len() <= limits::LINE_BYTES {
            return Some(text);
        }
        let (head, tail) = text.split_at(text.floor_char_boundary(limits::LINE_BYTES));
        rest = Some(tail);
        Some(head)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_bounded_in_lines_and_bytes_and_numbers_never_repeat() {
        let console = Console::new(Clock::system());
        for i in 0..limits::CONSOLE_LINES * 2 {
            console.push(ConsoleStream::Out, &format!("line {i}"));
        }
        let page = console.page(0, usize::MAX);
        assert_eq!(page.lines.len(), limits::CONSOLE_LINES);
        assert_eq!(page.last_seq, limits::CONSOLE_LINES as u64 * 2);
        assert!(page.lines.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
        for _ in 0..200 {
            console.push(ConsoleStream::Out, &"ä".repeat(limits::LINE_BYTES));
        }
        let page = console.page(0, usize::MAX);
        assert!(page.lines.iter().map(|l| l.text.len()).sum::<usize>() <= limits::CONSOLE_BYTES);
        assert!(page.lines.iter().all(|l| l.text.len() <= limits::LINE_BYTES));
    }

    #[test]
    fn what_was_dropped_is_counted_so_that_people_can_read_it() {
        for (bytes, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(dropped(bytes), format!("… {shown} bytes dropped …"));
        }
    }

    #[test]
    fn a_follower_who_lags_sees_a_gap_and_then_the_newest() {
        let console = Console::new(Clock::system());
        console.push(ConsoleStream::Out, "a\nb\nc");
        assert_eq!(console.page(1, 1).lines[0].text, "b");
        console.resume_after(100);
        console.push(ConsoleStream::Out, "d");
        let page = console.page(3, 10);
        assert_eq!((page.lines[0].seq, page.lines[0].text.as_str()), (101, "d"));
        assert!(console.page(101, 10).lines.is_empty());
    }
}
