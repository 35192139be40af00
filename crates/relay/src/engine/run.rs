//! Runs: which turns two processes that held the same match one after the other have in common.
//!
//! A process that dies may take turns with it that players have seen, when its disk was too slow. The next one closes other
//! turns under the same numbers. So each run has a name, and whoever comes back says which run their turns are of.

use super::Match;
use super::journal::Due;

/// Most runs that are remembered; a player of an older one begins anew.
const REMEMBERED: usize = 64;

/// One time that a process held the match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Run {
    /// Its name.
    pub(super) id: u32,
    /// How many turns there were when it began.
    pub(super) from: u64,
}

impl Match {
    /// The run of now.
    pub(super) fn run(&self) -> u32 {
        self.runs.last().map_or(0, |run| run.id)
    }

    /// A run begins with the turns that there are.
    pub(super) fn begin_run(&mut self, id: u32) {
        if self.runs.len() >= REMEMBERED {
            self.runs.remove(0);
        }
        self.runs.push(Run { id, from: self.turns.len() as u64 });
        self.changed(Due::Checkpoint);
    }

    /// How many turns of that run are turns of this one. Of a run that nobody remembers, none can be trusted.
    pub(super) fn shared_turns(&self, with: u32) -> u64 {
        let Some(at) = self.runs.iter().rposition(|run| run.id == with) else { return 0 };
        // What a later run began with, it had from the earlier one.
        self.runs[at + 1..].iter().map(|run| run.from).min().unwrap_or(self.turns.len() as u64)
    }
}
