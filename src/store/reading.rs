//! Reading beside others: nobody waits for a reader for more than a moment.
//!
//! A reader holds the database for a turn. One who is not done by then goes on with a copy of the
//! database as it is at that time; one who may not write the database reads the newest snapshot.

use crate::access::may_write;
use crate::error::{Error, Result, Status, cause};
use crate::store::copy::Copy;
use crate::store::snapshot::Snapshot;
use crate::store::{Access, Connection, Store, cannot_open, migrate, try_connect};
use chrono::{DateTime, Utc};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// A database to read, for a while.
pub struct Reading<'c> {
    pub connection: &'c Connection,
    over: &'c AtomicBool,
}

impl Reading<'_> {
    /// Whether others wait for the database by now. What is read is read again then, from a copy.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Others wait for so long at most.
const TURN: Duration = Duration::from_secs(2);

/// Between two calls to a reader to stop: one that arrives between two statements is not heard.
const CALL: Duration = Duration::from_millis(50);

/// Reads a database. The body is begun again where its turn is over before it is done.
///
/// # Errors
///
/// If there is no database or it cannot be opened, or the body fails.
pub fn read<T>(database: &Path, now: DateTime<Utc>, body: impl Fn(&Reading<'_>) -> Result<T>) -> Result<T> {
    if let Some(snapshot) = Snapshot::instead_of(database) {
        return read_apart(&snapshot.path, || (), body);
    }
    // Who may not write, and has no snapshot yet, cannot make a copy either.
    let turn = if may_write(database) { TURN } else { Duration::MAX };
    let store = Store::open_current(database, Access::ReadOnly, now)?;
    let over = AtomicBool::new(false);
    let result = store.read(|connection| {
        let interrupt = connection.interrupt_handle();
        std::thread::scope(|scope| {
            let (done, end) = channel::<()>();
            let over = &over;
            scope.spawn(move || {
                let mut patience = turn;
                while end.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                    over.store(true, Ordering::Relaxed);
                    interrupt.interrupt();
                    patience = CALL;
                }
            });
            let result = body(&Reading { connection, over });
            drop(done);
            result
        })
    });
    drop(store);
    if !over.into_inner() {
        return result;
    }
    let copy = Copy::make(database)?;
    read_apart(&copy.path.clone(), || drop(copy), body)
}

/// Reads a file that nobody writes. It is told when the file is open, after which its name may go.
fn read_apart<T>(path: &Path, opened: impl FnOnce(), body: impl Fn(&Reading<'_>) -> Result<T>) -> Result<T> {
    // What does not fit into memory is spilled beside the file otherwise, where several readers get into
    // each other's way.
    let spill = tempfile::tempdir().map_err(|error| Error::cannot("make", "a temporary folder", cause(&error)))?;
    let connection =
        try_connect(path, Access::ReadOnly, Some(spill.path())).map_err(|error| cannot_open(path, &error))?;
    opened();
    if !migrate::is_current(&connection)? {
        let message = format!("`{}` was published by an older sessionmill", path.display());
        return Err(Error::new(Status::CannotRun, message).hint("the next run of the service publishes a new one"));
    }
    body(&Reading { connection: &connection, over: &AtomicBool::new(false) })
}
