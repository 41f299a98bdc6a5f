//! Brings a database to the newest schema: numbered migrations, each in one transaction with the row
//! that says that it was done.

use crate::error::{Error, Result, Status};
use crate::plugs::Plugs;
use crate::store::rows::Cell;
use crate::store::{Store, Transaction, adopt};
use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

/// A migration: its name, which begins with its number in the chain, and its statements. It is never changed once
/// it is released.
pub type Migration = (&'static str, &'static str);

/// Migrations of tables that are no processor's, and of the time before processors had their own. The numbered
/// chain runs over these and those of all plugs.
pub const ENGINE: &[Migration] = &[
    ("0001_ledger", include_str!("../../migrations/0001_ledger.sql")),
    ("0003_source_marks", include_str!("../../migrations/0003_source_marks.sql")),
    ("0005_network", include_str!("../../migrations/0005_network.sql")),
    ("0006_audit", include_str!("../../migrations/0006_audit.sql")),
    ("0010_forgotten", include_str!("../../migrations/0010_forgotten.sql")),
    ("0012_dropped", include_str!("../../migrations/0012_dropped.sql")),
    ("0013_comments", include_str!("../../migrations/0013_comments.sql")),
    ("0016_waiting", include_str!("../../migrations/0016_waiting.sql")),
    ("0020_sources", include_str!("../../migrations/0020_sources.sql")),
    ("0021_bans", include_str!("../../migrations/0021_bans.sql")),
    ("0022_settling", include_str!("../../migrations/0022_settling.sql")),
    ("0023_settlements", include_str!("../../migrations/0023_settlements.sql")),
];

/// Migrates the database, if it is older than the program.
///
/// # Errors
///
/// If the database is newer than the program, has tables of others under our names, or cannot be
/// written.
pub fn migrate(store: &Store, plugs: Plugs, now: DateTime<Utc>) -> Result<()> {
    migrate_to(store.connection(), plugs, now, plugs.schema())
}

/// Whether the database is at the newest schema.
///
/// # Errors
///
/// If it is newer than the program, or cannot be read.
pub fn is_current(connection: &Connection, plugs: Plugs) -> Result<bool> {
    Ok(version(connection, plugs)? == Some(plugs.schema()))
}

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER, name VARCHAR, applied_at TIMESTAMP)";

const DONE: &str = "SELECT coalesce(max(version), 0) FROM schema_migrations";

/// The number of migrations that were done; `None` in a database that never saw one.
fn version(connection: &Connection, plugs: Plugs) -> Result<Option<usize>> {
    let done = match done(connection) {
        // Whether the table is there is asked only then: it takes a walk through the catalog.
        Err(_) if !is_marked(connection)? => return Ok(None),
        done => done?,
    };
    let newest = plugs.schema();
    if done > newest {
        let message = format!("the database has schema {done}, this program knows schemas up to {newest}");
        return Err(Error::new(Status::CannotRun, message).hint("a newer sessionmill wrote it: upgrade this one"));
    }
    Ok(Some(done))
}

/// The number of migrations that were done of a database that saw some, whatever this program knows of them.
///
/// # Errors
///
/// If it cannot be read.
pub(super) fn done(connection: &Connection) -> Result<usize> {
    let done: i64 = connection.query_row(DONE, [], |row| row.get(0))?;
    Ok(usize::try_from(done).unwrap_or(usize::MAX))
}

