//! Appends to a user's own event folder. Either a line is on disk, whole and on a line of its own, or the writer gets
//! an error.
//!
//! Many processes append to one file at the same time. Each line is one `write` to a file that is open for appending,
//! and the system does not mix such writes. A crash or a full disk can cut a line off. The next writer sees that the
//! last byte is not a line feed and begins a new line, so only the cut-off line is lost.
//!
//! The parent folder of all users can be writable for everybody. So the user's own folder is opened through the
//! parent's descriptor without following links, and it must belong to the user. The same holds for the file, which must
//! also have only one name.

#![expect(clippy::disallowed_methods, reason = "lines of events, not the database")]

use crate::base::error::{Error, Result};
use crate::source::open::{FOLDER, PASSED};
use crate::source::rejection::Rejection;
use chrono::NaiveDate;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::{DirBuilder, File};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// A user's own event folder, held open.
#[derive(Debug)]
pub struct EventJournal {
    folder: OwnedFd,
    /// The path under which it was opened, for messages.
    path: PathBuf,
    /// Whether the group of the parent folder may read the lines.
    is_shared: bool,
}

/// How far a file was written or read: its inode, and the number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub inode: u64,
    pub bytes: u64,
}

/// The mode bit by which new files and folders inherit the group of their folder.
const SET_GROUP: u32 = 0o2000;

/// Attempts to write a line of which only a part was written.
const TRIES: usize = 3;

impl EventJournal {
    /// Opens the folder of a login, making it if it is missing. Links in the path of the parent folder are followed.
    ///
    /// # Errors
    ///
    /// If it cannot be made or opened, is a link, or belongs to another user.
    pub fn open(root: &Path, login: &str) -> Result<Self> {
        // Removes a trailing slash, which would make the system follow a link at the end of the path.
        let root: PathBuf = root.components().collect();
        let path = root.join(login);
        if matches!(login, "" | "." | "..") || login.contains('/') {
            return Err(Error::cannot("use", path.display(), format!("`{login}` is not a folder name")));
        }
        let all = match rustix::fs::open(&root, PASSED, Mode::empty()) {
            Err(Errno::NOENT) => {
                let made = DirBuilder::new().recursive(true).mode(0o700).create(&root);
                made.map_err(|error| Error::cannot("make", root.display(), error))?;
                rustix::fs::open(&root, PASSED, Mode::empty())
            }
            opened => opened,
        };
        let all = all.map_err(|error| no_folder(&root, error))?;
        let is_shared = look(&all, &root)?.st_mode & SET_GROUP != 0;
        let is_new = match make(&all, login, is_shared) {
            Ok(()) => true,
            // An existing folder is checked when it is opened.
            Err(Errno::EXIST) => false,
            Err(error) => {
                let error = Error::cannot("make", path.display(), error);
                return Err(error.hint("SESSIONMILL_EVENTS names another folder, for writing and for reading"));
            }
        };
        let folder = rustix::fs::openat(&all, login, FOLDER, Mode::empty());
        let journal = Self { folder: folder.map_err(|error| no_folder(&path, error))?, path, is_shared };
        own(&look(&journal.folder, &journal.path)?, &journal.path)?;
        if is_new {
            // The new folder's name must survive a crash too, so the parent is synced. A user who may not list the
            // parent cannot sync it.
            let synced = rustix::fs::openat(&journal.folder, "..", FOLDER, Mode::empty()).and_then(rustix::fs::fsync);
            if !matches!(synced, Ok(()) | Err(Errno::ACCESS)) {
                synced.map_err(|error| Error::cannot("write", root.display(), error))?;
            }
        }
        Ok(journal)
    }

