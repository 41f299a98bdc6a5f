//! Locks between processes and threads: lock files that no one deletes, with the holder's name in
//! them. The kernel lets go of a lock when its holder dies.
//!
//! There are three kinds, always taken in this order, so that two processes never wait for each other in a circle:
//!
//! - `<database>.<processor>.lock` is held for a whole run. Who finds it taken does not wait, but says who runs.
//! - `<database>.<work>.lock` is held while something is done once at a time, such as publishing.
//! - `<database>.lock` is held for a moment, while the database is open, and everybody waits for it. A second file,
//!   `<database>.turn.lock`, keeps the order fair: who waits holds it and is next. For example, a run commits every few
//!   seconds and asks for the lock again at once; a report that came in between holds the turn, so the run waits for
//!   the turn first, and the report gets the database.
//!
//! A lock file is never deleted, since a process that waits for the lock of a deleted file would get it at once, while
//! another process locks a new file of the same name.

use crate::base::atomic_file;
use crate::base::error::{Error, Result, Status};
use crate::base::holder::{self, Holder};
use crate::base::owner;
use crate::base::suspension::{self, Hold};
use std::fs::{File, Permissions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
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
        match take(&mut file(&path)?, &path, &holder.to_string(), Instant::now(), || false)? {
            Answer::Held(held) => Ok(Self(held)),
            Answer::Busy(line) | Answer::Over(line) => Err(busy(processor, &line)),
        }
    }
}

/// A processor that is running already, by whose account.
pub fn busy(processor: &str, holder: &str) -> Error {
    let message = format!("processor `{processor}` is already running ({})", holder::with_state(holder));
    let hint = holder::hint(holder).unwrap_or_else(|| "wait for it to end, or look at `sessionmill status`".to_owned());
    Error { holder: Holder::parse(holder).map(Box::new), ..Error::new(Status::Busy, message).hint(hint) }
}

/// The database, held for moments by one thread of one process.
#[derive(Debug)]
pub struct StoreLock {
    database: PathBuf,
    /// Nothing where there is no lock file and its reader must not make one.
    _held: Option<Held>,
    /// Let go of after the lock.
    _hold: Hold,
}

/// How much longer a thread waits if another thread of the same process holds the lock: a migration or a slow disk in one
/// worker must not fail another.
const AMONG_US: Duration = Duration::from_secs(540);

impl StoreLock {
    /// Takes the lock of a database, waiting for others, or says who has it.
    ///
    /// # Errors
    ///
    /// With status `Busy` if another process still has it then, or another thread long afterwards.
    pub fn take(database: &Path, until: Instant) -> Result<Self> {
        Self::take_of(database, until, |extension| file(&beside(database, extension)).map(Some))
    }

    /// The same for a reader who may not write the database. It makes no lock file: its owner could not use it.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn take_to_read(database: &Path, until: Instant) -> Result<Self> {
        Self::take_of(database, until, |extension| present(&beside(database, extension)))
    }

    fn take_of(database: &Path, mut until: Instant, open: impl Fn(&str) -> Result<Option<File>>) -> Result<Self> {
        let me = format!("pid {}", std::process::id());
        loop {
            let hold = Hold::begin();
            let new = |held| Self { database: database.to_owned(), _held: held, _hold: hold };
            let Some(lock) = open("lock")? else { return Ok(new(None)) };
            match Self::attempt(database, lock, open("turn.lock").ok().flatten(), &me, until)? {
                Answer::Held(held) => return Ok(new(Some(held))),
                Answer::Busy(holder) => {
                    let who =
                        if holder == me { "another processor of this service" } else { "another run of sessionmill" };
                    let holder_now = holder::with_state(&holder);
                    let message = format!("`{}` is in use by {who} ({holder_now})", database.display());
                    let hint = holder::hint(&holder).unwrap_or_else(|| AGAIN.to_owned());
                    return Err(Error::new(Status::Busy, message).hint(hint));
                }
                // The time in which this process is stopped is no time of waiting.
                Answer::Over(_) => drop(new(None)),
            }
            until = until.max(Instant::now() + PATIENCE);
        }
    }

    /// Waits until this process is to stop.
    fn attempt(database: &Path, mut lock: File, turn: Option<File>, me: &str, until: Instant) -> Result<Answer> {
        // A waiter holds `turn.lock` while it waits for `lock`, so a holder that releases and asks again queues behind it.
        // Without access to `turn.lock` it waits without a place in the queue.
        let path = beside(database, "lock");
        // Who waits for nobody does not wait for a thread of its own process either, which may be itself.
        let is_patient = Instant::now() < until;
        let turn = turn.map(|mut turn| take(&mut turn, &path, me, until, suspension::is_wanted));
        let mut answer = take(&mut lock, &path, me, until, suspension::is_wanted)?;
        while is_patient && matches!(&answer, Answer::Busy(holder) if holder == me) && Instant::now() < until + AMONG_US
        {
            let again = Instant::now() + Duration::from_secs(1);
            answer = take(&mut lock, &path, me, again, suspension::is_wanted)?;
        }
        drop(turn);
        Ok(answer)
    }

    /// Whether somebody waits for the lock, as far as that can be seen: other programs that open the database
    /// leave no mark.
    pub fn is_awaited(database: &Path) -> bool {
        presence(database, "turn") != Presence::Free
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
        match take(&mut file(&path)?, &path, &format!("pid {}", std::process::id()), until, || false)? {
            Answer::Held(held) => {
                // Whoever asks the daemon for a run looks there whether it runs.
                let mode = Permissions::from_mode(0o644);
                let _ = if work == DAEMON { std::fs::set_permissions(&path, mode) } else { Ok(()) };
                Ok(Self(held))
            }
            Answer::Busy(holder) | Answer::Over(holder) => {
                let message = format!(
                    "cannot {work} `{}`: another process is running it ({})",
                    database.display(),
                    holder::with_state(&holder)
                );
                let hint = holder::hint(&holder).unwrap_or_else(|| AGAIN.to_owned());
                Err(Error::new(Status::Busy, message).hint(hint))
            }
        }
    }
}

