//! SQLite's readers, which answer on the thread that asks.
//!
//! A query by its key takes a few microseconds, and handing it to another thread takes fifty: so reads do not go the way of
//! the writer, whose driver keeps a thread per connection. A long query would keep its thread from other work; SQLite asks
//! every so many steps whether to go on, and one that takes longer than [`LONGEST`] is ended.

use super::error::StoreError;
use super::row::{Cell, Line};
use super::value::Value;
use ostler_runtime::Clock;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest that one statement may take.
const LONGEST: Duration = Duration::from_secs(5);
/// Steps of SQLite's machine between two looks at the clock; about a tenth of a millisecond.
const STEPS: i32 = 10_000;
/// How long SQLite itself waits for a lock. Readers hardly ever meet one; who does tries again without holding a thread.
const BUSY_TIMEOUT: Duration = Duration::from_millis(50);
/// Connections that are kept when nobody reads. More are opened when more threads read at once.
const KEPT: usize = 8;
/// Statements that are kept ready per connection.
const STATEMENTS: usize = 256;

/// Boxed, because whoever reads carries one through its future.
type Boxed = Box<Reader>;

/// Readers that nobody uses, and how to open more.
pub(super) struct Readers {
    path: PathBuf,
    clock: Clock,
    free: Mutex<Vec<Boxed>>,
    is_closed: AtomicBool,
}

struct Reader {
    conn: Connection,
    began: Arc<Mutex<Instant>>,
}

/// One reader, given back on drop.
pub(super) struct Lease {
    reader: Option<Boxed>,
    home: Arc<Readers>,
}

impl Readers {
    /// Of a file that exists.
    pub(super) fn new(path: &Path, clock: Clock) -> Arc<Self> {
        Arc::new(Self { path: path.to_owned(), clock, free: Mutex::new(Vec::new()), is_closed: AtomicBool::new(false) })
    }
    /// A reader at rest, or a new one.
    pub(super) fn lease(self: &Arc<Self>) -> Result<Lease, rusqlite::Error> {
        let free = self.free().pop();
        let reader = match free {
            Some(reader) => reader,
            None if self.is_closed.load(Ordering::SeqCst) => {
                return Err(rusqlite::Error::InvalidPath(self.path.clone()));
            }
            None => Box::new(self.open()?),
        };
        Ok(Lease { reader: Some(reader), home: self.clone() })
    }
    /// Lets no more read.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.free().clear();
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Boxed>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<Reader, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.path, flags)?;
        conn.busy_timeout(BUSY_TIMEOUT)?;
        conn.pragma_update(None, "cache_size", -8000)?;
        conn.pragma_update(None, "temp_store", "memory")?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        let began = Arc::new(Mutex::new(self.clock.instant()));
        let (clock, since) = (self.clock.clone(), began.clone());
        conn.progress_handler(
            STEPS,
            Some(move || {
                let began = *since.lock().unwrap_or_else(PoisonError::into_inner);
                clock.instant().saturating_duration_since(began) > LONGEST
            }),
        )?;
        Ok(Reader { conn, began })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        // Somebody went away in the middle of a snapshot: nothing was changed, but the next must see what is there then.
        if !reader.conn.is_autocommit() && reader.conn.execute_batch("ROLLBACK").is_err() {
            return;
        }
        let mut free = self.home.free();
        if free.len() < KEPT && !self.home.is_closed.load(Ordering::SeqCst) {
            free.push(reader);
        }
    }
}

impl Lease {
    /// The rows, at most `most` of them.
    pub(super) fn rows(&mut self, sql: &str, values: &[Value], most: usize) -> Result<Vec<Line>, rusqlite::Error> {
        let reader = self.reader();
        let mut statement = reader.conn.prepare_cached(sql)?;
        bind(&mut statement, values)?;
        let names: Arc<[Box<str>]> = statement.column_names().into_iter().map(Box::from).collect();
        let mut rows = statement.raw_query();
        let mut lines = Vec::new();
        while lines.len() < most {
            let Some(row) = rows.next()? else { break };
            let cells = (0..names.len()).map(|at| row.get_ref(at).map(cell)).collect::<Result<_, _>>()?;
            lines.push(Line { names: names.clone(), cells });
        }
        Ok(lines)
    }
    /// Statements without values: the ends of transactions.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), rusqlite::Error> {
        self.reader().conn.execute_batch(sql)
    }

    fn reader(&mut self) -> &Reader {
        let reader = self.reader.as_ref().expect("a lease holds its reader until it is dropped");
        *reader.began.lock().unwrap_or_else(PoisonError::into_inner) = self.home.clock.instant();
        reader
    }
}

/// `$7` is the seventh value wherever it stands; to SQLite it is just a name.
fn bind(statement: &mut CachedStatement<'_>, values: &[Value]) -> Result<(), rusqlite::Error> {
    for at in 1..=statement.parameter_count() {
        let number = statement.parameter_name(at).and_then(|name| name.get(1..)?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(values.len(), statement.parameter_count()))?;
        statement.raw_bind_parameter(at, Bound(value))?;
    }
    Ok(())
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self.0 {
            Value::Text(text) => text.as_ref().map(|text| ValueRef::Text(text.as_bytes())),
            Value::Int(number) => number.map(ValueRef::Integer),
            Value::Bool(is) => is.map(|is| ValueRef::Integer(i64::from(is))),
            Value::Real(number) => number.map(ValueRef::Real),
            Value::Bytes(bytes) => bytes.as_ref().map(|bytes| ValueRef::Blob(bytes)),
        };
        Ok(ToSqlOutput::Borrowed(value.unwrap_or(ValueRef::Null)))
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    }
}

/// Sorts a reader's error into the kinds that everybody knows.
pub(super) fn classify(doing: &'static str, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Busy(sqlx::Error::AnyDriverError(error.into()))
        }
        Some(ErrorCode::OperationInterrupted) => StoreError::Late { doing },
        _ => StoreError::Failed { doing, source: sqlx::Error::AnyDriverError(error.into()) },
    }
}
