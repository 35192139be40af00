//! Closing turns.

use super::{Match, Output, Record};
use ostler_model::{Millis, Time};

impl Match {
    /// When the first turn after `now` closes: matches that start, or come back, together do not all close theirs together.
    pub(super) fn first_turn_after(&self, now: Time) -> Time {
        let pace = self.rules.title.turn_ms.max(1);
        let phase =
            self.id.as_str().bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let at = u64::try_from(now.as_millis()).unwrap_or(0);
        now + Millis(pace - (at + phase) % pace)
    }

    /// Adds a stamped intent to the open turn.
    pub(super) fn add_to_turn(&mut self, intent: String) {
        self.turn_bytes += intent.len() as u64 + 1;
        self.open.push(intent);
    }

    /// Closes the open turn when its time has come. At most one: after a stall the game goes on at its pace, it does not
    /// rush through the turns that nobody could act in.
    pub(super) fn close_turn(&mut self, now: Time, out: &mut Vec<Output>) {
        if now < self.next_turn_at {
            return;
        }
        let pace = Millis(self.rules.title.turn_ms.max(1));
        let planned = self.next_turn_at + pace;
        self.next_turn_at = if planned <= now { now + pace } else { planned };
        let number = self.turns.len();
        let turn = format!(r#"{{"turnNumber":{number},"intents":[{}]}}"#, self.open.join(","));
        self.open.clear();
        self.open_is_written();
        out.push(Output::Journal(Record::Turn(turn.clone())));
        self.turn_bytes += 40;
        out.push(Output::All { to: self.audience.clone(), text: turn_frame(&turn) });
        self.turns.push(turn);
        self.compare_hashes(out);
    }
}

/// The `turn` frame around a turn's text.
pub(super) fn turn_frame(turn: &str) -> String {
    format!(r#"{{"type":"turn","turn":{turn}}}"#)
}
