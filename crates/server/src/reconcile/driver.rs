//! The loop of every reconciler: one pass after another, at once when woken, after a while when not, later when it failed.

use ostler_model::{Millis, Time};
use ostler_runtime::Clock;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

const PAUSE_FIRST: Millis = Millis(250);
const PAUSE_MOST: Millis = Millis::secs(60);

/// Wakes a loop. Waking twice before it looks wakes it once.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// There is something to do.
    pub fn wake(&self) {
        self.0.notify_one();
    }
    async fn woken(&self) {
        self.0.notified().await;
    }
}

/// How a pass ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// All is as it should be.
    Settled,
    /// There is more to do at once.
    More,
    /// It did not work; the sentence is for people.
    Failed(String),
}

/// How a loop is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    pub passes: u64,
    pub settled_at: Option<Time>,
    /// Failures in a row.
    pub failures: u32,
    pub problem: Option<String>,
}

/// A loop's health, readable while it runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Board(Arc<Mutex<Health>>);

impl Board {
    pub(super) fn read(&self) -> Health {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    fn note(&self, pass: &Pass, now: Time) -> Health {
        let mut health = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        health.passes += 1;
        match pass {
            Pass::Settled => {
                *health = Health { passes: health.passes, settled_at: Some(now), failures: 0, problem: None };
            }
            Pass::More => {}
            Pass::Failed(why) => {
                health.failures = health.failures.saturating_add(1);
                health.problem = Some(why.clone());
            }
        }
        health.clone()
    }
}

/// Runs passes until it is dropped. `rest` is the longest sleep: what nobody told of is found at the latest then.
pub(super) async fn run<F: Future<Output = Pass>>(
    clock: &Clock,
    wake: &Wake,
    board: &Board,
    rest: Millis,
    mut pass: impl FnMut() -> F,
) {
    loop {
        let ended = pass().await;
        let health = board.note(&ended, clock.now());
        match ended {
            Pass::More => {}
            Pass::Settled => {
                tokio::select! {
                    () = wake.woken() => {}
                    () = clock.sleep(rest) => {}
                }
            }
            Pass::Failed(why) => {
                if health.failures == 1 {
                    tracing::warn!(%why, "a reconciler could not finish its pass; it tries again");
                }
                let pause = PAUSE_FIRST.0 << (health.failures - 1).min(10);
                clock.sleep(Millis(pause.min(PAUSE_MOST.0))).await;
            }
        }
    }
}
