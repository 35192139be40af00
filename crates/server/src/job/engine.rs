//! The worker: takes due jobs, runs one step at a time and commits what became of it.
//!
//! Any number of workers in any number of processes may run; a job's lease and fence let one write at a time. A worker that
//! dies costs nothing but the rest of its lease. A step that waits is held here for a moment, so that it goes on as soon as
//! an event about its target comes; after that it goes back to the table.

use super::flow;
use super::recipe::{Context, Recipe, Recipes};
use crate::realtime::Bus;
use ostler_model::authz::{Authority, Collection, Grant, Operate, Origin, SystemReason, authorize};
use ostler_model::event::Fact;
use ostler_model::job::{Job, State};
use ostler_model::{BootId, Millis, Time};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_store::job::{Claim, Save};
use ostler_store::{Rule, Store, StoreError};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, Semaphore};

/// How long a worker has a job before it must renew; a dead worker's jobs are taken over after it.
pub const LEASE: Millis = Millis::secs(60);
/// One run of one step. Whatever takes longer must answer `Wait`.
const STEP_LIMIT: Millis = Millis::secs(25);
/// A step that waits is held this long before it goes back to the table.
const HOLD: Millis = Millis::secs(30);
/// The longest sleep: what another process adds is found at the latest then.
const IDLE: Millis = Millis::secs(5);
/// Steps that run at the same time.
const RUNNING_MOST: usize = 32;
/// Jobs that are held, waiting ones included.
const HELD_MOST: usize = 1024;

/// Works on jobs until its tasks are stopped. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    spawn: Spawn,
    bus: Bus,
    recipes: Recipes,
    worker: String,
    wake: Notify,
    running: Semaphore,
    held: AtomicUsize,
    /// What held jobs wait for, by target and by their own id.
    waiting: Mutex<HashMap<String, Arc<Notify>>>,
}

/// What a worker needs from its surroundings.
pub struct Needs {
    pub store: Store,
    pub clock: Clock,
    pub ids: Ids,
    pub spawn: Spawn,
    pub bus: Bus,
}

impl Engine {
    /// A worker for these recipes. It does nothing until [`Engine::start`] or [`Engine::work`].
    pub fn new(needs: Needs, recipes: Recipes) -> Self {
        let worker: BootId = needs.ids.next();
        Self(Arc::new(Inner {
            store: needs.store,
            clock: needs.clock,
            spawn: needs.spawn,
            bus: needs.bus,
            recipes,
            worker: worker.to_string(),
            wake: Notify::new(),
            running: Semaphore::new(RUNNING_MOST),
            held: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }))
    }

    /// The recipes that it knows.
    pub fn recipes(&self) -> &Recipes {
        &self.0.recipes
    }

    /// Looks for due jobs now instead of at the end of the present sleep.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Starts working in the background.
    pub fn start(&self) {
        let engine = self.clone();
        self.0.spawn.spawn("job.engine", async move { engine.run().await });
        let engine = self.clone();
        self.0.spawn.spawn("job.listen", async move { engine.listen().await });
    }

