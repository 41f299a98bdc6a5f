//! Opens files and folders of users safely: beneath the root, without following links, and only regular files with a
//! single name.
//!
//! This is the only module that opens files of other users. It never writes, blocks or follows a link. For example, a
//! user could replace a folder below the root by a link to `/etc` while the walk is going on. A file is opened relative
//! to the root's descriptor and every part of its path must not be a link, so the read fails instead of leading
//! outside.

#![expect(clippy::disallowed_methods, reason = "transcripts below a root, which are not the database")]

use crate::base::error::cause;
use crate::base::limits::Halt;
use crate::base::owner;
use crate::source::rejection::Rejection;
use crate::source::stat::Stat;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use sessionmill_contract::{Failure, FailureClass};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};
use std::sync::LazyLock;
use walkdir::WalkDir;

/// The root of a source, held open. Paths are looked up beneath it even if the folders above it are renamed.
#[derive(Debug)]
pub struct Root(OwnedFd);

/// A folder beneath the root.
#[derive(Debug)]
pub struct Folder(OwnedFd);

/// Why a file was not opened.
#[derive(Debug)]
pub enum Refusal {
    /// The file must not be read.
    Rejected(Rejection),
    Failed(Failure),
    /// The file is left for the next pass, for this reason.
    Deferred(Halt),
}

impl Refusal {
    /// A failure of this class.
    pub fn failed(class: FailureClass, message: impl Into<String>) -> Self {
        Self::Failed(Failure::new(class, message))
    }
}

impl Root {
    /// # Errors
    ///
    /// If the folder cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let flags = FOLDER.difference(OFlags::NOFOLLOW);
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// The device on which the root is.
    ///
    /// # Errors
    ///
    /// If the file system does not report it.
    pub fn device(&self) -> std::io::Result<u64> {
        Ok(rustix::fs::fstat(&self.0)?.st_dev)
    }

    /// Opens a folder; the empty path means the root itself.
    ///
    /// # Errors
    ///
    /// If it is not a folder, is behind a link, or cannot be opened.
    pub fn folder(&self, path: &Path) -> rustix::io::Result<Folder> {
        if path.as_os_str().is_empty() {
            return Ok(Folder(rustix::io::fcntl_dupfd_cloexec(&self.0, 0)?));
        }
        Ok(Folder(beneath(&self.0, path, FOLDER)?))
    }

    /// Opens a file without checking what it is.
    ///
    /// # Errors
    ///
    /// If it is behind a link or cannot be opened.
    pub fn unchecked_file(&self, path: &Path) -> rustix::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(beneath(&self.0, path, flags)?))
    }

    /// Opens a file and checks it before its first byte is read.
    ///
    /// # Errors
    ///
    /// If it is not a regular file with a single name and at most `cap` bytes, or cannot be opened.
    pub fn file(&self, path: &Path, cap: u64) -> Result<(File, Stat), Refusal> {
        let file = self.unchecked_file(path).map_err(refusal)?;
        let metadata = file.metadata().map_err(|error| environment(&error))?;
        if !metadata.is_file() {
            return Err(Refusal::Rejected(Rejection::NotRegular));
        }
        if metadata.nlink() != 1 {
            return Err(Refusal::Rejected(Rejection::HardLinked));
        }
        if metadata.size() > cap {
            return Err(Refusal::Rejected(Rejection::OverCap));
        }
        let stat = Stat::from(&metadata);
        Ok((file, stat))
    }
}

