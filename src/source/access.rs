//! Checks what the user who runs the program may do with files: what prevents access, and what would allow it.
//!
//! Nothing is changed: the right to write is queried, not tried, and the database is not opened.

use crate::base::error::{Error, Result, Status, cause, count};
use crate::base::owner::{become_user, leave_to_owner, name, run_as_owner};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use std::fmt::{self, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file or folder that the user may not access as needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    pub path: PathBuf,
    pub act: Act,
    pub reason: String,
    /// The owner, group and mode, if they can be read.
    pub marks: Option<Ownership>,
    /// The number of further files with the same owner, group and mode.
    pub more: u64,
}

/// The kind of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Enter a folder, to reach something in it.
    Pass,
    List,
    Read,
    Write,
}

/// The owner, group and mode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    pub owner: u32,
    pub group: u32,
    pub mode: u32,
}

/// The user who runs the program.
#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    pub uid: u32,
}

impl User {
    /// The effective user of the process.
    pub fn current() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        Self { name: name("/etc/passwd", uid), uid }
    }
}

/// Whether the user may write a database and make files beside it.
pub fn may_write(database: &Path) -> bool {
    let may = |path: &Path| !path.exists() || is_allowed(path, Access::WRITE_OK);
    may(database.parent().unwrap_or(Path::new("."))) && may(database) && leave_to_owner(database).is_ok()
}

/// Checks that a file can be looked for. A file in a folder that may not be entered is not known to be missing.
///
/// # Errors
///
/// If a folder above it cannot be entered. The error names the folder's owner.
pub fn may_enter(file: &Path) -> Result<()> {
    closed_above(file).map_or(Ok(()), |folder| Err(refusal_of(&Barrier::new(folder, Act::Pass))))
}

/// Checks that a file can be read, if it exists.
///
/// # Errors
///
/// If it cannot. The error names the file's owner.
pub fn may_read(file: &Path) -> Result<()> {
    may_enter(file)?;
    if file.is_file() && !is_allowed(file, Access::READ_OK) {
        return Err(refusal_of(&Barrier::new(file, Act::Read)));
    }
    Ok(())
}

/// The error for a folder that may not be opened, if permissions are the cause.
pub(crate) fn closed(folder: &Path) -> Option<Error> {
    let barrier = match closed_above(folder) {
        Some(above) => Barrier::new(above, Act::Pass),
        None => Barrier::new(folder, Act::List),
    };
    let barrier = Some(barrier).filter(|_| !is_allowed(folder, Access::READ_OK | Access::EXEC_OK))?;
    // Whoever owns the transcripts need not be the owner of the database, so nobody is told to run this as another user.
    Some(refusal_of(&barrier).hint("`sessionmill config check`, run by the same user, lists ways to let it in"))
}

/// The outermost parent folder that the user may not enter.
pub(super) fn closed_above(path: &Path) -> Option<&Path> {
    let above: Vec<_> = path.ancestors().skip(1).collect();
    above.into_iter().rev().find(|folder| folder.is_dir() && !is_allowed(folder, Access::EXEC_OK))
}

/// The error for a barrier, with hints on how to remove it.
fn refusal_of(barrier: &Barrier) -> Error {
    let user = User::current();
    let error = Error::new(Status::CannotRun, barrier.words(&user));
    let Some(Ownership { owner, group, .. }) = barrier.marks else { return error };
    let mut ways = Vec::new();
    if barrier.is_open_to_group() {
        let group = name("/etc/group", group);
        ways.push(format!("join its group and log in again: sudo usermod -aG {group} {}", user.name));
    }
    ways.push(run_as_owner(owner));
    error.hint(ways.join("; or "))
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (uid {})", self.name, self.uid)
    }
}