    /// Opens the folder of a login to read what was appended. `None` if it does not exist or is not this user's.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn existing(root: &Path, login: &str) -> Result<Option<Self>> {
        let path = root.join(login);
        if matches!(login, "" | "." | "..") || login.contains('/') {
            return Ok(None);
        }
        let folder = match rustix::fs::open(&path, FOLDER, Mode::empty()) {
            Ok(folder) => folder,
            Err(Errno::NOENT | Errno::ACCESS | Errno::LOOP | Errno::NOTDIR | Errno::MLINK) => return Ok(None),
            Err(error) => return Err(no_folder(&path, error)),
        };
        let is_own = look(&folder, &path)?.st_uid == rustix::process::geteuid().as_raw();
        Ok(is_own.then_some(Self { folder, path, is_shared: false }))
    }

    /// The days that have a file, and the extent of each.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn days(&self) -> Result<Vec<(NaiveDate, Extent)>> {
        let failed = |error: Errno| Error::cannot("read", self.path.display(), error);
        let mut days = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let day = entry.file_name().to_str().ok().and_then(|name| name.strip_suffix(".jsonl")?.parse().ok());
            let Some(day) = day else { continue };
            let stat = rustix::fs::statat(&self.folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
            let stat = stat.map_err(failed)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                days.push((day, extent(&stat)));
            }
        }
        Ok(days)
    }

    /// Passes on the lines of the file of a day from a byte on. Returns how far they were read.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn read(&self, day: NaiveDate, from: u64, line: &mut dyn FnMut(&[u8])) -> Result<Extent> {
        let path = self.path.join(name(day));
        let failed = |error: std::io::Error| Error::cannot("read", path.display(), error);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, name(day), flags, Mode::empty());
        let mut file = File::from(file.map_err(|error| failed(error.into()))?);
        let mut read = Extent { bytes: from, ..extent(&look(&file, &path)?) };
        file.seek(SeekFrom::Start(from)).map_err(failed)?;
        let (mut file, mut text) = (BufReader::new(file), Vec::new());
        loop {
            text.clear();
            match file.read_until(b'\n', &mut text).map_err(failed)? {
                0 => return Ok(read),
                bytes => read.bytes += bytes as u64,
            }
            line(text.trim_ascii());
        }
    }

    /// Appends a line to the file of a day. Returns when it is on disk. The line must not contain a line feed.
    ///
    /// # Errors
    ///
    /// If the file is a link, belongs to another user or cannot be written, or the disk is full. A part of the line can
    /// then be in the file.
    pub fn append(&self, day: NaiveDate, line: &str) -> Result<()> {
        self.append_all(day, &[line]).map(drop)
    }

    /// Appends lines. Returns how far the file was written when all of them are on disk.
    ///
    /// # Errors
    ///
    /// As [`EventJournal::append`]. Some of the lines can then be in the file.
    pub fn append_all(&self, day: NaiveDate, lines: &[impl AsRef<str>]) -> Result<Extent> {
        let name = name(day);
        let path = self.path.join(&name);
        let failed = |error: Errno| Error::cannot("write", path.display(), error);
        let (file, is_new) = self.file(&name).map_err(|error| match error {
            Errno::LOOP | Errno::ISDIR => no_file(&path, "it is a link or a folder"),
            error => failed(error),
        })?;
        let stat = look(&file, &path)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(no_file(&path, "it is not a regular file"));
        }
        if stat.st_nlink != 1 {
            return Err(no_file(&path, Rejection::HardLinked.words()));
        }
        own(&stat, &path)?;
        if is_new && self.is_shared {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(0o640)).map_err(failed)?;
        }
        let mut lines = lines.iter();
        lines
            .try_for_each(|line| write(&file, line.as_ref()))
            .and_then(|()| rustix::fs::fsync(&file))
            .map_err(failed)?;
        if is_new {
            rustix::fs::fsync(&self.folder).map_err(failed)?;
        }
        Ok(extent(&look(&file, &path)?))
    }

    /// Opens a file for appending. Also returns whether it is new.
    fn file(&self, name: &str) -> rustix::io::Result<(OwnedFd, bool)> {
        let flags =
            OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.folder, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                let mode = Mode::from_raw_mode(0o600);
                Ok((rustix::fs::openat(&self.folder, name, flags | OFlags::CREATE, mode)?, true))
            }
            opened => Ok((opened?, false)),
        }
    }
}

/// The name of the file of a day.
fn name(day: NaiveDate) -> String {
    format!("{day}.jsonl")
}

fn extent(stat: &Stat) -> Extent {
    Extent { inode: stat.st_ino, bytes: u64::try_from(stat.st_size).unwrap_or_default() }
}

/// Makes the folder of a user. With a shared group, the folder inherits the set-group-id bit of its parent. A later
/// change of the mode would clear that bit, so the mode must be right from the start, whatever the umask.
fn make(all: &OwnedFd, login: &str, is_shared: bool) -> rustix::io::Result<()> {
    if !is_shared {
        return rustix::fs::mkdirat(all, login, Mode::from_raw_mode(0o700));
    }
    let before = rustix::process::umask(Mode::WGRP | Mode::RWXO);
    let made = rustix::fs::mkdirat(all, login, Mode::from_raw_mode(0o750));
    rustix::process::umask(before);
    made
}

/// Writes a line with one call. If the last line of the file was cut off, begins with a line feed.
fn write(file: &OwnedFd, line: &str) -> rustix::io::Result<()> {
    let whole = format!("\n{line}\n");
    let mut text = if is_cut_off(file)? { &*whole } else { &whole[1..] };
    for _ in 0..TRIES {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(file, text.as_bytes()))?;
        if written == text.len() {
            return Ok(());
        }
        text = &whole;
    }
    Err(Errno::IO)
}

/// Whether the last line of a file has no line feed. Another process may be writing that line at the moment; then a
/// blank line is added, which readers ignore.
fn is_cut_off(file: &OwnedFd) -> rustix::io::Result<bool> {
    let size = u64::try_from(rustix::fs::fstat(file)?.st_size).unwrap_or_default();
    let Some(last) = size.checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    let read = rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut byte, last))?;
    Ok(read == 1 && byte != *b"\n")
}

