//! The log: what was committed since the database file was last written. Every opening reads it.
//!
//! A commit with which it would grow above 8 MB is not logged: DuckDB writes all of it into the database file, by the
//! setting `checkpoint_threshold`, and the commit is over when that file is synced. That rewrites the last rows of
//! every table, so smaller commits are better logged: the log is moved once for many of them.

use crate::store::beside;
use std::path::Path;

/// A log of this many bytes is moved into any database: some runs with news, or many without.
const SMALL: u64 = 16 << 10;

/// A large database is slower to write: its log may have this part of its size, too.
const PART: u64 = 10_000;

/// Whether the log has grown to where reading it at every opening costs more than moving it into the
/// database file once.
pub fn is_long(database: &Path) -> bool {
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    bytes(&beside(database, "wal")) >= SMALL + bytes(database) / PART
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
