//! One workload: what is wanted, what is seen, and the loop that brings them together.

use super::conditions::{Conditions, JOURNAL, failed, plain};
use super::desired::{Here, Supervisor};
use super::journal::{Item, Record};
use super::operate::Op;
use super::usage::Disk;
use crate::console::Console;
use crate::driver::{Drivers, Job, Note, Run, Runtime};
use crate::limits;
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::plan::{Happened, Seen, plan, wake_at};
use ostler_model::workload::{Desired, HELD, Phase, Report, Status, Step};
use ostler_model::{Time, WorkloadId};
use ostler_runtime::{Clock, Spawn, Task};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{Notify, mpsc};

/// What the keeper hears from its own work and from the run.
pub(super) enum News {
    /// From preparing or removing; numbered, so that a late answer of work that was called off is recognised.
    Work { no: u64, happened: Happened },
    /// From a run; numbered likewise.
    Run { no: u64, happened: Happened },
}

/// One workload on this node.
pub(super) struct Keeper {
    pub(super) id: WorkloadId,
    pub(super) console: Console,
    pub(super) home: Weak<Supervisor>,
    pub(super) clock: Clock,
    pub(super) drivers: Drivers,
    /// Its own task family, so that a forgotten workload leaves no task behind.
    pub(super) spawn: Spawn,
    state: Mutex<State>,
    pub(super) disk: Mutex<Disk>,
    /// Held while the record changes, so that the file and the memory never disagree about the order.
    saving: tokio::sync::Mutex<()>,
    woken: Notify,
    pub(super) news: mpsc::Sender<News>,
    pub(super) ops: mpsc::Sender<Op>,
    inbox: Mutex<Option<(mpsc::Receiver<News>, mpsc::Receiver<Op>)>>,
}

pub(super) struct State {
    pub(super) record: Record,
    pub(super) conditions: Conditions,
    pub(super) run: Option<Arc<dyn Run>>,
    pub(super) run_no: u64,
    pub(super) work_no: u64,
    pub(super) limits: Option<Limits>,
    work: Option<Task>,
    planned: u64,
    told: Option<Report>,
}

impl Keeper {
    pub(super) fn new(home: &Arc<Supervisor>, record: Record) -> Arc<Self> {
        let (news, heard) = mpsc::channel(64);
        let (ops, asked) = mpsc::channel(16);
        let console = Console::new(home.clock.clone());
        console.count_players(record.want.blueprint.run.players.as_ref());
        let planned = record.want.generation;
        let state = State {
            record,
            conditions: Conditions::default(),
            run: None,
            run_no: 0,
            work_no: 0,
            limits: None,
            work: None,
            planned,
            told: None,
        };
        Arc::new(Self {
            id: state.record.want.id,
            console,
            home: Arc::downgrade(home),
            clock: home.clock.clone(),
            drivers: home.drivers.clone(),
            spawn: home.spawn.child(),
            state: Mutex::new(state),
            disk: Mutex::default(),
            saving: tokio::sync::Mutex::default(),
            woken: Notify::new(),
            news,
            ops,
            inbox: Mutex::new(Some((heard, asked))),
        })
    }

    /// Starts the loop. `is_old` when the record was read from the journal.
    pub(super) fn run(self: Arc<Self>, is_old: bool) {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((mut heard, asked)) = inbox else { return };
        let own = self.clone();
        self.spawn.spawn("workload.operate", async move { own.operate(asked).await });
        self.spawn.clone().spawn("workload.keep", async move {
            self.publish();
            if is_old {
                self.recover().await;
            }
            self.keep(&mut heard).await;
        });
    }
    /// Ends all tasks of this workload; what runs goes on.
    pub(super) fn end(&self) {
        self.spawn.cancel();
    }

    async fn keep(self: &Arc<Self>, heard: &mut mpsc::Receiver<News>) {
        let mut players = self.console.watch_players();
        loop {
            let (want, seen) = self.look();
            self.console.count_players(want.blueprint.run.players.as_ref());
            self.apply_limits(&want);
            let now = self.clock.now();
            let steps = plan(&want, &seen, now);
            let held = match steps.first() {
                Some(Step::Prepare | Step::Start) => self.held(&want).await,
                _ => None,
            };
            self.hold(held.clone(), want.generation);
            let mut wake = wake_at(&want, &seen);
            if held.is_some() {
                wake = Some(now + limits::HELD_PAUSE);
            } else if let Some(step) = steps.first() {
                // One step, then look again: the wish may be another by now.
                match self.begin(&want, *step).await {
                    Ok(()) => continue,
                    Err(error) => {
                        self.note(JOURNAL, failed("not_stored", format!("the journal cannot be written: {error}")));
                        wake = Some(now + limits::JOURNAL_PAUSE);
                    }
                }
            } else if matches!(seen.phase, Phase::Gone)
                && let Some(home) = self.home.upgrade()
            {
                home.retire(self.id).await;
            }
            tokio::select! {
                () = self.woken.notified() => {}
                news = heard.recv() => if let Some(news) = news { self.hear(news).await },
                () = self.until(wake) => {}
                _ = players.changed() => {}
            }
        }
    }

