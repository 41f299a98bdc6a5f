//! Copies the database into another file, and holds the database only for short periods meanwhile.
//!
//! This is the one place that opens the database file itself. Nobody else in this process has it open at that time: the
//! store lock excludes other threads, and the file is opened and closed under that lock. Other programs cannot write
//! meanwhile, because this module takes the same record lock as DuckDB's own readers.

use crate::base::error::{Error, Result, Status};
use crate::base::failpoint;
use crate::base::holder;
use crate::base::lock::StoreLock;
use crate::source::access::may_write;
use crate::source::stat::Stat;
use crate::store::scratch::Scratch;
use crate::store::{
    Access, HELD_HINT, PATIENCE, PAUSE as SHORT_PAUSE, Store, beside, log, require, rollback, room, with_way_out,
};
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, fcntl_getlk};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

/// A copy that is not opened yet. Dropping it removes the file. If the process is killed, the next process that makes a
/// copy removes it.
#[derive(Debug)]
pub(super) struct Copy {
    /// Its lock shows other processes that the copy is in use. The kernel releases the lock when the process dies.
    file: NamedTempFile,
    /// The folder of the copy, if it cannot be made beside the database.
    scratch: Option<Scratch>,
}

/// The extensions of a database's files: the database, and what DuckDB keeps beside it until the next checkpoint.
pub(super) const PARTS: [&str; 4] = ["", ".wal", ".wal.checkpoint", ".wal.recovery"];

/// The part of a copy's name after the name of the database.
const NAME: &str = "copy-";

impl Copy {
    /// Copies a database with its log.
    ///
    /// # Errors
    ///
    /// If the database cannot be read, or there is no space for a copy.
    pub(super) fn make(database: &Path) -> Result<Self> {
        let _ = sweep(database, Instant::now());
        let mut copy = Self::begin(database)?;
        if copy.scratch.is_none() && log::is_long(database) {
            // Otherwise every reader of a copy would replay the long log again.
            Store::open(database, Access::ReadWrite)?.checkpoint()?;
        }
        let size = PARTS.iter().map(|part| std::fs::metadata(with(database, part)).map_or(0, |file| file.len())).sum();
        room::require(copy.path(), size, "a copy of the database")?;
        let mut parts = [PART; TRIES].into_iter();
        while !copy.fill(database, parts.next().unwrap_or(u64::MAX))? {}
        failpoint::point("copied", "");
        Ok(copy)
    }

