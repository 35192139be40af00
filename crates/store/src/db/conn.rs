//! One connection of either database, and the four ways to run a statement on it.

use super::error::{Result, StoreError, classify};
use super::row::Row;
use super::sqlite;
use super::value::Value;
use sqlx::pool::PoolConnection;
use sqlx::postgres::Postgres;
use sqlx::{AssertSqlSafe, Database, Encode, Executor as _, Type};

/// A connection in use. Statements are written once, in the dialect that both databases share.
pub(crate) struct Conn {
    pub(super) link: Link,
    doing: &'static str,
    /// A transaction may be open.
    is_open: bool,
}

pub(super) enum Link {
    Sqlite(sqlite::Lease),
    Postgres(PoolConnection<Postgres>),
}

/// A statement's text: a literal, or built from literals and placeholders only. Values never become part of it.
pub(crate) enum Sql {
    Fixed(&'static str),
    Built(String),
}

impl Sql {
    fn text(&self) -> &str {
        match self {
            Sql::Fixed(text) => text,
            Sql::Built(text) => text,
        }
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Sql::Fixed(text)
    }
}

impl From<String> for Sql {
    fn from(text: String) -> Self {
        Sql::Built(text)
    }
}

macro_rules! query {
    ($sql:expr, $values:expr) => {{
        let query = match $sql {
            Sql::Fixed(text) => sqlx::query(text),
            Sql::Built(text) => sqlx::query(AssertSqlSafe(text)),
        };
        bind(query, $values)
    }};
}

impl Conn {
    pub(super) fn new(link: Link, doing: &'static str) -> Self {
        Self { link, doing, is_open: false }
    }
    /// Opens a transaction. Dropped before its end, the connection is rolled back or thrown away before anybody else uses it.
    pub(super) async fn begin(&mut self, sql: &'static str) -> Result<()> {
        self.is_open = true;
        self.bracket(sql).await.map_err(|e| classify(self.doing, e))
    }
    /// Ends the transaction.
    pub(crate) async fn end(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        self.bracket(sql).await?;
        self.is_open = false;
        Ok(())
    }
    /// All rows.
    pub(crate) async fn all(&mut self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<Vec<Row>> {
        let sql = sql.into();
        match &mut self.link {
            Link::Sqlite(conn) => {
                let rows = conn.rows(sql.text(), &values, usize::MAX);
                rows.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            Link::Postgres(conn) => {
                let rows = query!(sql, values).fetch_all(&mut **conn).await;
                rows.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        }
        .map_err(|e| classify(self.doing, e))
    }
    /// The only row, if there is one.
    pub(crate) async fn opt(&mut self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<Option<Row>> {
        let sql = sql.into();
        match &mut self.link {
            Link::Sqlite(conn) => {
                conn.rows(sql.text(), &values, 1).map(|rows| rows.into_iter().next().map(Row::Sqlite))
            }
            Link::Postgres(conn) => {
                query!(sql, values).fetch_optional(&mut **conn).await.map(|row| row.map(Row::Postgres))
            }
        }
        .map_err(|e| classify(self.doing, e))
    }
    /// The row that must be there: for counts, sums and `RETURNING` of rows known to exist.
    pub(crate) async fn one(&mut self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<Row> {
        let doing = self.doing;
        self.opt(sql, values).await?.ok_or(StoreError::Failed { doing, source: sqlx::Error::RowNotFound })
    }
    /// How many rows were changed.
    pub(crate) async fn exec(&mut self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<u64> {
        let sql = sql.into();
        match &mut self.link {
            Link::Sqlite(conn) => conn.exec(sql.text(), &values),
            Link::Postgres(conn) => query!(sql, values).execute(&mut **conn).await.map(|done| done.rows_affected()),
        }
        .map_err(|e| classify(self.doing, e))
    }
    /// Several statements without values, for migrations.
    pub(super) async fn batch(&mut self, sql: String) -> Result<(), sqlx::Error> {
        match &mut self.link {
            Link::Sqlite(conn) => conn.batch(&sql),
            Link::Postgres(conn) => (&mut **conn).execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(|_| ()),
        }
    }
    async fn bracket(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match &mut self.link {
            Link::Sqlite(conn) => conn.bracket(sql),
            Link::Postgres(conn) => (&mut **conn).execute(sqlx::raw_sql(sql)).await.map(|_| ()),
        }
    }
    /// True on PostgreSQL, for the few places where only one of the databases needs a word more.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.link, Link::Postgres(_))
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if let (true, Link::Postgres(conn)) = (self.is_open, &mut self.link) {
            conn.close_on_drop();
        }
    }
}

type Query<'q, DB> = sqlx::query::Query<'q, DB, <DB as Database>::Arguments>;

fn bind<'q, DB: Database>(query: Query<'q, DB>, values: Vec<Value>) -> Query<'q, DB>
where
    Option<String>: Encode<'q, DB> + Type<DB>,
    Option<i64>: Encode<'q, DB> + Type<DB>,
    Option<bool>: Encode<'q, DB> + Type<DB>,
    Option<f64>: Encode<'q, DB> + Type<DB>,
    Option<Vec<u8>>: Encode<'q, DB> + Type<DB>,
{
    values.into_iter().fold(query, |query, value| match value {
        Value::Text(v) => query.bind(v),
        Value::Int(v) => query.bind(v),
        Value::Bool(v) => query.bind(v),
        Value::Real(v) => query.bind(v),
        Value::Bytes(v) => query.bind(v),
    })
}

/// `$from, $from+1, …` for as many values, for `IN (…)`.
pub(crate) fn placeholders(from: usize, count: usize) -> String {
    let list: Vec<String> = (from..from + count).map(|n| format!("${n}")).collect();
    // An empty list matches nothing, in words that both databases accept.
    if list.is_empty() { "NULL".to_owned() } else { list.join(", ") }
}
