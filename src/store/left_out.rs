//! Files that may be transcripts but were not read by the last walk, and symbolic links that may lead to such files.

use crate::base::error::Result;
use crate::run::policy::Policy;
use crate::source::rejection::Rejection;
use crate::source::scan::Walk;
use crate::store::Store;
use crate::store::reader::Reader;
use crate::store::rows::Cell;
use serde::Serialize;

/// Files that were not read for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub reason: String,
    pub files: i64,
    /// One of them, named as in the ledger.
    pub example: String,
}

/// Stores which files a walk did not read, and why. Files of forgotten people are not stored.
///
/// # Errors
///
/// If the database cannot be used.
pub fn remember(store: &Store, sources: &[&str], walk: &Walk, policy: &Policy<'_>) -> Result<()> {
    let files = walk.found.iter().filter_map(|found| {
        let rejection = policy.stat(found).err().filter(|rejection: &Rejection| rejection.is_of_owner())?;
        Some([*sources.get(found.source)?, found.file.session_file.as_str(), rejection.words()])
    });
    let links = walk.links.iter().filter(|link| !policy.forgets(&link.folder));
    let links = links.filter_map(|link| {
        Some([*sources.get(link.source)?, link.folder.as_str(), "a symbolic link, which is not followed"])
    });
    let mut rows: Vec<_> = files.chain(links).collect();
    rows.sort_unstable();
    let mut statement = store.connection().prepare("FROM files_left_out ORDER BY ALL")?;
    let before = statement.query_map([], |row| Ok([row.get::<_, String>(0)?, row.get(1)?, row.get(2)?]))?;
    if before.collect::<duckdb::Result<Vec<_>>>()? == rows {
        return Ok(());
    }
    store.transaction(|transaction| {
        transaction.execute("DELETE FROM files_left_out", [])?;
        transaction.append("main", "files_left_out", rows.iter().map(|row| row.map(Cell::Text)))?;
        Ok(())
    })
}

/// The files that the last walk did not read, by reason, the most frequent reason first.
///
/// # Errors
///
/// If the database cannot be read.
pub fn of(reader: Reader<'_>) -> Result<Vec<LeftOut>> {
    let sql = "SELECT reason, count(*) AS files, min(session_file) FROM files_left_out
               GROUP BY reason ORDER BY files DESC, reason";
    reader.rows(sql, &[], |row| Ok(LeftOut { reason: row.get(0)?, files: row.get(1)?, example: row.get(2)? }))
}