fn look(file: impl AsFd, path: &Path) -> Result<Stat> {
    rustix::fs::fstat(file).map_err(|error| Error::cannot("look at", path.display(), error))
}

/// Refuses a file or folder of another user.
fn own(stat: &Stat, path: &Path) -> Result<()> {
    let user = rustix::process::geteuid().as_raw();
    if stat.st_uid == user {
        return Ok(());
    }
    let path = path.display();
    let message = format!("it belongs to uid {}, not to uid {user}", stat.st_uid);
    Err(Error::cannot("use", &path, message).hint(format!("as root: chown {user} {path}")))
}

fn no_folder(path: &Path, error: Errno) -> Error {
    match error {
        // Which of these the system reports differs between systems.
        Errno::LOOP | Errno::NOTDIR | Errno::MLINK => {
            Error::cannot("open", path.display(), "it is a link or not a folder")
                .hint("remove it: a folder is made there")
        }
        error => Error::cannot("open", path.display(), error),
    }
}

fn no_file(path: &Path, why: &str) -> Error {
    Error::cannot("write", path.display(), why).hint("remove it: a file is made there")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn day() -> NaiveDate {
        "2026-02-01".parse().unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn message(result: Result<()>, world: &Path) -> String {
        result.unwrap_err().to_string().replace(&world.display().to_string(), "~")
    }

    #[test]
    fn a_line_is_appended_after_the_end_of_one_that_was_cut_off() {
        let world = tempfile::tempdir().unwrap();
        let root = world.path().join("new/events");
        let file = root.join("ada/2026-02-01.jsonl");
        EventJournal::open(&root, "ada").unwrap().append(day(), "{1}").unwrap();
        EventJournal::open(&root, "ada").unwrap().append(day(), "{2}").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "{1}\n{2}\n");
        fs::write(&file, "{1}\n{torn").unwrap();
        let journal = EventJournal::open(&root, "ada").unwrap();
        journal.append(day(), "{2}").unwrap();
        journal.append(day(), "{3}").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "{1}\n{torn\n{2}\n{3}\n");
        assert_eq!(mode(&root.join("ada")), 0o700);
        assert_eq!(mode(&file) & 0o077, 0);
    }

    #[test]
    fn nothing_is_written_through_a_link_or_to_what_has_another_name() {
        let world = tempfile::tempdir().unwrap();
        let (root, world) = (world.path().join("events"), world.path());
        let append = || EventJournal::open(&root, "ada").and_then(|journal| journal.append(day(), "{}"));
        append().unwrap();
        let file = root.join("ada/2026-02-01.jsonl");
        let theirs = world.join("theirs");
        fs::write(&theirs, "theirs").unwrap();
        let name = "cannot write `~/events/ada/2026-02-01.jsonl`:";
        for (make, why) in [
            (Box::new(|| symlink(&theirs, &file)) as Box<dyn Fn() -> std::io::Result<()>>, "it is a link or a folder"),
            (Box::new(|| fs::create_dir(&file)), "it is a link or a folder"),
            (Box::new(|| fs::hard_link(&theirs, &file)), "has several names (hard links)"),
        ] {
            let _ = fs::remove_file(&file).or_else(|_| fs::remove_dir(&file));
            make().unwrap();
            assert_eq!(message(append(), world), format!("{name} {why}"));
        }
        fs::remove_file(&file).unwrap();
        fs::remove_dir(root.join("ada")).unwrap();
        symlink(world, root.join("ada")).unwrap();
        assert_eq!(message(append(), world), "cannot open `~/events/ada`: it is a link or not a folder");
        fs::remove_file(root.join("ada")).unwrap();
        fs::remove_dir(&root).unwrap();
        symlink(world, &root).unwrap();
        assert_eq!(message(append(), world), "cannot open `~/events`: it is a link or not a folder");
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
        for login in ["", "..", "a/b"] {
            assert!(EventJournal::open(&world.join("x"), login).is_err(), "{login}");
        }
        assert!(!world.join("x").exists());
    }

    #[test]
    fn the_group_of_a_folder_of_all_users_reads_what_is_theirs() {
        let world = tempfile::tempdir().unwrap();
        let root = world.path().join("events");
        fs::create_dir(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o3773)).unwrap();
        EventJournal::open(&root, "ada").unwrap().append(day(), "{}").unwrap();
        assert_eq!(mode(&root.join("ada")), 0o2750);
        assert_eq!(mode(&root.join("ada/2026-02-01.jsonl")), 0o640);
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(root.join("ada"), Some(4242), None).unwrap();
            let refused = EventJournal::open(&root, "ada").unwrap_err();
            assert!(refused.to_string().ends_with("it belongs to uid 4242, not to uid 0"), "{refused}");
        }
    }
}
