//! The only user of DuckDB. It opens the database for short periods, under a lock file.
//!
//! Only `copy` and `rollback` open the database or its log as a plain file, and they hold the lock file meanwhile.
//! DuckDB's own lock is a record lock, which the kernel releases as soon as the process closes any descriptor of the
//! file. DuckDB's lock also excludes other processes only, not other threads; the lock file excludes both.

mod adopt;
mod baseline;
mod batch;
pub mod cell;
pub mod commit;
pub mod condition;
pub mod copy;
mod database_reader;
mod dropped;
pub mod failures;
mod file;
pub mod forget;
mod keep;
pub mod known;
pub mod left_out;
pub mod leftovers;
pub mod limits;
pub mod log;
pub mod lookup;
pub mod made_with;
pub mod migrate;
pub mod migrations;
mod namesakes;
mod origin;
mod parquet;
pub mod pauses;
pub mod persons;
pub mod presence;
pub mod publish;
pub mod quarantine;
pub mod question;
pub mod reader;
pub mod reading;
pub mod record;
mod refusal;
pub mod reviews;
mod rollback;
pub mod room;
pub mod rows;
pub mod run;
pub mod runs;
mod scan;
pub mod schema;
pub mod scratch;
pub mod service_state;
pub mod settle;
mod shared;
pub mod snapshot;
pub mod sources;
pub mod stamp;
pub mod statement;
mod transaction;
pub mod waits;

use crate::base::fault::{self, Fault};
pub use crate::base::lock::beside;
pub use database_reader::{DatabaseReader, Version};
pub use file::DatabaseFile;
pub use shared::SharedStore;
pub use transaction::Transaction;

use crate::base::error::{Error, Result, Status};
use crate::base::failpoint;
use crate::base::lock::StoreLock;
use crate::base::owner;
use crate::source::Remembered;
use crate::source::access::{self, may_write};
use chrono::{DateTime, Utc};
use duckdb::{AccessMode, Config, Connection};
use origin::OriginFile;
use reader::Reader;
use rollback::Rollback;
use schema::Schema;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The device and inode of a file.
type FileId = (u64, u64);

fn file_id(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// An open database. Dropping it first closes the database and then releases the lock.
pub struct Store {
    connection: Connection,
    rollback: Rollback,
    lock: StoreLock,
    /// The file that was opened.
    file: Option<FileId>,
    /// The folder for DuckDB's temporary files, for a reader that may not write beside the database.
    _spill: Option<TempDir>,
}

/// What a caller may do with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadWrite,
    ReadOnly,
}

/// How long to wait for other processes, which hold the database for a few seconds at most.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// The hint where there is no database.
const NONE: &str = "make it with `sessionmill run`, or name another one with --database FILE";

/// The hint at a database that another program has open.
const HELD_HINT: &str = "close it there, or let that program read a published snapshot";

/// The memory limit of DuckDB, above which it writes temporary files. The process needs about as much again.
const MEMORY: &str = "128MB";
/// With short statements, a second thread mostly spins, and the threads that read files make better use of the core.
const THREADS: i64 = 1;
/// From this size on, in bytes, queries of a reader are faster with several threads.
const LARGE: u64 = 64 << 20;
const THREADS_OF_LARGE: usize = 4;
/// The most that a reader's temporary files may take.
const SPILL: &str = "2GB";

impl Store {
    /// Opens the database; waits up to 10 seconds for other processes to release it. If the file or its folder is
    /// missing, they are made, provided that the access allows writing. Does not migrate an older schema.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or another process does not release it.
    pub fn open(path: &Path, access: Access) -> Result<Self> {
        Self::open_by(path, access, Instant::now() + PATIENCE)
    }

    /// As [`Self::open`], but waits until this time.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or another process does not release it.
    pub fn open_by(path: &Path, access: Access, until: Instant) -> Result<Self> {
        if access == Access::ReadWrite {
            owner::leave_to_owner(path)?;
        }
        if access == Access::ReadWrite || may_write(path) {
            let lock = StoreLock::take(path, until)?;
            return Ok(Self::of(path, connect(path, access, None, until)?, lock));
        }
        // Files that this reader would make beside the database could lock out its owner.
        let lock = StoreLock::take_to_read(path, until)?;
        let spill = tempfile::tempdir().map_err(|error| Error::cannot("make", "a temporary folder", error))?;
        let connection = connect(path, access, Some(spill.path()), until)?;
        Ok(Self { _spill: Some(spill), ..Self::of(path, connection, lock) })
    }

