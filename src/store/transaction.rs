//! A transaction that cannot be committed after any of its statements failed.
//!
//! DuckDB reports success for a COMMIT after a failed append and keeps half of the work, so the
//! failure is remembered here, even if the body of the transaction forgives it.

use crate::error::{Error, Result, Status};
use duckdb::{Appender, Connection, Params, Row, ToSql, appender_params_from_iter};
use std::cell::Cell;

/// Statements that are kept together or not at all.
pub struct Transaction<'c> {
    connection: &'c Connection,
    failed: Cell<bool>,
}

pub(super) fn run<T>(connection: &Connection, body: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
    connection.execute_batch("BEGIN TRANSACTION")?;
    let transaction = Transaction { connection, failed: Cell::new(false) };
    let result = match body(&transaction) {
        Ok(_) if transaction.failed.get() => {
            Err(Error::new(Status::CannotRun, "a statement of a transaction failed and was not reported"))
        }
        result => result,
    };
    match result {
        Ok(value) => {
            connection.execute_batch("COMMIT")?;
            Ok(value)
        }
        Err(error) => {
            // The first error is the one to tell; a rollback fails only where nothing can be kept.
            let _ = connection.execute_batch("ROLLBACK");
            Err(error)
        }
    }
}

impl Transaction<'_> {
    fn watch<T>(&self, result: duckdb::Result<T>) -> Result<T> {
        self.failed.set(self.failed.get() || result.is_err());
        Ok(result?)
    }

    /// Runs one statement; returns how many rows it changed.
    ///
    /// # Errors
    ///
    /// If it fails; the transaction is lost then.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.watch(self.connection.execute(sql, params))
    }

    /// Runs several statements.
    ///
    /// # Errors
    ///
    /// If one of them fails; the transaction is lost then.
    pub fn batch(&self, sql: &str) -> Result<()> {
        self.watch(self.connection.execute_batch(sql))
    }

    /// Runs a query and hands on its rows one by one.
    ///
    /// # Errors
    ///
    /// If it fails, or `each` does; the transaction is lost then.
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

    /// Runs a query of one number.
    ///
    /// # Errors
    ///
    /// If it fails or has no row.
    pub fn number(&self, sql: &str, params: impl Params) -> Result<i64> {
        self.watch(self.connection.query_row(sql, params, |row| row.get(0)))
    }

    /// Appends rows to a table of a schema; returns how many.
    ///
    /// # Errors
    ///
    /// If a row does not fit; the transaction is lost then.
    pub fn append<R, C>(&self, schema: &str, table: &str, rows: impl Iterator<Item = R>) -> Result<u64>
    where
        R: IntoIterator<Item = C>,
        C: ToSql,
    {
        self.fill(self.connection.appender_to_db(table, schema), rows)
    }

    /// Appends rows to a temporary table; returns how many.
    ///
    /// # Errors
    ///
    /// If a row does not fit; the transaction is lost then.
    pub fn stage<R, C>(&self, table: &str, rows: impl Iterator<Item = R>) -> Result<u64>
    where
        R: IntoIterator<Item = C>,
        C: ToSql,
    {
        self.fill(self.connection.appender_to_catalog_and_db(table, "temp", "main"), rows)
    }

    /// The appender ends here, in whatever way, before the transaction does.
    fn fill<R, C>(&self, appender: duckdb::Result<Appender<'_>>, rows: impl Iterator<Item = R>) -> Result<u64>
    where
        R: IntoIterator<Item = C>,
        C: ToSql,
    {
        self.watch(appender.and_then(|mut appender| {
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

    #[test]
    fn nothing_is_kept_after_a_failed_statement_even_if_it_is_forgiven() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x INTEGER NOT NULL)").unwrap();
        let forgiving = run(&connection, |transaction| {
            transaction.execute("INSERT INTO t VALUES (1)", [])?;
            let _ = transaction.append("main", "t", [[Some(2)], [None::<i32>]].into_iter());
            Ok(())
        });
        assert!(forgiving.is_err());
        let failing = run(&connection, |transaction| {
            transaction.execute("INSERT INTO t VALUES (3)", [])?;
            transaction.execute("INSERT INTO nowhere VALUES (3)", [])
        });
        assert!(failing.is_err());
        run(&connection, |transaction| transaction.execute("INSERT INTO t VALUES (4)", [])).unwrap();
        let sum: i64 = connection.query_row("SELECT sum(x)::BIGINT FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(sum, 4);
    }
}
