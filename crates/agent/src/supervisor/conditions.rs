//! The conditions of one workload's resources.

use crate::driver::Note;
use ostler_model::Time;
use ostler_model::bounds::agent::MESSAGE_BYTES;
use ostler_model::workload::{Blueprint, Condition, Status};
use std::collections::BTreeMap;

/// The condition of the run itself, beside those of the resources.
pub(super) const RUN: &str = "run";
/// Only there while the agent cannot keep its journal, or lost part of it.
pub(super) const JOURNAL: &str = "journal";

/// Conditions by resource key.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions(BTreeMap<String, Condition>);

impl Conditions {
    /// Sets one. `since` only moves when the status or its reason changes.
    pub(super) fn set(&mut self, resource: &str, note: Note, now: Time) {
        let since = match self.0.get(resource) {
            Some(old) if old.status == note.status && old.reason == note.reason => old.since,
            _ => now,
        };
        let Note { status, reason, message } = note;
        let message = short(message);
        self.0.insert(resource.to_owned(), Condition { resource: resource.to_owned(), status, reason, message, since });
    }
    pub(super) fn clear(&mut self, resource: &str) {
        self.0.remove(resource);
    }
    /// What was under way is not any more.
    pub(super) fn call_off(&mut self, now: Time) {
        let changing: Vec<_> =
            self.0.values().filter(|c| c.status == Status::Changing).map(|c| c.resource.clone()).collect();
        for resource in changing {
            self.set(&resource, plain(Status::Pending, ""), now);
        }
    }
    /// All, in the blueprint's order; then what is not of the blueprint.
    pub(super) fn list(&self, blueprint: &Blueprint) -> Vec<Condition> {
        let named = blueprint.resources.iter().filter_map(|r| self.0.get(&r.key));
        let others = self.0.values().filter(|c| !blueprint.resources.iter().any(|r| r.key == c.resource));
        named.chain(others).cloned().collect()
    }
}

/// A message of bounded length: engines, tools and registries say in it what they want.
pub(super) fn short(mut message: String) -> String {
    const MOST: usize = MESSAGE_BYTES as usize;
    if message.len() > MOST {
        message.truncate(message.floor_char_boundary(MOST - '…'.len_utf8()));
        message.push('…');
    }
    message
}

/// A note without a reason code.
pub(super) fn plain(status: Status, message: &str) -> Note {
    Note { status, reason: String::new(), message: message.to_owned() }
}

/// A failure.
pub(super) fn failed(reason: &str, message: impl Into<String>) -> Note {
    Note { status: Status::Failed, reason: reason.to_owned(), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_about_a_workload_is_bounded() {
        let most = usize::try_from(MESSAGE_BYTES).unwrap();
        for text in ["é", "x", "日", "🐎"] {
            let long = short(text.repeat(most * 10));
            assert!(long.len() <= most && long.len() > most - 8 && long.ends_with('…'), "{}", long.len());
        }
        assert_eq!(short("as it is".to_owned()), "as it is");
        let mut conditions = Conditions::default();
        conditions.set("run", failed("not_started", "x".repeat(most * 10)), Time::ZERO);
        assert!(conditions.0["run"].message.len() <= most);
    }
}
