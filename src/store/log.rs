//! The write-ahead log: commits since the database file was last written. Every opening reads it.
//!
//! A commit that would make the log larger than 8 MB (the setting `checkpoint_threshold`) is not logged. DuckDB writes
//! it and the log into the database file, and syncs that file before the commit ends. This rewrites the last rows of
//! every table, so for smaller commits it is better to log them and to move the log once for many of them.

use crate::store::beside;
use chrono::{DateTime, Utc};
use std::path::Path;

/// A log of at least this many bytes is moved into the database file: some runs with new data, or many without.
const SMALL: u64 = 16 << 10;

/// A large database file takes longer to write, so its log may have this part of its size in addition.
const PART: u64 = 10_000;

/// Whether the log is so long that reading it at every opening costs more than moving it into the database file once.
pub fn is_long(database: &Path) -> bool {
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    bytes(&beside(database, "wal")) >= SMALL + bytes(database) / PART
}

/// When the database was last written: the later of the mtimes of its file and its log.
pub fn last_written(database: &Path) -> Option<DateTime<Utc>> {
    let written = |path: &Path| Some(std::fs::metadata(path).ok()?.modified().ok()?.into());
    written(database).max(written(&beside(database, "wal")))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files in the place of a database")]
mod tests {
    use super::*;

    #[test]
    fn a_larger_database_may_have_a_longer_log() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("d.duckdb");
        let make = |path: &Path, bytes: u64| std::fs::File::create(path).unwrap().set_len(bytes).unwrap();
        make(&database, 1_000_000);
        assert!(!is_long(&database), "no log");
        make(&beside(&database, "wal"), SMALL + 100);
        assert!(is_long(&database));
        make(&database, 100_000_000);
        assert!(!is_long(&database));
    }
}
