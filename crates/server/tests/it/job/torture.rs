//! One test for all recipes: each step goes wrong in every way that we know, once.

use super::house::House;
use ostler_model::job::State;
use ostler_model::{JobId, Millis};
use ostler_server::job::engine::LEASE;
use ostler_server::job::{Context, Outcome, Recipe, Running, StepSpec};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// How a step goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// It cannot be done at all.
    FailsBefore,
    /// It fails for a moment.
    ErrorBefore,
    /// It had its effect, and then failed for a moment.
    ErrorAfter,
    /// It had its effect, and then the process died before it was written down.
    Crash,
    /// It is done twice.
    Twice,
    /// It takes for ever.
    DeadlinePasses,
    /// Somebody cancels while it is under way.
    Cancelled,
    /// The node goes away at this step and comes back later.
    NodeAway,
    /// Undoing dies half way, too.
    CrashInUndo,
}

const MODES: [Mode; 9] = [
    Mode::FailsBefore,
    Mode::ErrorBefore,
    Mode::ErrorAfter,
    Mode::Crash,
    Mode::Twice,
    Mode::DeadlinePasses,
    Mode::Cancelled,
    Mode::NodeAway,
    Mode::CrashInUndo,
];

struct Tortured {
    inner: Arc<dyn Recipe>,
    step: usize,
    mode: Mode,
    runs: AtomicUsize,
    undos: AtomicUsize,
    crash: Arc<Notify>,
    is_online: Arc<AtomicBool>,
    cancel: Arc<Notify>,
    is_cancelled: Arc<AtomicBool>,
}

impl Tortured {
    async fn dies(&self) -> Outcome {
        self.crash.notify_one();
        std::future::pending().await
    }
}

impl Recipe for Tortured {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    fn steps(&self) -> &'static [StepSpec] {
        self.inner.steps()
    }
    fn limit(&self) -> Option<Millis> {
        self.inner.limit()
    }
    fn run<'a>(&'a self, step: usize, context: &'a Context) -> Running<'a> {
        Box::pin(async move {
            let run = async || self.inner.run(step, context).await;
            if step != self.step {
                return run().await;
            }
            let count = self.runs.fetch_add(1, Ordering::SeqCst);
            match self.mode {
                Mode::FailsBefore | Mode::CrashInUndo if count == 0 => Outcome::Fail("broken on purpose".into()),
                Mode::ErrorBefore if count == 0 => Outcome::Retry("not now".into()),
                Mode::ErrorAfter if count == 0 => {
                    run().await;
                    Outcome::Retry("the answer was lost".into())
                }
                Mode::Crash if count == 0 => {
                    run().await;
                    self.dies().await
                }
                Mode::Twice => {
                    run().await;
                    run().await
                }
                Mode::DeadlinePasses if context.now < context.job.created_at + Millis::secs(90_000) => {
                    Outcome::Wait { until: context.now + Millis::secs(3600), note: None }
                }
                Mode::Cancelled if count == 0 => {
                    run().await;
                    self.cancel.notify_one();
                    while !self.is_cancelled.load(Ordering::SeqCst) {
                        tokio::task::yield_now().await;
                    }
                    Outcome::Wait { until: context.now, note: None }
                }
                Mode::NodeAway if count < 20 => {
                    self.is_online.store(count == 19, Ordering::SeqCst);
                    run().await
                }
                _ => run().await,
            }
        })
    }
    fn undo<'a>(&'a self, step: usize, context: &'a Context) -> Running<'a> {
        Box::pin(async move {
            let count = self.undos.fetch_add(1, Ordering::SeqCst);
            let done = self.inner.undo(step, context).await;
            if self.mode == Mode::CrashInUndo && count == 0 { self.dies().await } else { done }
        })
    }
}

/// Runs one job with one step tortured, in as many processes as it takes.
async fn run(house: &House, kind: &str, step: usize, mode: Mode, job: JobId) -> State {
    let (crash, cancel) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let is_cancelled = Arc::new(AtomicBool::new(false));
    let recipes: Vec<Arc<dyn Recipe>> = house
        .recipes()
        .into_iter()
        .map(|inner| -> Arc<dyn Recipe> {
            if inner.kind() != kind {
                return inner;
            }
            Arc::new(Tortured {
                inner,
                step,
                mode,
                runs: AtomicUsize::new(0),
                undos: AtomicUsize::new(0),
                crash: crash.clone(),
                is_online: house.is_online.clone(),
                cancel: cancel.clone(),
                is_cancelled: is_cancelled.clone(),
            })
        })
        .collect();
    let cancelling = async {
        cancel.notified().await;
        house.cancel(job).await;
        is_cancelled.store(true, Ordering::SeqCst);
        std::future::pending::<()>().await
    };
    let working = async {
        loop {
            house.work(&house.engine(recipes.clone()), job, &crash).await;
            let state = house.store.job_get(job).await.unwrap().state;
            if state.is_final() {
                return state;
            }
            // The process died; another one takes over when the lease has run out, and not before.
            let next = house.engine(recipes.clone());
            assert!(next.claim().await.unwrap().is_none(), "a job was taken from a worker that may still be alive");
            house.hand.advance(LEASE);
        }
    };
    tokio::select! { state = working => state, () = cancelling => unreachable!("pending") }
}