fn is_marked(connection: &Connection) -> Result<bool> {
    let sql = "SELECT count(*) > 0 FROM duckdb_tables()
               WHERE schema_name = 'main' AND table_name = 'schema_migrations' AND NOT temporary";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

fn migrate_to(connection: &Connection, plugs: Plugs, now: DateTime<Utc>, target: usize) -> Result<()> {
    let done = version(connection, plugs)?;
    let first = done.unwrap_or_default();
    if first >= target {
        return Ok(());
    }
    if done.is_none() {
        adopt::check(connection, || {
            super::transaction::run(&Connection::open_in_memory()?, |transaction| names(transaction, plugs))
        })?;
    }
    let older = adopt::is_older(connection)?;
    for (number, (name, sql)) in (1_i64..).zip(plugs.migrations()).take(target).skip(first) {
        super::transaction::run(connection, |transaction| {
            if number == 1 {
                transaction.execute(TABLE, [])?;
            }
            transaction.batch(sql)?;
            if number == 1 && older {
                adopt::adopt(transaction, plugs)?;
            }
            transaction
                .execute("INSERT INTO schema_migrations VALUES (?, ?, ?)", params![number, name, Cell::Time(now)])?;
            Ok(())
        })?;
    }
    Ok(())
}

/// The names of our tables and views, as the migrations make them.
fn names(transaction: &Transaction<'_>, plugs: Plugs) -> Result<Vec<String>> {
    for sql in std::iter::once(TABLE).chain(plugs.migrations().into_iter().map(|(_, sql)| sql)) {
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
    use crate::plugs::PLUGS;

    fn schema(connection: &Connection) -> Vec<String> {
        let sql = "SELECT schema_name || '.' || table_name || '.' || column_name || ' ' || data_type
                   FROM duckdb_columns() WHERE NOT internal ORDER BY ALL";
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(std::result::Result::unwrap).collect()
    }

    fn migrated(prefix: usize) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        migrate_to(&connection, PLUGS, DateTime::UNIX_EPOCH, prefix).unwrap();
        connection
    }

    #[test]
    fn every_prefix_leads_to_the_same_schema() {
        let newest = schema(&migrated(PLUGS.schema()));
        assert!(newest.len() > 100);
        for prefix in 0..=PLUGS.schema() {
            let connection = migrated(prefix);
            for _ in 0..2 {
                migrate_to(&connection, PLUGS, DateTime::UNIX_EPOCH, PLUGS.schema()).unwrap();
                assert_eq!(schema(&connection), newest, "after {prefix}");
            }
            let rows: i64 = connection.query_row("SELECT count(*) FROM schema_migrations", [], |r| r.get(0)).unwrap();
            assert_eq!(rows, PLUGS.schema() as i64);
        }
    }

    #[test]
    fn everything_public_has_a_comment() {
        let connection = migrated(PLUGS.schema());
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
        let connection = migrated(PLUGS.schema());
        for (name, sql) in PLUGS.migrations() {
            connection.execute_batch(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn a_newer_database_is_refused() {
        let connection = migrated(PLUGS.schema());
        connection.execute_batch("INSERT INTO schema_migrations VALUES (1000, 'future', NULL)").unwrap();
        let error = migrate_to(&connection, PLUGS, DateTime::UNIX_EPOCH, PLUGS.schema()).unwrap_err();
        assert_eq!(error.status, Status::CannotRun);
        assert!(error.message.contains("schema 1000"), "{}", error.message);
    }

    #[test]
    fn manifests_name_the_columns_that_migrations_make() {
        let connection = migrated(PLUGS.schema());
        let columns = |schema: &str, table: &str| -> Vec<String> {
            let sql = "SELECT column_name FROM duckdb_columns()
                       WHERE schema_name = ? AND table_name = ? ORDER BY column_index";
            let mut statement = connection.prepare(sql).unwrap();
            statement.query_map([schema, table], |row| row.get(0)).unwrap().map(std::result::Result::unwrap).collect()
        };
        for manifest in PLUGS.manifests() {
            for table in manifest.facts {
                let key = manifest.settlement_of(table).map(|_| "key_hash");
                let expected: Vec<_> = ["session_file", "username"].into_iter().chain(key).collect();
                assert_eq!(columns("facts", table.name), [&expected, &*table.names()].concat(), "{}", table.name);
            }
            for settlement in manifest.settlements {
                assert!(settlement.facts.position(settlement.key).is_some());
                for table in settlement.entities {
                    assert_eq!(
                        columns("facts", table.name),
                        [&["key_hash"], &*table.names()].concat(),
                        "{}",
                        table.name
                    );
                    assert!(table.position(settlement.key).is_some());
                }
                if let Some(table) = settlement.reviews {
                    assert_eq!(columns("main", table.name), table.names(), "{}", table.name);
                }
            }
        }
    }
}
