//! What is done to a run, one thing after the other: start, stop, kill, new limits.
//!
//! In its own task and in order, so that a stop that comes while the start is under way waits for it instead of missing it.

use super::conditions::{RUN, failed, short};
use super::keeper::{Keeper, News};
use crate::driver::{Run, Runtime, Started};
use crate::limits;
use ostler_model::workload::Phase;
use ostler_model::workload::plan::{Exit, Happened};
use std::sync::Arc;
use tokio::sync::mpsc;

/// One thing to do. The number says to which run; a run that is over is left alone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    Start { no: u64 },
    Stop { no: u64 },
    Kill { no: u64 },
    Limit { no: u64 },
}

impl Keeper {
    pub(super) async fn operate(self: &Arc<Self>, mut asked: mpsc::Receiver<Op>) {
        while let Some(op) = asked.recv().await {
            match op {
                Op::Start { no } => self.start(no).await,
                Op::Stop { no } => self.end_run(no, false).await,
                Op::Kill { no } => self.end_run(no, true).await,
                Op::Limit { no } => {
                    let (run, limits) = {
                        let state = self.lock();
                        (state.run.clone().filter(|_| state.run_no == no), state.limits)
                    };
                    if let (Some(run), Some(limits)) = (run, limits) {
                        let note = run.limit(&limits).await;
                        self.note(RUN, note);
                    }
                }
            }
        }
    }

    async fn start(self: &Arc<Self>, no: u64) {
        let want = Arc::new(self.want());
        let driver = self.drivers.of(Runtime::from(&want.blueprint.run.how)).clone();
        let job = self.job(want.clone());
        self.console.nobody_plays();
        let started = match self.clock.timeout(limits::START_CALL, driver.start(&job)).await {
            Some(started) => started,
            None => {
                let swept = driver.sweep(self.id).await;
                Err(format!(
                    "it did not begin within {} s{}",
                    limits::START_CALL.0 / 1000,
                    swept.err().map(|e| format!(", and could not be ended: {e}")).unwrap_or_default()
                ))
            }
        };
        match started {
            Ok(started) => {
                self.console.say("started");
                let identity = started.identity.clone();
                self.change_anyway(|record| record.run = Some(identity)).await;
                self.attend(no, started);
            }
            Err(message) => {
                self.console.say(&format!("could not be started: {message}"));
                self.note(RUN, failed("not_started", message.clone()));
                self.tell(News::Run { no, happened: Happened::StartFailed { message } }).await;
            }
        }
    }

    /// Watches a run from now on.
    pub(super) fn attend(self: &Arc<Self>, no: u64, started: Started) {
        let Started { run, note, .. } = started;
        let mut state = self.lock();
        if state.run_no != no {
            return;
        }
        state.run = Some(run.clone());
        state.conditions.set(RUN, note, self.clock.now());
        drop(state);
        self.publish();
        let own = self.clone();
        self.spawn.spawn("workload.run", async move { own.watch(no, run).await });
    }

    async fn watch(&self, no: u64, run: Arc<dyn Run>) {
        let is_starting = matches!(self.lock().record.seen.phase, Phase::Starting { .. });
        let mut end = run.wait();
        if is_starting {
            tokio::select! {
                biased;
                exit = &mut end => return self.tell(News::Run { no, happened: Happened::Exited(exit) }).await,
                () = run.ready() => self.tell(News::Run { no, happened: Happened::BecameReady }).await,
            }
        }
        let exit = end.await;
        self.tell(News::Run { no, happened: Happened::Exited(exit) }).await;
    }

    async fn end_run(&self, no: u64, is_kill: bool) {
        let (run, rule) = {
            let state = self.lock();
            if state.run_no != no {
                return;
            }
            (state.run.clone(), state.record.want.blueprint.run.stop.clone())
        };
        let Some(run) = run else {
            let exit = Exit { at: self.clock.now(), code: None, signal: None, is_out_of_memory: false };
            return self.tell(News::Run { no, happened: Happened::Exited(exit) }).await;
        };
        let ending = if is_kill { run.kill() } else { run.stop(&rule) };
        self.console.say(if is_kill { "killing it" } else { "asking it to stop" });
        match self.clock.timeout(limits::STOP_CALL, ending).await {
            Some(Ok(())) => {}
            Some(Err(message)) => self.console.say(&format!("that failed: {message}")),
            None => self.console.say("that did not work in time"),
        }
    }

    pub(super) async fn tell(&self, mut news: News) {
        let (News::Work { happened, .. } | News::Run { happened, .. }) = &mut news;
        if let Happened::PrepareFailed { message }
        | Happened::StartFailed { message }
        | Happened::RemoveFailed { message } = happened
        {
            *message = short(std::mem::take(message));
        }
        // The receiver lives as long as the keeper; after that nobody wants to know.
        let _ = self.news.send(news).await;
    }
}

/// How a run ended, in a sentence for the console.
pub(super) fn farewell(exit: &Exit, was_asked: bool) -> String {
    let how = match (exit.code, exit.signal) {
        _ if exit.is_out_of_memory => "out of memory: it used more than its limit and was killed".to_owned(),
        (_, Some(signal)) => format!("ended by signal {signal}"),
        (Some(code), None) => format!("ended with status {code}"),
        (None, None) => "ended".to_owned(),
    };
    if was_asked || exit.is_out_of_memory { how } else { format!("crashed: {how}") }
}
