//! Closing turns.

use super::{Match, Output, Record};
use ostler_model::{Millis, Time};

impl Match {
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
        out.push(Output::Journal(Record::Turn(turn.clone())));
        out.push(Output::All { to: self.audience.clone(), text: turn_frame(&turn) });
        self.turns.push(turn);
        self.compare_hashes(out);
    }
}

/// The `turn` frame around a turn's text.
pub(super) fn turn_frame(turn: &str) -> String {
    format!(r#"{{"type":"turn","turn":{turn}}}"#)
}
