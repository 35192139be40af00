//! What one player may cost the others, and how long things may last.

use ostler_model::bounds::relay::CLIENT_LOG_LINES_PER_MINUTE;
use ostler_model::{Millis, Time};
use std::collections::VecDeque;

/// Intents a second. A hand on a mouse is far below it.
const INTENTS_PER_SECOND: usize = 10;
/// Intents a minute: bursts are fine, a macro that runs for ever is not.
const INTENTS_PER_MINUTE: usize = 150;
/// Rejoins a minute. Each may cost every turn of the match.
const REJOINS_PER_MINUTE: usize = 5;
/// One intent; what is larger was not made by a game's client.
pub(super) const INTENT_BYTES: usize = 2_000;
/// All frames of one player in one match.
pub(super) const TOTAL_BYTES: u64 = 5_000_000;
/// A name to show.
pub(super) const USERNAME_CHARS: usize = 64;
/// Turns that wait for the last hash before the majority decides.
pub(super) const HASH_PATIENCE_TURNS: u64 = 50;
/// Hashes of turns older than this are no longer taken.
pub(super) const HASH_WINDOW_TURNS: u64 = 200;
/// Without a ping for so long, a player counts as gone.
pub(super) const SILENCE: Millis = Millis::secs(60);
/// A running match that nobody is connected to ends after this; long enough to come back after a restart.
pub(super) const EMPTY: Millis = Millis::secs(120);
/// The longest match, its lobby included.
pub(super) const LONGEST: Millis = Millis::secs(3 * 60 * 60);
/// The lobby is shown at most so often.
pub(super) const INFO_GAP: Millis = Millis::secs(1);
/// How often a quiet lobby looks at its clock.
pub(super) const LOBBY_TICK: Millis = Millis::secs(1);

/// What one player has used.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    intents: VecDeque<Time>,
    rejoins: VecDeque<Time>,
    logs: VecDeque<Time>,
    bytes: u64,
}

impl Usage {
    /// Counts a frame. False when the player has sent too much in all.
    pub(super) fn take_bytes(&mut self, size: usize) -> bool {
        self.bytes = self.bytes.saturating_add(size as u64);
        self.bytes <= TOTAL_BYTES
    }
    /// Counts an intent. False when it comes too fast; then it is not counted.
    pub(super) fn take_intent(&mut self, now: Time) -> bool {
        forget(&mut self.intents, now);
        let second = self.intents.iter().rev().take_while(|at| now.since(**at) < Millis::secs(1)).count();
        let fits = second < INTENTS_PER_SECOND && self.intents.len() < INTENTS_PER_MINUTE;
        if fits {
            self.intents.push_back(now);
        }
        fits
    }
    /// Counts a line for the log. False when there are too many.
    pub(super) fn take_log(&mut self, now: Time) -> bool {
        forget(&mut self.logs, now);
        let fits = (self.logs.len() as u64) < CLIENT_LOG_LINES_PER_MINUTE;
        if fits {
            self.logs.push_back(now);
        }
        fits
    }
    /// Counts a rejoin. False when there are too many.
    pub(super) fn take_rejoin(&mut self, now: Time) -> bool {
        forget(&mut self.rejoins, now);
        let fits = self.rejoins.len() < REJOINS_PER_MINUTE;
        if fits {
            self.rejoins.push_back(now);
        }
        fits
    }
}

fn forget(times: &mut VecDeque<Time>, now: Time) {
    while times.front().is_some_and(|at| now.since(*at) >= Millis::secs(60)) {
        times.pop_front();
    }
}
