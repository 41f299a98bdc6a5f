//! Runs the same SQL on three back ends, chosen by the scheme of a URL. All differences between the back ends are here.
//!
//! Statements use `?` for values, and only integers, text and bytes, which behave alike everywhere. They use no server
//! time, no time zones and no upserts. Every statement is a transaction of its own.

use super::StoreError;
use crate::config::console::{Console, check_store};
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

/// The number of rows that one statement of [`Sql::delete`] deletes.
const BATCH: u64 = 1000;

/// A connection pool to one of the three back ends.
#[derive(Clone, Debug)]
pub(super) struct Sql {
    pub(super) pool: Connections,
    /// The time limit of a statement.
    patience: Duration,
}

/// The connection pool.
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

/// The type of a result column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Int,
    Text,
    Bytes,
}

/// A cell of a result.
#[derive(Clone, Debug)]
enum Cell {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// A row of a result; cells are taken from left to right.
pub(super) struct Cells(std::vec::IntoIter<Cell>);

/// Attempts for a statement that runs into a deadlock.
const TRIES: usize = 3;

impl Sql {
    /// Prepares the pool of the account store without connecting.
    pub(super) fn new(url: &str, settings: &Console) -> Result<Self> {
        let options = |file: SqliteConnectOptions| {
            file.create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // So that a log-out survives a power failure.
                .synchronous(SqliteSynchronous::Full)
        };
        Self::with(url, settings, options)
    }

    /// Prepares the pool of another program's database, which is only read. SQLite leaves the file as it is.
    pub(super) fn of_others(url: &str, settings: &Console) -> Result<Self> {
        Self::with(url, settings, |file| file.read_only(true).create_if_missing(false))
    }

    fn with(
        url: &str,
        settings: &Console,
        of_file: impl Fn(SqliteConnectOptions) -> SqliteConnectOptions,
    ) -> Result<Self> {
        let invalid = |error: sqlx::Error| StoreError::Invalid(format!("invalid URL of the store: {}", words(&error)));
        // The same settings for three option types without a common trait.
        let (min, max) = (settings.min_connections.into(), settings.max_connections.get().into());
        let acquire = settings.acquire_timeout;
        // The URL can come from elsewhere than the configuration.
        check_store(url).map_err(|wrong| StoreError::Invalid(format!("invalid URL of the store: {wrong}")))?;
        let pool = match url.split(':').next().unwrap_or_default() {
            "sqlite" => {
                let options = SqliteConnectOptions::from_str(url).map_err(invalid)?;
                let options = of_file(options).busy_timeout(settings.statement_timeout);
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
            _ => {
                let options = MySqlConnectOptions::from_str(url).map_err(invalid)?.charset("utf8mb4");
                let pool = MySqlPoolOptions::new().min_connections(min).max_connections(max).acquire_timeout(acquire);
                Connections::MySql(pool.connect_lazy_with(options))
            }
        };
        Ok(Self { pool, patience: settings.statement_timeout })
    }

    /// Runs a statement. Returns the number of affected rows.
    pub(super) async fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        self.execute_all(&[(sql, values)]).await
    }