    /// Why nothing may start here now. What runs goes on.
    async fn held(&self, want: &Desired) -> Option<Note> {
        let home = self.home.upgrade()?;
        let how = Runtime::from(&want.blueprint.run.how);
        let (reason, message) = match home.reports.facts().can.admits(how.into(), want.min_isolation) {
            Err(why) => ("not_isolated", format!("its node does not start it: {why}")),
            Ok(()) => home.measure().await.says()?,
        };
        Some(Note { status: Status::Pending, reason: reason.to_owned(), message })
    }

    /// Says why it is held back, or that it is not, and reports.
    fn hold(&self, why: Option<Note>, planned: u64) {
        let now = self.clock.now();
        let mut state = self.lock();
        state.planned = planned;
        match why {
            Some(note) => state.conditions.set(HELD, note, now),
            None => state.conditions.clear(HELD),
        }
        drop(state);
        self.publish();
    }

    async fn until(&self, at: Option<Time>) {
        match at {
            // A deadline that has passed without the plan acting on it must not spin.
            Some(at) => self.clock.sleep_until(at.max(self.clock.now() + ostler_model::Millis(1))).await,
            None => std::future::pending().await,
        }
    }

    /// Stores that a step begins, then begins it.
    async fn begin(self: &Arc<Self>, want: &Desired, step: Step) -> io::Result<()> {
        let old = match step {
            Step::Prepare | Step::Abort | Step::Remove => self.lock().work.take(),
            Step::Start | Step::Stop | Step::Kill | Step::Clear => None,
        };
        if let Some(task) = old {
            // Two workers on the same files would be worse than waiting for the first to let go.
            task.stop();
            task.join().await;
        }
        let now = self.clock.now();
        self.change(|record| {
            record.seen = record.seen.clone().after(want, Happened::Began(step), now);
            match step {
                Step::Prepare => {
                    for resource in &want.blueprint.resources {
                        remember(&mut record.inventory, Item::of(resource));
                    }
                    // Preparing fetches images, which the driver's sweep removes.
                    remember(&mut record.inventory, Item::Run { runtime: Runtime::from(&want.blueprint.run.how) });
                }
                Step::Start => {
                    remember(&mut record.inventory, Item::Run { runtime: Runtime::from(&want.blueprint.run.how) });
                    record.run = None;
                }
                Step::Abort | Step::Stop | Step::Kill | Step::Clear | Step::Remove => {}
            }
        })
        .await?;
        tracing::debug!(workload = %self.id, ?step, generation = want.generation, "step");
        match step {
            Step::Prepare => self.work(|keeper, no, want| keeper.prepare(no, want)),
            Step::Remove => self.work(|keeper, no, want| keeper.remove(no, want)),
            Step::Abort => self.lock().conditions.call_off(now),
            Step::Start => {
                let no = {
                    let mut state = self.lock();
                    state.run_no += 1;
                    state.limits = Some(want.blueprint.run.limits);
                    state.run_no
                };
                self.ask(Op::Start { no });
            }
            Step::Stop => self.ask(Op::Stop { no: self.lock().run_no }),
            Step::Kill => self.ask(Op::Kill { no: self.lock().run_no }),
            Step::Clear => {}
        }
        self.publish();
        Ok(())
    }

