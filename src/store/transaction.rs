//! A transaction that cannot be committed after one of its statements failed.
//!
//! After a failed append, DuckDB reports success for the COMMIT and keeps half of the changes. So this type remembers a
//! failure, even if the body ignores the error.

use crate::base::error::{Error, Result, Status};
use crate::base::fault::Fault;
use crate::store::scan::{self, Scanned};
use duckdb::arrow::error::ArrowError;
use duckdb::arrow::record_batch::RecordBatch;
use duckdb::{Appender, Connection, Params, Row, ToSql, appender_params_from_iter};
use std::cell::Cell;

/// Statements that take effect together or not at all.
pub struct Transaction<'c> {
    connection: &'c Connection,
    failed: Cell<bool>,
    ended: Cell<bool>,
}

/// Runs a body within a transaction. If the COMMIT itself fails, the error has `Fault::Unsure`.
pub(super) fn run<T>(connection: &Connection, body: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
    connection.execute_batch("BEGIN TRANSACTION")?;
    let transaction = Transaction { connection, failed: Cell::new(false), ended: Cell::new(false) };
    let value = body(&transaction)?;
    if transaction.failed.get() {
        return Err(Error::new(Status::CannotRun, "a statement of a transaction failed and was not reported"));
    }
    transaction.ended.set(true);
    match connection.execute_batch("COMMIT") {
        Ok(()) => Ok(value),
        Err(error) => Err(Error { fault: Some(Fault::Unsure), ..error.into() }),
    }
}

