//! Folding the write-ahead log into the database file.
//!
//! SQLite does it at the end of every commit that finds the log long, and waits for the disk meanwhile. Whoever committed
//! should not, nor the thread that answers requests: so it is done beside, now and then, by a thread that lives as long as it
//! takes.
//!
//! The log begins anew only when all of it is in the file, and what is written during the fold is not. So where somebody
//! always writes, it would never end: when the log has become long all the same, the thread takes the writer's turn for the
//! little that is left. A log that cannot be emptied then (somebody reads for long) grows until it can.

use super::connection::{Connection, Use};
use ostler_runtime::Clock;
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Pages in the log, of 4 KiB each, after which it is folded in, and after as many more when that did not empty it.
const PAGES: i32 = 1000;
/// After so many, writers wait until the log is empty.
const PAGES_MOST: i32 = 4 * PAGES;

thread_local! {
    /// Pages in the log after the commit that this thread made last.
    static NOTED: Cell<i32> = const { Cell::new(0) };
}

/// Hears from SQLite, in the middle of a commit.
pub(super) fn note(pages: i32) {
    NOTED.set(pages);
}

pub(super) struct Checkpoints {
    path: PathBuf,
    clock: Clock,
    /// Where writers wait for one another.
    line: Arc<Semaphore>,
    /// How long the log was after the last commit.
    pages: AtomicI32,
    /// The length at which it is time.
    due: AtomicI32,
    is_running: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpoints {
    pub(super) fn new(path: PathBuf, clock: Clock, line: Arc<Semaphore>) -> Arc<Self> {
        let (pages, due, is_running) = (AtomicI32::new(0), AtomicI32::new(PAGES), AtomicBool::new(false));
        Arc::new(Self { path, clock, line, pages, due, is_running, thread: Mutex::new(None) })
    }
    /// To be called after a commit, on the thread that made it.
    pub(super) fn committed(self: &Arc<Self>) {
        let pages = NOTED.take();
        if pages == 0 {
            // Nothing was written: that says nothing of the log.
            return;
        }
        self.pages.store(pages, Ordering::Relaxed);
        if pages < PAGES {
            // The log began anew.
            self.due.store(PAGES, Ordering::Relaxed);
            return;
        }
        if pages < self.due.load(Ordering::Relaxed) || self.is_running.swap(true, Ordering::SeqCst) {
            return;
        }
        self.due.store(pages.saturating_add(PAGES), Ordering::Relaxed);
        let (this, runtime) = (self.clone(), Handle::try_current().ok());
        let begun = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(move || this.run(runtime));
        match begun {
            Ok(thread) => *self.thread() = Some(thread),
            Err(error) => {
                tracing::warn!(%error, "no thread for folding the write-ahead log in; it is tried again later");
                self.is_running.store(false, Ordering::SeqCst);
            }
        }
    }
    /// Waits for the one under way.
    pub(super) fn finish(&self) {
        let thread = self.thread().take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn run(&self, runtime: Option<Handle>) {
        if let Err(error) = self.fold(runtime) {
            tracing::warn!(%error, "the write-ahead log could not be folded into the database; it is tried again later");
        }
        self.is_running.store(false, Ordering::SeqCst);
    }
    fn fold(&self, runtime: Option<Handle>) -> Result<(), rusqlite::Error> {
        const FOLD: &str = "PRAGMA wal_checkpoint(PASSIVE)";
        let conn = Connection::file(&self.path, Use::Write, self.clock.clone())?;
        conn.batch(FOLD)?;
        if self.pages.load(Ordering::Relaxed) < PAGES_MOST {
            return Ok(());
        }
        // Nobody's thread waits for it: writers wait in line. It is closed when the database is about to be.
        let turn = runtime.and_then(|runtime| runtime.block_on(self.line.acquire()).ok());
        if turn.is_some() { conn.batch(FOLD) } else { Ok(()) }
    }
    fn thread(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
