//! The only way to read the database from outside of the store: an SQL query with parameters, answered in rows.
//!
//! No other part of the program uses DuckDB. A command gets its [`Reader`] from [`reading`](crate::store::reading); a
//! process that reads again and again gets it from [`DatabaseReader`](crate::store::DatabaseReader).

use crate::base::error::Result;
use crate::store::made_with::MadeWith;
use crate::store::scan::{self, Scanned};
use chrono::{DateTime, Utc};
use duckdb::types::{TimeUnit, ToSqlOutput, ValueRef};
use duckdb::{Connection, InterruptHandle, ToSql, params_from_iter};
use parking_lot::Mutex;
use sessionmill_contract::{Cell, Cells as _};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Runs queries on a database.
#[derive(Clone, Copy)]
pub struct Reader<'c> {
    connection: &'c Connection,
    lease: Option<&'c Lease>,
    made_with: Option<&'c MadeWith>,
}

/// The time for which a reader may hold the database. It ends when other processes wait for too long.
#[derive(Default)]
pub(super) struct Lease {
    is_over: AtomicBool,
    /// The connections that read in this lease.
    connections: Mutex<Vec<Arc<InterruptHandle>>>,
}

impl Lease {
    /// Ends the lease. Running statements are interrupted and fail.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.connections.lock().iter().for_each(|connection| connection.interrupt());
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn add(&self, connection: &Connection) -> Arc<InterruptHandle> {
        let handle = connection.interrupt_handle();
        self.connections.lock().push(Arc::clone(&handle));
        handle
    }
}

/// A connection that leaves the lease before it is closed. The `duckdb` crate frees a connection before it clears the
/// handle, and an interrupt in between would write to freed memory.
struct Guest<'t> {
    lease: &'t Lease,
    handle: Arc<InterruptHandle>,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        // With the lock, no interrupt is under way.
        self.lease.connections.lock().retain(|handle| !Arc::ptr_eq(handle, &self.handle));
    }
}

/// The value for a `?` in a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Param {
    Null,
    Int(i64),
    Text(String),
    Time(DateTime<Utc>),
}

/// A row of an answer.
pub struct Row<'r>(Scanned<'r>);

