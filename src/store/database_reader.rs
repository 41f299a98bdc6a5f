//! A reader for a process that runs for long: the file that it reads stays open until there is a newer one.
//!
//! A command reads once and holds the database for a short time. A process that answers requests would hold the
//! database for each request, and would spend time on opening it. So it reads a file that is never written: the newest
//! snapshot, or a copy of the database, which is made once per change.

use crate::base::error::Result;
use crate::base::lock;
use crate::source::access::may_write;
use crate::source::stat::Stat;
use crate::store::made_with::MadeWith;
use crate::store::reader::Reader;
use crate::store::reading::Apart;
use crate::store::snapshot::Snapshot;
use crate::store::{Connection, DatabaseFile, copy};
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;

/// Reads a database for a process that runs for long. Threads can share a reader and read in parallel.
pub struct DatabaseReader {
    database: DatabaseFile,
    open: Mutex<Option<Open>>,
}

/// Identifies the state that is read. Two equal versions have the same content, so an answer stays valid while its
/// version is the current one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    Snapshot(PathBuf),
    /// The database itself, identified by the metadata of its files.
    Live([Option<Stat>; copy::PARTS.len()]),
}

impl Version {
    /// The time of a snapshot; `None` for the database itself.
    pub fn snapshot_time(&self, database: &DatabaseFile) -> Option<DateTime<Utc>> {
        match self {
            Self::Snapshot(path) => Snapshot::of(database, path.clone()).map(|snapshot| snapshot.time),
            Self::Live(_) => None,
        }
    }
}

struct Open {
    version: Version,
    file: Arc<OpenFile>,
}

struct OpenFile {
    /// Unused connections. Opening a new one takes a tenth of the time of a small answer.
    idle: Mutex<Vec<Connection>>,
    apart: Mutex<Apart>,
}

impl DatabaseReader {
    pub fn new(database: DatabaseFile) -> Self {
        Self { database, open: Mutex::new(None) }
    }

    /// The version that a reader would read now. Opens no database.
    ///
    /// # Errors
    ///
    /// If there is no database, or its metadata cannot be read.
    pub fn version(&self) -> Result<Version> {
        // If a service publishes snapshots, they are read, so that the service has the database for itself.
        let is_own = may_write(&self.database) && lock::holder(&self.database, lock::DAEMON).is_none();
        match Snapshot::fullest(&self.database).filter(|_| !is_own) {
            Some(snapshot) => Ok(Version::Snapshot(snapshot.path)),
            None => copy::current(&self.database).map(Version::Live),
        }
    }

    /// Reads the newest state.
    ///
    /// # Errors
    ///
    /// If there is no database, it cannot be opened, or the body fails.
    pub fn read<T>(&self, now: DateTime<Utc>, body: impl FnOnce(Reader<'_>) -> Result<T>) -> Result<T> {
        let file = self.newest(now)?;
        // Each reader has its own connection, so readers run in parallel. The file stays open until the last of them is
        // done.
        let idle = file.idle.lock().pop();
        let connection = idle.map_or_else(|| file.apart.lock().connection.try_clone(), Ok)?;
        let answer = body(Reader::of_unchanging(&connection, &MadeWith::default()))?;
        file.idle.lock().push(connection);
        Ok(answer)
    }

    fn newest(&self, now: DateTime<Utc>) -> Result<Arc<OpenFile>> {
        let mut open = self.open.lock();
        // Determined before the file is opened: a change in between is newer than this version, so the next reader
        // opens the file again.
        let version = self.version()?;
        if let Some(open) = open.as_ref().filter(|open| open.version == version) {
            return Ok(open.file.clone());
        }
        let apart = match &version {
            Version::Snapshot(path) => Apart::open(path, &self.database.schema)?,
            Version::Live(_) => Apart::copy(&self.database, now)?,
        };
        let file = Arc::new(OpenFile { idle: Mutex::default(), apart: Mutex::new(apart) });
        *open = Some(Open { version, file: file.clone() });
        Ok(file)
    }
}
