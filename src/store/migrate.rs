//! Migrates a database to the newest schema. An older database runs the numbered migrations, each in one transaction
//! with the row that records it. A new database gets the newest schema at once, with all of these rows.

use crate::base::error::{Error, Result, Status};
use crate::store::rows::Cell;
use crate::store::schema::Schema;
use crate::store::{Store, Transaction, adopt, baseline, transaction};
use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

/// Migrates the database if its schema is older than that of the program.
///
/// # Errors
///
/// If the database is newer than the program, has foreign tables with our names, or cannot be written.
pub fn migrate(store: &Store, schema: &Schema, now: DateTime<Utc>) -> Result<()> {
    to_newest(store.connection(), schema, now, &|| store.rollback.keep(store.connection()))
}

/// Whether the database has the newest schema.
///
/// # Errors
///
/// If it is newer than the program, or cannot be read.
pub fn is_current(connection: &Connection, schema: &Schema) -> Result<bool> {
    Ok(version(connection, schema)? == Some(schema.version()))
}

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER, name VARCHAR, applied_at TIMESTAMP)";

const DONE: &str = "SELECT coalesce(max(version), 0) FROM schema_migrations";

/// The number of applied migrations; `None` if the database has never been migrated.
fn version(connection: &Connection, schema: &Schema) -> Result<Option<usize>> {
    let done = match done(connection) {
        // Checked only after the first query has failed, because it searches the whole catalog.
        Err(_) if !is_marked(connection)? => return Ok(None),
        done => done?,
    };
    let newest = schema.version();
    if done > newest {
        let message = format!("the database has schema {done}, this program knows schemas up to {newest}");
        return Err(Error::new(Status::CannotRun, message).hint("a newer sessionmill wrote it: upgrade this one"));
    }
    Ok(Some(done))
}

/// The number of applied migrations, even if this program knows fewer.
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

/// Calls `before` before each transaction.
fn to_newest(connection: &Connection, schema: &Schema, now: DateTime<Utc>, before: &dyn Fn()) -> Result<()> {
    before();
    match version(connection, schema)? {
        None if adopt::is_empty(connection)? => {
            unoptimized(connection, || transaction::run(connection, |transaction| create(transaction, schema, now)))
        }
        done => upgrade(connection, schema, done, schema.version(), now, before),
    }
}

/// Runs `body` without DuckDB's optimizer. For the 700 statements of the newest schema, the optimizer takes 60 µs each,
/// two fifths of their time, and improves nothing.
fn unoptimized(connection: &Connection, body: impl FnOnce() -> Result<()>) -> Result<()> {
    connection.execute_batch("PRAGMA disable_optimizer")?;
    let result = body();
    // Also after an error, because the connection may still be used.
    let restored = connection.execute_batch("PRAGMA enable_optimizer");
    result?;
    Ok(restored?)
}

/// Creates the newest schema in an empty database.
fn create(transaction: &Transaction<'_>, schema: &Schema, now: DateTime<Utc>) -> Result<()> {
    transaction.batch(&baseline::sql(schema))?;
    let migrations = (1_i64..).zip(schema.migrations());
    let done = migrations.map(|(number, (name, _))| [Cell::Int(number), Cell::Text(name), Cell::Time(now)]);
    transaction.append("main", "schema_migrations", done)?;
    Ok(())
}

/// Applies the migrations that follow the applied ones, up to number `target`.
fn upgrade(
    connection: &Connection,
    schema: &Schema,
    done: Option<usize>,
    target: usize,
    now: DateTime<Utc>,
    before: &dyn Fn(),
) -> Result<()> {
    let first = done.unwrap_or_default();
    if first >= target {
        return Ok(());
    }
    if done.is_none() {
        adopt::check(connection, || {
            transaction::run(&Connection::open_in_memory()?, |transaction| names(transaction, schema))
        })?;
    }
    let older = adopt::is_older(connection)?;
    for (number, (name, sql)) in (1_i64..).zip(schema.migrations()).take(target).skip(first) {
        before();
        transaction::run(connection, |transaction| {
            if number == 1 {
                transaction.execute(TABLE, [])?;
            }
            transaction.batch(sql)?;
            if number == 1 && older {
                adopt::adopt(transaction, schema)?;
            }
            transaction
                .execute("INSERT INTO schema_migrations VALUES (?, ?, ?)", params![number, name, Cell::Time(now)])?;
            Ok(())
        })?;
    }
    Ok(())
}

