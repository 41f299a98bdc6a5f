//! Locks between processes and threads, as lock files that contain the holder's name. The kernel releases a lock when
//! its holder dies.
//!
//! There are three kinds. They are always taken in this order, so that two processes never wait for each other in a
//! circle:
//!
//! - `<database>.<processor>.lock` is held for a whole run. A process that finds it taken does not wait; it reports who
//!   runs.
//! - `<database>.<work>.lock` is held for work that only one process may do at a time, such as publishing.
//! - `<database>.lock` is held for a moment, while the database is open, and every process waits for it. A second file,
//!   `<database>.turn.lock`, makes the order fair: the process that is next in line holds it while it waits. For
//!   example, a run commits every few seconds and asks for the lock again at once. A report that came in between holds
//!   the turn, so the run waits for the turn first, and the report gets the database.
//!
//! A lock file is never deleted. Otherwise, a process that waits for the lock of a deleted file could get it at once,
//! while another process locks a new file of the same name, and both would believe that they hold the lock.

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

/// The lock that lets a processor have one run at a time.
#[derive(Debug)]
pub struct ProcessorLock(#[expect(dead_code, reason = "held, not read")] Held);

impl ProcessorLock {
    /// Takes the lock of a processor on a database, without waiting.
    ///
    /// # Errors
    ///
    /// With status `Busy` and the holder's name if another run has it.
    pub fn take(database: &Path, processor: &str, holder: &Holder) -> Result<Self> {
        owner::leave_to_owner(database)?;
        let path = beside(database, &format!("{processor}.lock"));
        match take(&mut file(&path)?, &path, &holder.to_string(), Instant::now(), || false)? {
            Answer::Held(held) => Ok(Self(held)),
            Answer::Busy(line) | Answer::Over(line) => Err(busy(processor, &line)),
        }
    }
}

/// The error for a processor that is already running. `holder` is the line of its lock file.
pub fn busy(processor: &str, holder: &str) -> Error {
    let message = format!("processor `{processor}` is already running ({})", holder::with_state(holder));
    let hint = holder::hint(holder).unwrap_or_else(|| "wait for it to end, or look at `sessionmill status`".to_owned());
    Error { holder: Holder::parse(holder).map(Box::new), ..Error::new(Status::Busy, message).hint(hint) }
}

/// The right to open the database, held for moments by one thread of one process.
#[derive(Debug)]
pub struct StoreLock {
    database: PathBuf,
    /// `None` for a reader that may not make a lock file where none exists.
    _held: Option<Held>,
    /// Released after the lock, since fields are dropped in order.
    _hold: Hold,
}

/// How much longer a thread waits for another thread of its own process: a migration or a slow disk in one worker must
/// not fail another.
const SAME_PROCESS_PATIENCE: Duration = Duration::from_secs(540);

impl StoreLock {
    /// Takes the lock of a database, waiting for other holders until `until`.
    ///
    /// # Errors
    ///
    /// With status `Busy` if another process still holds it then, or a thread of this process nine
    /// minutes later.
    pub fn take(database: &Path, until: Instant) -> Result<Self> {
        Self::take_of(database, until, |extension| file(&beside(database, extension)).map(Some))
    }

    /// As [`StoreLock::take`], for a reader that may not write the database. It makes no lock file, since the owner of
    /// the database could not use a file of this reader.
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
                // While this process was stopped, it could not wait, so the deadline moves.
                Answer::Over(_) => drop(new(None)),
            }
            until = until.max(Instant::now() + PATIENCE);
        }
    }

    /// Waits for the lock, until the deadline or until Ctrl-Z asks this process to stop.
    fn attempt(database: &Path, mut lock: File, turn: Option<File>, me: &str, until: Instant) -> Result<Answer> {
        // A waiter holds `turn.lock` while it waits for `lock`, so a holder that releases `lock` and asks again comes
        // after it. A reader that cannot open `turn.lock` waits without a place in the queue.
        let path = beside(database, "lock");
        // A caller without patience does not wait for a thread of its own process either: that thread can be the caller
        // itself.
        let is_patient = Instant::now() < until;
        let turn = turn.map(|mut turn| take(&mut turn, &path, me, until, suspension::is_wanted));
        let mut answer = take(&mut lock, &path, me, until, suspension::is_wanted)?;
        while is_patient
            && matches!(&answer, Answer::Busy(holder) if holder == me)
            && Instant::now() < until + SAME_PROCESS_PATIENCE
        {
            let again = Instant::now() + Duration::from_secs(1);
            answer = take(&mut lock, &path, me, again, suspension::is_wanted)?;
        }
        drop(turn);
        Ok(answer)
    }

    /// Whether a process waits for the lock. Other programs that open the database are not seen, as they take no lock
    /// file.
    pub fn is_awaited(database: &Path) -> bool {
        presence(database, "turn") != Presence::Free
    }

    /// The database that the lock belongs to.
    pub fn database(&self) -> &Path {
        &self.database
    }
}

/// The name of the daemon's work lock, which allows one daemon per database.
pub const DAEMON: &str = "serve";

