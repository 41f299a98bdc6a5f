//! One SQL for three back ends, chosen by the scheme of a URL: what differs between them is here.
//!
//! Statements are written with `?` for values. They use integers, text and bytes only, which mean the same
//! everywhere: no time of the server, no zone, no upsert. Every statement is a transaction of its own.

use super::StoreError;
use crate::config::console::Console;
use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions, MySqlQueryResult};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgQueryResult};
use sqlx::query::Query;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteQueryResult, SqliteSynchronous,
};
use sqlx::{ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Pool, Row, Type};
use std::borrow::Cow;
use std::str::FromStr as _;
use std::time::Duration;

type Result<T> = std::result::Result<T, StoreError>;

/// A store of one of the three kinds.
#[derive(Clone, Debug)]
pub(super) struct Sql {
    pub(super) pool: Connections,
    /// Time that a statement may take.
    patience: Duration,
}

/// Connections to it.
#[derive(Clone, Debug)]
pub(super) enum Connections {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    MySql(MySqlPool),
}

/// A value of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'v> {
    Int(Option<i64>),
    Text(Option<&'v str>),
    Bytes(Option<&'v [u8]>),
}

/// What a column of an answer holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Int,
    Text,
    Bytes,
}

/// A cell of an answer.
#[derive(Clone, Debug)]
enum Cell {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// A row of an answer, taken from left to right.
pub(super) struct Cells(std::vec::IntoIter<Cell>);

/// Of statements that met a deadlock with another one.
const TRIES: usize = 3;

impl Sql {
    /// Gets ready to connect; nobody is asked yet.
    pub(super) fn new(url: &str, settings: &Console) -> Result<Self> {
        let invalid = |error: sqlx::Error| StoreError::Invalid(format!("invalid URL of the store: {}", words(&error)));
        // The same for each of three types that have no common trait.
        let (min, max, acquire) = (settings.min_connections, settings.max_connections, settings.acquire_timeout);
        let pool = match url.split(':').next().unwrap_or_default() {
            "sqlite" => {
                let options = SqliteConnectOptions::from_str(url).map_err(invalid)?;
                let options = options
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // A log-out outlasts a loss of power.
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(settings.statement_timeout);
                let pool = SqlitePoolOptions::new().min_connections(min).max_connections(max).acquire_timeout(acquire);
                Connections::Sqlite(pool.connect_lazy_with(options))
            }
            "postgres" | "postgresql" => {
                let options = PgConnectOptions::from_str(url).map_err(invalid)?.application_name("sessionmill");
                let timeout = settings.statement_timeout.as_millis().to_string();
                let options = options.options([("statement_timeout", timeout.as_str())]);
                let pool = PgPoolOptions::new().min_connections(min).max_connections(max).acquire_timeout(acquire);
                Connections::Postgres(pool.connect_lazy_with(options))
            }
            "mysql" | "mariadb" => {
                let options = MySqlConnectOptions::from_str(url).map_err(invalid)?.charset("utf8mb4");
                let pool = MySqlPoolOptions::new().min_connections(min).max_connections(max).acquire_timeout(acquire);
                Connections::MySql(pool.connect_lazy_with(options))
            }
            scheme => {
                let message = format!("`{scheme}` is none of `sqlite`, `postgres` and `mysql`");
                return Err(StoreError::Invalid(message));
            }
        };
        Ok(Self { pool, patience: settings.statement_timeout })
    }

    /// Runs a statement. Returns how many rows it met.
    pub(super) async fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        check(values)?;
        let sql = &*self.in_dialect(sql);
        let mut tries = 0;
        loop {
            tries += 1;
            let done = self.in_time(async {
                match &self.pool {
                    Connections::Sqlite(pool) => execute(pool, sql, values, SqliteQueryResult::rows_affected).await,
                    Connections::Postgres(pool) => execute(pool, sql, values, PgQueryResult::rows_affected).await,
                    Connections::MySql(pool) => execute(pool, sql, values, MySqlQueryResult::rows_affected).await,
                }
            });
            match done.await {
                Err(StoreError::Deadlock) if tries < TRIES => {}
                done => return done,
            }
        }
    }

