//! How often a node may say something, counted for the node and not for its links: reconnecting refills nothing.

use ostler_model::bounds::link::{REPORTS_AT_ONCE, REPORTS_PER_SECOND};
use ostler_model::{Millis, NodeId, Time};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Nodes remembered; those that have rested are forgotten first.
const NODES: usize = 10_000;

/// The reports of each node, as a bucket that fills again with time.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<NodeId, Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When it is full again.
    full_at: Time,
}

/// Thousandths of a second that one report takes.
const EACH: u64 = 1000 / REPORTS_PER_SECOND;

impl Rates {
    /// Takes so many reports, and says how long the node has to wait before more of it is read.
    pub(super) fn take(&self, node: NodeId, count: u64, now: Time) -> Millis {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= NODES && !all.contains_key(&node) {
            all.retain(|_, bucket| bucket.full_at > now);
        }
        let bucket = all.entry(node).or_insert(Bucket { full_at: now });
        bucket.full_at = bucket.full_at.max(now) + Millis(count.saturating_mul(EACH));
        let empty_at = bucket.full_at - Millis(REPORTS_AT_ONCE * EACH);
        if empty_at > now { empty_at.since(now) } else { Millis(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_model::Id as _;

    #[test]
    fn s10_reports_come_at_their_rate_across_links() {
        let (rates, begin) = (Rates::default(), Time::from_millis(1_000_000));
        let (node, other) = (NodeId::from_parts(begin, 1), NodeId::from_parts(begin, 2));
        assert_eq!(rates.take(node, REPORTS_AT_ONCE, begin), Millis(0), "all workloads of a large node at once");
        assert_eq!(rates.take(other, 1, begin), Millis(0), "each node has its own");
        // Ten times as many: read as fast as the rate allows, and no faster.
        let mut now = begin;
        for _ in 0..REPORTS_AT_ONCE * 10 / 100 {
            now = now + rates.take(node, 100, now);
        }
        assert_eq!(now.since(begin), Millis::secs(REPORTS_AT_ONCE * 10 / REPORTS_PER_SECOND));
        assert_eq!(rates.take(node, 1, now + Millis::secs(3600)), Millis(0), "it has rested");
    }
}