    fn of(path: &Path, connection: Connection, lock: StoreLock) -> Self {
        Self { connection, rollback: Rollback::of(path), lock, file: file_id(path), _spill: None }
    }

    /// Opens an existing database. An older schema is migrated first.
    ///
    /// # Errors
    ///
    /// If there is no database, or it cannot be opened or migrated.
    pub fn open_current(database: &DatabaseFile, access: Access, now: DateTime<Utc>) -> Result<Self> {
        require(database)?;
        let store = Self::open(database, access)?;
        if store.is_current(&database.schema)? {
            return Ok(store);
        }
        drop(store);
        if !may_write(database) {
            let message = format!("`{}` was written by an older sessionmill", database.display());
            let hint =
                "a run of its owner brings it up to date; or copy it, with the files whose names begin with its name";
            return Err(Error::new(Status::CannotRun, message).hint(hint));
        }
        let store = Self::open(database, Access::ReadWrite)?;
        migrate::migrate(&store, &database.schema, now)?;
        if access == Access::ReadWrite {
            return Ok(store);
        }
        drop(store);
        Self::open(database, access)
    }

    /// Runs statements in a transaction: either all of them take effect, or none.
    ///
    /// # Errors
    ///
    /// If the body, any of its statements, or the commit fails. After a failed commit, the outcome is unknown until the
    /// database is opened again. Also if the file was moved or removed since it was opened.
    pub fn transaction<T>(&self, body: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.rollback.keep(&self.connection);
        let value = transaction::run(&self.connection, body)?;
        self.check_place()?;
        Ok(value)
    }

    /// Checks that the file is still at its path. A file that was moved or removed can be written on, but nobody would
    /// find there what was written.
    fn check_place(&self) -> Result<()> {
        let path = self.lock.database();
        if file_id(path) == self.file {
            return Ok(());
        }
        let message = format!("`{}` was moved, removed or replaced while it was written", path.display());
        Err(Error::new(Status::CannotRun, message).hint("put it back if it was moved, and run the command again"))
    }

    /// Moves the log into the database file. Worth its time after a pass that changed much.
    ///
    /// # Errors
    ///
    /// If DuckDB cannot write, or the file was moved or removed since it was opened.
    pub fn checkpoint(&self) -> Result<()> {
        self.rollback.keep(&self.connection);
        failpoint::point("before-checkpoint", "");
        self.connection.execute_batch("CHECKPOINT")?;
        failpoint::point("after-checkpoint", "");
        self.rollback.remove();
        self.check_place()
    }

    /// Reads. Damage that the body meets is recorded, so that the next pass repairs it even if it does not meet it.
    ///
    /// # Errors
    ///
    /// If the body fails.
    pub fn read<T>(&self, body: impl FnOnce(Reader<'_>) -> Result<T>) -> Result<T> {
        let result = body(self.reader());
        if result.as_ref().is_err_and(|error| error.fault == Some(Fault::Damage)) {
            // Recording is best effort: the error itself is returned in any case.
            let _ = OriginFile::condemn(self.lock.database());
        }
        result
    }

    /// Whether its schema is the newest one of this program.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn is_current(&self, schema: &Schema) -> Result<bool> {
        migrate::is_current(&self.connection, schema)
    }

    /// A reader of this database.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.connection)
    }

    /// The connection, for statements that a [`Reader`] does not offer.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Checks that the database exists and can be read. Only a missing file is reported as missing; one that cannot be
/// looked up gives its own error.
///
/// # Errors
///
/// If there is none, or it cannot be read; the error then names its owner.
pub fn require(path: &Path) -> Result<()> {
    access::may_read(path)?;
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(Error::cannot("open", path.display(), "not a file").hint(NONE)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("there is no database `{}` yet", path.display());
            Err(Error::new(Status::CannotRun, message).hint(NONE))
        }
        Err(error) => Err(Error::cannot("open", path.display(), error)),
    }
}

/// Whether there is a database. A damaged one that is not yet replaced counts, too.
pub fn is_begun(path: &Path) -> bool {
    path.is_file() || OriginFile::read(path).is_some_and(|origin| origin.damaged)
}

/// The sources of a database, as far as its origin file knows them. Does not open the database.
pub fn remembered(path: &Path) -> Vec<Remembered> {
    OriginFile::read(path).filter(|_| is_begun(path)).map(|origin| origin.sources()).unwrap_or_default()
}