impl Folder {
    /// Appends the names in the folder and their types, in no order.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read to its end. Names read before that are appended all the same.
    pub fn entries(&self, entries: &mut Vec<(OsString, FileType)>) -> rustix::io::Result<()> {
        if !*HAS_PROC {
            return self.read(entries);
        }
        // The path refers to the open descriptor. So exactly this folder is listed, even if it has been moved or
        // replaced in the tree since.
        let path = format!("/proc/self/fd/{}/.", self.0.as_raw_fd());
        for entry in WalkDir::new(path).min_depth(1).max_depth(1) {
            match entry {
                Ok(entry) => entries.push((entry.file_name().to_owned(), kind(entry.file_type()))),
                Err(error) => {
                    // If the system does not report the type of an entry, that entry is checked later by itself.
                    let name = error.path().filter(|_| error.depth() == 1).and_then(Path::file_name);
                    match name {
                        Some(name) => entries.push((name.to_owned(), FileType::Unknown)),
                        None => return Err(errno(&error)),
                    }
                }
            }
        }
        Ok(())
    }

    /// As [`Folder::entries`], for systems and sandboxes without `/proc/self/fd`.
    fn read(&self, entries: &mut Vec<(OsString, FileType)>) -> rustix::io::Result<()> {
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                entries.push((name.to_owned(), entry.file_type()));
            }
        }
        Ok(())
    }

    /// Whether the user may list the folder but not enter it, so that no name in it can be looked at.
    pub fn is_closed(&self) -> bool {
        matches!(self.look(OsStr::new(".")), Err(Errno::ACCESS))
    }

    /// Whether the folder is a mailbox, as the package makes one for events: everybody may make a folder in it, but
    /// only its owner and group may list it.
    pub fn is_mailbox(&self) -> bool {
        const STICKY_AND_GROUP: u32 = 0o3000;
        const OTHERS: u32 = 0o007;
        const OTHERS_PUT: u32 = 0o003;
        rustix::fs::fstat(&self.0)
            .is_ok_and(|stat| stat.st_mode & (STICKY_AND_GROUP | OTHERS) == STICKY_AND_GROUP | OTHERS_PUT)
    }

    /// Whether an entry belongs to the user after whom it is named, to root, to the user who runs the program, or to the
    /// console, which has checked the name.
    pub fn is_of_its_user(&self, name: &OsStr) -> bool {
        let Ok(stat) = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) else { return true };
        let owner = stat.st_uid;
        owner == 0
            || owner == rustix::process::geteuid().as_raw()
            || is_owner_trusted(&owner::name("/etc/passwd", owner), owner, &name.to_string_lossy())
    }

    /// Looks at an entry without following a link. Also returns whether it has further hard links.
    ///
    /// # Errors
    ///
    /// If it is gone, or the folder does not allow looking at its entries.
    pub fn look(&self, name: &OsStr) -> rustix::io::Result<(FileType, Stat, bool)> {
        let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((FileType::from_raw_mode(stat.st_mode), Stat::from(&stat), stat.st_nlink > 1))
    }
}

/// The user of the console's service, whom the package makes. It writes the events that programs send into the folder of the
/// user to whom their token belongs.
const CONSOLE: &str = "sessionmill-console";

/// Whether the owner of a folder in a mailbox may own one of this name.
fn is_owner_trusted(owner: &str, uid: u32, folder: &str) -> bool {
    owner == folder || folder == format!("uid-{uid}") || owner == CONSOLE
}

/// Whether `/proc/self/fd` exists.
static HAS_PROC: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/self/fd").is_dir());

fn kind(kind: std::fs::FileType) -> FileType {
    match kind {
        kind if kind.is_dir() => FileType::Directory,
        kind if kind.is_file() => FileType::RegularFile,
        kind if kind.is_symlink() => FileType::Symlink,
        _ => FileType::Unknown,
    }
}

fn errno(error: &walkdir::Error) -> Errno {
    error.io_error().and_then(Errno::from_io_error).unwrap_or(Errno::IO)
}

/// Flags for opening a folder to list it. The last part of its path must not be a link.
pub(crate) const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Flags for a folder that this user may perhaps enter but not list.
pub(crate) const PASSED: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

#[cfg(target_os = "linux")]
fn beneath(root: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
        // An old kernel, or a sandbox that forbids the call.
        Err(Errno::NOSYS | Errno::PERM) => by_component(root, path, flags),
        opened => opened,
    }
}

