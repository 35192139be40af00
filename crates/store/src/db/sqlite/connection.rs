//! One connection to SQLite, which answers on the thread that asks.
//!
//! A query by its key takes a few microseconds, and handing it to another thread and back takes a hundred: so nothing is
//! handed over. A long statement would keep its thread from other work; SQLite asks every so many steps whether to go on, and
//! one that takes longer than it may is ended.

use super::super::row::{Cell, Line};
use super::super::value::Value;
use super::checkpoint;
use ostler_runtime::Clock;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, OpenFlags, ToSql};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Steps of SQLite's machine between two looks at the clock; about a tenth of a millisecond.
const STEPS: i32 = 10_000;
/// How long SQLite itself waits for a lock, holding its thread: readers, who hardly ever meet one, and whoever opens.
const BUSY_TIMEOUT: Duration = Duration::from_millis(50);
/// Bytes of the write-ahead log's file that stay when the log begins anew.
const LOG_KEPT: i64 = 64 << 20;
/// Statements that are kept ready per connection.
const STATEMENTS: usize = 256;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
}

impl Use {
    /// The longest that one statement may take.
    fn longest(self) -> Duration {
        match self {
            Use::Read => Duration::from_secs(5),
            Use::Write => Duration::from_secs(15),
        }
    }
    fn flags(self) -> OpenFlags {
        match self {
            Use::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Use::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        }
    }
    /// In KiB, as SQLite wants it: negative.
    fn cache(self) -> i32 {
        match self {
            Use::Read => -8000,
            Use::Write => -16000,
        }
    }
}

pub(super) struct Connection {
    conn: rusqlite::Connection,
    clock: Clock,
    longest: Duration,
    /// What is known of statements that were run before, by their texts.
    shapes: RefCell<HashMap<Box<str>, Arc<Shape>>>,
    /// When the statement under way is to be ended. Statements without values (the ends of transactions, migrations) never are.
    until: Arc<Mutex<Option<Instant>>>,
}

/// What every run of a statement has in common.
struct Shape {
    /// Of its columns.
    names: Arc<[Box<str>]>,
    /// Which value each of its parameters takes: `$7` is the seventh wherever it stands; to SQLite it is just a name.
    values: Box<[usize]>,
}

