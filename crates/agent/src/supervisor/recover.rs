//! After the agent was away: which run is still there, and how did the others end?

use super::conditions::{RUN, failed};
use super::journal::Item;
use super::keeper::Keeper;
use crate::driver::{Adopted, Started};
use crate::limits;
use ostler_model::workload::Phase;
use ostler_model::workload::plan::Exit;
use std::sync::Arc;

impl Keeper {
    /// Brings the record in line with what is there. Nothing else is done for this workload before that is known: whoever
    /// starts without looking runs it twice.
    pub(super) async fn recover(self: &Arc<Self>) {
        loop {
            match self.look_for_run().await {
                Ok(()) => return,
                Err(message) => {
                    tracing::warn!(workload = %self.id, %message, "it is not known yet whether this workload still runs");
                    self.note(RUN, failed("not_known", message));
                    self.clock.sleep(limits::JOURNAL_PAUSE).await;
                }
            }
        }
    }

    async fn look_for_run(self: &Arc<Self>) -> Result<(), String> {
        let (want, phase, known, runtimes) = {
            let state = self.lock();
            let runtimes: Vec<_> = state
                .record
                .inventory
                .iter()
                .filter_map(|item| if let Item::Run { runtime } = item { Some(*runtime) } else { None })
                .collect();
            let record = &state.record;
            (Arc::new(record.want.clone()), record.seen.phase.clone(), record.run.clone(), runtimes)
        };
        let may_run = matches!(phase, Phase::Starting { .. } | Phase::Running { .. } | Phase::Stopping { .. });
        let job = self.job(want);
        let mut found = Adopted::Nothing;
        for runtime in runtimes {
            let driver = self.drivers.of(runtime);
            match driver.adopt(&job, known.as_ref()).await? {
                Adopted::Running(_) if !may_run => driver.sweep(self.id).await?,
                running @ Adopted::Running(_) => found = running,
                ended @ Adopted::Ended(_) if matches!(found, Adopted::Nothing) => found = ended,
                Adopted::Ended(_) | Adopted::Nothing => {}
            }
        }
        let now = self.clock.now();
        let (ended, running) = match found {
            Adopted::Running(started) => (None, Some(started)),
            // The agent died in the middle of a start: what is found may be the end of the run before. Its status must not
            // count as this one's, or a run that never was would be taken for one that has done its work.
            Adopted::Ended(exit) if known.is_none() && matches!(phase, Phase::Starting { .. }) => {
                (Some(Exit { code: None, signal: None, is_out_of_memory: false, ..exit }), None)
            }
            Adopted::Ended(exit) => (Some(exit), None),
            Adopted::Nothing if may_run => {
                (Some(Exit { at: now, code: None, signal: None, is_out_of_memory: false }), None)
            }
            Adopted::Nothing => (None, None),
        };
        self.change_anyway(|record| {
            let want = record.want.clone();
            if running.is_none() {
                record.run = None;
            }
            record.seen = record.seen.clone().recovered(&want, ended.clone(), now);
        })
        .await;
        if let Some(exit) = ended.filter(|_| may_run) {
            self.console.say(&format!(
                "while the agent was away: {}",
                super::operate::farewell(&exit, matches!(phase, Phase::Stopping { .. }))
            ));
        }
        if let Some(started) = running {
            self.take_over(started);
        }
        self.publish();
        Ok(())
    }

    fn take_over(self: &Arc<Self>, started: Started) {
        let no = {
            let mut state = self.lock();
            state.run_no += 1;
            // Limits may have changed meanwhile: `None` makes the keeper apply them anew.
            state.limits = None;
            state.run_no
        };
        self.console.say("the agent is back and goes on with the same run");
        self.attend(no, started);
    }
}
