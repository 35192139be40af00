//! Room on the database's disk: what is left of it, and whether a change is kept.

use super::error::{Result, StoreError};
use super::store::{Store, change};
use super::value::args;
use ostler_model::{Millis, Time};
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Below so much free space the server says that it is not ready: what is left is for those who make room.
const FLOOR: u64 = 64 << 20;
/// Of a small disk, this part is the floor.
const PART: u64 = 20;
/// After a change found no room, another is tried this often at most.
const TRY_EVERY: Millis = Millis::secs(1);

/// Why the database takes no changes, or soon will not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// Its disk is nearly full.
    Low { free: u64, floor: u64 },
    /// The last change found no room.
    Full,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shortage::Low { free, floor } => {
                let mib = |bytes: u64| bytes >> 20;
                write!(
                    f,
                    "the database's disk has {} MiB left, and needs {} MiB; free some space",
                    mib(*free),
                    mib(*floor).max(1)
                )
            }
            Shortage::Full => f.write_str("the database's disk is full; free some space"),
        }
    }
}

/// What is remembered of changes that found no room.
#[derive(Default)]
pub(super) struct Room {
    was_full: AtomicBool,
    tried_at: AtomicI64,
}

impl Room {
    /// Notes how an operation ended.
    pub(super) fn note<T>(&self, done: &Result<T>) {
        if matches!(done, Err(StoreError::Full(_))) {
            self.was_full.store(true, Ordering::Relaxed);
        }
    }
    /// A change was kept.
    pub(super) fn kept(&self) {
        if self.was_full.load(Ordering::Relaxed) {
            self.was_full.store(false, Ordering::Relaxed);
        }
    }
}

impl Store {
    /// What keeps the database from taking changes. Looks again each time, so it is over by itself when there is room.
    pub async fn shortage(&self, now: Time) -> Option<Shortage> {
        if let Some((free, floor)) = self.path().and_then(left)
            && free < floor
        {
            return Some(Shortage::Low { free, floor });
        }
        let room = self.room();
        if !room.was_full.load(Ordering::Relaxed) {
            return None;
        }
        // Nobody may be changing anything any more, so it has to be tried.
        let tried_at = Time::from_millis(room.tried_at.swap(now.as_millis(), Ordering::Relaxed));
        if now.since(tried_at) >= TRY_EVERY && self.disk_probe(now).await.is_ok() {
            return None;
        }
        Some(Shortage::Full)
    }

    /// A change that changes nothing, and is written all the same.
    async fn disk_probe(&self, now: Time) -> Result<()> {
        change!(self, "disk_probe", now, |tx| {
            tx.conn.exec("UPDATE counter SET value = value WHERE name = 'event'", args![]).await.map(|_| ())
        })
    }
}

/// Free bytes where the file is, and how many there should be.
fn left(file: &Path) -> Option<(u64, u64)> {
    let disk = rustix::fs::statvfs(file).ok()?;
    let (free, all) = (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize));
    Some((free, FLOOR.min(all / PART)))
}