/// Connects to the database. Waits for other programs to close it.
fn connect(path: &Path, access: Access, spill: Option<&Path>, until: Instant) -> Result<Connection> {
    loop {
        if spill.is_none() {
            rollback::prepare(path).map_err(|error| with_way_out(path, error))?;
        }
        match try_connect(path, access, spill) {
            Ok(connection) => return Ok(connection),
            Err(error) if is_held(&error) && Instant::now() < until => std::thread::sleep(PAUSE),
            Err(error) => return Err(cannot_open(path, &error)),
        }
    }
}

fn is_held(error: &duckdb::Error) -> bool {
    Fault::of(&error.to_string()) == Fault::Held
}

fn cannot_open(path: &Path, error: &duckdb::Error) -> Error {
    let text = error.to_string();
    let fault = Fault::of(&text);
    let error = Error::cannot("open", path.display(), refusal::words(&text));
    let error = match fault {
        Fault::Held => {
            let message = format!("`{}` is open in another program{}", path.display(), fault::holder(&text));
            let hint = fault::pid(&text).and_then(|pid| crate::base::holder::hint(&format!("pid {pid}")));
            Error::new(Status::Busy, message).hint(hint.unwrap_or_else(|| HELD_HINT.to_owned()))
        }
        Fault::Log | Fault::Damage => with_way_out(path, error),
        _ => error,
    };
    Error { fault: Some(fault), ..error }
}

/// Adds to the error of a damaged database, or of one with a log that is of no use, what would help.
fn with_way_out(path: &Path, error: Error) -> Error {
    error.hint(if OriginFile::read(path).is_some() { refusal::REPAIR } else { quarantine::NOT_OURS })
}

/// Connects. `spill` is a folder for temporary files, if they must not be beside the database.
fn try_connect(path: &Path, access: Access, spill: Option<&Path>) -> duckdb::Result<Connection> {
    // Removes the temporary files of a killed process. The database is opened and closed before: DuckDB makes the
    // folder only once per opening, and can need it as soon as it replays the log. While the database is open here, no
    // other process has it open.
    let left = beside(path, "tmp");
    if access == Access::ReadWrite && left.exists() {
        drop(open(path, access, spill)?);
        let _ = std::fs::remove_dir_all(left);
    }
    open(path, access, spill)
}

fn open(path: &Path, access: Access, spill: Option<&Path>) -> duckdb::Result<Connection> {
    let mode = match access {
        Access::ReadWrite => AccessMode::ReadWrite,
        Access::ReadOnly => AccessMode::ReadOnly,
    };
    let mut config = config()?.access_mode(mode)?;
    if access == Access::ReadOnly && is_large(path) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        config = config.threads(cores.min(THREADS_OF_LARGE).try_into().unwrap_or(THREADS))?;
    }
    if let Some(folder) = spill {
        config = config.with("temp_directory", folder.to_string_lossy())?.with("max_temp_directory_size", SPILL)?;
    }
    #[expect(clippy::disallowed_methods, reason = "the one place that opens the database, under the lock")]
    let connection = Connection::open_with_flags(path, config)?;
    // `dynamic_or_filter_threshold`: the rows of a file, or of some keys, are spread over a large table. With this
    // setting, DuckDB filters by a list of up to 1,000 row numbers instead of only by the range from the first to the
    // last. The default limit is much lower.
    //
    // `disabled_compression_methods`: building the symbol tables of FSST takes half the time of a checkpoint and makes
    // the file only 7 % smaller. The setting has no effect as a part of the configuration.
    connection.execute_batch(
        "SET enable_external_access = false; SET allow_persistent_secrets = false; SET checkpoint_threshold = '8MB';
         SET dynamic_or_filter_threshold = 1000;
         SET disabled_compression_methods = 'fsst'; PRAGMA disable_checkpoint_on_shutdown;
         SET lock_configuration = true",
    )?;
    Ok(connection)
}

fn is_large(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() >= LARGE)
}

/// The settings of every connection.
fn config() -> duckdb::Result<Config> {
    Config::default()
        .max_memory(MEMORY)?
        .threads(THREADS)?
        .enable_autoload_extension(false)?
        .with("autoinstall_known_extensions", "false")?
        // DuckDB writes a whole block for each column of each table that a commit or the log appends to. With the
        // default block size of 256 KB, one appended line takes 100 MB. Still smaller blocks could not hold the
        // dictionaries of texts, and large tables would take twice the space. An existing file keeps its block size.
        .with("default_block_size", "65536")?
        // In this format, the statistics of a column take a third of the space that they need in older formats. Other
        // programs need DuckDB 1.2 or newer to read the file. An existing file keeps its format.
        .with("storage_compatibility_version", "v1.2.0")
}
