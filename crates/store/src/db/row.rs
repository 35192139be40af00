//! Rows, read column by column into the model's types.

use super::error::{Result, StoreError};
use ostler_model::matches::GameId;
use ostler_model::user::Email;
use ostler_model::{
    AuditId, BootId, BotId, FactorId, InstallationId, InviteId, JobId, JoinTokenId, KeyId, Label, MailId, Name, NodeId,
    ProviderId, RequestId, RoleId, SecretId, SessionId, TeamId, Time, Timezone, UserId, WorkloadId, WorkspaceId,
};
use sqlx::{Row as _, ValueRef as _};
use std::str::FromStr;
use std::sync::Arc;

/// One row of either database.
pub(crate) enum Row {
    Sqlite(Line),
    Postgres(sqlx::postgres::PgRow),
}

/// A row that was read out of SQLite.
pub(crate) struct Line {
    pub(super) names: Arc<[Box<str>]>,
    pub(super) cells: Vec<Cell>,
}

/// A value as SQLite keeps it.
pub(super) enum Cell {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Line {
    fn cell(&self, column: &str) -> Result<&Cell, sqlx::Error> {
        let at = self.names.iter().position(|name| **name == *column);
        at.and_then(|at| self.cells.get(at)).ok_or_else(|| sqlx::Error::ColumnNotFound(column.to_owned()))
    }
}

/// A type that a column can be read as.
pub(crate) trait FromColumn: Sized {
    /// Reads the column, which must not be null.
    fn read(row: &Row, column: &str) -> Result<Self>;
}

impl Row {
    /// The column's value.
    pub(crate) fn get<T: FromColumn>(&self, column: &str) -> Result<T> {
        T::read(self, column)
    }
    /// The column's text, read by the type's own parser.
    pub(crate) fn parse<T: FromStr>(&self, column: &str) -> Result<T> {
        self.get::<String>(column)?.parse().map_err(|_| unreadable(column))
    }
    /// The column's JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T> {
        serde_json::from_str(&self.get::<String>(column)?).map_err(|e| StoreError::Failed {
            doing: "reading a JSON column",
            source: sqlx::Error::ColumnDecode { index: column.to_owned(), source: e.into() },
        })
    }
    fn is_null(&self, column: &str) -> Result<bool> {
        match self {
            Row::Sqlite(line) => line.cell(column).map(|cell| matches!(cell, Cell::Null)),
            Row::Postgres(row) => row.try_get_raw(column).map(|v| v.is_null()),
        }
        .map_err(reading)
    }
}

fn reading(source: sqlx::Error) -> StoreError {
    StoreError::Failed { doing: "reading a row", source }
}

/// A column holds something that its type refuses: somebody edited the database, or a migration is wrong.
pub(crate) fn unreadable(column: &str) -> StoreError {
    reading(sqlx::Error::ColumnDecode { index: column.to_owned(), source: "the stored value is not valid".into() })
}

macro_rules! plain {
    ($($type:ty: $($cell:pat => $value:expr),*;)*) => {$(
        impl FromColumn for $type {
            fn read(row: &Row, column: &str) -> Result<Self> {
                match row {
                    // SQLite's declared types are hints only; the statement says what it expects.
                    Row::Sqlite(line) => match line.cell(column).map_err(reading)? {
                        $($cell => return Ok($value),)*
                        _ => return Err(unreadable(column)),
                    },
                    Row::Postgres(row) => row.try_get(column),
                }
                .map_err(reading)
            }
        }
    )*};
}
plain! {
    String: Cell::Text(text) => text.clone();
    i64: Cell::Int(number) => *number;
    bool: Cell::Int(number) => *number != 0;
    f64: Cell::Real(number) => *number, Cell::Int(number) => *number as f64;
    Vec<u8>: Cell::Bytes(bytes) => bytes.clone();
}

macro_rules! parsed {
    ($($type:ty),* $(,)?) => {$(
        impl FromColumn for $type {
            fn read(row: &Row, column: &str) -> Result<Self> {
                row.parse(column)
            }
        }
    )*};
}
parsed!(
    Name,
    Timezone,
    AuditId,
    BootId,
    BotId,
    FactorId,
    GameId,
    InstallationId,
    InviteId,
    JobId,
    JoinTokenId,
    KeyId,
    MailId,
    NodeId,
    ProviderId,
    RequestId,
    RoleId,
    SecretId,
    SessionId,
    TeamId,
    UserId,
    WorkloadId,
    WorkspaceId
);

// Names and addresses that an earlier release took are read whatever is refused today: one row must not hide a whole list.
impl FromColumn for Label {
    fn read(row: &Row, column: &str) -> Result<Self> {
        row.get::<String>(column).map(|text| Label::kept(&text))
    }
}
impl FromColumn for Email {
    fn read(row: &Row, column: &str) -> Result<Self> {
        row.get::<String>(column).map(Email::kept)
    }
}

macro_rules! narrowed {
    ($($type:ty),*) => {$(
        impl FromColumn for $type {
            fn read(row: &Row, column: &str) -> Result<Self> {
                <$type>::try_from(row.get::<i64>(column)?).map_err(|_| unreadable(column))
            }
        }
    )*};
}
narrowed!(u64, u32, u16, u8);

impl FromColumn for Time {
    fn read(row: &Row, column: &str) -> Result<Self> {
        Ok(Time::from_millis(row.get(column)?))
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn read(row: &Row, column: &str) -> Result<Self> {
        if row.is_null(column)? { Ok(None) } else { T::read(row, column).map(Some) }
    }
}
