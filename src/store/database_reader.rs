//! Reading again and again, for a process that stays: what it reads stays open until there is something newer.
//!
//! A command reads once and holds the database for a moment. A process that answers requests would hold it for a
//! moment per request, and pay for opening it each time. So it reads a file that nobody writes: the newest snapshot,
//! or a copy of the database that is made once per change.

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

/// Reads a database for a process that stays. Threads share one, and read side by side.
pub struct DatabaseReader {
    database: DatabaseFile,
    open: Mutex<Option<Open>>,
}

/// What is read: two that are equal say the same, so an answer can be kept for as long as this one is current.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    Snapshot(PathBuf),
    /// The database itself, as its files are.
    Live([Option<Stat>; copy::PARTS.len()]),
}

impl Version {
    /// The time of a snapshot.
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
    /// Connections that nobody uses now: making one takes a tenth of a small answer.
    idle: Mutex<Vec<Connection>>,
    apart: Mutex<Apart>,
}

impl DatabaseReader {
    pub fn new(database: DatabaseFile) -> Self {
        Self { database, open: Mutex::new(None) }
    }

    /// What a reader would read now. It opens nothing.
    ///
    /// # Errors
    ///
    /// If there is no database, or it cannot be looked for.
    pub fn version(&self) -> Result<Version> {
        // Where a service publishes snapshots, they are read, and the database is left to the service.
        let is_own = may_write(&self.database) && lock::holder(&self.database, lock::DAEMON).is_none();
        match Snapshot::fullest(&self.database).filter(|_| !is_own) {
            Some(snapshot) => Ok(Version::Snapshot(snapshot.path)),
            None => copy::current(&self.database).map(Version::Live),
        }
    }

    /// Reads the newest state there is.
    ///
    /// # Errors
    ///
    /// If there is no database or it cannot be opened, or the body fails.
    pub fn read<T>(&self, now: DateTime<Utc>, body: impl FnOnce(Reader<'_>) -> Result<T>) -> Result<T> {
        let file = self.newest(now)?;
        // Each reader has a connection of its own, so that they run in parallel. The file stays open until all are
        // done.
        let idle = file.idle.lock().pop();
        let connection = idle.map_or_else(|| file.apart.lock().connection.try_clone(), Ok)?;
        let answer = body(Reader::of_unchanging(&connection, &MadeWith::default()))?;
        file.idle.lock().push(connection);
        Ok(answer)
    }

    fn newest(&self, now: DateTime<Utc>) -> Result<Arc<OpenFile>> {
        let mut open = self.open.lock();
        // Taken before the file is opened: a change in between is newer, and the next reader sees it.
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