#[tokio::test]
async fn every_step_of_provision_is_tortured_and_ends_done_or_unwound() {
    let steps = House::new().await.recipes()[0].steps();
    for (step, spec) in steps.iter().enumerate() {
        for mode in MODES {
            let house = House::new().await;
            let before = house.slate().await;
            let (workload, job) = house.create().await;
            let state = run(&house, "workload.provision", step, mode, job).await;
            let at = format!("{}: {mode:?}: {state:?} {:?}", spec.name, house.log(job).await);
            let row = house.store.workload_find(workload).await.unwrap();
            match state {
                State::Succeeded => {
                    let row = row.unwrap_or_else(|| panic!("{at}: succeeded without a workload"));
                    assert_eq!(row.node, Some(house.node), "{at}");
                    assert_eq!(row.ports.len(), 1, "{at}");
                    // And it can be removed without a trace.
                    let removal = house.delete(workload).await;
                    house.work(&house.engine(house.recipes()), removal, &Notify::new()).await;
                    assert_eq!(house.slate().await, before, "{at}");
                }
                State::Failed | State::Cancelled => assert_eq!(house.slate().await, before, "{at}"),
                State::Queued | State::Running | State::Unwinding => panic!("{at}: not ended"),
            }
            let expected = match (mode, step) {
                (Mode::FailsBefore | Mode::CrashInUndo | Mode::DeadlinePasses, 0 | 1) => State::Failed,
                (Mode::Cancelled, 0 | 1) => State::Cancelled,
                // Past its point of no return, a job can only be late.
                _ => State::Succeeded,
            };
            assert_eq!(state, expected, "{at}");
        }
    }
}

#[tokio::test]
async fn every_step_of_remove_is_tortured_and_ends_done() {
    let steps = House::new().await.recipes()[1].steps();
    for (step, spec) in steps.iter().enumerate() {
        for mode in MODES {
            let house = House::new().await;
            let before = house.slate().await;
            let (workload, job) = house.create().await;
            house.work(&house.engine(house.recipes()), job, &Notify::new()).await;
            let removal = house.delete(workload).await;
            let state = run(&house, "workload.remove", step, mode, removal).await;
            let at = format!("{}: {mode:?}: {:?}", spec.name, house.log(removal).await);
            assert_eq!(state, State::Succeeded, "{at}");
            assert_eq!(house.slate().await, before, "{at}");
        }
    }
}

#[tokio::test]
async fn a_node_that_is_away_is_waited_for_and_said_once() {
    let house = House::new().await;
    let (workload, job) = house.create().await;
    house.is_online.store(false, Ordering::SeqCst);
    let engine = house.engine(house.recipes());
    for _ in 0..20 {
        if let Some((claim, taken)) = engine.claim().await.unwrap() {
            // Nothing is held for long when there is nothing to hear: time is moved by hand around the worker.
            let work = engine.work(claim, taken);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    () = &mut work => break,
                    () = ostler_testkit::wait::pause(std::time::Duration::from_millis(2)) => house.hand.advance(Millis::secs(16)),
                }
            }
        }
        house.hand.advance(Millis::secs(16));
    }
    let row = house.store.job_get(job).await.unwrap();
    assert_eq!((row.state, row.step.as_deref()), (State::Running, Some("place")), "{:?}", house.log(job).await);
    let said = house.log(job).await.iter().filter(|line| line.contains("it is away")).count();
    assert_eq!(said, 1, "{:?}", house.log(job).await);
    house.is_online.store(true, Ordering::SeqCst);
    house.work(&engine, job, &Notify::new()).await;
    assert_eq!(house.store.job_get(job).await.unwrap().state, State::Succeeded);
    assert!(house.store.workload_get(workload).await.unwrap().node.is_some());
}

#[tokio::test]
async fn what_cannot_be_installed_is_told_and_releases_everything() {
    let house = House::new().await;
    let before = house.slate().await;
    house.is_broken.store(true, Ordering::SeqCst);
    let (_, job) = house.create().await;
    house.work(&house.engine(house.recipes()), job, &Notify::new()).await;
    let row = house.store.job_get(job).await.unwrap();
    assert_eq!(row.state, State::Failed);
    assert!(row.error.as_deref().unwrap().contains("no room"), "{:?}", row.error);
    assert_eq!(house.slate().await, before);
}

#[tokio::test]
async fn deleting_while_provisioning_ends_both_jobs_and_leaves_nothing() {
    let house = House::new().await;
    let before = house.slate().await;
    let (workload, provision) = house.create().await;
    let removal = house.delete(workload).await;
    let engine = house.engine(house.recipes());
    house.work(&engine, removal, &Notify::new()).await;
    house.work(&engine, provision, &Notify::new()).await;
    assert_eq!(house.store.job_get(removal).await.unwrap().state, State::Succeeded);
    assert_eq!(house.store.job_get(provision).await.unwrap().state, State::Failed);
    assert_eq!(house.slate().await, before);
}

#[tokio::test]
async fn a_worker_that_lost_its_job_writes_nothing() {
    let house = House::new().await;
    let (_, job) = house.create().await;
    let slow = house.engine(house.recipes());
    let (claim, taken) = slow.claim().await.unwrap().unwrap();
    house.hand.advance(LEASE);
    house.work(&house.engine(house.recipes()), job, &Notify::new()).await;
    let ended = house.store.job_get(job).await.unwrap();
    slow.work(claim, taken).await;
    assert_eq!(house.store.job_get(job).await.unwrap(), ended);
}