impl<'c> Reader<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { connection, lease: None, made_with: None }
    }

    /// A reader of a database that nobody changes meanwhile.
    pub(super) fn of_unchanging(connection: &'c Connection, made_with: &'c MadeWith) -> Self {
        Self { connection, lease: None, made_with: Some(made_with) }
    }

    /// The same reader, within a lease that can end.
    #[must_use]
    pub(super) fn within(self, lease: &'c Lease) -> Self {
        let _ = lease.add(self.connection);
        Self { lease: Some(lease), ..self }
    }

    /// What the lookup tables were made with, if that cannot change while this reader reads.
    pub(super) fn made_with(self) -> Option<&'c MadeWith> {
        self.made_with
    }

    pub(super) fn connection(self) -> &'c Connection {
        self.connection
    }

    /// Whether the lease has ended because other processes wait for the database. The caller then reads again, from a
    /// copy.
    pub fn is_over(self) -> bool {
        self.lease.is_some_and(Lease::is_over)
    }

    /// Runs two reads in parallel, the first in another thread with its own connection. If the database can change in
    /// between, the second one runs after the first.
    ///
    /// # Errors
    ///
    /// If one of them fails.
    pub fn both<A: Send, B>(
        self,
        first: impl FnOnce(Reader<'_>) -> Result<A> + Send,
        second: impl FnOnce(Reader<'_>) -> Result<B>,
    ) -> Result<(A, B)> {
        let Self { lease, made_with: Some(made_with), .. } = self else { return Ok((first(self)?, second(self)?)) };
        let connection = self.connection.try_clone()?;
        thread::scope(|scope| {
            let first = scope.spawn(move || {
                // Dropped before the connection.
                let _guest = lease.map(|lease| Guest { lease, handle: lease.add(&connection) });
                first(Reader { lease, ..Reader::of_unchanging(&connection, made_with) })
            });
            let second = second(self);
            let first = first.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            Ok((first, second?))
        })
    }

    /// Runs a query and calls `each` for every row.
    ///
    /// # Errors
    ///
    /// If the database cannot be read, or `each` fails.
    pub fn each(self, sql: &str, params: &[Param], mut each: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
        let mut result = Ok(());
        scan::rows(&mut self.connection.prepare(sql)?, params_from_iter(params), |row| {
            result = each(&Row(row));
            result.is_ok()
        })?;
        result
    }

    /// Runs a query and converts all rows.
    ///
    /// # Errors
    ///
    /// If the database cannot be read, or a row cannot be converted.
    pub fn rows<T>(self, sql: &str, params: &[Param], mut make: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.each(sql, params, |row| {
            rows.push(make(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Runs a query and converts the first row; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If the database cannot be read, or the row cannot be converted.
    pub fn first<T>(self, sql: &str, params: &[Param], make: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<Option<T>> {
        let (mut make, mut first) = (Some(make), None);
        scan::rows(&mut self.connection.prepare(sql)?, params_from_iter(params), |row| {
            first = make.take().map(|make| make(&Row(row)));
            false
        })?;
        first.transpose()
    }

    /// Runs a query that always has exactly one row, such as a sum.
    ///
    /// # Errors
    ///
    /// If the database cannot be read, the row cannot be converted, or there is none.
    pub fn one<T>(self, sql: &str, params: &[Param], make: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        self.first(sql, params, make)?.ok_or_else(|| duckdb::Error::QueryReturnedNoRows.into())
    }
}

/// What a cell can be taken for; an [`Option`] where it can be null.
pub trait FromCell: Sized {
    /// `None` if the cell is null or of another type.
    #[doc(hidden)]
    fn of(row: &Row<'_>, column: usize) -> Option<Self>;

    /// What null stands for, if it stands for anything.
    #[doc(hidden)]
    const NULL: Option<Self> = None;
}

impl FromCell for bool {
    fn of(row: &Row<'_>, column: usize) -> Option<Self> {
        row.0.cell(column).as_bool()
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl FromCell for $integer {
            fn of(row: &Row<'_>, column: usize) -> Option<Self> {
                row.0.integer(column).and_then(|integer| integer.try_into().ok())
            }
        }
    )*};
}

integers!(i32, i64, u32, u64);

impl FromCell for f64 {
    fn of(row: &Row<'_>, column: usize) -> Option<Self> {
        row.0.double(column)
    }
}

impl FromCell for String {
    fn of(row: &Row<'_>, column: usize) -> Option<Self> {
        row.0.cell(column).as_str().map(str::to_owned)
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn of(row: &Row<'_>, column: usize) -> Option<Self> {
        T::of(row, column).map(Some)
    }

    const NULL: Option<Self> = Some(None);
}

impl Row<'_> {
    /// The value of a column, counted from 0.
    ///
    /// # Errors
    ///
    /// If it is of another type.
    pub fn get<T: FromCell>(&self, column: usize) -> Result<T> {
        let null = || T::NULL.filter(|_| matches!(self.0.is_null(column), Ok(true)));
        let found = T::of(self, column).or_else(null);
        Ok(found.ok_or_else(|| self.0.is_of_another_type(column))?)
    }

    /// A text, borrowed from the row; `None` for null.
    ///
    /// # Errors
    ///
    /// If it is not a text.
    pub fn text(&self, column: usize) -> Result<Option<&str>> {
        match self.0.cell(column) {
            Cell::Text(text) => Ok(Some(text)),
            _ if self.0.is_null(column)? => Ok(None),
            _ => Err(self.0.is_of_another_type(column).into()),
        }
    }

    /// An integer of 32, 64 or 128 bits; 0 for null and all other types.
    ///
    /// # Errors
    ///
    /// If there is no such column.
    pub fn integer(&self, column: usize) -> Result<i128> {
        self.is_null(column)?;
        Ok(self.0.integer(column).unwrap_or_default())
    }

    /// A count: an integer, or 0 for null, negative numbers and all other types.
    ///
    /// # Errors
    ///
    /// If there is no such column.
    pub fn count(&self, column: usize) -> Result<u64> {
        Ok(u64::try_from(self.integer(column)?).unwrap_or_default())
    }

    /// A time; `None` for null and all other types.
    ///
    /// # Errors
    ///
    /// If there is no such column.
    pub fn time(&self, column: usize) -> Result<Option<DateTime<Utc>>> {
        self.is_null(column)?;
        Ok(self.0.cell(column).as_time())
    }

    /// # Errors
    ///
    /// If there is no such column.
    pub fn is_null(&self, column: usize) -> Result<bool> {
        Ok(self.0.is_null(column)?)
    }
}

impl ToSql for Param {
    fn to_sql(&self) -> duckdb::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(int) => ValueRef::BigInt(*int),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Time(time) => ValueRef::Timestamp(TimeUnit::Microsecond, time.timestamp_micros()),
        }))
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Param {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<DateTime<Utc>> for Param {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time)
    }
}

impl<P: Into<Self>> From<Option<P>> for Param {
    fn from(param: Option<P>) -> Self {
        param.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn parameters_and_columns_keep_their_values() {
        let connection = Connection::open_in_memory().unwrap();
        let reader = Reader::new(&connection);
        let time = DateTime::from_timestamp_micros(1_770_000_000_123_456).unwrap();
        let params = ["a".into(), 7.into(), time.into(), None::<&str>.into()];
        let sql = "SELECT $1, $2, $3, $4, 2::HUGEINT, 3::INTEGER, 'x'";
        let row = |row: &Row<'_>| {
            let all = (row.get::<String>(0)?, row.get::<i64>(1)?, row.time(2)?, row.get::<Option<String>>(3)?);
            Ok((all, [row.integer(4)?, row.integer(5)?, row.integer(6)?], row.is_null(3)?, row.count(1)?))
        };
        let expected = (("a".to_owned(), 7, Some(time), None), [2, 3, 0], true, 7);
        assert_eq!(reader.one(sql, &params, row).unwrap(), expected);
    }

    #[test]
    fn a_row_that_is_refused_ends_the_answer_and_none_is_no_row() {
        let connection = Connection::open_in_memory().unwrap();
        let reader = Reader::new(&connection);
        let numbers: Vec<i64> = reader.rows("FROM range(?)", &[3.into()], |row| row.get(0)).unwrap();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(reader.first("FROM range(0)", &[], |row| row.get::<i64>(0)).unwrap(), None);
        assert!(reader.one("FROM range(0)", &[], |row| row.get::<i64>(0)).is_err());
        let words = reader.rows::<String>("FROM range(3)", &[], |row| row.get(0));
        assert!(words.is_err(), "a number is no text");
    }

    const ENDLESS: &str = "SELECT count(*) FROM range(1_000_000_000_000_000) WHERE random() < 2";

    #[test]
    fn two_things_are_asked_side_by_side_and_end_with_their_turn() {
        let connection = Connection::open_in_memory().unwrap();
        let (made_with, lease) = (MadeWith::default(), Lease::default());
        let reader = Reader::of_unchanging(&connection, &made_with).within(&lease);
        // Each read waits for a message of the other. If they did not run in parallel, the first one would time out.
        let ((to_first, at_first), (to_second, at_second)) = (channel(), channel());
        let patience = Duration::from_secs(30);
        let numbers = reader.both(
            move |reader| {
                to_second.send(reader.one("SELECT 1", &[], |row| row.count(0))?).unwrap();
                Ok(at_first.recv_timeout(patience).unwrap())
            },
            move |reader| {
                to_first.send(reader.one("SELECT 2", &[], |row| row.count(0))?).unwrap();
                Ok(at_second.recv_timeout(patience).unwrap())
            },
        );
        assert_eq!(numbers.unwrap(), (2, 1));
        let is_done = AtomicBool::new(false);
        let ended = reader.both(
            |reader| {
                let ended = reader.one(ENDLESS, &[], |row| row.count(0));
                is_done.store(true, Ordering::Relaxed);
                ended
            },
            // An interrupt before the query starts has no effect, so it is repeated.
            |_| {
                while !is_done.load(Ordering::Relaxed) {
                    lease.end();
                }
                Ok(())
            },
        );
        assert!(ended.is_err() && reader.is_over());
    }

    #[test]
    fn a_turn_can_end_while_a_connection_is_closed() {
        let connection = Connection::open_in_memory().unwrap();
        let (made_with, lease, is_done) = (MadeWith::default(), Lease::default(), AtomicBool::new(false));
        let reader = Reader::of_unchanging(&connection, &made_with).within(&lease);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    lease.end();
                }
            });
            for _ in 0..500 {
                reader.both(|_| Ok(()), |_| Ok(())).unwrap();
            }
            is_done.store(true, Ordering::Relaxed);
        });
        assert_eq!(lease.connections.lock().len(), 1, "only that of the reader itself");
    }

    #[test]
    fn where_the_database_can_change_two_things_are_asked_one_after_the_other() {
        let connection = Connection::open_in_memory().unwrap();
        let made = |reader: Reader<'_>| reader.each("CREATE TEMP TABLE t AS SELECT 3 AS n", &[], |_| Ok(()));
        let asked = |reader: Reader<'_>| reader.one("SELECT n FROM t", &[], |row| row.count(0));
        // A temporary table is visible only in its own connection.
        assert_eq!(Reader::new(&connection).both(made, asked).unwrap(), ((), 3));
    }
}
