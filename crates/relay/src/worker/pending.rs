//! Sockets that have not said yet who they are: a bounded number of them, of which the oldest makes room.

use ostler_model::bounds::relay::PENDING_JOINS;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

/// Those that wait, in the order in which they came.
#[derive(Default)]
pub(super) struct Pending(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
}

/// One place among them, given back when it is dropped.
pub(super) struct Place<'a> {
    of: &'a Pending,
    id: u64,
    taken: oneshot::Receiver<()>,
}

impl Pending {
    /// Takes a place, from the socket that has waited longest when there is none left.
    pub(super) fn enter(&self) -> Place<'_> {
        let (take, taken) = oneshot::channel();
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = queue.next;
        queue.next += 1;
        queue.waiting.insert(id, take);
        while queue.waiting.len() as u64 > PENDING_JOINS {
            // Its receiver hears that the sender is gone.
            queue.waiting.pop_first();
        }
        Place { of: self, id, taken }
    }
}

impl Place<'_> {
    /// Resolves when the place has been taken by another.
    pub(super) async fn taken(&mut self) {
        let _ = (&mut self.taken).await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.of.0.lock().unwrap_or_else(PoisonError::into_inner).waiting.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn s14_sockets_that_say_nothing_make_room_for_those_that_do() {
        let pending = Pending::default();
        let mut silent: Vec<Place<'_>> = (0..10 * PENDING_JOINS).map(|_| pending.enter()).collect();
        assert_eq!(pending.0.lock().unwrap().waiting.len() as u64, PENDING_JOINS);
        for place in &mut silent[..usize::try_from(9 * PENDING_JOINS).unwrap()] {
            place.taken().await;
        }
        let mut talks = pending.enter();
        assert!(talks.taken.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
        assert!(silent.last_mut().unwrap().taken.try_recv().is_err_and(|e| e == oneshot::error::TryRecvError::Empty));
        drop((silent, talks));
        assert_eq!(pending.0.lock().unwrap().waiting.len(), 0, "who has said it, or gone, counts no longer");
    }
}
