//! One task that closes the turns of all matches.

use super::Worker;
use crate::engine::{Input, step};
use ostler_model::{Millis, Time};

/// The longest nap: a start timer that was just set is seen after this.
const NAP: Millis = Millis(20);

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
        let mut next = worker.0.clock.now() + NAP;
        for host in hosts {
            let now = worker.0.clock.now();
            if host.due() <= now {
                host.with(&worker, |game, out| out.extend(step(game, Input::Tick, now)));
            }
            next = next.min(host.due());
        }
        // At least a millisecond, so that a match that is always due leaves room for everybody else.
        let soonest: Time = worker.0.clock.now() + Millis(1);
        worker.0.clock.sleep_until(next.max(soonest)).await;
    }
}
