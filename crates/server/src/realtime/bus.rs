//! The bus: what was just committed, for everybody in this process who follows events.
//!
//! It keeps the newest events in memory and a counter that moves when there is more. A follower has nothing but a position:
//! it reads from memory what is there and from the table what is not, so a slow one costs no memory, and nobody sees a gap
//! or an event twice. Another replica's events arrive as a poke, and are then read from the table.

use ostler_model::Millis;
use ostler_model::event::Event;
use ostler_runtime::Clock;
use ostler_store::Store;
use ostler_store::event::Filter;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Events kept in memory: some seconds at the highest rate, at about 300 bytes each.
const KEPT: usize = 4096;
/// Events that a follower takes at once.
const BATCH: u32 = 256;
/// The pause after the table could not be read.
const PAUSE: Millis = Millis(500);

/// Where events come from. Cheap to clone.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    recent: Mutex<VecDeque<Arc<Event>>>,
    version: watch::Sender<u64>,
}

impl Bus {
    /// A bus that hears every commit of this store.
    pub fn new(store: &Store, clock: Clock) -> Self {
        let inner = Arc::new(Inner {
            store: store.clone(),
            clock,
            recent: Mutex::new(VecDeque::with_capacity(KEPT)),
            version: watch::Sender::new(0),
        });
        // Weak: the store must not keep the bus, which keeps the store.
        let heard = Arc::downgrade(&inner);
        store.on_commit(move |events| {
            if let Some(inner) = heard.upgrade() {
                inner.heard(events);
            }
        });
        Self(inner)
    }

    /// Something may have been committed elsewhere: followers look at the table.
    pub fn poke(&self) {
        self.0.heard(&[]);
    }

    /// Everything from now on.
    pub fn follow(&self) -> Follower {
        let version = self.0.version.subscribe();
        let after = self.lock_last();
        Follower { bus: self.clone(), version, after }
    }

    /// Everything after a sequence number.
    pub fn follow_after(&self, seq: u64) -> Follower {
        let version = self.0.version.subscribe();
        Follower { bus: self.clone(), version, after: Some(seq) }
    }

    fn lock_last(&self) -> Option<u64> {
        self.0.recent.lock().unwrap_or_else(PoisonError::into_inner).back().map(|event| event.seq)
    }
}

impl Inner {
    fn heard(&self, events: &[Event]) {
        {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            if events.is_empty() {
                recent.clear();
            }
            for event in events {
                // What is kept has no holes; after one (another replica's events), it begins anew.
                if recent.back().is_some_and(|last| last.seq + 1 != event.seq) {
                    recent.clear();
                }
                if recent.len() == KEPT {
                    recent.pop_front();
                }
                recent.push_back(Arc::new(event.clone()));
            }
        }
        self.version.send_modify(|version| *version = version.wrapping_add(1));
    }

    /// What follows a position, when memory has all of it.
    fn recent_after(&self, seq: u64) -> Option<Vec<Arc<Event>>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let first = recent.front()?.seq;
        if first > seq + 1 {
            return None;
        }
        let skip = usize::try_from(seq + 1 - first).unwrap_or(usize::MAX);
        Some(recent.iter().skip(skip).take(BATCH as usize).cloned().collect())
    }
}

/// A position in the events. Not a queue: it holds no events.
pub struct Follower {
    bus: Bus,
    version: watch::Receiver<u64>,
    /// The last one taken; `None` before the first look, when memory was empty.
    after: Option<u64>,
}

impl Follower {
    /// The last sequence number taken.
    pub fn position(&self) -> Option<u64> {
        self.after
    }

    /// The next events in order, at least one; waits for them. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Vec<Arc<Event>> {
        loop {
            self.version.borrow_and_update();
            match self.read().await {
                Ok(events) if !events.is_empty() => {
                    self.after = events.last().map(|event| event.seq);
                    return events;
                }
                Ok(_) => {
                    // The sender lives in the bus that this follower holds, so this cannot fail.
                    let _ = self.version.changed().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "could not read events; trying again");
                    self.bus.0.clock.sleep(PAUSE).await;
                }
            }
        }
    }

    async fn read(&mut self) -> Result<Vec<Arc<Event>>, ostler_store::StoreError> {
        let after = match self.after {
            Some(after) => after,
            None => {
                let head = self.bus.0.store.event_head().await?;
                // What came between the subscription and this look is in memory from its beginning on.
                let first = self.bus.0.recent.lock().unwrap_or_else(PoisonError::into_inner).front().map(|e| e.seq);
                *self.after.insert(first.map_or(head, |first| head.min(first - 1)))
            }
        };
        if let Some(events) = self.bus.0.recent_after(after) {
            return Ok(events);
        }
        let events = self.bus.0.store.event_list(&Filter::default(), after, BATCH).await?;
        Ok(events.into_iter().map(Arc::new).collect())
    }
}
