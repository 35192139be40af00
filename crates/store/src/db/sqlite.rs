//! SQLite's connections: one writer, the readers, and one for what takes long.
//!
//! A lease can be dropped at any moment (a client went away, a deadline passed). It then marks its connection as unclean, and
//! the next user rolls back what was left open before doing anything else. In memory there is one connection for everything.

use super::conn::Link;
use super::error::{Result, StoreError, classify};
use super::reader::{self, Readers};
use ostler_runtime::Clock;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long SQLite itself waits for another process, for example a backup made by hand.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Sqlite {
    writer: Arc<Idle>,
    /// For what takes long and may not keep a thread of the server's: backups. In memory, the writer.
    aside: Arc<Idle>,
    /// Absent in memory.
    readers: Option<Arc<Readers>>,
    pub(super) path: Option<PathBuf>,
}

/// Connections that nobody uses, and the right to take one.
struct Idle {
    permits: Arc<Semaphore>,
    free: Mutex<Vec<Held>>,
    options: SqliteConnectOptions,
    /// In memory a second connection would be a second database.
    is_memory: bool,
}

struct Held {
    conn: SqliteConnection,
    is_unclean: bool,
}

/// One connection, given back on drop.
pub(super) struct Lease {
    held: Option<Held>,
    home: Arc<Idle>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// The driver's connection.
    pub(super) fn raw(&mut self) -> &mut SqliteConnection {
        &mut self.held.as_mut().expect("a lease holds its connection until it is dropped").conn
    }
    /// Says whether a transaction may be open.
    pub(super) fn set_unclean(&mut self, is_unclean: bool) {
        self.held.as_mut().expect("a lease holds its connection until it is dropped").is_unclean = is_unclean;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            self.home.free.lock().unwrap_or_else(PoisonError::into_inner).push(held);
        }
    }
}

impl Sqlite {
    /// Opens or creates the file.
    pub(super) async fn file(path: &Path, clock: &Clock) -> Result<Self> {
        let options = options().filename(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let writer = Idle::open(options.clone(), 1, false).await.map_err(|e| cannot_open(path, &e))?;
        let aside = Idle::new(options.read_only(true).create_if_missing(false), 1, false);
        let readers = Some(Readers::new(path, clock.clone()));
        Ok(Self { writer, aside, readers, path: Some(path.to_owned()) })
    }
    /// A database that lives as long as the store.
    pub(super) async fn memory() -> Result<Self> {
        let one = Idle::open(options().in_memory(true).filename(":memory:"), 1, true).await;
        let one = one.map_err(|source| StoreError::Failed { doing: "opening a database in memory", source })?;
        Ok(Self { writer: one.clone(), aside: one, readers: None, path: None })
    }
    /// The writer; waits in line.
    pub(super) async fn writer(&self) -> Result<Lease, sqlx::Error> {
        self.writer.clone().lease().await
    }
    /// For one statement, or a few that see the same moment.
    pub(super) async fn reader(&self, doing: &'static str) -> Result<Link> {
        match &self.readers {
            Some(readers) => {
                // It never waits, so a loop of reads would keep its thread from everybody else.
                tokio::task::consume_budget().await;
                readers.lease().map(Link::Reader).map_err(|e| reader::classify(doing, e))
            }
            None => self.aside(doing).await,
        }
    }
    /// For what takes long.
    pub(super) async fn aside(&self, doing: &'static str) -> Result<Link> {
        self.aside.clone().lease().await.map(Link::Sqlite).map_err(|e| classify(doing, e))
    }
    /// Closes every connection, so that the write-ahead log is folded into the file.
    pub(super) async fn close(&self) {
        if let Some(readers) = &self.readers {
            readers.close();
        }
        for idle in [&self.aside, &self.writer] {
            idle.permits.close();
            let free = std::mem::take(&mut *idle.free.lock().unwrap_or_else(PoisonError::into_inner));
            for held in free {
                // Closing is a courtesy; the file is consistent without it.
                let _ = held.conn.close().await;
            }
        }
    }
}

fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Normal)
        .statement_cache_capacity(256)
        .pragma("cache_size", "-16000")
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

fn cannot_open(path: &Path, error: &sqlx::Error) -> StoreError {
    StoreError::Unusable(format!("the database file {} cannot be opened: {error}", path.display()))
}

impl Idle {
    async fn open(options: SqliteConnectOptions, count: usize, is_memory: bool) -> Result<Arc<Self>, sqlx::Error> {
        let first = Held { conn: options.connect().await?, is_unclean: false };
        let idle = Self::new(options, count, is_memory);
        idle.free.lock().unwrap_or_else(PoisonError::into_inner).push(first);
        Ok(idle)
    }
    /// Connects when somebody asks.
    fn new(options: SqliteConnectOptions, count: usize, is_memory: bool) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(count));
        Arc::new(Self { permits, free: Mutex::default(), options, is_memory })
    }
    async fn lease(self: Arc<Self>) -> Result<Lease, sqlx::Error> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let held = match free {
            Some(held) => held,
            None => Held { conn: self.options.connect().await?, is_unclean: false },
        };
        let mut lease = Lease { held: Some(held), home: self, _permit: permit };
        if lease.held.as_ref().is_some_and(|held| held.is_unclean) {
            lease.clean().await?;
        }
        Ok(lease)
    }
}

impl Lease {
    async fn clean(&mut self) -> Result<(), sqlx::Error> {
        // Without an open transaction the roll-back fails harmlessly; a select then proves that the connection works.
        let _ = self.raw().execute("ROLLBACK").await;
        if let Err(error) = self.raw().execute("SELECT 1").await {
            if !self.home.is_memory {
                self.held = None;
                let conn = self.home.options.connect().await?;
                self.held = Some(Held { conn, is_unclean: false });
                return Ok(());
            }
            return Err(error);
        }
        self.set_unclean(false);
        Ok(())
    }
}
