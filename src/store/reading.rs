//! Reading beside others: nobody waits for a reader for more than a moment.
//!
//! A reader of our own statements holds the database for a turn, which is short while somebody waits for it. One who is
//! not done by then begins again with a copy of the database as it is at that time; one who may not write the database
//! reads the newest snapshot.
//!
//! SQL that somebody else wrote never runs on the database itself, which it could hold for as long as it likes:
//! it gets a copy or a snapshot from the start. What such a statement says in its errors is its own affair: only
//! our own statements find out whether the database is damaged.

use crate::base::error::{Error, Result, Status};
use crate::base::failpoint;
use crate::base::fault::Fault;
use crate::base::lock::StoreLock;
use crate::base::suspension;
use crate::source::access::may_write;
use crate::store::copy::{self, Copy};
use crate::store::made_with::MadeWith;
use crate::store::question;
use crate::store::reader::{Reader, Turn};
use crate::store::schema::Schema;
use crate::store::scratch::Scratch;
use crate::store::snapshot::Snapshot;
use crate::store::{Access, Connection, DatabaseFile, Store, cannot_open, is_large, migrate, require, try_connect};
use chrono::{DateTime, Utc};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A turn while others wait.
const TURN: Duration = Duration::from_secs(2);

/// A turn while nobody is seen to wait: programs of others take no lock that tells of them. To begin again costs as
/// much as was done, and the time for a copy.
const LONG_TURN: Duration = Duration::from_secs(30);

/// Between two looks whether the turn is over, and between two calls to a reader to stop: one that arrives
/// between two statements is not heard.
const CALL: Duration = Duration::from_millis(50);

/// Reads a database, which a pass of this process can have left open. The body is begun again where its turn is over
/// before it is done.
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
    // Whoever only reads a large one does so with several threads.
    let left = left.filter(|_| !is_large(database));
    let store = left.map_or_else(|| Store::open_current(database, Access::ReadOnly, now), Ok)?;
    let begun = Instant::now();
    let turn = Turn::default();
    let result = store.read(|reader| {
        let connection = reader.connection();
        std::thread::scope(|scope| {
            let (done, end) = channel::<()>();
            let turn = &turn;
            scope.spawn(move || {
                while end.recv_timeout(CALL) == Err(RecvTimeoutError::Timeout) {
                    let held = begun.elapsed();
                    let is_over = held >= LONG_TURN || held >= TURN && StoreLock::is_awaited(database);
                    if is_over || suspension::is_wanted() {
                        turn.end();
                    }
                }
            });
            failpoint::point("reading", "");
            let made_with = MadeWith::default();
            let result = body(Reader::of_unchanging(connection, &made_with).within(turn));
            drop(done);
            result
        })
    });
    drop(store);
    if !turn.is_over() {
        return result;
    }
    let result = Apart::copy(database, now)?.read(body);
    if result.as_ref().is_err_and(is_damage) {
        inspect(database)?;
    }
    result
}

/// Why somebody else's statement has no result.
#[derive(Debug)]
pub enum Failed {
    /// The database says so.
    Statement(duckdb::Error),
    Other(Error),
}

impl From<duckdb::Error> for Failed {
    fn from(error: duckdb::Error) -> Self {
        Self::Statement(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Runs what somebody else asks, on a copy or a snapshot that it can neither change nor hold.
///
/// # Errors
///
/// If there is no database or it cannot be copied, or the body fails; if it is damaged, and the body met
/// something that looks like it.
pub fn ask<T>(
    database: &DatabaseFile,
    now: DateTime<Utc>,
    body: impl FnOnce(&Connection) -> std::result::Result<T, Failed>,
) -> Result<T> {
    let apart = match Snapshot::instead_of(database) {
        Some(snapshot) => Apart::open(&snapshot.path, &database.schema)?,
        None => Apart::copy(database, now)?,
    };
    let error = match body(&apart.connection) {
        Ok(answer) => return Ok(answer),
        Err(Failed::Other(error)) => return Err(error),
        Err(Failed::Statement(error)) => error,
    };
    drop(apart);
    let text = question::without_frame(&error.to_string()).to_owned();
    if matches!(Fault::of(&text), Fault::Damage | Fault::Log | Fault::Fatal) && may_write(database) {
        // Words in a message prove nothing, but they are a reason to look.
        read(database, None, now, |reader| read_all(reader.connection()))?;
    }
    Err(Error::of_statement(&text))
}

/// A file that nobody writes, open.
pub(super) struct Apart {
    pub(super) connection: Connection,
    /// What does not fit into memory is spilled beside the file otherwise, where several readers get into each
    /// other's way.
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

    /// Opens a copy of a database as it is now; an older one is migrated first.
    pub(super) fn copy(database: &DatabaseFile, now: DateTime<Utc>) -> Result<Self> {
        require(database)?;
        let apart = Self::copy_as_it_is(database)?;
        if let Ok(apart) = apart
            && migrate::is_current(&apart.connection, &database.schema)?
        {
            return Ok(apart);
        }
        // Migrates it, or says what is wrong with the database, as every other command does.
        drop(Store::open_current(database, Access::ReadOnly, now)?);
        Self::copy_as_it_is(database)?.map_err(|error| cannot_open(database, &error))
    }

    /// The name of the copy goes as soon as it is open.
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

/// Reads the database wholly, after a copy of it could not be read: only the database itself can be damaged.
fn inspect(database: &Path) -> Result<()> {
    Store::open(database, Access::ReadOnly)?.read(|reader| read_all(reader.connection()))
}

/// Reads all rows there are.
fn read_all(connection: &Connection) -> Result<()> {
    let sql = "SELECT format('SELECT sum(hash(t)) FROM \"{}\".\"{}\" t', schema_name, table_name)
               FROM duckdb_tables() WHERE NOT internal AND NOT temporary";
    let mut statement = connection.prepare(sql)?;
    for sql in statement.query_map([], |row| row.get::<_, String>(0))?.collect::<duckdb::Result<Vec<_>>>()? {
        connection.execute(&sql, [])?;
    }
    Ok(())
}
