//! A folder of the service that other users may write to. It is opened once, and everything in it is reached through
//! that open descriptor.
//!
//! A user who may write to a folder can replace any name in it by a link at any time. For example, a user could replace
//! `results` by a link to `/etc` just before the daemon writes an answer. So no path is looked up twice here, no link
//! is followed, and no existing file is opened for writing.

#![expect(clippy::disallowed_methods, reason = "folders of requests and answers, not the database")]

use crate::base::acl;
use crate::base::error::{Error, Result};
use crate::source::open::{FOLDER, PASSED};
use chrono::{DateTime, Utc};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::{DirBuilder, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// A folder that is held open.
#[derive(Debug)]
pub struct OwnFolder {
    folder: OwnedFd,
    /// The path under which it was opened, for messages.
    path: PathBuf,
}

/// What to do if a file of the same name exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    Replace,
    /// Keep the old file; the new one is not written.
    Keep,
}

/// Mode bits that decide who, besides the owner, may change the folder.
const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;

/// Attempts to find an unused name for a temporary file.
const TRIES: usize = 8;

impl OwnFolder {
    /// Opens a folder, making it for this user and its group if it is missing. Links in the path above it are followed.
    ///
    /// # Errors
    ///
    /// If it cannot be made or opened, is a link, belongs to a user other than this one or root, or if everybody may
    /// replace what is in it.
    pub fn make(path: &Path) -> Result<Self> {
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        let made = above.map_or(Ok(()), |above| DirBuilder::new().recursive(true).mode(0o770).create(above));
        // With the sticky bit, members of the group cannot replace files of the service.
        let made = made.and_then(|()| DirBuilder::new().mode(STICKY | 0o770).create(path));
        match made {
            // An existing folder is checked when it is opened.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::cannot("make", path.display(), error));
            }
            _ => {}
        }
        let folder = Self::open_as(path, FOLDER)?;
        let (owner, mode) = folder.owner_and_mode()?;
        folder.check_owner(owner, rustix::process::geteuid().as_raw())?;
        if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
            let hint = format!("chmod o-w {}", path.display());
            return Err(Error::cannot("use", path.display(), "anybody may replace what is in it").hint(hint));
        }
        folder.open_up(STICKY | 0o770);
        Ok(folder)
    }

    /// Opens an existing folder. Links in the path above it are followed.
    ///
    /// # Errors
    ///
    /// If it is missing, is not a folder, or is a link.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_as(path, PASSED)
    }

    fn open_as(path: &Path, flags: OFlags) -> Result<Self> {
        // Removes a trailing slash, which would make the system follow a link at the end of the path.
        let path: PathBuf = path.components().collect();
        let folder = rustix::fs::open(&path, flags, Mode::empty());
        Ok(Self { folder: folder.map_err(|error| refused("open", &path, error))?, path })
    }

    /// Opens a subfolder, making it if it is missing.
    ///
    /// # Errors
    ///
    /// If it cannot be made or opened, is a link, belongs to a user other than this one or root, or if others may write
    /// to it.
    pub fn make_sub(&self, name: &str, mode: u32) -> Result<Self> {
        match rustix::fs::mkdirat(&self.folder, name, Mode::from_raw_mode(mode)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(refused("make", &self.path.join(name), error)),
        }
        let sub = self.sub(name, FOLDER, rustix::process::geteuid().as_raw())?;
        sub.open_up(mode);
        Ok(sub)
    }

    /// Opens a subfolder that belongs to the owner of this folder.
    ///
    /// # Errors
    ///
    /// If it is missing, is a link, belongs to another user (other than root), or if others may write to it.
    pub fn sub_of_owner(&self, name: &str) -> Result<Self> {
        let (owner, _) = self.owner_and_mode()?;
        self.sub(name, PASSED, owner)
    }

    /// The last time something in the folder was made, renamed or removed.
    pub fn changed(&self) -> Option<DateTime<Utc>> {
        let stat = rustix::fs::fstat(&self.folder).ok()?;
        DateTime::from_timestamp(stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or_default())
    }

    /// As [`OwnFolder::sub_of_owner`], for listing the content.
    ///
    /// # Errors
    ///
    /// As there, or if this user may only enter it.
    pub fn list_of_owner(&self, name: &str) -> Result<Self> {
        let (owner, _) = self.owner_and_mode()?;
        self.sub(name, FOLDER, owner)
    }

    fn sub(&self, name: &str, flags: OFlags, owner: u32) -> Result<Self> {
        let path = self.path.join(name);
        let folder = rustix::fs::openat(&self.folder, name, flags, Mode::empty());
        let folder = Self { folder: folder.map_err(|error| refused("open", &path, error))?, path };
        let (actual, mode) = folder.owner_and_mode()?;
        folder.check_owner(actual, owner)?;
        if mode & (OTHERS_WRITE | GROUP_WRITES) != 0 {
            let path = &folder.path;
            let hint = format!("chmod go-w {}", path.display());
            return Err(Error::cannot("use", path.display(), "others may write to it").hint(hint));
        }
        Ok(folder)
    }

    /// The path under which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives users rights to the folder, by an access control list.
    ///
    /// # Errors
    ///
    /// If the folder belongs to another user, or its file system does not support such lists.
    pub fn admit(&self, users: &[u32], rights: u16) -> io::Result<()> {
        acl::allow(&self.folder, users, rights)
    }

    /// Gives users rights to the parent folder.
    ///
    /// # Errors
    ///
    /// As [`OwnFolder::admit`].
    pub fn admit_above(&self, users: &[u32], rights: u16) -> io::Result<()> {
        match self.path.parent().filter(|above| !above.as_os_str().is_empty()) {
            Some(above) if !users.is_empty() => acl::allow(&File::open(above)?, users, rights),
            _ => Ok(()),
        }
    }

    /// Adds to the mode of our folder the bits that the umask has removed.
    fn open_up(&self, wanted: u32) {
        let Ok((owner, mode)) = self.owner_and_mode() else { return };
        let (mode, own) = (mode & 0o7777, rustix::process::geteuid().as_raw());
        if owner == own && mode & wanted != wanted {
            let _ = rustix::fs::fchmod(&self.folder, Mode::from_raw_mode(mode | wanted));
        }
    }

    fn owner_and_mode(&self) -> Result<(u32, u32)> {
        let stat = rustix::fs::fstat(&self.folder).map_err(|error| refused("look at", &self.path, error))?;
        Ok((stat.st_uid, stat.st_mode))
    }

    fn check_owner(&self, actual: u32, expected: u32) -> Result<()> {
        if actual == expected || actual == 0 {
            return Ok(());
        }
        let path = self.path.display();
        let hint = format!("remove it, or: chown {expected} {path}");
        Err(Error::cannot("use", path, format!("it belongs to uid {actual}, not to uid {expected}")).hint(hint))
    }

    /// The names in the folder that are valid UTF-8, in no order.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let entries = Dir::read_from(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned));
        names.filter(|name| name != "." && name != "..")
    }

    /// Moves the entry with this name, whatever it is, into another folder.
    ///
    /// # Errors
    ///
    /// If there is no such entry, or it cannot be moved.
    pub fn hand_over(&self, name: &str, to: &Self, new: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.folder, name, &to.folder, new)?)
    }

    /// Opens a file for reading, without blocking on a pipe. The caller must check what kind of file it is.
    ///
    /// # Errors
    ///
    /// If it does not exist or is a link.
    pub fn file(&self, name: &str) -> rustix::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.folder, name, flags, Mode::empty())?))
    }

    /// Writes a file atomically, with exactly this mode, whatever the umask.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or if it exists and must be kept.
    pub fn write(&self, name: &str, text: &str, mode: u32, old: Old) -> io::Result<()> {
        let (aside, mut file) = self.aside(name)?;
        let opened = rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(io::Error::from);
        let written = opened.and_then(|()| file.write_all(text.as_bytes()));
        let moved = written.and_then(|()| file.sync_all()).and_then(|()| {
            let folder = &self.folder;
            let moved = match old {
                Old::Replace => rustix::fs::renameat(folder, &*aside, folder, name),
                Old::Keep => rustix::fs::renameat_with(folder, &*aside, folder, name, RenameFlags::NOREPLACE),
            };
            moved.map_err(io::Error::from)
        });
        if moved.is_err() {
            self.remove(&aside);
        }
        moved
    }

    /// Makes a new file under a name that nobody can guess.
    fn aside(&self, name: &str) -> io::Result<(String, File)> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut taken = Errno::EXIST;
        for number in 0..TRIES {
            let aside = format!(".{name}.{:016x}", RandomState::new().hash_one(number));
            match rustix::fs::openat(&self.folder, &*aside, flags, Mode::from_raw_mode(0o600)) {
                Ok(file) => return Ok((aside, File::from(file))),
                Err(Errno::EXIST) => {}
                Err(error) => {
                    taken = error;
                    break;
                }
            }
        }
        Err(taken.into())
    }

    /// Removes the entry with this name: a link itself, or a folder if it is empty.
    pub fn remove(&self, name: &str) {
        if rustix::fs::unlinkat(&self.folder, name, AtFlags::empty()).is_err()
            && rustix::fs::unlinkat(&self.folder, name, AtFlags::REMOVEDIR).is_err()
        {
            // A folder that is not empty is renamed, so that it no longer occupies the name.
            let _ = rustix::fs::renameat(&self.folder, name, &self.folder, format!(".{name}"));
        }
    }

    /// Whether there is an entry with this name.
    pub fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// The modification time of an empty file; `None` for anything else.
    pub fn empty_since(&self, name: &str) -> Option<DateTime<Utc>> {
        let stat = rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or_default();
        DateTime::from_timestamp(stat.st_mtime, nanoseconds).filter(|_| is_file && stat.st_size == 0)
    }

    /// The modification time of a file in seconds since 1970; `None` for anything else.
    pub fn written(&self, name: &str) -> Option<i64> {
        let stat = rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some(stat.st_mtime)
    }
}

