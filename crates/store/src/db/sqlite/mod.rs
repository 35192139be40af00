//! SQLite's connections: one writer and the readers. In memory there is one connection for everything.
//!
//! A lease can be dropped at any moment (a client went away, a deadline passed). What it left open is rolled back then, before
//! anybody else can have its connection.

mod checkpoint;
mod connection;
mod mode;

use super::error::{Result, StoreError};
use super::row::Line;
use super::value::Value;
use checkpoint::Checkpoints;
use connection::{Connection, Use};
use ostler_runtime::Clock;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that are kept when nobody reads. More are opened when more threads read at once.
const READERS: usize = 8;

/// Boxed, because whoever reads carries one through its future.
type Boxed = Box<Connection>;

pub(super) struct Sqlite {
    writer: Arc<Home>,
    /// Writers wait for one another here, in line.
    line: Arc<Semaphore>,
    /// Absent in memory.
    readers: Option<Arc<Home>>,
    pub(super) path: Option<PathBuf>,
}

/// Connections that nobody uses, and how to open more.
struct Home {
    /// Absent in memory, where a second connection would be a second database.
    file: Option<File>,
    clock: Clock,
    free: Mutex<Vec<Boxed>>,
    kept: usize,
    is_closed: AtomicBool,
}

struct File {
    path: PathBuf,
    how: Use,
    /// Of the writer.
    checkpoints: Option<Arc<Checkpoints>>,
}

/// One connection, given back on drop.
pub(super) struct Lease {
    conn: Option<Boxed>,
    home: Arc<Home>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Sqlite {
    /// Opens or creates the file.
    pub(super) fn file(path: &Path, clock: &Clock) -> Result<Self> {
        mode::close_to_others(path).map_err(|e| {
            StoreError::Unusable(format!("the database file {} cannot be kept private: {e}", path.display()))
        })?;
        let line = Arc::new(Semaphore::new(1));
        let checkpoints = Checkpoints::new(path.to_owned(), clock.clone(), line.clone());
        let file = File { path: path.to_owned(), how: Use::Write, checkpoints: Some(checkpoints) };
        let writer = Home::new(Some(file), 1, clock);
        let first = writer
            .open()
            .map_err(|e| StoreError::Unusable(format!("the database file {} cannot be opened: {e}", path.display())))?;
        writer.free().push(first);
        let file = File { path: path.to_owned(), how: Use::Read, checkpoints: None };
        let readers = Some(Home::new(Some(file), READERS, clock));
        Ok(Self { writer, line, readers, path: Some(path.to_owned()) })
    }
    /// A database that lives as long as the store.
    pub(super) fn memory(clock: &Clock) -> Result<Self> {
        let one = Connection::memory(clock.clone()).map_err(|e| StoreError::Failed {
            doing: "opening a database in memory",
            source: sqlx::Error::AnyDriverError(e.into()),
        })?;
        let writer = Home::new(None, 1, clock);
        writer.free().push(Box::new(one));
        Ok(Self { writer, line: Arc::new(Semaphore::new(1)), readers: None, path: None })
    }
    /// The writer; waits in line.
    pub(super) async fn writer(&self) -> Result<Lease, sqlx::Error> {
        let turn = self.line.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        self.writer.lease(Some(turn))
    }
    /// For one statement, or a few that see the same moment.
    pub(super) async fn reader(&self) -> Result<Lease, sqlx::Error> {
        let Some(readers) = &self.readers else { return self.writer().await };
        // It never waits, so a loop of reads would keep its thread from everybody else.
        tokio::task::consume_budget().await;
        readers.lease(None)
    }
    /// Writes a consistent copy into an empty file, on a thread that may take its time.
    pub(super) async fn copy_into(&self, to: &str) -> Result<(), sqlx::Error> {
        let Some(readers) = self.readers.clone() else {
            return self.writer().await?.copy_into(to);
        };
        let to = to.to_owned();
        let copied = tokio::task::spawn_blocking(move || readers.lease(None)?.copy_into(&to)).await;
        copied.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }
    /// Closes every connection, so that the write-ahead log is folded into the file.
    pub(super) fn close(&self) {
        self.line.close();
        let homes = self.readers.iter().chain([&self.writer]);
        for home in homes {
            home.close();
        }
    }
}

impl Home {
    fn new(file: Option<File>, kept: usize, clock: &Clock) -> Arc<Self> {
        let (free, is_closed) = (Mutex::new(Vec::new()), AtomicBool::new(false));
        Arc::new(Self { file, clock: clock.clone(), free, kept, is_closed })
    }
    /// A connection at rest, or a new one.
    fn lease(self: &Arc<Self>, turn: Option<OwnedSemaphorePermit>) -> Result<Lease, sqlx::Error> {
        let free = self.free().pop();
        let conn = match free {
            Some(conn) => conn,
            None if self.is_closed.load(Ordering::SeqCst) => return Err(sqlx::Error::PoolClosed),
            None => self.open().map_err(driver)?,
        };
        Ok(Lease { conn: Some(conn), home: self.clone(), _turn: turn })
    }
    fn open(&self) -> Result<Boxed, rusqlite::Error> {
        // Of a database in memory nothing is left when its connection broke.
        let Some(file) = &self.file else { return Err(rusqlite::Error::InvalidQuery) };
        let conn = Connection::file(&file.path, file.how, self.clock.clone())?;
        if file.checkpoints.is_some() {
            conn.leave_checkpoints();
        }
        Ok(Box::new(conn))
    }
    fn checkpoints(&self) -> Option<&Arc<Checkpoints>> {
        self.file.as_ref()?.checkpoints.as_ref()
    }
    /// Lets nobody have one any more.
    fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        if let Some(checkpoints) = self.checkpoints() {
            checkpoints.finish();
        }
        self.free().clear();
    }
    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Boxed>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        // Somebody went away in the middle. A connection that cannot even be rolled back is replaced.
        if conn.is_open() && conn.bracket("ROLLBACK").is_err() && self.home.file.is_some() {
            return;
        }
        let mut free = self.home.free();
        if free.len() < self.home.kept && !self.home.is_closed.load(Ordering::SeqCst) {
            free.push(conn);
        }
    }
}

impl Lease {
    /// The rows, at most `most` of them.
    pub(super) fn rows(&self, sql: &str, values: &[Value], most: usize) -> Result<Vec<Line>, sqlx::Error> {
        self.conn().rows(sql, values, most).map_err(driver)
    }
    /// How many rows were changed.
    pub(super) fn exec(&self, sql: &str, values: &[Value]) -> Result<u64, sqlx::Error> {
        self.conn().exec(sql, values).map_err(driver)
    }
    /// Begins or ends a transaction.
    pub(super) fn bracket(&self, sql: &str) -> Result<(), sqlx::Error> {
        self.conn().bracket(sql).map_err(driver)?;
        if let (Some(checkpoints), false) = (self.home.checkpoints(), self.conn().is_open()) {
            checkpoints.committed();
        }
        Ok(())
    }

    /// Statements without values, for migrations.
    pub(super) fn batch(&self, sql: &str) -> Result<(), sqlx::Error> {
        self.conn().batch(sql).map_err(driver)
    }

    fn copy_into(&self, to: &str) -> Result<(), sqlx::Error> {
        self.conn().copy_into(to).map_err(driver)
    }
    fn conn(&self) -> &Connection {
        self.conn.as_ref().expect("a lease holds its connection until it is dropped")
    }
}

fn driver(error: rusqlite::Error) -> sqlx::Error {
    sqlx::Error::AnyDriverError(error.into())
}
