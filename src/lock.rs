//! Locks between processes and threads: lock files that no one deletes, with the holder's name in
//! them. The kernel lets go of a lock when its holder dies.

use crate::error::{Error, Result, Status};
use crate::holder::{self, Holder};
use crate::owner;
use crate::suspension::{self, Hold};
use crate::whole;
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
        match take(&path, &holder.to_string(), Instant::now(), || false)? {
            Answer::Held(held) => Ok(Self(held)),
            Answer::Busy(line) | Answer::Over(line) => Err(busy(processor, &line)),
        }
    }
}

/// A processor that is running already, by whose account.
pub fn busy(processor: &str, holder: &str) -> Error {
    let message = format!("processor `{processor}` is already running ({})", holder::with_state(holder));
    let hint = holder::hint(holder).unwrap_or_else(|| "wait for it to end, or look at `sessionmill status`".to_owned());
    Error { holder: Holder::parse(holder), ..Error::new(Status::Busy, message).hint(hint) }
}

/// The database, held for moments by one thread of one process.
#[derive(Debug)]
pub struct StoreLock {
    database: PathBuf,
    _held: Held,
    /// Let go of after the lock.
    _hold: Hold,
}

impl StoreLock {
    /// Takes the lock of a database, waiting for others, or says who has it.
    ///
    /// # Errors
    ///
    /// With status `Busy` if another process or thread still has it then.
    pub fn take(database: &Path, mut until: Instant) -> Result<Self> {
        loop {
            let hold = Hold::begin();
            match Self::attempt(database, until)? {
                Answer::Held(held) => return Ok(Self { database: database.to_owned(), _held: held, _hold: hold }),
                Answer::Busy(holder) => {
                    let message = format!(
                        "`{}` is in use by another run of sessionmill ({})",
                        database.display(),
                        holder::with_state(&holder)
                    );
                    let hint = holder::hint(&holder).unwrap_or_else(|| AGAIN.to_owned());
                    return Err(Error::new(Status::Busy, message).hint(hint));
                }
                // The time in which this process is stopped is no time of waiting.
                Answer::Over(_) => drop(hold),
            }
            until = until.max(Instant::now() + PATIENCE);
        }
    }

    /// Waits until this process is to stop.
    fn attempt(database: &Path, until: Instant) -> Result<Answer> {
        let me = format!("pid {}", std::process::id());
        // Whoever waits is the next one: a holder that lets go and asks again comes behind. Who may not make
        // the file that it takes, waits all the same.
        let turn = take(&beside(database, "turn.lock"), &me, until, suspension::is_wanted);
        let held = take(&beside(database, "lock"), &me, until, suspension::is_wanted);
        drop(turn);
        held
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
        let path = beside(database, &format!("{work}.lock"));
        match take(&path, &format!("pid {}", std::process::id()), until, || false)? {
            Answer::Held(held) => {
                // Whoever asks the daemon for a run looks there whether it runs.
                let _ = if work == DAEMON { whole::open_to_others(&path, 0o644) } else { Ok(()) };
                Ok(Self(held))
            }
            Answer::Busy(holder) | Answer::Over(holder) => {
                let message = format!(
                    "cannot {work} `{}`: another process is at it ({})",
                    database.display(),
                    holder::with_state(&holder)
                );
                let hint = holder::hint(&holder).unwrap_or_else(|| AGAIN.to_owned());
                Err(Error::new(Status::Busy, message).hint(hint))
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

/// How long the database is waited for after this process was stopped.
const PATIENCE: Duration = Duration::from_secs(10);

const AGAIN: &str = "try again in a moment";

/// What came of waiting for a lock.
enum Answer {
    Held(Held),
    /// Who has it still has it.
    Busy(String),
    /// Something else is to be done first.
    Over(String),
}

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
fn take(path: &Path, holder: &str, until: Instant, is_over: impl Fn() -> bool) -> Result<Answer> {
    let mut file = file(path)?;
    let broken = |error: std::io::Error| Error::cannot("lock", path.display(), error);
    loop {
        match file.try_lock() {
            Ok(()) => {
                // On a full disk it is a lock all the same.
                let line = format!("{holder}\n");
                let _ = file.write_all(line.as_bytes()).and_then(|()| file.set_len(line.len() as u64));
                return Ok(Answer::Held(Held(file)));
            }
            Err(TryLockError::WouldBlock) if Instant::now() < until && !is_over() => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                let mut other = String::new();
                let _ = file.rewind().and_then(|()| file.read_to_string(&mut other));
                let told = holder::locks(&file).map_or_else(|| other.trim().to_owned(), |pid| whose(&other, pid));
                return Ok(if is_over() { Answer::Over(told) } else { Answer::Busy(told) });
            }
            Err(TryLockError::Error(error)) => return Err(broken(error)),
        }
    }
}

/// What a lock file says, if it is about the process that has its lock: who may not write the file cannot
/// say so there.
fn whose(line: &str, pid: u32) -> String {
    let line = line.trim();
    let own = format!("pid {pid}");
    let is_own = line.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with(','));
    if is_own { line.to_owned() } else { own }
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
        let made = whole::make_folders(folder);
        made.map_err(|error| Error::cannot("make", folder.display(), error.kind()).hint(ELSEWHERE))?;
    }
    #[expect(clippy::disallowed_methods, reason = "a lock file, not the database")]
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    #[expect(clippy::disallowed_methods, reason = "a lock file, which readers without the right to write can lock")]
    let file = file.or_else(|error| File::open(path).map_err(|_| error));
    file.map_err(|error| Error::cannot("open", path.display(), error.kind()).hint(ELSEWHERE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_that_its_holder_could_not_write_tells_of_nobody_else() {
        assert_eq!(whose("pid 7, cli since noon\n", 7), "pid 7, cli since noon");
        assert_eq!(whose("pid 7\n", 7), "pid 7");
        assert_eq!(whose("pid 77\n", 7), "pid 7");
        assert_eq!(whose("", 7), "pid 7");
    }
}
