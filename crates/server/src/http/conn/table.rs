//! The table of all connections: how many there are, of whom, and who leaves when there is no room.

use super::descriptors;
use super::stage::{Progress, Readiness};
use crate::http::rate::network;
use ostler_model::bounds::http::CONNECTIONS_PER_ADDRESS;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct Numbers {
    pub all: usize,
    pub per_address: usize,
    /// The first descriptor that no connection may have.
    pub descriptor: u64,
}

impl Numbers {
    /// For a process with this many descriptors.
    pub fn of(limit: u64) -> Self {
        let all = descriptors::connections(limit);
        let per_address = usize::try_from(CONNECTIONS_PER_ADDRESS).unwrap_or(usize::MAX).min(all / 4).max(1);
        Self { all, per_address, descriptor: descriptors::reserve_begins(limit) }
    }
}

/// All connections. Cheap to clone.
#[derive(Clone)]
pub struct Table(Arc<Inner>);

struct Inner {
    numbers: Numbers,
    rows: Mutex<Rows>,
    /// A connection has ended.
    freed: Notify,
}

#[derive(Default)]
struct Rows {
    next: u64,
    open: HashMap<u64, Entry>,
    /// Counted connections of each address, without those that have been asked to leave.
    by_address: HashMap<IpAddr, usize>,
    /// Connections that have been asked to leave and are not gone yet.
    leaving: usize,
}

struct Entry {
    /// `None` where the number per address does not count: trusted proxies, Unix sockets.
    address: Option<IpAddr>,
    progress: Arc<Progress>,
    is_leaving: bool,
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    table: Table,
    id: u64,
}

