//! The only user of DuckDB: opens the database for moments, under a lock of its own.
//!
//! Nothing here, or anywhere else in the program, opens the database or its log as a file: DuckDB's
//! own lock is a record lock, which the kernel drops when any descriptor of the file is closed.
//! DuckDB guards processes against each other, not threads; the lock file guards both.

mod adopt;
pub mod commit;
pub mod failures;
pub mod known;
pub mod log;
pub mod migrate;
pub mod presence;
pub mod rows;
pub mod runs;
pub mod settle;
mod transaction;
mod turns;

pub use transaction::Transaction;
pub use turns::Turns;

use crate::error::{Error, Result, Status};
use duckdb::{AccessMode, Config, Connection};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// An open database. Dropping it closes the database first and lets go of the lock then.
pub struct Store {
    connection: Connection,
    _lock: File,
}

/// What an opener may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadWrite,
    ReadOnly,
}

/// How long an opener waits for others, who hold the database for moments.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// DuckDB's own memory. It spills to disk above it; the process needs about as much again.
const MEMORY: &str = "128MB";
/// One: a second thread mostly waits, actively, for short statements, and the readers have better use for it.
const THREADS: i64 = 1;
/// Bytes of a block of a new database. An append begins a block for each column that it touches, and so
/// does reading it back from the log: DuckDB's own 256 kB would be filled with zeros again and again.
const BLOCK: &str = "65536";

impl Store {
    /// Opens the database, waiting for others to let go of it. A missing database is made, with its
    /// folder, if the access allows it; an older one is not migrated here.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or another process keeps it.
    pub fn open(path: &Path, access: Access) -> Result<Self> {
        let name = path.display();
        let until = Instant::now() + PATIENCE;
        let lock = lock(path, until)?;
        loop {
            match connect(path, access) {
                Ok(connection) => return Ok(Self { connection, _lock: lock }),
                Err(error) if is_held(&error) && Instant::now() < until => std::thread::sleep(PAUSE),
                Err(error) if is_held(&error) => {
                    let error = Error::cannot("open", name, crate::error::database(&error));
                    return Err(Error { status: Status::Busy, ..error }.hint("another program has the database open"));
                }
                Err(error) => return Err(Error::cannot("open", name, crate::error::database(&error))),
            }
        }
    }

    /// Runs statements that belong together: all of them are kept, or none.
    ///
    /// # Errors
    ///
    /// If the body or any of its statements fails, or the commit does; after a failed commit the
    /// outcome is unknown until the database is opened again.
    pub fn transaction<T>(&self, body: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        transaction::run(&self.connection, body)
    }

    /// Moves the log into the database file: worth its time after a pass that changed much.
    ///
    /// # Errors
    ///
    /// If DuckDB cannot write.
    pub fn checkpoint(&self) -> Result<()> {
        Ok(self.connection.execute_batch("CHECKPOINT")?)
    }

    /// For reading.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// The lock file of a database lies beside it.
fn lock(database: &Path, until: Instant) -> Result<File> {
    let path = beside(database, "lock");
    let file = crate::lock::file(&path)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(std::fs::TryLockError::WouldBlock) => {
                let message = format!("`{}` is in use by another run of sessionmill", database.display());
                return Err(Error::new(Status::Busy, message).hint("try again in a moment"));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(Error::cannot("lock", path.display(), error)),
        }
    }
}

/// `<database>.<extension>`.
pub fn beside(database: &Path, extension: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn connect(path: &Path, access: Access) -> duckdb::Result<Connection> {
    let mode = match access {
        Access::ReadWrite => AccessMode::ReadWrite,
        Access::ReadOnly => AccessMode::ReadOnly,
    };
    let config = Config::default()
        .access_mode(mode)?
        .max_memory(MEMORY)?
        .threads(THREADS)?
        .enable_autoload_extension(false)?
        .with("autoinstall_known_extensions", "false")?
        .enable_external_access(false)?
        .with("default_block_size", BLOCK)?;
    let connection = Connection::open_with_flags(path, config)?;
    connection.execute_batch(
        "SET checkpoint_threshold = '1GB'; PRAGMA disable_checkpoint_on_shutdown; SET lock_configuration = true",
    )?;
    Ok(connection)
}

/// Whether the error says that another process has the database open.
fn is_held(error: &duckdb::Error) -> bool {
    error.to_string().contains("Could not set lock")
}
