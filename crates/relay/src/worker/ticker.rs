//! One task that closes the turns of all matches.

use super::Worker;
use super::host::Host;
use crate::engine::{Input, step};
use ostler_model::{Millis, Time};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// How far it looks ahead. A start timer that was just set is seen after this.
const ROUND: Millis = Millis(20);

/// Ticks every match that is due, for ever.
pub(super) async fn run(worker: Worker) {
    loop {
        let hosts = worker.hosts();
        if hosts.is_empty() {
            let changed = worker.0.changed.notified();
            if worker.load() == 0 {
                changed.await;
            }
            continue;
        }
        round(&worker, &hosts).await;
    }
}

/// Everything that is due in the next moments, each at its time. Only those are looked at more than once.
async fn round(worker: &Worker, hosts: &[Arc<Host>]) {
    let end = worker.0.clock.now() + ROUND;
    let soon = hosts.iter().enumerate().map(|(at, host)| (host.due(), at)).filter(|(due, _)| *due < end);
    let mut agenda: BinaryHeap<Reverse<(Time, usize)>> = soon.map(Reverse).collect();
    while let Some(Reverse((due, at))) = agenda.pop() {
        if worker.0.clock.now() < due {
            worker.0.clock.sleep_until(due).await;
        }
        let now = worker.0.clock.now();
        let host = &hosts[at];
        // It may have moved since this round began.
        if host.due() <= now {
            host.with(worker, |game, out| out.extend(step(game, Input::Tick, now)));
        }
        // At least a millisecond later, so that a match that is always due leaves room for everybody else.
        let again = host.due().max(now + Millis(1));
        if again < end {
            agenda.push(Reverse((again, at)));
        }
    }
    worker.0.clock.sleep_until(end).await;
}