/// Whether somebody does some work on a database just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The line of the lock file, which says who.
    Held(String),
    Free,
    /// Whoever asks may not read the lock file.
    Unseen,
}

/// Who does some work on a database just now, as the lock file says: the run of a processor, or what a
/// `WorkLock` is for.
pub fn presence(database: &Path, work: &str) -> Presence {
    #[expect(clippy::disallowed_methods, reason = "a lock file, not the database")]
    let mut file = match File::open(beside(database, &format!("{work}.lock"))) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Presence::Unseen,
        Err(_) => return Presence::Free,
    };
    // Shared, so that two who ask do not take each other for a holder.
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return Presence::Free;
    }
    let mut line = String::new();
    let _ = file.read_to_string(&mut line);
    Presence::Held(line.trim().to_owned())
}

/// The same, if somebody is seen to do it.
pub fn holder(database: &Path, work: &str) -> Option<String> {
    match presence(database, work) {
        Presence::Held(line) => Some(line),
        Presence::Free | Presence::Unseen => None,
    }
}

const PAUSE: Duration = Duration::from_millis(10);

/// How long the database is waited for after this process was stopped.
const PATIENCE: Duration = Duration::from_secs(10);

const AGAIN: &str = "try again in a moment";

/// The result of waiting for a lock.
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
fn take(file: &mut File, path: &Path, holder: &str, until: Instant, is_over: impl Fn() -> bool) -> Result<Answer> {
    let broken = |error: std::io::Error| Error::cannot("lock", path.display(), error);
    loop {
        match file.try_lock() {
            Ok(()) => {
                // On a full disk it is a lock all the same.
                let line = format!("{holder}\n");
                let _ = file.rewind().and_then(|()| file.write_all(line.as_bytes()));
                let _ = file.set_len(line.len() as u64);
                return Ok(Answer::Held(Held(file.try_clone().map_err(broken)?)));
            }
            Err(TryLockError::WouldBlock) if Instant::now() < until && !is_over() => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                let mut other = String::new();
                let _ = file.rewind().and_then(|()| file.read_to_string(&mut other));
                let told = holder::locks(file).map_or_else(|| other.trim().to_owned(), |pid| whose(&other, pid));
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

/// Opens a lock file, making it and its folder where they are missing. Whoever may write in the folder may
/// lock it, whatever the umask of the one who makes it.
///
/// # Errors
///
/// If the folder cannot be made or may not be written.
pub(crate) fn file(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        let made = atomic_file::make_folders(folder);
        made.map_err(|error| Error::cannot("make", folder.display(), error).hint(ELSEWHERE))?;
    }
    #[expect(clippy::disallowed_methods, reason = "a lock file, not the database")]
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    if let Ok(file) = &file {
        share(file, path);
    }
    #[expect(clippy::disallowed_methods, reason = "a lock file, which readers without the right to write can lock")]
    let file = file.or_else(|error| File::open(path).map_err(|_| error));
    file.map_err(|error| Error::cannot("open", path.display(), error).hint(ELSEWHERE))
}

/// Opens a lock file, if it is there.
fn present(path: &Path) -> Result<Option<File>> {
    #[expect(clippy::disallowed_methods, reason = "a lock file, which readers without the right to write can lock")]
    let file = File::options().read(true).write(true).open(path).or_else(|error| File::open(path).map_err(|_| error));
    match file {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::cannot("open", path.display(), error).hint(ELSEWHERE)),
    }
}

/// Lets those lock a file of ours who may write in its folder. In a folder like `/tmp` these are no partners.
fn share(file: &File, path: &Path) {
    let folder = path.parent().and_then(|folder| std::fs::metadata(folder).ok());
    let (Some(folder), Ok(own)) = (folder, file.metadata()) else { return };
    let writers = if folder.mode() & 0o1000 == 0 { folder.mode() & 0o022 } else { 0 };
    let wanted = 0o600 | writers | writers << 1;
    if own.mode() & wanted != wanted && own.uid() == rustix::process::geteuid().as_raw() {
        let _ = file.set_permissions(Permissions::from_mode(own.mode() & 0o777 | wanted));
    }
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