    fn work<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        make: impl FnOnce(Arc<Keeper>, u64, Arc<Desired>) -> F,
    ) {
        let (no, want) = {
            let mut state = self.lock();
            state.work_no += 1;
            (state.work_no, Arc::new(state.record.want.clone()))
        };
        let task = self.spawn.spawn("workload.work", make(self.clone(), no, want));
        self.lock().work = Some(task);
    }

    fn ask(&self, op: Op) {
        // When the queue is full, the one who works on it is stuck; the plan asks again later.
        if self.ops.try_send(op).is_err() {
            tracing::warn!(workload = %self.id, "the driver does not keep up");
        }
    }

    async fn hear(self: &Arc<Self>, news: News) {
        let (happened, is_of_run) = {
            let state = self.lock();
            match news {
                News::Work { no, happened } if no == state.work_no => (happened, false),
                News::Run { no, happened } if no == state.run_no => (happened, true),
                News::Work { .. } | News::Run { .. } => return,
            }
        };
        let now = self.clock.now();
        if let Happened::Exited(exit) = &happened {
            self.over(exit);
        }
        let is_end = is_of_run && matches!(happened, Happened::Exited(_) | Happened::StartFailed { .. });
        let stored = self
            .change_anyway(|record| {
                if matches!(happened, Happened::Removed) {
                    record.inventory.clear();
                }
                if is_end {
                    record.run = None;
                }
                let want = record.want.clone();
                record.seen = record.seen.clone().after(&want, happened, now);
            })
            .await;
        if stored {
            self.lock().conditions.clear(JOURNAL);
        }
    }

    fn over(&self, exit: &ostler_model::workload::plan::Exit) {
        let mut state = self.lock();
        let was_asked = matches!(state.record.seen.phase, Phase::Stopping { .. });
        state.run = None;
        drop(state);
        self.console.say(&super::operate::farewell(exit, was_asked));
        self.console.nobody_plays();
    }

    fn apply_limits(&self, want: &Desired) {
        let new = want.blueprint.run.limits;
        let mut state = self.lock();
        if state.run.is_some() && state.limits != Some(new) {
            state.limits = Some(new);
            let no = state.run_no;
            drop(state);
            self.ask(Op::Limit { no });
        }
    }

    /// Takes a newer wish, once it is stored.
    pub(super) async fn set_want(&self, want: Desired) -> io::Result<()> {
        if self.want() != want {
            self.change(|record| record.want = want).await?;
        }
        self.woken.notify_one();
        Ok(())
    }

    /// Changes the record if the change can be stored.
    pub(super) async fn change(&self, change: impl FnOnce(&mut Record)) -> io::Result<()> {
        let _order = self.saving.lock().await;
        let mut record = self.lock().record.clone();
        change(&mut record);
        self.store(&record).await?;
        self.lock().record = record;
        Ok(())
    }
    /// Changes the record because it is a fact, stored or not. True when it was stored.
    pub(super) async fn change_anyway(&self, change: impl FnOnce(&mut Record)) -> bool {
        let _order = self.saving.lock().await;
        let mut record = self.lock().record.clone();
        change(&mut record);
        self.lock().record = record.clone();
        let stored = self.store(&record).await;
        if let Err(error) = &stored {
            tracing::error!(workload = %self.id, %error, "the journal cannot be written");
            self.note(JOURNAL, failed("not_stored", format!("the journal cannot be written: {error}")));
        }
        stored.is_ok()
    }
    async fn store(&self, record: &Record) -> io::Result<()> {
        match self.home.upgrade() {
            Some(home) => home.journal.put(record).await,
            None => Err(io::Error::other("the agent is going down")),
        }
    }

    /// Sets a condition and reports it.
    pub(super) fn note(&self, resource: &str, note: Note) {
        let now = self.clock.now();
        self.lock().conditions.set(resource, note, now);
        self.publish();
    }
    /// Sets a condition's message while something is under way.
    pub(super) fn changing(&self, resource: &str, message: &str) {
        self.note(resource, plain(Status::Changing, message));
    }

    /// Reports, if there is anything new to say.
    pub(super) fn publish(&self) {
        let Some(home) = self.home.upgrade() else { return };
        let mut state = self.lock();
        let report = Report {
            generation: state.planned,
            seq: 0,
            at: Time::ZERO,
            seen: state.record.seen.clone(),
            conditions: state.conditions.list(&state.record.want.blueprint),
            players: state.run.is_some().then(|| self.console.players()).flatten(),
        };
        if state.told.as_ref() == Some(&report) {
            return;
        }
        state.told = Some(report.clone());
        // Under the lock, so that an older report never follows a newer one.
        home.reports.put(self.id, Report { at: self.clock.now(), ..report });
    }

    pub(super) fn job(&self, want: Arc<Desired>) -> Job {
        Job { id: self.id, want, console: self.console.clone() }
    }
    pub(super) fn want(&self) -> Desired {
        self.lock().record.want.clone()
    }
    pub(super) fn here(&self) -> Here {
        let state = self.lock();
        let Record { want, seen, .. } = &state.record;
        Here { phase: seen.phase.clone(), blueprint: want.blueprint.clone(), run: state.run.clone() }
    }
    fn look(&self) -> (Desired, Seen) {
        let state = self.lock();
        (state.record.want.clone(), state.record.seen.clone())
    }
    pub(super) fn is_gone(&self) -> bool {
        let state = self.lock();
        matches!(state.record.seen.phase, Phase::Gone) && state.record.inventory.is_empty()
    }
    pub(super) fn current_run(&self) -> Option<Arc<dyn Run>> {
        self.lock().run.clone()
    }
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(inventory: &mut Vec<Item>, item: Item) {
    if !inventory.contains(&item) {
        inventory.push(item);
    }
}
