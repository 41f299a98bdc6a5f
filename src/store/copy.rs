//! A copy of the database as a file, which holds the database for moments only.
//!
//! This is the one place that opens the database file. Nobody else in this process has it open then: the
//! store lock keeps threads out, and each part opens and closes the file under the lock. Another program is
//! kept from writing by the record lock that DuckDB's own readers take.

use crate::access::may_write;
use crate::error::{Error, Result, Status};
use crate::failpoint;
use crate::holder;
use crate::lock::{StoreLock, WorkLock};
use crate::stat::Stat;
use crate::store::scratch::Scratch;
use crate::store::{Access, HELD_HINT, PATIENCE, PAUSE as SHORT_PAUSE, Store, beside, log, room};
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, fcntl_getlk};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A copy that is still to be opened. Dropping it removes it. A process that is killed leaves it to the next
/// one.
#[derive(Debug)]
pub(super) struct Copy {
    pub path: PathBuf,
    _place: Place,
}

/// What keeps the place of a copy for one process.
#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
enum Place {
    /// Beside the database, where there is one at a time.
    Beside(WorkLock),
    /// Of its own, for those who may not write there.
    Apart(Scratch),
}

/// A database is more than its file: what DuckDB keeps beside it until the next checkpoint.
const PARTS: [&str; 4] = ["", ".wal", ".wal.checkpoint", ".wal.recovery"];

impl Copy {
    /// Copies a database with its log.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or there is no room for a copy.
    pub(super) fn make(database: &Path) -> Result<Self> {
        let copy = if may_write(database) {
            let place = Place::Beside(WorkLock::take(database, "copy", Instant::now() + PATIENCE)?);
            Self { path: beside(database, "copy"), _place: place }
        } else {
            let scratch = Scratch::make()?;
            Self { path: scratch.path().join("database"), _place: Place::Apart(scratch) }
        };
        if matches!(copy._place, Place::Beside(_)) && log::is_long(database) {
            // Every reader of a copy would replay it.
            Store::open(database, Access::ReadWrite)?.checkpoint()?;
        }
        let size = PARTS.iter().map(|part| std::fs::metadata(with(database, part)).map_or(0, |file| file.len())).sum();
        room::require(&copy.path, size, "a copy of the database")?;
        let mut parts = [PART; TRIES].into_iter();
        while !make(database, &copy.path, parts.next().unwrap_or(u64::MAX))? {}
        failpoint::point("copied", "");
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn remove(copy: &Path) {
    for part in PARTS {
        let _ = std::fs::remove_file(with(copy, part));
    }
}

/// Removes the copy that a killed process has left, unless somebody makes one until then.
///
/// # Errors
///
/// With status `Busy` if another process still copies then.
pub fn sweep(database: &Path, until: Instant) -> Result<()> {
    let path = beside(database, "copy");
    let is_left = || PARTS.iter().any(|part| with(&path, part).symlink_metadata().is_ok());
    if is_left() || crate::lock::holder(database, "copy").is_some() {
        let place = Place::Beside(WorkLock::take(database, "copy", until)?);
        drop(Copy { path, _place: place });
    }
    Ok(())
}

/// Bytes that are copied while the database is held.
const PART: u64 = 32 << 20;

/// Others write the database between two parts, and the copy begins anew: so often at most before it
/// is made in one go.
const TRIES: usize = 5;

/// Between two parts: long enough for whoever waits to see that the database is free.
const PAUSE: Duration = Duration::from_millis(20);

/// Copies the file and its log as they are. Returns whether they stayed as they were.
fn make(database: &Path, to: &Path, part: u64) -> Result<bool> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => room::require(to, u64::MAX, "a copy of the database")
            .err()
            .unwrap_or_else(|| Error::cannot("copy", database.display(), "no room")),
        kind => Error::cannot("copy", database.display(), kind),
    };
    remove(to);
    let mut held = hold(database, Instant::now() + PATIENCE)?;
    let begun = stats(database).map_err(failed)?;
    let mut done = 0;
    let mut copies = Vec::new();
    for (name, stat) in PARTS.iter().zip(&begun) {
        if let Some(stat) = stat {
            #[expect(clippy::disallowed_methods, reason = "the copy, which nobody has open")]
            let mut new = File::options();
            let copy = new.write(true).create_new(true).mode(0o600).open(with(to, name)).map_err(failed)?;
            copies.push((*name, copy, stat.size));
        }
    }
    for (name, mut copy, size) in copies {
        let mut at = 0;
        while at < size {
            if done >= part {
                drop(held);
                std::thread::sleep(PAUSE);
                held = hold(database, Instant::now() + PATIENCE)?;
                done = 0;
            }
            let bytes = (size - at).min(part - done);
            let copied = match name {
                // Not opened a second time: to close that would let go of the record lock.
                "" => copy_part(&held.file, &mut copy, at, bytes),
                _ => open(&with(database, name)).and_then(|log| copy_part(&log, &mut copy, at, bytes)),
            };
            let copied = copied.map_err(failed)?;
            (at, done) = (at + copied, done + copied);
            // A program of others knows nothing of our lock: the file itself tells whether it was written.
            if stats(database).map_err(failed)? != begun {
                return Ok(false);
            }
        }
    }
    drop(held);
    Ok(true)
}