/// The lock for work on a database that only one process may do at a time.
#[derive(Debug)]
pub struct WorkLock(#[expect(dead_code, reason = "held, not read")] Held);

impl WorkLock {
    /// Takes the lock for some work on a database, waiting for other holders until `until`.
    ///
    /// # Errors
    ///
    /// With status `Busy` if another process still holds it then.
    pub fn take(database: &Path, work: &str, until: Instant) -> Result<Self> {
        owner::leave_to_owner(database)?;
        let path = beside(database, &format!("{work}.lock"));
        match take(&mut file(&path)?, &path, &format!("pid {}", std::process::id()), until, || false)? {
            Answer::Held(held) => {
                // A user who requests a run from the daemon reads this file to see whether the daemon runs.
                let mode = Permissions::from_mode(0o644);
                let _ = if work == DAEMON { std::fs::set_permissions(&path, mode) } else { Ok(()) };
                Ok(Self(held))
            }
            Answer::Busy(holder) | Answer::Over(holder) => {
                let verb = if work == "health" { "write the state of" } else { work };
                let message = format!(
                    "cannot {verb} `{}`: another process is running it ({})",
                    database.display(),
                    holder::with_state(&holder)
                );
                let hint = holder::hint(&holder).unwrap_or_else(|| AGAIN.to_owned());
                Err(Error::new(Status::Busy, message).hint(hint))
            }
        }
    }
}

/// Whether a process holds the lock for some work at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Held. The line of the lock file names the holder.
    Held(String),
    Free,
    /// The caller may not read the lock file.
    Unseen,
}

/// Who holds `<database>.<work>.lock` at this moment. `work` is the name of a processor or of a [`WorkLock`].
pub fn presence(database: &Path, work: &str) -> Presence {
    #[expect(clippy::disallowed_methods, reason = "a lock file, not the database")]
    let mut file = match File::open(beside(database, &format!("{work}.lock"))) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Presence::Unseen,
        Err(_) => return Presence::Free,
    };
    // A shared lock: two processes that look at the same time do not take each other for the holder.
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return Presence::Free;
    }
    let mut line = String::new();
    let _ = file.read_to_string(&mut line);
    Presence::Held(line.trim().to_owned())
}

/// The holder's line, if a holder is visible.
pub fn holder(database: &Path, work: &str) -> Option<String> {
    match presence(database, work) {
        Presence::Held(line) => Some(line),
        Presence::Free | Presence::Unseen => None,
    }
}

const PAUSE: Duration = Duration::from_millis(10);

/// How long a process waits for the database after it was stopped and resumed.
const PATIENCE: Duration = Duration::from_secs(10);

const AGAIN: &str = "try again in a moment";

/// The result of waiting for a lock.
enum Answer {
    Held(Held),
    /// Somebody else still holds it. The line names the holder.
    Busy(String),
    /// The wait was interrupted. The line names the holder.
    Over(String),
}

/// A locked lock file; dropping it releases the lock.
#[derive(Debug)]
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Closing the file is not enough: a forked child keeps its parent's open files until it calls exec.
        let _ = self.0.unlock();
    }
}

/// Takes the lock of a file and writes the holder's name into it, or returns the present holder's.
fn take(file: &mut File, path: &Path, holder: &str, until: Instant, is_over: impl Fn() -> bool) -> Result<Answer> {
    let broken = |error: std::io::Error| Error::cannot("lock", path.display(), error);
    loop {
        match file.try_lock() {
            Ok(()) => {
                // On a full disk the name cannot be written, but the lock is still valid.
                let line = format!("{holder}\n");
                let _ = file.rewind().and_then(|()| file.write_all(line.as_bytes()));
                let _ = file.set_len(line.len() as u64);
                return Ok(Answer::Held(Held(file.try_clone().map_err(broken)?)));
            }
            Err(TryLockError::WouldBlock) if Instant::now() < until && !is_over() => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                let mut other = String::new();
                let _ = file.rewind().and_then(|()| file.read_to_string(&mut other));
                let line = holder::locks(file).map_or_else(|| other.trim().to_owned(), |pid| whose(&other, pid));
                return Ok(if is_over() { Answer::Over(line) } else { Answer::Busy(line) });
            }
            Err(TryLockError::Error(error)) => return Err(broken(error)),
        }
    }
}

/// The line of a lock file if it is about the process that holds its lock, else the process id alone. A process that
/// may lock the file but not write it leaves the name of an earlier holder there.
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

/// Opens a lock file, making it and its folder if they are missing. Everybody who may write in the folder may lock the
/// file, whatever the umask of its maker.
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

/// Opens a lock file, if it exists.
fn present(path: &Path) -> Result<Option<File>> {
    #[expect(clippy::disallowed_methods, reason = "a lock file, which readers without the right to write can lock")]
    let file = File::options().read(true).write(true).open(path).or_else(|error| File::open(path).map_err(|_| error));
    match file {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::cannot("open", path.display(), error).hint(ELSEWHERE)),
    }
}

/// Lets everybody who may write in the folder lock a file of ours. Not in a folder with the sticky bit, such as `/tmp`:
/// the others who write there have nothing to do with this database.
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
    fn a_lock_file_that_its_holder_could_not_write_names_no_earlier_holder() {
        assert_eq!(whose("pid 7, cli since noon\n", 7), "pid 7, cli since noon");
        assert_eq!(whose("pid 7\n", 7), "pid 7");
        assert_eq!(whose("pid 77\n", 7), "pid 7");
        assert_eq!(whose("", 7), "pid 7");
    }
}
