//! Free space on the disk. A pass that could run out of it does not start.

use crate::base::error::{Error, Result, Status};
use crate::base::size::bytes;
use crate::store::beside;
use std::path::Path;

/// Bytes that a pass needs for the log, and for a checkpoint, which writes new pages before it frees the old ones.
const LEAST: u64 = 64 << 20;
const MOST: u64 = 1 << 30;

/// Refuses a pass if the database has too little space to grow.
///
/// # Errors
///
/// If the file system has less free space than a pass may need.
pub fn check(database: &Path) -> Result<()> {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    require(database, needed(size(database) + size(&beside(database, "wal"))), "a pass")
        .map_err(|error| error.hint("make room there, or name a file elsewhere with --database FILE"))
}

/// Why no pass can start, if the disk is full. Readers show this, because then nothing can be written to the database.
pub fn alarm(database: &Path) -> Option<String> {
    check(database).err().map(|error| error.to_string())
}

/// Refuses work that needs more space beside the database than is free. `needed` is in bytes.
///
/// # Errors
///
/// If the file system has less free space than that.
pub(super) fn require(database: &Path, needed: u64, work: &str) -> Result<()> {
    // A missing folder will be on the same file system as the nearest existing folder above it.
    let folder = database.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let Ok(disk) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= needed {
        return Ok(());
    }
    let message = format!(
        "there is no room for {work}: {} free in `{}`, {} needed",
        bytes(free),
        folder.display(),
        bytes(needed)
    );
    Err(Error::new(Status::CannotRun, message).hint("make room there"))
}

/// Bytes that must be free for a database of this size: a tenth, but at least 64 MB and at most 1 GB.
fn needed(size: u64) -> u64 {
    (size / 10).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_database_needs_more_room() {
        assert_eq!(needed(0), 64 << 20);
        assert_eq!(needed(2_000 << 20), 200 << 20);
        assert_eq!(needed(u64::MAX), 1 << 30);
    }

    #[test]
    fn a_folder_that_is_still_to_be_made_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        check(&folder.path().join("a/b/d.duckdb")).unwrap();
    }
}
