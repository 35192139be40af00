//! How much disk a workload takes: measured while somebody looks, and not more often than its size allows.

use super::Supervisor;
use super::journal::Item;
use super::keeper::Keeper;
use crate::limits;
use ostler_model::{Millis, Time, WorkloadId};
use std::sync::{Arc, PoisonError};

/// The last measurement.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Disk {
    bytes: Option<u64>,
    /// Not measured again before.
    next_at: Time,
}

impl Supervisor {
    /// What the volumes of a workload took when they were last measured. Asking begins the next measurement when that is
    /// some time ago, and does not wait for it.
    pub fn disk_bytes(&self, id: WorkloadId) -> Option<u64> {
        self.keeper(id)?.disk_bytes()
    }
}

impl Keeper {
    fn disk_bytes(self: &Arc<Self>) -> Option<u64> {
        let now = self.clock.now();
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if disk.next_at <= now {
            // Until this measurement says when the next may begin.
            disk.next_at = now + Millis::secs(3600);
            let own = self.clone();
            self.spawn.spawn("workload.measure", async move { own.measure().await });
        }
        disk.bytes
    }

    async fn measure(&self) {
        let begun = self.clock.instant();
        let inventory = self.lock().record.inventory.clone();
        let mut bytes = None;
        for item in &inventory {
            if let Item::Resource(resource) = item
                && let Some(size) = self.drivers.resources.size(self.id, resource).await
            {
                bytes = Some(bytes.unwrap_or(0) + size);
            }
        }
        let took = u64::try_from(self.clock.instant().saturating_duration_since(begun).as_millis()).unwrap_or(0);
        // A tree that takes long to walk is walked rarely.
        let pause = Millis(limits::MEASURE_EVERY.0.max(took.saturating_mul(10)));
        *self.disk.lock().unwrap_or_else(PoisonError::into_inner) = Disk { bytes, next_at: self.clock.now() + pause };
    }
}
