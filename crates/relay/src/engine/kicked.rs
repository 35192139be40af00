//! Players who were put out and stay out: the newest, up to a bound.

use std::collections::VecDeque;

/// One list of them, in order.
#[derive(Clone, Debug)]
pub(super) struct Kicked {
    who: VecDeque<String>,
    most: usize,
    /// How many have ever been added.
    count: u64,
}

impl Kicked {
    pub(super) fn new(most: u64) -> Self {
        Self { who: VecDeque::new(), most: usize::try_from(most).unwrap_or(usize::MAX), count: 0 }
    }
    pub(super) fn add(&mut self, who: String) {
        if self.contains(&who) {
            return;
        }
        if self.who.len() >= self.most {
            self.who.pop_front();
        }
        self.who.push_back(who);
        self.count += 1;
    }
    pub(super) fn contains(&self, who: &str) -> bool {
        self.who.iter().any(|kicked| kicked == who)
    }
    pub(super) fn count(&self) -> u64 {
        self.count
    }
    /// Those of the list that were added after the first `count`.
    pub(super) fn since(&self, count: u64) -> Vec<String> {
        let new = usize::try_from(self.count.saturating_sub(count)).unwrap_or(usize::MAX);
        self.who.iter().skip(self.who.len().saturating_sub(new)).cloned().collect()
    }
    pub(super) fn all(&self) -> Vec<String> {
        self.who.iter().cloned().collect()
    }
}