/// What prevents writing a file and the files beside it whose names start with its name. A missing folder can be made
/// by a user who may write to its parent.
pub fn file(path: &Path) -> Vec<Barrier> {
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let mut barriers = Vec::new();
    if !is_allowed(folder, Access::WRITE_OK | Access::EXEC_OK) {
        add(&mut barriers, Barrier::new(folder, Act::Write));
    }
    let begins = |path: &Path, name: &std::ffi::OsStr| {
        let own = path.file_name().unwrap_or_default().as_encoded_bytes();
        name.as_encoded_bytes().starts_with(own)
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut beside: Vec<_> =
        entries.filter(|entry| begins(path, &entry.file_name())).map(|entry| entry.path()).collect();
    beside.sort();
    for path in beside.iter().filter(|path| path.is_file() && !is_allowed(path, Access::READ_OK | Access::WRITE_OK)) {
        add(&mut barriers, Barrier::new(path, Act::Write));
    }
    barriers
}

pub(super) fn is_allowed(path: &Path, access: Access) -> bool {
    accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
}

/// Adds a barrier, or counts it with one that has the same cause.
pub(super) fn add(barriers: &mut Vec<Barrier>, new: Barrier) {
    let same = |old: &&mut Barrier| (old.act, old.marks, &old.reason) == (new.act, new.marks, &new.reason);
    match barriers.iter_mut().find(same) {
        Some(old) => old.more += 1,
        None => barriers.push(new),
    }
}

impl Barrier {
    pub(super) fn new(path: &Path, act: Act) -> Self {
        let marks = std::fs::symlink_metadata(path).ok().map(|metadata| Ownership {
            owner: metadata.uid(),
            group: metadata.gid(),
            mode: metadata.mode() & 0o7777,
        });
        let reason = cause(&rustix::io::Errno::ACCESS.into());
        Self { path: path.to_owned(), act, reason, marks, more: 0 }
    }

    /// Whether members of the file's group have the needed right.
    fn is_open_to_group(&self) -> bool {
        let needed = match self.act {
            Act::Pass => 0o010,
            Act::List => 0o050,
            Act::Read => 0o040,
            Act::Write => return false,
        };
        self.marks.is_some_and(|marks| marks.mode & needed == needed && marks.group != 0)
    }

    /// A sentence about the barrier, with ids and mode.
    pub fn words(&self, user: &User) -> String {
        let verb = match self.act {
            Act::Pass => "pass",
            Act::List => "list",
            Act::Read => "read",
            Act::Write => "write",
        };
        let mut words = format!("{user} cannot {verb} `{}`: {}", self.path.display(), self.reason);
        if let Some(Ownership { owner, group, mode }) = self.marks {
            let (of, in_group) = (name("/etc/passwd", owner), name("/etc/group", group));
            let _ = write!(words, "; owner {of} ({owner}), group {in_group} ({group}), mode {mode:04o}");
        }
        if self.more > 0 {
            let _ = write!(words, "; and {} like it", count(self.more, "other"));
        }
        words
    }
}

/// Ways to let the user read a source, as lines for a shell or a unit.
pub fn ways_to_read(barriers: &[Barrier], root: &Path, user: &User) -> Vec<String> {
    let User { name: user, .. } = user;
    let mut groups: Vec<_> = barriers.iter().filter(|barrier| barrier.is_open_to_group()).collect();
    groups.dedup_by_key(|barrier| barrier.marks.map(|marks| marks.group));
    let mut ways = Vec::new();
    for marks in groups.iter().filter_map(|barrier| barrier.marks) {
        ways.push(format!("its group: usermod -aG {} {user}", name("/etc/group", marks.group)));
    }
    for barrier in barriers.iter().filter(|barrier| barrier.act == Act::Pass) {
        ways.push(format!("an ACL: setfacl -m u:{user}:x {}", barrier.path.display()));
    }
    if barriers.iter().any(|barrier| barrier.act != Act::Pass) {
        ways.push(format!("an ACL: setfacl -R -m u:{user}:rX,d:u:{user}:rX {}", root.display()));
        ways.push("        (without effect on new files whose owners keep them to themselves, mode 0600)".to_owned());
    }
    ways.push("a capability: systemctl edit sessionmill, and there".to_owned());
    ways.extend(
        ["[Service]", "AmbientCapabilities=CAP_DAC_READ_SEARCH", "CapabilityBoundingSet=CAP_DAC_READ_SEARCH"]
            .map(|line| format!("        {line}")),
    );
    ways
}

/// Ways to let the user write a file, as lines for a shell.
pub fn ways_to_write(barriers: &[Barrier], file: &Path, user: &User) -> Vec<String> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut ways = Vec::new();
    for Barrier { path, marks, .. } in barriers {
        // A file of another named user belongs to the service. Changing its owner would lock the service out, so the
        // command must be run as that user.
        let owner = marks.map(|marks| marks.owner).filter(|owner| ![0, user.uid].contains(owner));
        let account = owner.map(|owner| (owner, name("/etc/passwd", owner)));
        let account = account.filter(|(owner, name)| *name != owner.to_string());
        if let Some((_, account)) = account {
            ways.push(format!("it belongs to `{account}`: {} sessionmill config check", become_user(&account)));
            continue;
        }
        ways.push(match () {
            () if path.is_file() => format!("chown {} {}*", user.name, file.display()),
            () if folder.is_dir() => format!("chown {} {}", user.name, folder.display()),
            () => format!("install -d -o {} {}", user.name, folder.display()),
        });
    }
    ways.dedup();
    ways
}