impl Drop for Transaction<'_> {
    /// If the body ends early, with an error or a panic, all its changes are rolled back.
    fn drop(&mut self) {
        if !self.ended.get() {
            // An error of the rollback is ignored: the earlier error is the one to report, and nothing is committed in
            // any case.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

impl Transaction<'_> {
    fn watch<T>(&self, result: duckdb::Result<T>) -> Result<T> {
        self.failed.set(self.failed.get() || result.is_err());
        Ok(result?)
    }

    /// Runs one statement. Returns the number of changed rows.
    ///
    /// # Errors
    ///
    /// If it fails. The transaction is then rolled back.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.watch(self.connection.execute(sql, params))
    }

    /// Runs several statements.
    ///
    /// # Errors
    ///
    /// If one of them fails. The transaction is then rolled back.
    pub fn batch(&self, sql: &str) -> Result<()> {
        self.watch(self.connection.execute_batch(sql))
    }

    /// Runs a query and calls `each` for every row.
    ///
    /// # Errors
    ///
    /// If the query or `each` fails. The transaction is then rolled back.
    pub fn query(
        &self,
        sql: &str,
        params: impl Params,
        mut each: impl FnMut(&Row<'_>) -> duckdb::Result<()>,
    ) -> Result<()> {
        self.watch((|| {
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query(params)?;
            while let Some(row) = rows.next()? {
                each(row)?;
            }
            Ok(())
        })())
    }

    /// Runs a query whose columns are of kinds that tables declare, and hands on its rows one by one: faster than
    /// [`query`](Self::query) for many rows of many columns.
    ///
    /// # Errors
    ///
    /// If it fails; the transaction is lost then.
    pub(super) fn scan(&self, sql: &str, params: impl Params, mut each: impl FnMut(Scanned<'_>)) -> Result<()> {
        self.watch(self.connection.prepare(sql).and_then(|mut statement| {
            scan::rows(&mut statement, params, |row| {
                each(row);
                true
            })
        }))
    }

    /// Runs a query of one number.
    ///
    /// # Errors
    ///
    /// If it fails or returns no row. The transaction is then rolled back.
    pub fn number(&self, sql: &str, params: impl Params) -> Result<i64> {
        self.watch(self.connection.query_row(sql, params, |row| row.get(0)))
    }

    /// Appends rows to a table of a schema. Returns their number.
    ///
    /// # Errors
    ///
    /// If a row does not fit the table. The transaction is then rolled back.
    pub fn append<R, C>(&self, schema: &str, table: &str, rows: impl Iterator<Item = R>) -> Result<u64>
    where
        R: IntoIterator<Item = C>,
        C: ToSql,
    {
        self.fill(|| self.connection.appender_to_db(table, schema), rows)
    }

    /// Appends batches of rows to a table of a schema. Returns the number of rows.
    ///
    /// # Errors
    ///
    /// If a row does not fit the table. The transaction is then rolled back.
    pub(super) fn append_batches(
        &self,
        schema: &str,
        table: &str,
        batches: impl Iterator<Item = std::result::Result<RecordBatch, ArrowError>>,
    ) -> Result<u64> {
        let failed = |error: ArrowError| duckdb::Error::ToSqlConversionFailure(Box::new(error));
        let mut batches = batches.peekable();
        if batches.peek().is_none() {
            return Ok(0);
        }
        self.watch(self.connection.appender_to_db(table, schema).and_then(|mut appender| {
            let mut count = 0;
            for batch in batches {
                let batch = batch.map_err(failed)?;
                count += batch.num_rows() as u64;
                appender.append_record_batch(batch)?;
            }
            appender.flush()?;
            Ok(count)
        }))
    }

    /// Appends rows to a temporary table. Returns their number.
    ///
    /// # Errors
    ///
    /// If a row does not fit the table. The transaction is then rolled back.
    pub fn stage<R, C>(&self, table: &str, rows: impl Iterator<Item = R>) -> Result<u64>
    where
        R: IntoIterator<Item = C>,
        C: ToSql,
    {
        self.fill(|| self.connection.appender_to_catalog_and_db(table, "temp", "main"), rows)
    }

    /// The appender is dropped here, before the transaction ends, whether there was an error or not. If there are no
    /// rows, none is created.
    fn fill<'a, R, C>(
        &self,
        appender: impl FnOnce() -> duckdb::Result<Appender<'a>>,
        rows: impl Iterator<Item = R>,
    ) -> Result<u64>
    where
        R: IntoIterator<Item = C>,
        C: ToSql,
    {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(0);
        }
        self.watch(appender().and_then(|mut appender| {
            let mut count = 0;
            for row in rows {
                appender.append_row(appender_params_from_iter(row))?;
                count += 1;
            }
            appender.flush()?;
            Ok(count)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x INTEGER NOT NULL)").unwrap();
        connection
    }

    fn sum(connection: &Connection) -> i64 {
        connection.query_row("SELECT coalesce(sum(x), 0)::BIGINT FROM t", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn nothing_is_kept_after_a_failed_statement_even_if_it_is_forgiven() {
        let connection = table();
        type Step = fn(&Transaction<'_>) -> bool;
        let failing: [Step; 6] = [
            |t| t.append("main", "t", [[Some(2)], [None::<i32>]].into_iter()).is_err(),
            |t| t.append("main", "t", [vec![2, 3]].into_iter()).is_err(),
            |t| t.append("main", "nowhere", [[2]].into_iter()).is_err(),
            |t| t.execute("INSERT INTO t VALUES (NULL)", []).is_err(),
            |t| t.batch("INSERT INTO t VALUES (2); INSERT INTO t VALUES ('two')").is_err(),
            |t| t.number("SELECT x FROM nowhere", []).is_err(),
        ];
        for (number, step) in failing.into_iter().enumerate() {
            let forgiving = run(&connection, |transaction| {
                transaction.execute("INSERT INTO t VALUES (1)", [])?;
                assert!(step(transaction), "step {number} works");
                Ok(())
            });
            assert!(forgiving.is_err(), "step {number}");
            assert_eq!(sum(&connection), 0, "step {number}");
            let failing = run(&connection, |transaction| {
                transaction.append("main", "t", [[1]].into_iter())?;
                assert!(step(transaction));
                Err::<(), _>(Error::new(Status::CannotRun, "reported"))
            });
            assert_eq!(failing.unwrap_err().to_string(), "reported");
        }
        run(&connection, |transaction| transaction.execute("INSERT INTO t VALUES (4)", [])).unwrap();
        assert_eq!(sum(&connection), 4);
    }

    #[test]
    fn nothing_is_kept_of_a_body_that_panics() {
        let connection = table();
        let body = || {
            run(&connection, |transaction| {
                transaction.execute("INSERT INTO t VALUES (1)", [])?;
                let rows = [1, 2, 3].into_iter().map(|x| if x < 3 { [x] } else { panic!("while appending") });
                transaction.append("main", "t", rows)
            })
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_err());
        run(&connection, |transaction| transaction.execute("INSERT INTO t VALUES (4)", [])).unwrap();
        assert_eq!(sum(&connection), 4);
    }
}
