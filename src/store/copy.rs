//! A copy of the database as a file, which holds the database for moments only.
//!
//! This is the one place that opens the database file. Nobody else in this process has it open then:
//! the store lock keeps threads out, and each part opens and closes the file under the lock.

use crate::error::{Error, Result, cause};
use crate::failpoint;
use crate::lock::{StoreLock, WorkLock};
use crate::stat::Stat;
use crate::store::{Access, PATIENCE, Store, beside, room};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A copy that is still to be opened. There is one at a time; dropping it removes it, and a process
/// that is killed leaves it to the next one.
#[derive(Debug)]
pub(super) struct Copy {
    pub path: PathBuf,
    _lock: WorkLock,
}

impl Copy {
    /// Copies a database.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or there is no room for a copy.
    pub(super) fn make(database: &Path) -> Result<Self> {
        let lock = WorkLock::take(database, "copy", Instant::now() + PATIENCE)?;
        let copy = Self { path: beside(database, "copy"), _lock: lock };
        copy.remove();
        let size = std::fs::metadata(database).map_or(0, |file| file.len());
        room::require(database, size, "a copy of the database")?;
        let mut parts = [PART; TRIES].into_iter();
        while !make(database, &copy.path, parts.next().unwrap_or(u64::MAX))? {}
        failpoint::point("copied", "");
        Ok(copy)
    }

    fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Bytes that are copied while the database is held.
const PART: u64 = 32 << 20;

/// Others write the database between two parts, and the copy begins anew: so often at most before it
/// is made in one go.
const TRIES: usize = 5;

/// Between two parts: long enough for whoever waits to see that the database is free.
const PAUSE: Duration = Duration::from_millis(20);

/// Copies the file as the last checkpoint left it, log included. Returns whether it stayed as it was.
fn make(database: &Path, to: &Path, part: u64) -> Result<bool> {
    let store = Store::open(database, Access::ReadWrite)?;
    store.checkpoint()?;
    let Store { connection, mut lock } = store;
    drop(connection);
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => room::require(database, u64::MAX, "a copy of the database")
            .err()
            .unwrap_or_else(|| Error::cannot("copy", database.display(), "no room")),
        _ => Error::cannot("copy", database.display(), cause(&error)),
    };
    let begun = stat(database).map_err(failed)?;
    #[expect(clippy::disallowed_methods, reason = "the copy, which nobody has open")]
    let mut copy = File::create(to).map_err(failed)?;
    let mut done = 0;
    loop {
        done += copy_part(database, &mut copy, done, part).map_err(failed)?;
        // A program of others knows nothing of our lock: the file itself tells whether it was written.
        if stat(database).map_err(failed)? != begun {
            return Ok(false);
        }
        if done >= begun.size {
            return Ok(true);
        }
        drop(lock);
        std::thread::sleep(PAUSE);
        lock = StoreLock::take(database, Instant::now() + PATIENCE)?;
    }
}

fn copy_part(database: &Path, copy: &mut File, from: u64, part: u64) -> std::io::Result<u64> {
    #[expect(clippy::disallowed_methods, reason = "closed by DuckDB, and kept closed by the store lock")]
    let mut file = File::open(database)?;
    file.seek(SeekFrom::Start(from))?;
    std::io::copy(&mut file.take(part), copy)
}

fn stat(path: &Path) -> std::io::Result<Stat> {
    Ok(Stat::from(&std::fs::metadata(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn write(database: &Path, sql: &str) {
        let store = Store::open(database, Access::ReadWrite).unwrap();
        store.connection().execute_batch(sql).unwrap();
        store.checkpoint().unwrap();
    }

    #[test]
    fn a_copy_in_parts_is_whole_or_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (database, to) = (folder.path().join("d.duckdb"), folder.path().join("copy"));
        write(&database, "CREATE TABLE t AS SELECT hash(x) AS x FROM range(200000) r(x)");
        assert!(make(&database, &to, 100_000).unwrap());
        #[expect(clippy::disallowed_methods, reason = "closed files")]
        let [original, copy] = [&database, &to].map(|path| std::fs::read(path).unwrap());
        assert!(original.len() > 1_000_000 && original == copy, "{} {}", original.len(), copy.len());

        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    write(&database, "INSERT INTO t FROM range(10)");
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let was_written = (0..1_000).any(|_| !make(&database, &to, 100_000).unwrap());
            let copy = Copy::make(&database).unwrap();
            stop.store(true, Ordering::Relaxed);
            assert!(was_written);
            let connection = crate::store::try_connect(&copy.path, Access::ReadOnly, None).unwrap();
            connection.execute_batch("SELECT sum(hash(t)) FROM t").unwrap();
        });
        assert!(!beside(&database, "copy").exists());
    }
}
