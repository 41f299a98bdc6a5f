//! The schema of the store: numbered SQL files for each back end. Each file runs once per store.
//!
//! Several machines can start at the same time. A lock of the back end lets one of them migrate; the others wait and
//! find it done.

use super::secret::random;
use super::sql::{Connections, Kind, Sql, Value};
use super::{Micros, StoreError};
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Executor as _, PgConnection, Sqlite, SqlitePool};
use std::time::Duration;

/// A migration, in the SQL of each back end.
struct Migration {
    sqlite: &'static str,
    postgres: &'static str,
    mysql: &'static str,
}

/// All migrations in order, starting with number 1.
static MIGRATIONS: [Migration; 2] = [
    Migration {
        sqlite: include_str!("../../../migrations/console/sqlite/0001_accounts.sql"),
        postgres: include_str!("../../../migrations/console/postgres/0001_accounts.sql"),
        mysql: include_str!("../../../migrations/console/mysql/0001_accounts.sql"),
    },
    Migration {
        sqlite: include_str!("../../../migrations/console/sqlite/0002_imported.sql"),
        postgres: include_str!("../../../migrations/console/postgres/0002_imported.sql"),
        mysql: include_str!("../../../migrations/console/mysql/0002_imported.sql"),
    },
];

const VERSIONS: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)";

/// The number of the lock in PostgreSQL: `sessionm` in ASCII.
const LOCK: i64 = 0x7365_7373_696f_6e6d;

/// The pause between two attempts to open a file that another process is creating.
const MOMENT: Duration = Duration::from_millis(10);

/// Opens the first connection. While another process creates the file and switches it to write-ahead logging, SQLite
/// returns "busy" at once instead of waiting. So this tries again until the caller's timeout.
async fn first(pool: &SqlitePool) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
    loop {
        match pool.acquire().await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("5") => {
                tokio::time::sleep(MOMENT).await;
            }
            connection => return connection,
        }
    }
}

/// The migrations that a store lacks, with their numbers, given the number of the last one that it has.
fn missing(done: i64) -> Result<impl Iterator<Item = (i64, &'static Migration)>, StoreError> {
    let count = usize::try_from(done).unwrap_or(0);
    if count > MIGRATIONS.len() {
        let message = "a newer version of sessionmill has changed it: use that version or a later one";
        return Err(StoreError::Unusable(message.to_owned()));
    }
    Ok((1..).zip(&MIGRATIONS).skip(count))
}

/// Refuses a database of PostgreSQL that cannot hold text of all languages, such as the name that somebody enters to log
/// in. One without an encoding takes text as it is.
async fn check_encoding(connection: &mut PgConnection) -> Result<(), StoreError> {
    let encoding: String = sqlx::query_scalar("SHOW server_encoding").fetch_one(connection).await?;
    match &*encoding {
        "UTF8" | "SQL_ASCII" => Ok(()),
        _ => Err(StoreError::Unusable(format!("its database has the encoding {encoding}: make one with UTF8"))),
    }
}

/// Applies all migrations that are missing.
pub(super) async fn migrate(sql: &Sql, now: Micros) -> Result<(), StoreError> {
    match &sql.pool {
        Connections::Sqlite(pool) => {
            let mut connection = first(pool).await?;
            // Takes the write lock at once. A second process waits here and then finds the migrations done.
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            transaction.execute(VERSIONS).await?;
            let done: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM schema_version")
                .fetch_one(&mut *transaction)
                .await?;
            for (number, migration) in missing(done)? {
                transaction.execute(sqlx::raw_sql(migration.sqlite)).await?;
                let noted = sqlx::query("INSERT INTO schema_version VALUES (?, ?)").bind(number).bind(now);
                noted.execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
        }
        Connections::Postgres(pool) => {
            let mut transaction = pool.begin().await?;
            check_encoding(&mut transaction).await?;
            sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
            transaction.execute(VERSIONS).await?;
            let done: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM schema_version")
                .fetch_one(&mut *transaction)
                .await?;
            for (number, migration) in missing(done)? {
                transaction.execute(sqlx::raw_sql(migration.postgres)).await?;
                let noted = sqlx::query("INSERT INTO schema_version VALUES ($1, $2)").bind(number).bind(now);
                noted.execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
        }
        Connections::MySql(pool) => {
            // Without a transaction, because MySQL commits after each statement that changes the schema.
            let mut connection = pool.acquire().await?.detach();
            let got: Option<i64> =
                sqlx::query_scalar("SELECT GET_LOCK('sessionmill', 60)").fetch_one(&mut connection).await?;
            if got != Some(1) {
                return Err(sqlx::Error::PoolTimedOut.into());
            }
            connection.execute(VERSIONS).await?;
            let done: i64 = sqlx::query_scalar("SELECT CAST(coalesce(max(version), 0) AS SIGNED) FROM schema_version")
                .fetch_one(&mut connection)
                .await?;
            for (number, migration) in missing(done)? {
                connection.execute(sqlx::raw_sql(migration.mysql)).await?;
                let noted = sqlx::query("INSERT INTO schema_version VALUES (?, ?)").bind(number).bind(now);
                noted.execute(&mut connection).await?;
            }
            // Closing the connection releases the lock.
            connection.close().await?;
        }
    }
    Ok(())
}

/// The salt for the marks of login sessions in the audit log. All machines of a store share it.
pub(super) async fn salt(sql: &Sql) -> Result<Vec<u8>, StoreError> {
    let new = random::<32>();
    match sql.execute("INSERT INTO audit_salt VALUES (?, ?)", &[Value::from(1), Value::from(&new)]).await {
        Ok(_) | Err(StoreError::Taken) => {}
        Err(error) => return Err(error),
    }
    let row = sql.row("SELECT salt FROM audit_salt WHERE id = ?", &[Kind::Bytes], &[Value::from(1)]).await?;
    Ok(row.and_then(|mut row| row.bytes()).unwrap_or_default())
}