    /// Asks for rows, whose columns are of these kinds.
    pub(super) async fn rows(&self, sql: &str, kinds: &[Kind], values: &[Value<'_>]) -> Result<Vec<Cells>> {
        check(values)?;
        let sql = &*self.in_dialect(sql);
        let asked = self.in_time(async {
            match &self.pool {
                Connections::Sqlite(pool) => rows(pool, sql, kinds, values).await,
                Connections::Postgres(pool) => rows(pool, sql, kinds, values).await,
                Connections::MySql(pool) => rows(pool, sql, kinds, values).await,
            }
        });
        asked.await
    }

    /// Asks for the first row.
    pub(super) async fn row(&self, sql: &str, kinds: &[Kind], values: &[Value<'_>]) -> Result<Option<Cells>> {
        Ok(self.rows(sql, kinds, values).await?.into_iter().next())
    }

    /// Closes the connections.
    pub(super) async fn close(&self) {
        match &self.pool {
            Connections::Sqlite(pool) => pool.close().await,
            Connections::Postgres(pool) => pool.close().await,
            Connections::MySql(pool) => pool.close().await,
        }
    }

    /// A statement as the back end has it: PostgreSQL numbers its values. `JSON(?)` is a value that is JSON, and
    /// `TEXT(data)` the text of a column that is.
    fn in_dialect<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        let (json, text) = match &self.pool {
            Connections::Sqlite(_) => ("?", "data"),
            Connections::Postgres(_) => ("CAST(? AS JSONB)", "CAST(data AS TEXT)"),
            Connections::MySql(_) => ("?", "CAST(data AS CHAR)"),
        };
        let sql = sql.replace("JSON(?)", json).replace("TEXT(data)", text);
        if !matches!(self.pool, Connections::Postgres(_)) {
            return sql.into();
        }
        let mut numbered = String::with_capacity(sql.len() + 32);
        for (number, part) in sql.split('?').enumerate() {
            if number > 0 {
                numbered += &format!("${number}");
            }
            numbered += part;
        }
        numbered.into()
    }

    /// Rows of a deletion at most: MySQL limits it, the others limit what they look for. A row that is
    /// changed by then is looked at again.
    pub(super) fn delete_some(&self, table: &str, key: &str, condition: &str, order: &str, limit: u32) -> String {
        match &self.pool {
            Connections::MySql(_) => format!("DELETE FROM {table} WHERE {condition} ORDER BY {order} LIMIT {limit}"),
            _ => format!(
                "DELETE FROM {table} WHERE {condition} AND {key} IN
                 (SELECT {key} FROM {table} WHERE {condition} ORDER BY {order} LIMIT {limit})"
            ),
        }
    }

    /// How often a condition that is put into [`Self::delete_some`] stands in it.
    pub(super) fn repeats(&self) -> usize {
        if matches!(self.pool, Connections::MySql(_)) { 1 } else { 2 }
    }

    async fn in_time<T>(&self, work: impl Future<Output = std::result::Result<T, sqlx::Error>>) -> Result<T> {
        match tokio::time::timeout(self.patience, work).await {
            Ok(done) => done.map_err(StoreError::from),
            Err(_) => Err(StoreError::Away("it does not answer in time".to_owned())),
        }
    }
}

/// PostgreSQL has no text with a zero byte in it, so no store has one.
fn check(values: &[Value<'_>]) -> Result<()> {
    let is_wrong = |value: &Value<'_>| matches!(value, Value::Text(Some(text)) if text.contains('\0'));
    match values.iter().any(is_wrong) {
        true => Err(StoreError::Invalid("a text has a zero byte in it".to_owned())),
        false => Ok(()),
    }
}

async fn execute<DB: Database>(
    pool: &Pool<DB>,
    sql: &str,
    values: &[Value<'_>],
    met: fn(&DB::QueryResult) -> u64,
) -> std::result::Result<u64, sqlx::Error>
where
    for<'q> DB::Arguments<'q>: IntoArguments<'q, DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'q> Option<i64>: Encode<'q, DB> + Type<DB>,
    for<'q> Option<&'q str>: Encode<'q, DB> + Type<DB>,
    for<'q> Option<&'q [u8]>: Encode<'q, DB> + Type<DB>,
{
    bind(sql, values).execute(pool).await.map(|done| met(&done))
}

async fn rows<DB: Database>(
    pool: &Pool<DB>,
    sql: &str,
    kinds: &[Kind],
    values: &[Value<'_>],
) -> std::result::Result<Vec<Cells>, sqlx::Error>
where
    for<'q> DB::Arguments<'q>: IntoArguments<'q, DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'q> Option<i64>: Encode<'q, DB> + Decode<'q, DB> + Type<DB>,
    for<'q> Option<&'q str>: Encode<'q, DB> + Type<DB>,
    for<'q> Option<&'q [u8]>: Encode<'q, DB> + Type<DB>,
    for<'q> Option<String>: Decode<'q, DB> + Type<DB>,
    for<'q> Option<Vec<u8>>: Decode<'q, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    let cells = |row: DB::Row| {
        let cell = |(at, kind): (usize, &Kind)| {
            Ok(match kind {
                Kind::Int => Cell::Int(row.try_get(at)?),
                // To MySQL text that compares byte by byte is bytes.
                Kind::Text if DB::NAME == "MySQL" => Cell::Text(text(row.try_get(at)?)?),
                Kind::Text => Cell::Text(row.try_get(at)?),
                Kind::Bytes => Cell::Bytes(row.try_get(at)?),
            })
        };
        let cells = kinds.iter().enumerate().map(cell).collect::<std::result::Result<Vec<_>, sqlx::Error>>();
        cells.map(|cells| Cells(cells.into_iter()))
    };
    bind(sql, values).fetch_all(pool).await?.into_iter().map(cells).collect()
}

fn text(bytes: Option<Vec<u8>>) -> std::result::Result<Option<String>, sqlx::Error> {
    bytes.map(String::from_utf8).transpose().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

fn bind<'q, DB: Database>(sql: &'q str, values: &'q [Value<'_>]) -> Query<'q, DB, DB::Arguments<'q>>
where
    Option<i64>: Encode<'q, DB> + Type<DB>,
    Option<&'q str>: Encode<'q, DB> + Type<DB>,
    Option<&'q [u8]>: Encode<'q, DB> + Type<DB>,
{
    values.iter().fold(sqlx::query(sql), |query, value| match *value {
        Value::Int(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}

impl Cells {
    pub(super) fn int(&mut self) -> Option<i64> {
        self.0.next().and_then(|cell| if let Cell::Int(number) = cell { number } else { None })
    }

    pub(super) fn text(&mut self) -> Option<String> {
        self.0.next().and_then(|cell| if let Cell::Text(text) = cell { text } else { None })
    }

    pub(super) fn bytes(&mut self) -> Option<Vec<u8>> {
        self.0.next().and_then(|cell| if let Cell::Bytes(bytes) = cell { bytes } else { None })
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'v> From<Option<&'v str>> for Value<'v> {
    fn from(text: Option<&'v str>) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v [u8; 32]> for Value<'v> {
    fn from(hash: &'v [u8; 32]) -> Self {
        Self::Bytes(Some(hash))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(inner) if inner.is_unique_violation() => Self::Taken,
            // PostgreSQL, then MySQL and MariaDB.
            sqlx::Error::Database(inner) if inner.code().is_some_and(|code| ["40P01", "40001"].contains(&&*code)) => {
                Self::Deadlock
            }
            _ => Self::Away(words(&error)),
        }
    }
}

/// An error in words that quote no value of a statement.
pub(super) fn words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(inner) => {
            format!("the database refused (code {})", inner.code().unwrap_or(Cow::Borrowed("unknown")))
        }
        sqlx::Error::Io(error) => crate::base::error::cause(error),
        sqlx::Error::PoolTimedOut => "no connection was free or could be made in time".to_owned(),
        sqlx::Error::Configuration(_) => "it cannot be understood".to_owned(),
        sqlx::Error::Tls(_) => "the encrypted connection failed".to_owned(),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => "a value is of another type".to_owned(),
        _ => "the connection broke".to_owned(),
    }
}