/// The error for a folder that could not be opened or made.
fn refused(verb: &str, path: &Path, error: Errno) -> Error {
    match error {
        // Which of these the system reports differs between systems.
        Errno::LOOP | Errno::NOTDIR | Errno::MLINK => {
            Error::cannot(verb, path.display(), "it is a link or not a folder")
                .hint("remove it: a folder is made there")
        }
        error => Error::cannot(verb, path.display(), error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn resources() -> (tempfile::TempDir, PathBuf) {
        let resources = tempfile::tempdir().unwrap();
        let path = resources.path().join("triggers");
        (resources, path)
    }

    fn allow(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn message(opened: Result<OwnFolder>) -> String {
        opened.unwrap_err().to_string()
    }

    #[test]
    fn neither_a_link_nor_a_folder_that_anybody_may_change_is_opened() {
        let (resources, path) = resources();
        let other = resources.path().join("other");
        fs::create_dir(&other).unwrap();
        for name in ["triggers", "triggers/", "triggers/."] {
            let path = resources.path().join(name);
            let _ = symlink(&other, resources.path().join("triggers"));
            assert!(message(OwnFolder::make(&path)).ends_with("it is a link or not a folder"), "{name}");
        }
        fs::remove_file(&path).unwrap();
        let folder = OwnFolder::make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o1007, 0o1000);
        for name in ["claimed", "results"] {
            symlink(&other, path.join(name)).unwrap();
            assert!(message(folder.make_sub(name, 0o700)).ends_with("it is a link or not a folder"));
            fs::remove_file(path.join(name)).unwrap();
            fs::create_dir(path.join(name)).unwrap();
            allow(&path.join(name), 0o770);
            assert!(message(folder.make_sub(name, 0o700)).ends_with("others may write to it"));
            allow(&path.join(name), 0o750);
            folder.make_sub(name, 0o700).unwrap();
        }
        allow(&path, 0o777);
        assert!(message(OwnFolder::make(&path)).ends_with("anybody may replace what is in it"));
        allow(&path, 0o1777);
        OwnFolder::make(&path).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(4242), None).unwrap();
            assert!(message(OwnFolder::make(&path)).ends_with("it belongs to uid 4242, not to uid 0"));
        }
    }

    #[test]
    fn every_action_happens_in_the_folder_that_was_opened() {
        let (resources, path) = resources();
        let folder = OwnFolder::make(&path).unwrap();
        let results = folder.make_sub("results", 0o750).unwrap();
        let other = resources.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("a.json"), "theirs").unwrap();
        fs::rename(path.join("results"), resources.path().join("moved")).unwrap();
        symlink(&other, path.join("results")).unwrap();
        results.write("a.json", "ours", 0o600, Old::Replace).unwrap();
        assert_eq!(fs::read_to_string(other.join("a.json")).unwrap(), "theirs");
        assert_eq!(fs::read_to_string(resources.path().join("moved/a.json")).unwrap(), "ours");
        assert!(folder.sub_of_owner("results").is_err());
        results.remove("a.json");
        assert_eq!((results.has("a.json"), other.join("a.json").exists()), (false, true));
    }

    #[test]
    fn a_file_is_written_through_no_link_and_over_none_that_is_kept() {
        let (resources, path) = resources();
        let folder = OwnFolder::make(&path).unwrap();
        let theirs = resources.path().join("theirs");
        fs::write(&theirs, "theirs").unwrap();
        symlink(&theirs, path.join("a")).unwrap();
        fs::hard_link(&theirs, path.join("b")).unwrap();
        for name in ["a", "b"] {
            let kept = folder.write(name, "ours", 0o600, Old::Keep).unwrap_err();
            assert_eq!(kept.kind(), io::ErrorKind::AlreadyExists);
            folder.write(name, "ours", 0o600, Old::Replace).unwrap();
            assert_eq!(fs::read_to_string(path.join(name)).unwrap(), "ours");
        }
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
        assert_eq!(folder.names().count(), 2, "nothing is left aside");
        symlink(&theirs, path.join("c")).unwrap();
        assert_eq!(folder.file("c").unwrap_err(), Errno::LOOP);
        folder.remove("c");
        assert!(theirs.exists() && !folder.has("c"));
    }
}
