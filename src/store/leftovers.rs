//! What processes that were killed have left: copies of the database, what they spilled, snapshots and files that
//! were half made. All of it can hold data about people who are forgotten since.

use crate::base::atomic_file;
use crate::base::error::Result;
use crate::store::{DatabaseFile, copy, publish, scratch};
use std::path::Path;
use std::time::Instant;

/// Removes leftovers without waiting for other processes. What DuckDB spilled beside the database is removed when the
/// database is next opened for writing.
pub fn sweep(database: &DatabaseFile) {
    scratch::sweep();
    atomic_file::sweep(database);
    let _ = copy::sweep(database, Instant::now());
    publish::sweep(database);
}

/// The same while a person is erased, under the publisher's lock: waits for a copy that is being made.
///
/// # Errors
///
/// With status `Busy` if another process still copies the database then.
pub fn erase(database: &Path, until: Instant) -> Result<()> {
    scratch::sweep();
    atomic_file::sweep(database);
    copy::sweep(database, until)
}
