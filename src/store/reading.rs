//! Reading beside other processes. Nobody waits longer for a reader than for one lease.
//!
//! A *lease* is the time for which a reader may hold the database: 2 seconds while another process waits for it. A
//! reader that is not done by then starts again on a copy of the database. A user who may not write the database reads
//! the newest snapshot instead.
//!
//! SQL written by users never runs on the database itself, because it could hold it for any time. It runs on a copy or
//! a snapshot from the start. Its error messages prove nothing about the database, since they can contain any text. If
//! one looks like damage, our own statements read the whole database to find out.

use crate::base::error::{Error, Result, Status};
use crate::base::failpoint;
use crate::base::fault::Fault;
use crate::base::lock::StoreLock;
use crate::base::suspension;
use crate::source::access::may_write;
use crate::store::copy::{self, Copy};
use crate::store::made_with::MadeWith;
use crate::store::reader::{Lease, Reader};
use crate::store::schema::Schema;
use crate::store::scratch::Scratch;
use crate::store::snapshot::Snapshot;
use crate::store::{Access, Connection, DatabaseFile, Store, cannot_open, is_large, migrate, require, try_connect};
use chrono::{DateTime, Utc};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The length of a lease while another process waits.
const LEASE: Duration = Duration::from_secs(2);

/// The length of a lease while no process is seen to wait. Other programs do not take the lock that shows waiting, so a
/// lease must end even then. It is long, because starting again repeats the work done and adds the time for a copy.
const LONG_LEASE: Duration = Duration::from_secs(30);

/// How often to check whether the lease is over. Once it is over, the reader is interrupted again at each check, because
/// an interrupt between two statements has no effect.
const CALL: Duration = Duration::from_millis(50);