    /// An empty file that only its owner can read: beside the database, or in a temporary folder if this user may not
    /// write there.
    fn begin(database: &Path) -> Result<Self> {
        let scratch = if may_write(database) { None } else { Some(Scratch::make()?) };
        let beside = database.parent().unwrap_or(Path::new("."));
        let folder = scratch.as_ref().map_or(beside, Scratch::path);
        let cannot = |error: std::io::Error| Error::cannot("make a copy in", folder.display(), error);
        let prefix = beside_name(database);
        loop {
            let mut builder = tempfile::Builder::new();
            let file = builder.prefix(&prefix).permissions(Permissions::from_mode(0o600)).tempfile_in(folder);
            let file = file.map_err(cannot)?;
            file.as_file().lock().map_err(cannot)?;
            // Another process may have removed the file as a leftover before it was locked.
            if file.path().exists() {
                return Ok(Self { file, scratch });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Copies the database and its log, and releases the database after every `part` bytes. Returns false if somebody
    /// wrote the database meanwhile; the copy is then useless.
    fn fill(&mut self, database: &Path, part: u64) -> Result<bool> {
        let to = self.path().to_owned();
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::StorageFull => room::require(&to, u64::MAX, "a copy of the database")
                .err()
                .unwrap_or_else(|| Error::cannot("copy", database.display(), "no room")),
            _ => Error::cannot("copy", database.display(), error),
        };
        remove_logs(&to);
        self.file.as_file_mut().set_len(0).map_err(failed)?;
        self.file.rewind().map_err(failed)?;
        let mut held = hold(database, Instant::now() + PATIENCE)?;
        let begun = stats(database).map_err(failed)?;
        let mut done = 0;
        for (name, stat) in PARTS.iter().zip(&begun) {
            let Some(stat) = stat else { continue };
            let mut log = match *name {
                "" => None,
                name => Some(create(&with(&to, name)).map_err(failed)?),
            };
            let mut at = 0;
            while at < stat.size {
                if done >= part {
                    drop(held);
                    std::thread::sleep(PAUSE);
                    held = hold(database, Instant::now() + PATIENCE)?;
                    done = 0;
                }
                let bytes = (stat.size - at).min(part - done);
                let copied = match &mut log {
                    // Uses the file that is open already: opening it again and closing it would release the record
                    // lock.
                    None => copy_part(&held.file, self.file.as_file_mut(), at, bytes),
                    Some(log) => open(&with(database, name)).and_then(|from| copy_part(&from, log, at, bytes)),
                };
                let copied = copied.map_err(failed)?;
                (at, done) = (at + copied, done + copied);
                // Other programs do not take our lock, so only the file's metadata shows whether it was written.
                if stats(database).map_err(failed)? != begun {
                    return Ok(false);
                }
            }
        }
        drop(held);
        Ok(true)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        remove_logs(self.path());
    }
}

fn remove_logs(copy: &Path) {
    for part in &PARTS[1..] {
        let _ = std::fs::remove_file(with(copy, part));
    }
}

/// The beginning of the names of copies: `mill.duckdb.copy-`.
fn beside_name(database: &Path) -> OsString {
    let name = beside(database, NAME);
    name.file_name().unwrap_or_default().to_owned()
}

/// Removes the copies of killed processes. Waits until this time for copies that are being made. A copy that is already
/// open has no name any more, and is not affected.
///
/// # Errors
///
/// With status `Busy` if another process still makes a copy at `until`.
pub fn sweep(database: &Path, until: Instant) -> Result<()> {
    let prefix = beside_name(database);
    let entries = std::fs::read_dir(database.parent().unwrap_or(Path::new("."))).into_iter().flatten().flatten();
    let mut live = Ok(());
    let begins = |name: &OsStr| name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
    for path in entries.filter(|entry| begins(&entry.file_name())).map(|entry| entry.path()) {
        let text = path.as_os_str().as_encoded_bytes();
        if PARTS[1..].iter().any(|part| text.ends_with(part.as_bytes())) {
            // A log is removed with its copy.
            continue;
        }
        let Ok(file) = open(&path) else { continue };
        if is_free(&file, until) {
            // The copy last: as long as it is there, the next sweep finds what is left.
            remove_logs(&path);
            let _ = std::fs::remove_file(&path);
        } else {
            let who = holder::locks(&file).map_or_else(|| "by somebody".to_owned(), |pid| format!("pid {pid}"));
            let message = format!("`{}` is being copied ({})", database.display(), holder::with_state(&who));
            let hint = holder::hint(&who).unwrap_or_else(|| "try again in a moment".to_owned());
            live = Err(Error::new(Status::Busy, message).hint(hint));
        }
    }
    live
}

/// Whether the lock of a file is free, or becomes free by this time.
fn is_free(file: &File, until: Instant) -> bool {
    while let Err(TryLockError::WouldBlock) = file.try_lock() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(SHORT_PAUSE);
    }
    true
}

/// How many bytes are copied before the database is released for a moment.
const PART: u64 = 32 << 20;

/// If another process writes the database between two parts, the copy starts again. After this many attempts the
/// database is held until the copy is whole.
const TRIES: usize = 5;

/// The pause between two parts: long enough for a waiting process to see that the database is free.
const PAUSE: Duration = Duration::from_millis(20);

/// The open database file. Nobody can write the database while this exists.
#[derive(Debug)]
struct Held {
    /// Declared first, so that the file is closed before the lock is released: closing it drops all record locks of
    /// this process on the database.
    file: File,
    _lock: StoreLock,
}

/// Waits until nobody else has the database open for writing, and then excludes writers.
fn hold(database: &Path, until: Instant) -> Result<Held> {
    // A user who may not write the database must not create the lock file, because its owner could not use it then.
    let may_write = may_write(database);
    let take = if may_write { StoreLock::take } else { StoreLock::take_to_read };
    let lock = take(database, until)?;
    if may_write {
        rollback::prepare(database).map_err(|error| with_way_out(database, error))?;
    }
    let file = open(database).map_err(|error| Error::cannot("open", database.display(), error))?;
    loop {
        match fcntl_lock(&file, FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) if Instant::now() < until => {
                std::thread::sleep(SHORT_PAUSE);
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => return Err(held_by_other(database, &file)),
            // If the file system has no record locks, the file is read without one, as DuckDB does.
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

/// Creates a file that only its owner can read. Fails if it exists.
fn create(path: &Path) -> std::io::Result<File> {
    #[expect(clippy::disallowed_methods, reason = "the copy, which nobody has open")]
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

fn copy_part(mut from: &File, copy: &mut File, at: u64, bytes: u64) -> std::io::Result<u64> {
    from.seek(SeekFrom::Start(at))?;
    match std::io::copy(&mut from.take(bytes), copy)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        copied => Ok(copied),
    }
}

/// The metadata of a database's files, read without opening them. It is equal at two times if nothing was written in
/// between.
///
/// # Errors
///
/// If there is no database, or its metadata cannot be read.
pub(super) fn current(database: &Path) -> Result<[Option<Stat>; PARTS.len()]> {
    require(database)?;
    stats(database).map_err(|error| Error::cannot("look at", database.display(), error))
}

/// The metadata of a database's files; `None` for files that do not exist.
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
        let database = folder.path().join("d.duckdb");
        write(&database, "CREATE TABLE t AS SELECT hash(x) AS x FROM range(200000) r(x)");
        let mut copy = Copy::begin(&database).unwrap();
        assert!(copy.fill(&database, 100_000).unwrap() && copy.fill(&database, 100_000).unwrap());
        #[expect(clippy::disallowed_methods, reason = "closed files")]
        let [original, copied] = [&database, copy.path()].map(|path| std::fs::read(path).unwrap());
        assert!(original.len() > 1_000_000 && original == copied, "{} {}", original.len(), copied.len());

        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    write(&database, "INSERT INTO t FROM range(10)");
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let was_written = (0..5).any(|_| !copy.fill(&database, 100_000).unwrap());
            let copy = Copy::make(&database).unwrap();
            stop.store(true, Ordering::Relaxed);
            assert!(was_written);
            let connection = crate::store::try_connect(copy.path(), Access::ReadOnly, None).unwrap();
            connection.execute_batch("SELECT sum(hash(t)) FROM t").unwrap();
        });
        drop(copy);
        let names = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!names().any(|name| name.to_string_lossy().contains("copy")));
    }

    #[test]
    fn copies_of_dead_processes_are_removed_and_live_ones_are_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("d.duckdb");
        write(&database, "CREATE TABLE t (x INTEGER)");
        let left = [folder.path().join("d.duckdb.copy-x"), folder.path().join("d.duckdb.copy-x.wal")];
        left.iter().for_each(|path| drop(create(path).unwrap()));
        let live = Copy::make(&database).unwrap();
        create(&with(live.path(), ".wal")).unwrap();
        let busy = sweep(&database, Instant::now()).unwrap_err();
        assert_eq!(busy.status, Status::Busy);
        assert!(busy.to_string().ends_with(&format!("is being copied (pid {})", std::process::id())), "{busy}");
        assert!(live.path().exists() && with(live.path(), ".wal").exists());
        drop(live);
        sweep(&database, Instant::now()).unwrap();
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!names.into_iter().any(|name| name.to_string_lossy().contains("copy")));
    }
}