    /// Jobs that this worker has now.
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::SeqCst)
    }

    async fn run(&self) {
        loop {
            let mut failed = false;
            while self.held() < HELD_MOST {
                match self.claim().await {
                    Ok(Some((claim, job))) => self.spawn_work(claim, job),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "could not look for jobs");
                        failed = true;
                        break;
                    }
                }
            }
            let until = self.next_look(failed).await;
            tokio::select! {
                () = self.0.wake.notified() => {}
                () = self.0.clock.sleep_until(until) => {}
            }
        }
    }

    async fn next_look(&self, failed: bool) -> Time {
        let now = self.0.clock.now();
        let latest = now + IDLE;
        if failed || self.held() >= HELD_MOST {
            return now + Millis(500);
        }
        match self.0.store.job_next_due().await {
            Ok(Some(at)) => at.min(latest).max(now + Millis(1)),
            Ok(None) | Err(_) => latest,
        }
    }

    /// Wakes sleepers by what happens: a new job, news of a target, a node that came.
    async fn listen(&self) {
        let mut news = self.0.bus.follow();
        loop {
            for event in news.next().await {
                match &event.fact {
                    // A new one, or one that somebody cancelled while it waits here.
                    Fact::JobChanged { id, .. } => {
                        self.wake();
                        self.notify(&id.to_string());
                    }
                    // Any job may have been waiting for it.
                    Fact::NodeOnline { .. } | Fact::NodeDeleted { .. } => self.notify_all(),
                    fact => self.notify(&fact.subject()),
                }
            }
        }
    }

    fn notify(&self, target: &str) {
        if let Some(notify) = self.lock().get(target) {
            notify.notify_waiters();
        }
    }

    fn notify_all(&self) {
        self.lock().values().for_each(|notify| notify.notify_waiters());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the job that has been due for longest.
    pub async fn claim(&self) -> Result<Option<(Claim, Job)>, StoreError> {
        self.0.store.job_claim(&operate(), &self.0.worker, LEASE, self.0.clock.now()).await
    }

    fn spawn_work(&self, claim: Claim, job: Job) {
        let engine = self.clone();
        let held = Held::new(&self.0);
        self.0.spawn.spawn("job.work", async move {
            let _held = held;
            engine.work(claim, job).await;
        });
    }

    /// Works on one job until it ends, waits for long, or was lost to another worker.
    pub async fn work(&self, claim: Claim, mut job: Job) {
        let Some(recipe) = self.0.recipes.find(&job.kind) else {
            // A job of a newer release: leave it to a worker that knows it.
            tracing::error!(job.id = %job.id, job.kind, "no recipe for this job");
            return;
        };
        let notify = {
            let mut waiting = self.lock();
            let notify = waiting.entry(job.target.clone()).or_default().clone();
            waiting.insert(job.id.to_string(), notify.clone());
            notify
        };
        let mut leased_until = self.0.clock.now() + LEASE;
        let began = self.0.clock.now();
        loop {
            if leased_until <= self.0.clock.now() + STEP_LIMIT + Millis::secs(10) {
                let now = self.0.clock.now();
                if self.0.store.job_renew(&claim, LEASE, now).await.is_err() {
                    break;
                }
                leased_until = now + LEASE;
            }
            // Listens before it looks, so that no news is lost in between.
            let news = notify.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            match self.advance(&claim, &job, recipe.as_ref(), began).await {
                Ok(Advance::Went(next)) if next.state.is_final() => break,
                Ok(Advance::Went(next)) => job = *next,
                Ok(Advance::Held { until }) => {
                    let hold_end = began + HOLD;
                    tokio::select! {
                        () = &mut news => {}
                        () = self.0.clock.sleep_until(until.min(hold_end)) => {}
                    }
                    match self.0.store.job_find(job.id).await {
                        Ok(Some(fresh)) => job = fresh,
                        Ok(None) => break,
                        Err(error) => {
                            tracing::warn!(job.id = %job.id, %error, "could not read a job");
                            break;
                        }
                    }
                }
                Ok(Advance::Released) => break,
                Err(StoreError::Refused(Rule::Fenced)) => {
                    tracing::info!(job.id = %job.id, "another worker has taken this job");
                    break;
                }
                Err(error) => {
                    tracing::warn!(job.id = %job.id, %error, "could not save a job; it is taken up again after its lease");
                    break;
                }
            }
        }
        drop(notify);
        let mut waiting = self.lock();
        waiting.remove(&job.id.to_string());
        if waiting.get(&job.target).is_some_and(|notify| Arc::strong_count(notify) == 1) {
            waiting.remove(&job.target);
        }
        drop(waiting);
        self.wake();
    }

    /// Runs the current step once and commits what became of it.
    async fn advance(&self, claim: &Claim, job: &Job, recipe: &dyn Recipe, began: Time) -> Result<Advance, StoreError> {
        let steps = recipe.steps();
        let now = self.0.clock.now();
        if let Some(save) = flow::before(job, steps, recipe.limit(), now) {
            let job = self.0.store.job_save(claim, &save, now).await?;
            return Ok(Advance::Went(Box::new(job)));
        }
        let outcome = self.run_step(job, recipe).await;
        let now = self.0.clock.now();
        let may_hold = now < began + HOLD && self.held() < HELD_MOST / 2;
        if let flow::Outcome::Wait { until, note } = &outcome
            && may_hold
        {
            let until = *until;
            if note.as_ref().is_some_and(|note| !flow::is_known(job, note)) {
                let save = Save { is_released: false, ..flow::after(job, steps, outcome, now) };
                self.0.store.job_save(claim, &save, now).await?;
            }
            return Ok(Advance::Held { until });
        }
        let save = flow::after(job, steps, outcome, now);
        let saved = self.0.store.job_save(claim, &save, now).await?;
        if save.is_released && !save.state.is_final() {
            return Ok(Advance::Released);
        }
        Ok(Advance::Went(Box::new(saved)))
    }

    async fn run_step(&self, job: &Job, recipe: &dyn Recipe) -> flow::Outcome {
        let Ok(_slot) = self.0.running.acquire().await else {
            return flow::Outcome::Retry("this server is stopping".into());
        };
        let at = flow::position(job, recipe.steps());
        let context = Context::new(job, self.0.clock.now());
        let step = async {
            if job.state == State::Unwinding { recipe.undo(at, &context).await } else { recipe.run(at, &context).await }
        };
        match self.0.clock.timeout(STEP_LIMIT, step).await {
            Some(outcome) => outcome,
            None => flow::Outcome::Retry(format!("no answer in {} seconds", STEP_LIMIT.0 / 1000)),
        }
    }
}

enum Advance {
    Went(Box<Job>),
    Held { until: Time },
    Released,
}

/// Counts a job as held until dropped.
struct Held(Arc<Inner>);

impl Held {
    fn new(inner: &Arc<Inner>) -> Self {
        inner.held.fetch_add(1, Ordering::SeqCst);
        Self(inner.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::SeqCst);
    }
}

fn operate() -> Grant<Collection<Job>, Operate> {
    let who = Authority::system(SystemReason::Job);
    authorize(&who, &Collection::<Job>::platform(), &Arc::new(Origin::default()))
        .expect("the job engine's rights are a constant list, and the policy test checks it")
}