/// The database, which nobody writes while this is there.
#[derive(Debug)]
struct Held {
    /// Closed before the lock is free: to close it takes the record locks of this process away.
    file: File,
    _lock: StoreLock,
}

/// Keeps everybody from writing the database, waiting for those who have it.
fn hold(database: &Path, until: Instant) -> Result<Held> {
    let lock = StoreLock::take(database, until)?;
    let file = open(database).map_err(|error| Error::cannot("open", database.display(), error.kind()))?;
    loop {
        match fcntl_lock(&file, FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) if Instant::now() < until => {
                std::thread::sleep(SHORT_PAUSE);
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => return Err(held_by_other(database, &file)),
            // As with DuckDB itself, a file system without such locks can be read all the same.
            Ok(()) | Err(_) => return Ok(Held { file, _lock: lock }),
        }
    }
}

fn held_by_other(database: &Path, file: &File) -> Error {
    let lock = fcntl_getlk(file, &Flock::from(FlockType::ReadLock)).ok().flatten();
    let pid = lock.and_then(|lock| lock.pid).map(|pid| pid.as_raw_nonzero().get().cast_unsigned());
    let who = pid.map_or_else(String::new, |pid| {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_else(|_| "a program".into());
        format!(" ({}, {})", program.display(), holder::with_state(&format!("pid {pid}")))
    });
    let message = format!("`{}` is open in another program{who}", database.display());
    let hint = pid.and_then(|pid| holder::hint(&format!("pid {pid}")));
    Error::new(Status::Busy, message).hint(hint.unwrap_or_else(|| HELD_HINT.to_owned()))
}

fn open(path: &Path) -> std::io::Result<File> {
    #[expect(clippy::disallowed_methods, reason = "closed by DuckDB, and kept closed by the store lock")]
    File::open(path)
}

fn copy_part(mut from: &File, copy: &mut File, at: u64, bytes: u64) -> std::io::Result<u64> {
    from.seek(SeekFrom::Start(at))?;
    match std::io::copy(&mut from.take(bytes), copy)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        copied => Ok(copied),
    }
}

/// What the files of a database look like, as far as they are there.
fn stats(database: &Path) -> std::io::Result<[Option<Stat>; PARTS.len()]> {
    let mut stats = [None; PARTS.len()];
    for (part, stat) in PARTS.iter().zip(&mut stats) {
        *stat = match std::fs::metadata(with(database, part)) {
            Ok(metadata) => Some(Stat::from(&metadata)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !part.is_empty() => None,
            Err(error) => return Err(error),
        };
    }
    Ok(stats)
}

fn with(path: &Path, extension: &str) -> PathBuf {
    crate::store::snapshot::with(path, extension)
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
            let was_written = (0..5).any(|_| !make(&database, &to, 100_000).unwrap());
            let copy = Copy::make(&database).unwrap();
            stop.store(true, Ordering::Relaxed);
            assert!(was_written);
            let connection = crate::store::try_connect(&copy.path, Access::ReadOnly, None).unwrap();
            connection.execute_batch("SELECT sum(hash(t)) FROM t").unwrap();
        });
        assert!(!beside(&database, "copy").exists());
    }
}