/// Reads a database; `left` is the store that a pass of this process may have left open. If the lease ends before the
/// body is done, the body runs again on a copy.
///
/// # Errors
///
/// If there is no database or it cannot be opened, or the body fails.
pub fn read<T>(
    database: &DatabaseFile,
    left: Option<Store>,
    now: DateTime<Utc>,
    body: impl Fn(Reader<'_>) -> Result<T>,
) -> Result<T> {
    if let Some(snapshot) = Snapshot::instead_of(database) {
        return Apart::open(&snapshot.path, &database.schema)?.read(body);
    }
    let _ = copy::sweep(database, Instant::now());
    // A large database is read with several threads, which needs a new connection.
    let left = left.filter(|_| !is_large(database));
    let store = left.map_or_else(|| Store::open_current(database, Access::ReadOnly, now), Ok)?;
    let begun = Instant::now();
    let lease = Lease::default();
    let result = store.read(|reader| {
        let connection = reader.connection();
        std::thread::scope(|scope| {
            let (done, end) = channel::<()>();
            let lease = &lease;
            scope.spawn(move || {
                while end.recv_timeout(CALL) == Err(RecvTimeoutError::Timeout) {
                    let held = begun.elapsed();
                    let is_over = held >= LONG_LEASE || held >= LEASE && StoreLock::is_awaited(database);
                    if is_over || suspension::is_wanted() {
                        lease.end();
                    }
                }
            });
            failpoint::point("reading", "");
            let made_with = MadeWith::default();
            let result = body(Reader::of_unchanging(connection, &made_with).within(lease));
            drop(done);
            result
        })
    });
    drop(store);
    if !lease.is_over() {
        return result;
    }
    let result = Apart::copy(database, now)?.read(body);
    if result.as_ref().is_err_and(is_damage) {
        inspect(database)?;
    }
    result
}

/// Why a user's statement has no result.
#[derive(Debug)]
pub enum Failed {
    /// The text of DuckDB's error.
    Statement(String),
    Other(Error),
}

impl From<duckdb::Error> for Failed {
    fn from(error: duckdb::Error) -> Self {
        Self::Statement(error.to_string())
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Runs a user's statement on a copy or a snapshot, so that it can neither change nor hold the database.
///
/// # Errors
///
/// If there is no database, it cannot be copied, or the body fails. If the body's error looks like damage and the
/// database is really damaged, the error says so.
pub fn ask<T>(
    database: &DatabaseFile,
    now: DateTime<Utc>,
    body: impl FnOnce(&Connection) -> std::result::Result<T, Failed>,
) -> Result<T> {
    let apart = match Snapshot::instead_of(database) {
        Some(snapshot) => Apart::open(&snapshot.path, &database.schema)?,
        None => Apart::copy(database, now)?,
    };
    let text = match body(&apart.connection) {
        Ok(answer) => return Ok(answer),
        Err(Failed::Other(error)) => return Err(error),
        Err(Failed::Statement(text)) => text,
    };
    drop(apart);
    if matches!(Fault::of(&text), Fault::Damage | Fault::Log | Fault::Fatal) && may_write(database) {
        // The words of a message prove nothing, but they are a reason to check.
        read(database, None, now, |reader| read_all(reader.connection()))?;
    }
    Err(Error::of_statement(&text))
}

/// An open database file that nobody writes.
pub(super) struct Apart {
    pub(super) connection: Connection,
    /// DuckDB's folder for temporary files. By default it is beside the file, where several readers would disturb each
    /// other.
    _spill: Scratch,
}

impl Apart {
    /// Opens a snapshot.
    pub(super) fn open(path: &Path, schema: &Schema) -> Result<Self> {
        let apart = Self::connect(path)?.map_err(|error| cannot_open(path, &error))?;
        if !migrate::is_current(&apart.connection, schema)? {
            let message = format!("`{}` was published by an older sessionmill", path.display());
            return Err(Error::new(Status::CannotRun, message).hint("the next run of the service publishes a new one"));
        }
        Ok(apart)
    }

    /// Opens a copy of the current database. An older schema is migrated first.
    pub(super) fn copy(database: &DatabaseFile, now: DateTime<Utc>) -> Result<Self> {
        require(database)?;
        let apart = Self::copy_as_it_is(database)?;
        if let Ok(apart) = apart
            && migrate::is_current(&apart.connection, &database.schema)?
        {
            return Ok(apart);
        }
        // Migrates the database, or reports what is wrong with it, as every other command does.
        drop(Store::open_current(database, Access::ReadOnly, now)?);
        Self::copy_as_it_is(database)?.map_err(|error| cannot_open(database, &error))
    }

    /// The file of the copy is removed as soon as it is open.
    fn copy_as_it_is(database: &Path) -> Result<duckdb::Result<Self>> {
        let copy = Copy::make(database)?;
        Self::connect(copy.path())
    }

    fn read<T>(&self, body: impl FnOnce(Reader<'_>) -> Result<T>) -> Result<T> {
        body(Reader::of_unchanging(&self.connection, &MadeWith::default()))
    }

    fn connect(path: &Path) -> Result<duckdb::Result<Self>> {
        let spill = Scratch::make()?;
        let connection = try_connect(path, Access::ReadOnly, Some(spill.path()));
        Ok(connection.map(|connection| Self { connection, _spill: spill }))
    }
}

fn is_damage(error: &Error) -> bool {
    error.fault == Some(Fault::Damage)
}

/// Reads the whole database after a copy of it could not be read: only the database itself can be reported as damaged.
fn inspect(database: &Path) -> Result<()> {
    Store::open(database, Access::ReadOnly)?.read(|reader| read_all(reader.connection()))
}

/// Reads all rows of all tables.
fn read_all(connection: &Connection) -> Result<()> {
    let sql = "SELECT format('SELECT sum(hash(t)) FROM \"{}\".\"{}\" t', schema_name, table_name)
               FROM duckdb_tables() WHERE NOT internal AND NOT temporary";
    let mut statement = connection.prepare(sql)?;
    for sql in statement.query_map([], |row| row.get::<_, String>(0))?.collect::<duckdb::Result<Vec<_>>>()? {
        connection.execute(&sql, [])?;
    }
    Ok(())
}
