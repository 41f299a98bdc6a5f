//! What processes that were killed have left: copies of the database, what they spilled, snapshots and files that
//! were half made. All of it can hold data about people who are forgotten since.

use crate::base::atomic_file;
use crate::base::error::Result;
use crate::store::{DatabaseFile, copy, publish, scratch};
use std::path::Path;
use std::time::Instant;

/// Removes what nobody uses any more, without waiting for anybody. What DuckDB spills beside the database goes when
/// that is opened to be written.
pub fn sweep(database: &DatabaseFile) {
    scratch::sweep();
    atomic_file::sweep(database);
    let _ = copy::sweep(database, Instant::now());
    publish::sweep(database);
}

/// The same for whoever erases somebody and holds the publisher's lock: a copy in the making is waited for.
///
/// # Errors
///
/// With status `Busy` if another process still copies the database then.
pub fn erase(database: &Path, until: Instant) -> Result<()> {
    scratch::sweep();
    atomic_file::sweep(database);
    copy::sweep(database, until)
}
