//! Longer work: putting all resources in place, and taking everything away.

use super::conditions::{RUN, failed, plain};
use super::journal::Item;
use super::keeper::{Keeper, News};
use crate::limits;
use ostler_model::Time;
use ostler_model::workload::plan::Happened;
use ostler_model::workload::{Desired, Status};
use std::sync::{Arc, Mutex, PoisonError};

impl Keeper {
    /// Ensures every resource in order, and what the run needs before it can start.
    pub(super) async fn prepare(self: Arc<Self>, no: u64, want: Arc<Desired>) {
        let job = self.job(want.clone());
        for resource in &want.blueprint.resources {
            self.changing(&resource.key, "");
            let progress = self.progress(&resource.key);
            match self.drivers.resources.ensure(&job, resource, &progress).await {
                Ok(note) if note.status != Status::Failed => self.note(&resource.key, note),
                failure => {
                    let note = failure.unwrap_or_else(|message| failed("not_in_place", message));
                    let message = note.message.clone();
                    self.note(&resource.key, note);
                    let message = format!("{}: {message}", resource.key);
                    return self.tell(News::Work { no, happened: Happened::PrepareFailed { message } }).await;
                }
            }
        }
        let driver = self.drivers.of((&want.blueprint.run.how).into()).clone();
        let progress = self.progress(RUN);
        let happened = match driver.prepare(&job, &progress).await {
            Ok(note) => {
                self.note(RUN, note);
                Happened::Prepared { revision: want.blueprint.revision.clone() }
            }
            Err(message) => {
                self.note(RUN, failed("not_in_place", message.clone()));
                Happened::PrepareFailed { message }
            }
        };
        self.tell(News::Work { no, happened }).await;
    }

    /// Removes everything in the inventory, last first.
    pub(super) async fn remove(self: Arc<Self>, no: u64, _: Arc<Desired>) {
        let inventory = self.lock().record.inventory.clone();
        // Nothing may run any more when its files go, whenever it got into the inventory.
        for item in &inventory {
            if let Item::Run { runtime } = item {
                if let Err(message) = self.drivers.of(*runtime).sweep(self.id).await {
                    self.note(RUN, failed("not_removed", message.clone()));
                    return self.tell(News::Work { no, happened: Happened::RemoveFailed { message } }).await;
                }
                self.note(RUN, plain(Status::Gone, ""));
            }
        }
        for item in inventory.iter().rev() {
            let Item::Resource(resource) = item else { continue };
            self.changing(&resource.key, "");
            if let Err(message) = self.drivers.resources.remove(self.id, resource).await {
                self.note(&resource.key, failed("not_removed", message.clone()));
                let message = format!("{}: {message}", resource.key);
                return self.tell(News::Work { no, happened: Happened::RemoveFailed { message } }).await;
            }
            self.note(&resource.key, plain(Status::Gone, ""));
        }
        self.tell(News::Work { no, happened: Happened::Removed }).await;
    }

    /// Reports progress of one resource, not more often than is useful.
    fn progress<'a>(self: &'a Arc<Self>, key: &'a str) -> impl Fn(String) + Send + Sync + 'a {
        let last = Mutex::new(Time::ZERO);
        move |message| {
            let now = self.clock.now();
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if now.since(*last) >= limits::PROGRESS_EVERY {
                *last = now;
                drop(last);
                self.changing(key, &message);
            }
        }
    }
}
