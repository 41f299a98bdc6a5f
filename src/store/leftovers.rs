//! Leftovers of killed processes: copies of the database, DuckDB's temporary files, and incomplete snapshots and files.
//! All of them can contain data about people who were forgotten later.

use crate::base::atomic_file;
use crate::base::error::Result;
use crate::store::{DatabaseFile, copy, publish, scratch};
use std::path::Path;
use std::time::Instant;

/// Removes leftovers without waiting for other processes. DuckDB's temporary files beside the database are removed when
/// the database is next opened for writing.
pub fn sweep(database: &DatabaseFile) {
    scratch::sweep();
    atomic_file::sweep(database);
    let _ = copy::sweep(database, Instant::now());
    publish::sweep(database);
}

/// Removes leftovers while a person is erased; the caller holds the publisher's lock. Waits for copies that are being
/// made.
///
/// # Errors
///
/// With status `Busy` if another process still copies the database at `until`.
pub fn erase(database: &Path, until: Instant) -> Result<()> {
    scratch::sweep();
    atomic_file::sweep(database);
    copy::sweep(database, until)
}