    /// Runs statements: all of them, or none. Returns the number of rows that the last one affected.
    pub(super) async fn execute_all(&self, statements: &[(&str, &[Value<'_>])]) -> Result<u64> {
        statements.iter().try_for_each(|(_, values)| check(values))?;
        let statements: Vec<_> = statements.iter().map(|(sql, values)| (self.in_dialect(sql), *values)).collect();
        let statements = &*statements;
        let mut tries = 0;
        loop {
            tries += 1;
            let done = self.in_time(async {
                match &self.pool {
                    Connections::Sqlite(pool) => execute(pool, statements, SqliteQueryResult::rows_affected).await,
                    Connections::Postgres(pool) => execute(pool, statements, PgQueryResult::rows_affected).await,
                    Connections::MySql(pool) => execute(pool, statements, MySqlQueryResult::rows_affected).await,
                }
            });
            match done.await {
                Err(StoreError::Deadlock) if tries < TRIES => {}
                done => return done,
            }
        }
    }

    /// Runs a query whose columns have these types.
    pub(super) async fn rows(&self, sql: &str, kinds: &[Kind], values: &[Value<'_>]) -> Result<Vec<Cells>> {
        self.each_row(sql, kinds, values).await?.into_iter().collect()
    }

    /// As [`Self::rows`], with an error for each row that has a value of another type.
    pub(super) async fn each_row(&self, sql: &str, kinds: &[Kind], values: &[Value<'_>]) -> Result<Vec<Result<Cells>>> {
        check(values)?;
        let sql = &*self.in_dialect(sql);
        let asked = self.in_time(async {
            match &self.pool {
                Connections::Sqlite(pool) => rows(pool, sql, kinds, values).await,
                Connections::Postgres(pool) => rows(pool, sql, kinds, values).await,
                Connections::MySql(pool) => rows(pool, sql, kinds, values).await,
            }
        });
        Ok(asked.await?.into_iter().map(|row| row.map_err(StoreError::from)).collect())
    }

    /// Runs a query and returns its first row.
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

    /// Translates a statement for the back end. PostgreSQL numbers its values; `JSON(?)` marks a value that is JSON,
    /// and `TEXT(data)` a JSON column that is read as text.
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

    /// Deletes rows in batches, so that no statement takes long. Returns their number. MySQL can limit the deletion
    /// itself; the others limit a subquery, and check the condition again for rows that have changed since.
    pub(super) async fn delete(
        &self,
        table: &str,
        key: &str,
        condition: &str,
        order: &str,
        values: &[Value<'_>],
    ) -> Result<u64> {
        let (statement, values) = match &self.pool {
            Connections::MySql(_) => {
                (format!("DELETE FROM {table} WHERE {condition} ORDER BY {order} LIMIT {BATCH}"), values.to_vec())
            }
            _ => {
                let sql = format!(
                    "DELETE FROM {table} WHERE {condition} AND {key} IN
                     (SELECT {key} FROM {table} WHERE {condition} ORDER BY {order} LIMIT {BATCH})"
                );
                (sql, values.repeat(2))
            }
        };
        let mut all = 0;
        loop {
            let deleted = self.execute(&statement, &values).await?;
            all += deleted;
            if deleted < BATCH {
                return Ok(all);
            }
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = std::result::Result<T, sqlx::Error>>) -> Result<T> {
        match tokio::time::timeout(self.patience, work).await {
            Ok(done) => done.map_err(StoreError::from),
            Err(_) => Err(StoreError::Unreachable("it does not answer in time".to_owned())),
        }
    }
}

/// PostgreSQL cannot store a zero byte in text, so no store accepts one.
fn check(values: &[Value<'_>]) -> Result<()> {
    let is_wrong = |value: &Value<'_>| matches!(value, Value::Text(Some(text)) if text.contains('\0'));
    match values.iter().any(is_wrong) {
        true => Err(StoreError::Invalid("a text has a zero byte in it".to_owned())),
        false => Ok(()),
    }
}

async fn execute<DB: Database>(
    pool: &Pool<DB>,
    statements: &[(Cow<'_, str>, &[Value<'_>])],
    met: fn(&DB::QueryResult) -> u64,
) -> std::result::Result<u64, sqlx::Error>
where
    for<'q> DB::Arguments<'q>: IntoArguments<'q, DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'q> Option<i64>: Encode<'q, DB> + Type<DB>,
    for<'q> Option<&'q str>: Encode<'q, DB> + Type<DB>,
    for<'q> Option<&'q [u8]>: Encode<'q, DB> + Type<DB>,
{
    if let [(sql, values)] = statements {
        return bind(sql, values).execute(pool).await.map(|done| met(&done));
    }
    let mut transaction = pool.begin().await?;
    let mut last = 0;
    for (sql, values) in statements {
        last = met(&bind(sql, values).execute(&mut *transaction).await?);
    }
    transaction.commit().await.map(|()| last)
}

async fn rows<DB: Database>(
    pool: &Pool<DB>,
    sql: &str,
    kinds: &[Kind],
    values: &[Value<'_>],
) -> std::result::Result<Vec<std::result::Result<Cells, sqlx::Error>>, sqlx::Error>
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
                // MySQL returns text with a binary collation as bytes.
                Kind::Text if DB::NAME == "MySQL" => Cell::Text(text(row.try_get(at)?)?),
                Kind::Text => Cell::Text(row.try_get(at)?),
                Kind::Bytes => Cell::Bytes(row.try_get(at)?),
            })
        };
        let cells = kinds.iter().enumerate().map(cell).collect::<std::result::Result<Vec<_>, sqlx::Error>>();
        cells.map(|cells| Cells(cells.into_iter()))
    };
    Ok(bind(sql, values).fetch_all(pool).await?.into_iter().map(cells).collect())
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
            // The codes of a deadlock in PostgreSQL, then in MySQL and MariaDB.
            sqlx::Error::Database(inner) if inner.code().is_some_and(|code| ["40P01", "40001"].contains(&&*code)) => {
                Self::Deadlock
            }
            sqlx::Error::Database(inner) if inner.code().is_some_and(|code| is_about_a_value(&code)) => {
                Self::Invalid(format!("the database cannot hold a value (code {})", inner.code().unwrap_or_default()))
            }
            sqlx::Error::Database(inner) if inner.code().is_some_and(|code| is_away(&code)) => {
                Self::Unreachable(words(&error))
            }
            sqlx::Error::Database(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::Unusable(words(&error))
            }
            _ => Self::Unreachable(words(&error)),
        }
    }
}

/// Whether an error means that the database cannot work now, and may later.
fn is_away(code: &str) -> bool {
    match code.len() {
        // Classes of SQLSTATE: the connection, resources, intervention by an operator.
        5 => ["08", "53", "57"].iter().any(|class| code.starts_with(class)),
        // SQLite: busy, locked.
        _ => code.parse::<u32>().is_ok_and(|code| [5, 6].contains(&(code & 0xff))),
    }
}

/// Whether an error is about a value of the statement. For example, PostgreSQL has no `\u0000` in JSON, and MariaDB
/// limits how deeply JSON is nested.
fn is_about_a_value(code: &str) -> bool {
    match code.len() {
        // Classes of SQLSTATE: data exceptions, and violated constraints.
        5 => code.starts_with("22") || code.starts_with("23"),
        // SQLite: too big, a violated constraint, a mismatch of types.
        _ => code.parse::<u32>().is_ok_and(|code| (18..=20).contains(&(code & 0xff))),
    }
}

/// What an administrator can do something about, by the error's code. PostgreSQL, MySQL and MariaDB have SQLSTATE codes
/// of five characters. SQLite has numbers below 10,000, whose lowest byte says the kind.
fn meaning(code: &str) -> Option<&'static str> {
    if code.len() == 5 {
        return Some(match code {
            "28P01" | "28000" => "the server rejects this user or this password",
            "3D000" => "the server has no such database",
            // MySQL's code for both.
            "42000" => "the server has no such database, or the user may not use it",
            "42P01" | "42S02" => "a table is missing",
            "42703" | "42S22" => "a column is missing",
            "42501" => "the user lacks a privilege, such as CREATE in the schema",
            "08004" | "53300" => "the server has no connection left",
            "53100" => "the server's disk is full",
            "57P03" => "the server is starting or stopping",
            _ => return None,
        });
    }
    Some(match code.parse::<u32>().ok()? & 0xff {
        5 | 6 => "another process keeps the file locked",
        8 => "the file or its folder is read-only",
        10 => "the file cannot be read or written",
        11 => "the file is damaged",
        13 => "the disk is full",
        14 => "the file cannot be opened or created",
        26 => "the file is not an SQLite database",
        _ => return None,
    })
}

/// The text of an error, without values of the statement.
pub(super) fn words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(inner) => {
            let code = inner.code().unwrap_or(Cow::Borrowed("unknown"));
            // SQLite has one code for all errors of a statement.
            let is_missing = |what: &str| code == "1" && inner.message().starts_with(&format!("no such {what}: "));
            let meaning = meaning(&code)
                .or_else(|| is_missing("table").then_some("a table is missing"))
                .or_else(|| is_missing("column").then_some("a column is missing"));
            format!("{} (code {code})", meaning.unwrap_or("the database refused the statement"))
        }
        // The standard library gives this error no kind.
        sqlx::Error::Io(error) if error.to_string().starts_with("failed to lookup address") => {
            "the name of its host is unknown".to_owned()
        }
        sqlx::Error::Io(error) => crate::base::error::cause(error),
        sqlx::Error::PoolTimedOut => "no connection was free or could be made in time".to_owned(),
        sqlx::Error::Configuration(_) => "it is invalid".to_owned(),
        sqlx::Error::Tls(_) => "the encrypted connection failed".to_owned(),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            "a value is of another type, or is not text in UTF-8".to_owned()
        }
        _ => "the connection broke".to_owned(),
    }
}