#[cfg(not(target_os = "linux"))]
fn beneath(root: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    by_component(root, path, flags)
}

/// Opens folder after folder without following links, so that no replaced part leads outside of the root.
fn by_component(root: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut folder: Option<OwnedFd> = None;
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else { return Err(Errno::XDEV) };
        let at = folder.as_ref().map_or(root.as_fd(), |folder| folder.as_fd());
        if parts.peek().is_none() {
            return rustix::fs::openat(at, name, flags, Mode::empty());
        }
        folder = Some(rustix::fs::openat(at, name, FOLDER, Mode::empty())?);
    }
    Err(Errno::NOENT)
}

/// Why a file that could not be opened is not read.
pub(super) fn refusal(error: Errno) -> Refusal {
    match error {
        Errno::LOOP | Errno::XDEV | Errno::NOTDIR => Refusal::Rejected(Rejection::BehindLink),
        Errno::NXIO | Errno::NODEV => Refusal::Rejected(Rejection::NotRegular),
        Errno::NOENT | Errno::AGAIN => Refusal::failed(FailureClass::Changed, "moved while it was opened"),
        _ => environment(&error.into()),
    }
}

fn environment(error: &std::io::Error) -> Refusal {
    Refusal::failed(FailureClass::Environment, format!("cannot be opened: {}", cause(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_a_mailbox_belongs_to_its_user_or_to_the_console() {
        for (owner, uid, folder, expected) in [
            ("ada", 1001, "ada", true),
            ("bob", 1002, "ada", false),
            ("1003", 1003, "uid-1003", true),
            ("1003", 1003, "uid-1004", false),
            ("sessionmill-console", 996, "ada", true),
            ("sessionmill", 997, "ada", false),
        ] {
            assert_eq!(is_owner_trusted(owner, uid, folder), expected, "{owner} {folder}");
        }
    }

    #[test]
    fn both_ways_of_listing_agree_wherever_the_folder_is_now() {
        let world = tempfile::tempdir().unwrap();
        let path = world.path().join("ada");
        std::fs::create_dir_all(path.join("sub/deeper")).unwrap();
        std::fs::write(path.join("s.jsonl"), "{}").unwrap();
        std::os::unix::fs::symlink("s.jsonl", path.join("link")).unwrap();
        let folder = Root::open(&path).unwrap().folder(Path::new("")).unwrap();
        std::fs::rename(&path, world.path().join("bob")).unwrap();
        std::fs::create_dir(&path).unwrap();
        let expected = [("link", FileType::Symlink), ("s.jsonl", FileType::RegularFile), ("sub", FileType::Directory)];
        let expected = expected.map(|(name, kind)| (OsString::from(name), kind));
        for list in [Folder::entries, Folder::read] {
            let mut entries = Vec::new();
            list(&folder, &mut entries).unwrap();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            assert_eq!(entries, expected);
        }
    }

    #[test]
    fn both_ways_of_looking_up_agree() {
        let world = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(world.path().join("root/ada")).unwrap();
        std::fs::write(world.path().join("root/ada/s.jsonl"), "{}").unwrap();
        std::fs::write(world.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("../../secret", world.path().join("root/ada/link")).unwrap();
        std::os::unix::fs::symlink("ada", world.path().join("root/bob")).unwrap();
        let root = Root::open(&world.path().join("root")).unwrap();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for (path, opens) in [
            ("ada/s.jsonl", true),
            ("ada/link", false),
            ("bob/s.jsonl", false),
            ("../secret", false),
            ("ada/no", false),
        ] {
            let path = Path::new(path);
            assert_eq!(beneath(&root.0, path, flags).is_ok(), opens, "{path:?}");
            assert_eq!(by_component(&root.0, path, flags).is_ok(), opens, "{path:?} by component");
        }
    }
}