impl Connection {
    /// Opens the file, and makes it when it is to be written and does not exist.
    pub(super) fn file(path: &Path, how: Use, clock: Clock) -> Result<Self, rusqlite::Error> {
        let conn = rusqlite::Connection::open_with_flags(path, how.flags() | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.busy_timeout(BUSY_TIMEOUT)?;
        if how == Use::Write {
            conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
            // A log that somebody's long read had made long gives its space back.
            conn.pragma_update_and_check(None, "journal_size_limit", LOG_KEPT, |_| Ok(()))?;
            // Whoever begins a change waits for its lock without holding a thread.
            conn.busy_timeout(Duration::ZERO)?;
        }
        Self::new(conn, how, clock)
    }
    /// A database of its own, gone with the connection.
    pub(super) fn memory(clock: Clock) -> Result<Self, rusqlite::Error> {
        Self::new(rusqlite::Connection::open_in_memory()?, Use::Write, clock)
    }

    fn new(conn: rusqlite::Connection, how: Use, clock: Clock) -> Result<Self, rusqlite::Error> {
        conn.pragma_update(None, "foreign_keys", true)?;
        conn.pragma_update(None, "synchronous", "normal")?;
        conn.pragma_update(None, "cache_size", how.cache())?;
        conn.pragma_update(None, "temp_store", "memory")?;
        // Without this, SQLite makes a kept statement's plan anew whenever a value that it might depend on is another one.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        let until = Arc::new(Mutex::new(None));
        let (watch, limit) = (clock.clone(), until.clone());
        conn.progress_handler(
            STEPS,
            Some(move || {
                let until: Option<Instant> = *limit.lock().unwrap_or_else(PoisonError::into_inner);
                until.is_some_and(|until| watch.instant() > until)
            }),
        )?;
        Ok(Self { conn, clock, longest: how.longest(), shapes: RefCell::default(), until })
    }
    /// Has somebody else fold the write-ahead log into the file: see [`checkpoint`].
    pub(super) fn leave_checkpoints(&self) {
        self.conn.wal_hook(Some(|_, pages| {
            checkpoint::note(pages);
            Ok(())
        }));
    }
    /// The rows, at most `most` of them.
    pub(super) fn rows(&self, sql: &str, values: &[Value], most: usize) -> Result<Vec<Line>, rusqlite::Error> {
        let (mut statement, shape) = self.prepare(sql, values)?;
        // What changes something is always run to its end, however many rows of it are wanted.
        let is_change = !statement.readonly();
        let mut rows = statement.raw_query();
        let mut lines = Vec::new();
        while is_change || lines.len() < most {
            let Some(row) = rows.next()? else { break };
            if lines.len() < most {
                let mut cells = Vec::with_capacity(shape.names.len());
                for at in 0..shape.names.len() {
                    cells.push(cell(row.get_ref(at)?));
                }
                lines.push(Line { names: shape.names.clone(), cells });
            }
        }
        Ok(lines)
    }
    /// How many rows were changed.
    pub(super) fn exec(&self, sql: &str, values: &[Value]) -> Result<u64, rusqlite::Error> {
        let (mut statement, _) = self.prepare(sql, values)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        Ok(self.conn.changes())
    }
    /// Writes a copy into an empty file, however long it takes.
    pub(super) fn copy_into(&self, path: &str) -> Result<(), rusqlite::Error> {
        self.limit(None);
        self.conn.execute("VACUUM INTO $1", [path]).map(|_| ())
    }
    /// Begins or ends a transaction, however long it takes.
    pub(super) fn bracket(&self, sql: &str) -> Result<(), rusqlite::Error> {
        self.limit(None);
        self.conn.prepare_cached(sql)?.raw_execute().map(|_| ())
    }
    /// Statements without values, however long they take.
    pub(super) fn batch(&self, sql: &str) -> Result<(), rusqlite::Error> {
        self.limit(None);
        self.conn.execute_batch(sql)
    }
    /// True when a transaction is open.
    pub(super) fn is_open(&self) -> bool {
        !self.conn.is_autocommit()
    }

    /// A statement with its values, and its time running.
    fn prepare(&self, sql: &str, values: &[Value]) -> Result<(CachedStatement<'_>, Arc<Shape>), rusqlite::Error> {
        self.limit(Some(self.longest));
        let mut statement = self.conn.prepare_cached(sql)?;
        let shape = self.shape(sql, &statement);
        for (at, number) in (1..).zip(&shape.values) {
            let count = shape.values.len();
            let value = values.get(*number).ok_or(rusqlite::Error::InvalidParameterCount(values.len(), count))?;
            statement.raw_bind_parameter(at, Bound(value))?;
        }
        Ok((statement, shape))
    }
    fn shape(&self, sql: &str, statement: &CachedStatement<'_>) -> Arc<Shape> {
        let mut shapes = self.shapes.borrow_mut();
        // Another process may have changed the schema.
        let columns = statement.column_count();
        if let Some(shape) = shapes.get(sql).filter(|shape| shape.names.len() == columns) {
            return shape.clone();
        }
        let number =
            |at| statement.parameter_name(at).and_then(|name| name.get(1..)?.parse::<usize>().ok()?.checked_sub(1));
        let values = (1..=statement.parameter_count()).map(|at| number(at).unwrap_or(usize::MAX)).collect();
        let names = statement.column_names().into_iter().map(Box::from).collect();
        // Texts that are put together have no end; those that are used again are back at once.
        if shapes.len() >= STATEMENTS {
            shapes.clear();
        }
        let shape = Arc::new(Shape { names, values });
        shapes.insert(sql.into(), shape.clone());
        shape
    }
    fn limit(&self, span: Option<Duration>) {
        let until = span.map(|span| self.clock.instant() + span);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
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