impl Table {
    /// With these numbers.
    pub fn new(numbers: Numbers) -> Self {
        Self(Arc::new(Inner { numbers, rows: Mutex::default(), freed: Notify::new() }))
    }
    /// Connections now.
    pub fn len(&self) -> usize {
        self.rows().open.len()
    }
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// True when a new one needs another's place.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.0.numbers.all
    }
    /// True when those that were asked to leave make room enough.
    pub(super) fn is_clearing(&self) -> bool {
        let rows = self.rows();
        rows.open.len() - rows.leaving < self.0.numbers.all
    }
    /// True for a descriptor of the reserve.
    pub(super) fn is_reserved(&self, descriptor: i32) -> bool {
        u64::try_from(descriptor).is_ok_and(|number| number >= self.0.numbers.descriptor)
    }
    /// Resolves when a connection ends.
    pub(super) async fn freed(&self) {
        self.0.freed.notified().await;
    }
    /// A place for a new connection. Its address's own oldest connection that does nothing leaves when it has too many;
    /// `None` when all of them do something.
    pub(super) fn admit(&self, address: Option<IpAddr>, progress: &Arc<Progress>) -> Option<Place> {
        let address = address.map(network);
        let mut rows = self.rows();
        if let Some(own) = address
            && rows.count(own) >= self.0.numbers.per_address
        {
            let oldest = rows.first_to_leave(|entry| entry.address == Some(own) && !entry.is_leaving)?;
            rows.send_away(oldest);
        }
        rows.next += 1;
        let id = rows.next;
        rows.open.insert(id, Entry { address, progress: progress.clone(), is_leaving: false });
        if let Some(address) = address {
            *rows.by_address.entry(address).or_default() += 1;
        }
        drop(rows);
        Some(Place { table: self.clone(), id })
    }
    /// Asks the connection to leave that can be missed most. False when there is none.
    pub(super) fn make_room(&self) -> bool {
        let mut rows = self.rows();
        let found = rows.first_to_leave(|entry| !entry.is_leaving);
        if let Some(id) = found {
            rows.send_away(id);
        }
        found.is_some()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn count(&self, address: IpAddr) -> usize {
        self.by_address.get(&address).copied().unwrap_or_default()
    }
    /// What has done nothing for a while, then what does nothing, then what waits for its client; within each, of the address
    /// that has the most.
    fn first_to_leave(&self, may: impl Fn(&Entry) -> bool) -> Option<u64> {
        let order = |id: u64, entry: &Entry| -> Option<(Readiness, Reverse<usize>, Instant, u64)> {
            let (readiness, since) = entry.progress.readiness()?;
            let of_address = entry.address.map_or(0, |address| self.count(address));
            Some((readiness, Reverse(of_address), since, id))
        };
        let all = self.open.iter().filter(|(_, entry)| may(entry));
        all.filter_map(|(id, entry)| order(*id, entry)).min().map(|(.., id)| id)
    }
    fn send_away(&mut self, id: u64) {
        let Some(entry) = self.open.get_mut(&id) else { return };
        entry.is_leaving = true;
        self.leaving += 1;
        entry.progress.leave.cancel();
        let address = entry.address;
        self.uncount(address);
    }
    fn uncount(&mut self, address: Option<IpAddr>) {
        let Some(address) = address else { return };
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Place {
    /// It turned out to be a trusted proxy's: its number does not count.
    pub(super) fn exempt(&self) {
        let mut rows = self.table.rows();
        let Some(entry) = rows.open.get_mut(&self.id) else { return };
        let address = entry.address.take().filter(|_| !entry.is_leaving);
        rows.uncount(address);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut rows = self.table.rows();
        if let Some(entry) = rows.open.remove(&self.id) {
            rows.leaving -= usize::from(entry.is_leaving);
            let address = entry.address.filter(|_| !entry.is_leaving);
            rows.uncount(address);
        }
        drop(rows);
        self.table.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_runtime::Clock;

    fn ip(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    #[test]
    fn who_does_nothing_leaves_first_and_whose_address_has_most() {
        let clock = Clock::system();
        let table = Table::new(Numbers { all: 100, per_address: 3, descriptor: 1000 });
        let enter = |address| {
            let progress = Progress::new(&clock);
            (table.admit(address, &progress), progress)
        };
        let (_busy, busy) = enter(ip(1));
        busy.read(b"GET / HTTP/1.1\r\n\r\n");
        let request = busy.begin();
        let (_lonely, lonely) = enter(ip(2));
        let crowd: Vec<_> = (0..3).map(|_| enter(ip(3))).collect();
        assert!(table.make_room());
        assert!(crowd[0].1.leave.is_cancelled(), "the oldest silent one of the address that has most");
        assert!(table.make_room() && crowd[1].1.leave.is_cancelled());
        // Now both addresses have one each, and the older one leaves.
        assert!(table.make_room() && lonely.leave.is_cancelled());
        assert!(table.make_room() && crowd[2].1.leave.is_cancelled());
        assert!(!table.make_room(), "a request under way is not cut");
        assert!(!busy.leave.is_cancelled());
        drop(request);
        assert!(table.make_room() && busy.leave.is_cancelled());
    }

    #[test]
    fn an_address_makes_room_for_itself_and_proxies_do_not_count() {
        let clock = Clock::system();
        let table = Table::new(Numbers { all: 100, per_address: 2, descriptor: 1000 });
        let (one, two, three, four) =
            (Progress::new(&clock), Progress::new(&clock), Progress::new(&clock), Progress::new(&clock));
        let first = table.admit(ip(1), &one).unwrap();
        let _second = table.admit(ip(1), &two).unwrap();
        let third = table.admit(ip(1), &three).unwrap();
        assert!(one.leave.is_cancelled() && !two.leave.is_cancelled());
        let (_b, _c) = (two.begin(), three.begin());
        assert!(table.admit(ip(1), &four).is_none(), "all of its connections are being answered");
        third.exempt();
        assert!(table.admit(ip(1), &four).is_some());
        for _ in 0..10 {
            std::mem::forget(table.admit(None, &Progress::new(&clock)).unwrap());
        }
        drop(first);
        assert_eq!(table.len(), 12);
    }

    #[test]
    fn one_address_never_has_all_the_places() {
        for limit in [256, 1024, 4096, 1 << 20] {
            let numbers = Numbers::of(limit);
            assert!(numbers.per_address * 4 <= numbers.all && (numbers.all as u64) < limit, "{numbers:?}");
        }
    }
}
