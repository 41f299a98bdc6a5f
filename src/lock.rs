//! Locks between processes and threads: lock files that no one deletes, with the holder's name in
//! them. The kernel lets go of a lock when its holder dies.

use crate::error::{Error, Result, Status, cause};
use crate::holder::Holder;
use crate::owner;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One run of a processor at a time.
#[derive(Debug)]
pub struct ProcessorLock(#[expect(dead_code, reason = "held, not read")] Held);

impl ProcessorLock {
    /// Takes the lock of a processor on a database, or says who has it.
    ///
    /// # Errors
    ///
    /// With status `Busy` if another run has it.
    pub fn take(database: &Path, processor: &str, holder: &Holder) -> Result<Self> {
        owner::leave_to_owner(database)?;
        let path = beside(database, &format!("{processor}.lock"));
        match take(&path, &holder.to_string(), Instant::now())? {
            Ok(held) => Ok(Self(held)),
            Err(line) => Err(busy(processor, &line)),
        }
    }
}

/// A processor that is running already, by whose account.
pub fn busy(processor: &str, holder: &str) -> Error {
    let message = format!("processor `{processor}` is already running ({holder})");
    let hint = "wait for it to end, or look at `sessionmill status`";
    Error { holder: Holder::parse(holder), ..Error::new(Status::Busy, message).hint(hint) }
}

/// The database, held for moments by one thread of one process.
#[derive(Debug)]
pub struct StoreLock {
    database: PathBuf,
    _held: Held,
}

impl StoreLock {
    /// Takes the lock of a database, waiting for others, or says who has it.
    ///
    /// # Errors
    ///
    /// With status `Busy` if another process or thread still has it then.
    pub fn take(database: &Path, until: Instant) -> Result<Self> {
        let me = format!("pid {}", std::process::id());
        // Whoever waits is the next one: a holder that lets go and asks again comes behind. Who may not make
        // the file that it takes, waits all the same.
        let turn = take(&beside(database, "turn.lock"), &me, until);
        let held = take(&beside(database, "lock"), &me, until)?;
        drop(turn);
        match held {
            Ok(held) => Ok(Self { database: database.to_owned(), _held: held }),
            Err(holder) => {
                let message = format!("`{}` is in use by another run of sessionmill ({holder})", database.display());
                Err(Error::new(Status::Busy, message).hint("try again in a moment"))
            }
        }
    }

    /// The database that it is about.
    pub fn database(&self) -> &Path {
        &self.database
    }
}

/// The work that lets a database have one daemon.
pub const DAEMON: &str = "serve";

/// Work beside a database that one process does at a time, while others wait for their turn.
#[derive(Debug)]
pub struct WorkLock(#[expect(dead_code, reason = "held, not read")] Held);

impl WorkLock {
    /// Takes the lock of some work on a database, waiting for others, or says who has it.
    ///
    /// # Errors
    ///
    /// With status `Busy` if another process still has it then.
    pub fn take(database: &Path, work: &str, until: Instant) -> Result<Self> {
        owner::leave_to_owner(database)?;
        match take(&beside(database, &format!("{work}.lock")), &format!("pid {}", std::process::id()), until)? {
            Ok(held) => Ok(Self(held)),
            Err(holder) => {
                let message = format!("cannot {work} `{}`: another process is at it ({holder})", database.display());
                Err(Error::new(Status::Busy, message).hint("try again in a moment"))
            }
        }
    }
}

/// Who does some work on a database just now, as the lock file says: the run of a processor, or what a
/// `WorkLock` is for.
pub fn holder(database: &Path, work: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a lock file, not the database")]
    let mut file = File::open(beside(database, &format!("{work}.lock"))).ok()?;
    // Shared, so that two who ask do not take each other for a holder.
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let mut line = String::new();
    file.read_to_string(&mut line).ok()?;
    Some(line.trim().to_owned())
}

const PAUSE: Duration = Duration::from_millis(10);

/// A lock file that is locked.
#[derive(Debug)]
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // To close it is not enough: a child has its parent's files until it becomes another program.
        let _ = self.0.unlock();
    }
}

/// Takes the lock of a file and writes into it who has it, or returns who has it already.
fn take(path: &Path, holder: &str, until: Instant) -> Result<std::result::Result<Held, String>> {
    let mut file = file(path)?;
    let broken = |error: std::io::Error| Error::cannot("lock", path.display(), cause(&error));
    loop {
        match file.try_lock() {
            Ok(()) => {
                // On a full disk it is a lock all the same.
                let line = format!("{holder}\n");
                let _ = file.write_all(line.as_bytes()).and_then(|()| file.set_len(line.len() as u64));
                return Ok(Ok(Held(file)));
            }
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                let mut other = String::new();
                let _ = file.rewind().and_then(|()| file.read_to_string(&mut other));
                return Ok(Err(other.trim().to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(broken(error)),
        }
    }
}

/// `<database>.<extension>`.
pub fn beside(database: &Path, extension: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

const ELSEWHERE: &str = "name a database you may write with --database FILE";

/// Opens a lock file, making it and its folder where they are missing.
///
/// # Errors
///
/// If the folder cannot be made or may not be written.
pub(crate) fn file(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        let made = std::fs::create_dir_all(folder);
        made.map_err(|error| Error::cannot("make", folder.display(), cause(&error)).hint(ELSEWHERE))?;
    }
    #[expect(clippy::disallowed_methods, reason = "a lock file, not the database")]
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    #[expect(clippy::disallowed_methods, reason = "a lock file, which readers without the right to write can lock")]
    let file = file.or_else(|error| File::open(path).map_err(|_| error));
    file.map_err(|error| Error::cannot("open", path.display(), cause(&error)).hint(ELSEWHERE))
}