/// The names of our tables and views.
fn names(transaction: &Transaction<'_>, schema: &Schema) -> Result<Vec<String>> {
    create(transaction, schema, DateTime::UNIX_EPOCH)?;
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
    use sessionmill_contract::{ColumnKind, Table};

    /// Everything about the schema, except internal ids.
    const SCHEMA: [&str; 10] = [
        "SELECT 'schema', schema_name, comment FROM duckdb_schemas() WHERE NOT internal",
        "SELECT 'table', schema_name, table_name, temporary, has_primary_key, sql, comment
         FROM duckdb_tables() WHERE NOT internal",
        "SELECT 'column', schema_name, table_name, column_index, column_name, data_type, is_nullable, column_default,
         comment FROM duckdb_columns() WHERE NOT internal",
        "SELECT 'constraint', schema_name, table_name, constraint_type, constraint_text, constraint_column_names
         FROM duckdb_constraints()",
        "SELECT 'index', schema_name, table_name, index_name, is_unique, sql, comment FROM duckdb_indexes()",
        "SELECT 'view', schema_name, view_name, temporary, sql, comment FROM duckdb_views() WHERE NOT internal",
        "SELECT 'sequence', schema_name, sequence_name, sql, comment FROM duckdb_sequences()",
        "SELECT 'macro', schema_name, function_name, parameters, macro_definition, comment
         FROM duckdb_functions() WHERE NOT internal",
        "SELECT 'type', schema_name, type_name, logical_type, labels, comment FROM duckdb_types() WHERE NOT internal",
        "SELECT 'migration', version, name FROM schema_migrations",
    ];

    fn schema(connection: &Connection) -> Vec<String> {
        let query = |sql: &str| {
            let mut statement =
                connection.prepare(&format!("SELECT t::VARCHAR FROM ({sql}) AS t ORDER BY ALL")).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.map(std::result::Result::unwrap).collect::<Vec<String>>()
        };
        SCHEMA.into_iter().flat_map(query).collect()
    }

    /// A database made by the first `count` migrations.
    fn upgraded(count: usize) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        upgrade(&connection, &PLUGS.schema(), None, count, DateTime::UNIX_EPOCH, &|| ()).unwrap();
        connection
    }

    fn created() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        to_newest(&connection, &PLUGS.schema(), DateTime::UNIX_EPOCH, &|| ()).unwrap();
        connection
    }

    /// The lines that only one of two schemas has.
    fn difference(one: &[String], other: &[String]) -> Vec<String> {
        let not_in = |all: &[String], line: &&String| !all.contains(line);
        let lines = |mark: &str, a: &[String], b: &[String]| {
            a.iter().filter(|line| not_in(b, line)).map(|line| format!("{mark} {line}")).collect::<Vec<_>>()
        };
        [lines("-", one, other), lines("+", other, one)].concat()
    }

    /// A migration needs the same change in the declaration of a table, in `baseline.sql`, or in the views of a plug.
    #[test]
    fn migrations_and_baseline_make_the_same_schema() {
        let newest = schema(&created());
        assert!(newest.len() > 700, "{}", newest.len());
        let made = schema(&upgraded(PLUGS.schema().version()));
        let differences = difference(&made, &newest);
        assert!(
            differences.is_empty(),
            "only the migrations make what is marked with -, only the baseline what is marked with +:\n{}",
            differences.join("\n")
        );
        assert_eq!(made, newest);
    }

    /// Upgrades from the first versions, one in the middle and the last ones.
    #[test]
    fn every_prefix_leads_to_the_same_schema() {
        let newest = schema(&created());
        let version = PLUGS.schema().version();
        for prefix in [0, 1, version / 2, version - 2, version - 1, version] {
            let connection = upgraded(prefix);
            for _ in 0..2 {
                to_newest(&connection, &PLUGS.schema(), DateTime::UNIX_EPOCH, &|| ()).unwrap();
                assert_eq!(schema(&connection), newest, "after {prefix}");
            }
        }
    }

    #[test]
    fn a_migration_without_the_same_change_of_the_baseline_is_seen() {
        let newest = schema(&created());
        let connection = upgraded(PLUGS.schema().version());
        for sql in [
            "ALTER TABLE facts.usage_copies ADD COLUMN colour VARCHAR",
            "ALTER TABLE facts.usage_copies DROP COLUMN fast",
            "ALTER TABLE facts.usage_copies ALTER COLUMN fast DROP NOT NULL",
            "ALTER TABLE facts.usage_copies ALTER COLUMN fast SET DEFAULT false",
            "ALTER TABLE facts.usage_copies ALTER COLUMN part TYPE INTEGER",
            "ALTER TABLE facts.usage_copies RENAME COLUMN fast TO quick",
            "CREATE TABLE facts.usage_colours (name VARCHAR)",
            "CREATE INDEX by_file ON facts.usage_copies (session_file)",
            "CREATE SEQUENCE numbers",
            "CREATE SCHEMA more",
            "CREATE MACRO double(x) AS 2 * x",
            "CREATE TYPE mood AS ENUM ('sad', 'happy')",
            "CREATE OR REPLACE VIEW usage_sessions AS SELECT session_file FROM facts.usage_sessions",
            "DROP VIEW usage_sessions",
            "COMMENT ON TABLE processor_runs IS 'another one'",
            "COMMENT ON VIEW usage_sessions IS 'another one'",
            "COMMENT ON COLUMN usage_sessions.prompts IS 'another one'",
            "COMMENT ON COLUMN usage_sessions.prompts IS NULL",
        ] {
            connection.execute_batch(&format!("BEGIN; {sql}")).unwrap();
            assert_ne!(difference(&schema(&connection), &newest), [""; 0], "{sql}");
            connection.execute_batch("ROLLBACK").unwrap();
        }
        assert_eq!(schema(&connection), newest);
    }

    #[test]
    fn everything_public_has_a_comment() {
        let connection = created();
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
        let connection = Connection::open_in_memory().unwrap();
        for (done, (name, sql)) in PLUGS.schema().migrations().into_iter().enumerate() {
            let applied = (done > 0).then_some(done);
            upgrade(&connection, &PLUGS.schema(), applied, done + 1, DateTime::UNIX_EPOCH, &|| ()).unwrap();
            connection.execute_batch(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        assert_eq!(schema(&connection), schema(&created()));
    }

    #[test]
    fn the_optimizer_is_off_for_the_schema_alone() {
        let plan = |connection: &Connection| -> String {
            connection.query_row("EXPLAIN SELECT 1 FROM range(9) WHERE 1 = 2", [], |row| row.get(1)).unwrap()
        };
        let usual = plan(&Connection::open_in_memory().unwrap());
        let connection = created();
        assert_eq!(plan(&connection), usual);
        let failed = unoptimized(&connection, || {
            assert_ne!(plan(&connection), usual);
            Err(Error::new(Status::CannotRun, "failed"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "failed");
        assert_eq!(plan(&connection), usual);
    }

    #[test]
    fn a_newer_database_is_refused() {
        let connection = created();
        connection.execute_batch("INSERT INTO schema_migrations VALUES (1000, 'future', NULL)").unwrap();
        let error = to_newest(&connection, &PLUGS.schema(), DateTime::UNIX_EPOCH, &|| ()).unwrap_err();
        assert_eq!(error.status, Status::CannotRun);
        assert!(error.to_string().contains("schema 1000"), "{error}");
    }

    #[test]
    fn settlements_name_columns_that_their_tables_have() {
        for manifest in PLUGS.manifests() {
            for settlement in manifest.settlements {
                let has = |table: &Table, column: &str| {
                    assert!(table.position(column).is_some(), "`{}` has no `{column}`", table.name);
                };
                if let Some(key) = settlement.key {
                    has(settlement.facts, key);
                    settlement.entities.iter().for_each(|table| has(table, key));
                }
                assert!(settlement.key.is_some() != settlement.clusters.is_some(), "`{}`", settlement.name);
                let of_store = ["session_file", "username"];
                let is_of_store = |column: &str| !manifest.is_chained(settlement) && of_store.contains(&column);
                let order = settlement.order.iter().filter(|column| !is_of_store(column));
                order.for_each(|column| has(settlement.facts, column));
                if let Some(edges) = settlement.edges {
                    edges.ids.iter().for_each(|id| has(edges.table, id));
                }
                if let Some(islands) = settlement.islands {
                    let is_time = |table: &Table, column: &str| {
                        has(table, column);
                        let column = table.columns.iter().find(|c| c.name == column).unwrap();
                        assert!(column.kind == ColumnKind::Time && !column.is_nullable, "`{}`", table.name);
                    };
                    has(settlement.facts, islands.span);
                    is_time(settlement.facts, islands.at);
                    settlement.entities.iter().for_each(|table| is_time(table, islands.start));
                }
                if let Some(expires) = settlement.expires {
                    has(settlement.entities[0], expires);
                    assert!(manifest.settlement_of(settlement.entities[0]).is_none(), "`{}`", settlement.name);
                }
            }
        }
    }
}
