//! Brings a database to the newest schema: numbered migrations, each in one transaction with the row
//! that says that it was done.

use crate::error::{Error, Result, Status};
use crate::registry::MIGRATIONS;
use crate::store::rows::Cell;
use crate::store::{Store, Transaction, adopt};
use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

/// Migrates the database, if it is older than the program.
///
/// # Errors
///
/// If the database is newer than the program, has tables of others under our names, or cannot be
/// written.
pub fn migrate(store: &Store, now: DateTime<Utc>) -> Result<()> {
    migrate_to(store.connection(), now, MIGRATIONS.len())
}

/// Whether the database is at the newest schema.
///
/// # Errors
///
/// If it is newer than the program, or cannot be read.
pub fn is_current(connection: &Connection) -> Result<bool> {
    Ok(version(connection)? == Some(MIGRATIONS.len()))
}

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER, name VARCHAR, applied_at TIMESTAMP)";

/// The number of migrations that were done; `None` in a database that never saw one.
fn version(connection: &Connection) -> Result<Option<usize>> {
    let done = "SELECT coalesce(max(version), 0) FROM schema_migrations";
    let done: i64 = match connection.query_row(done, [], |row| row.get(0)) {
        // Whether the table is there is asked only then: it takes a walk through the catalog.
        Err(_) if !is_marked(connection)? => return Ok(None),
        done => done?,
    };
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        let message = format!("the database has schema {done}, this program knows schemas up to {}", MIGRATIONS.len());
        return Err(Error::new(Status::CannotRun, message).hint("a newer sessionmill wrote it: upgrade this one"));
    }
    Ok(Some(done))
}

fn is_marked(connection: &Connection) -> Result<bool> {
    let sql = "SELECT count(*) > 0 FROM duckdb_tables()
               WHERE schema_name = 'main' AND table_name = 'schema_migrations' AND NOT temporary";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

fn migrate_to(connection: &Connection, now: DateTime<Utc>, target: usize) -> Result<()> {
    let done = version(connection)?;
    let first = done.unwrap_or_default();
    if first >= target {
        return Ok(());
    }
    if done.is_none() {
        adopt::check(connection, || super::transaction::run(&Connection::open_in_memory()?, names))?;
    }
    let older = adopt::is_older(connection)?;
    for (number, (name, sql)) in (1_i64..).zip(MIGRATIONS).take(target).skip(first) {
        super::transaction::run(connection, |transaction| {
            if number == 1 {
                transaction.execute(TABLE, [])?;
            }
            transaction.batch(sql)?;
            if number == 1 && older {
                adopt::adopt(transaction)?;
            }
            transaction
                .execute("INSERT INTO schema_migrations VALUES (?, ?, ?)", params![number, name, Cell::Time(now)])?;
            Ok(())
        })?;
    }
    Ok(())
}

/// The names of our tables and views, as the migrations make them.
fn names(transaction: &Transaction<'_>) -> Result<Vec<String>> {
    for sql in std::iter::once(TABLE).chain(MIGRATIONS.map(|(_, sql)| sql)) {
        transaction.batch(sql)?;
    }
    let mut names = Vec::new();
    transaction.query(adopt::NAMES, [], |row| {
        names.push(row.get(0)?);
        Ok(())
    })?;
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(connection: &Connection) -> Vec<String> {
        let sql = "SELECT schema_name || '.' || table_name || '.' || column_name || ' ' || data_type
                   FROM duckdb_columns() WHERE NOT internal ORDER BY ALL";
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(std::result::Result::unwrap).collect()
    }

    fn migrated(prefix: usize) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        migrate_to(&connection, DateTime::UNIX_EPOCH, prefix).unwrap();
        connection
    }

    #[test]
    fn every_prefix_leads_to_the_same_schema() {
        let newest = schema(&migrated(MIGRATIONS.len()));
        assert!(newest.len() > 100);
        for prefix in 0..=MIGRATIONS.len() {
            let connection = migrated(prefix);
            for _ in 0..2 {
                migrate_to(&connection, DateTime::UNIX_EPOCH, MIGRATIONS.len()).unwrap();
                assert_eq!(schema(&connection), newest, "after {prefix}");
            }
            let rows: i64 = connection.query_row("SELECT count(*) FROM schema_migrations", [], |r| r.get(0)).unwrap();
            assert_eq!(rows, MIGRATIONS.len() as i64);
        }
    }

    #[test]
    fn everything_public_has_a_comment() {
        let connection = migrated(MIGRATIONS.len());
        let sql = "SELECT table_name || '.' || column_name FROM duckdb_columns()
                   WHERE NOT internal AND schema_name = 'main' AND comment IS NULL
                   UNION ALL SELECT table_name FROM duckdb_tables()
                   WHERE NOT internal AND schema_name = 'main' AND comment IS NULL
                   UNION ALL SELECT view_name FROM duckdb_views()
                   WHERE NOT internal AND schema_name = 'main' AND comment IS NULL";
        let mut statement = connection.prepare(sql).unwrap();
        let bare: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(std::result::Result::unwrap).collect();
        assert_eq!(bare, [""; 0]);
    }

    #[test]
    fn every_migration_can_be_repeated() {
        let connection = migrated(MIGRATIONS.len());
        for (name, sql) in MIGRATIONS {
            connection.execute_batch(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn a_newer_database_is_refused() {
        let connection = migrated(MIGRATIONS.len());
        connection.execute_batch("INSERT INTO schema_migrations VALUES (1000, 'future', NULL)").unwrap();
        let error = migrate_to(&connection, DateTime::UNIX_EPOCH, MIGRATIONS.len()).unwrap_err();
        assert_eq!(error.status, Status::CannotRun);
        assert!(error.message.contains("schema 1000"), "{}", error.message);
    }

    #[test]
    fn manifests_name_the_columns_that_migrations_make() {
        let connection = migrated(MIGRATIONS.len());
        let columns = |schema: &str, table: &str| -> Vec<String> {
            let sql = "SELECT column_name FROM duckdb_columns()
                       WHERE schema_name = ? AND table_name = ? ORDER BY column_index";
            let mut statement = connection.prepare(sql).unwrap();
            statement.query_map([schema, table], |row| row.get(0)).unwrap().map(std::result::Result::unwrap).collect()
        };
        for processor in crate::registry::processors() {
            let manifest = processor.manifest();
            for table in manifest.facts {
                let key = manifest.settlement_of(table).map(|_| "key_hash");
                let expected: Vec<_> = ["session_file", "username"].into_iter().chain(key).collect();
                assert_eq!(columns("facts", table.name), [&expected, table.columns].concat(), "{}", table.name);
            }
            for settlement in manifest.settlements {
                assert!(settlement.facts.position(settlement.key).is_some());
                for table in settlement.entities {
                    assert_eq!(columns("facts", table.name), [&["key_hash"], table.columns].concat(), "{}", table.name);
                    assert!(table.position(settlement.key).is_some());
                }
                if let Some(table) = settlement.reviews {
                    assert_eq!(columns("main", table.name), table.columns, "{}", table.name);
                }
            }
        }
    }
}
