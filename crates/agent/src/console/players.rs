//! Counting players from what a game prints.

use super::visible;
use ostler_model::bounds::agent::{PLAYER_NAME_BYTES, PLAYERS_COUNTED};
use ostler_model::workload::blueprint::PlayerRule;
use regex::{Regex, RegexBuilder};
use std::collections::BTreeSet;

// A game that prints joins without end must not fill the memory.
const MOST: usize = PLAYERS_COUNTED as usize;
const NAME_MOST: usize = PLAYER_NAME_BYTES as usize;

/// Who is there, as far as the console tells.
#[derive(Debug)]
pub struct Players {
    join: Regex,
    leave: Regex,
    names: BTreeSet<String>,
    /// Counted where the rule names nobody.
    nameless: u32,
}

impl Players {
    /// A count by this rule; `None` when a pattern is not a regular expression.
    pub fn new(rule: &PlayerRule) -> Option<Self> {
        let read = |pattern: &str| RegexBuilder::new(pattern).size_limit(1 << 20).build().ok();
        Some(Self { join: read(&rule.join)?, leave: read(&rule.leave)?, names: BTreeSet::new(), nameless: 0 })
    }
    /// Reads one line.
    pub fn see(&mut self, line: &str) {
        let line = visible(line);
        let short = |name: regex::Match<'_>| name.as_str()[..name.as_str().floor_char_boundary(NAME_MOST)].to_owned();
        if let Some(found) = self.join.captures(&line) {
            match found.name("name") {
                Some(name) if self.names.len() < MOST => drop(self.names.insert(short(name))),
                Some(_) => {}
                None => self.nameless = self.nameless.saturating_add(1),
            }
        } else if let Some(found) = self.leave.captures(&line) {
            match found.name("name") {
                Some(name) => drop(self.names.remove(&short(name))),
                None => self.nameless = self.nameless.saturating_sub(1),
            }
        }
    }
    /// How many are there.
    pub fn count(&self) -> u32 {
        u32::try_from(self.names.len()).unwrap_or(u32::MAX).saturating_add(self.nameless)
    }
    /// Nobody is there.
    pub fn clear(&mut self) {
        self.names.clear();
        self.nameless = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_counts_once_however_often_the_game_says_so() {
        let rule = PlayerRule { join: r"(?<name>\w+) joins".into(), leave: r"(?<name>\w+) leaves".into() };
        let mut players = Players::new(&rule).unwrap();
        for line in ["ann joins", "bob joins", "ann joins", "carl leaves", "ann leaves"] {
            players.see(line);
        }
        assert_eq!(players.count(), 1);
        players.clear();
        assert_eq!(players.count(), 0);
    }

    #[test]
    fn players_are_counted_up_to_a_bound() {
        let rule = PlayerRule { join: r"(?<name>\w+) joins".into(), leave: r"(?<name>\w+) leaves".into() };
        let mut players = Players::new(&rule).unwrap();
        let long = "x".repeat(NAME_MOST * 10);
        for n in 0..MOST * 10 {
            players.see(&format!("{n} joins"));
        }
        assert_eq!(players.count() as usize, MOST);
        players.clear();
        players.see(&format!("{long} joins"));
        assert!(players.names.iter().all(|name| name.len() == NAME_MOST));
        players.see(&format!("{long} leaves"));
        assert_eq!(players.count(), 0);
    }
}
