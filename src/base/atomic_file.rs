//! Atomic writes: a reader sees the old file or the new one, never a part of it. Also the modes of files that the
//! program makes: private, unless they are published.

use rustix::fs::Mode;
use rustix::process::umask;
use std::fs::{File, FileType, Permissions};
use std::io::{ErrorKind, Result, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::OnceLock;
use tempfile::NamedTempFile;

/// The umask that the process was started with: the bits that the caller removes from the mode of a new file.
static CALLERS: OnceLock<u32> = OnceLock::new();

/// From this call on, new files of this process are for their owner only, unless their mode is set afterwards. This
/// covers files that other code makes: the database, its log, copies, and temporary files of DuckDB.
pub fn be_private() {
    let before = umask(Mode::RWXG | Mode::RWXO);
    let _ = CALLERS.set(before.as_raw_mode());
}

/// Makes a folder and its missing parents. Other users can enter it to reach published files, but cannot list it; the
/// caller's umask can forbid that too.
///
/// # Errors
///
/// If one cannot be made.
pub fn make_folders(folder: &Path) -> Result<()> {
    let missing: Vec<_> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    std::fs::create_dir_all(folder)?;
    missing.into_iter().try_for_each(|folder| open_to_others(folder, 0o711))
}

/// Sets the mode of something that others may use, without the bits that the caller's umask removes.
///
/// # Errors
///
/// If the mode cannot be set.
pub fn open_to_others(path: &Path, mode: u32) -> Result<()> {
    match CALLERS.get() {
        Some(mask) => std::fs::set_permissions(path, Permissions::from_mode(mode & !mask)),
        None => Ok(()),
    }
}

/// Writes a temporary file beside `path`, syncs it, and renames it to `path`. Without a `mode`, the caller's umask
/// decides it. A device or a pipe, such as `/dev/null` or `/dev/stdout`, is written to directly instead of being
/// replaced.
///
/// # Errors
///
/// If it cannot be written. The old file is kept then.
pub fn write(path: &Path, content: impl AsRef<[u8]>, mode: Option<u32>) -> Result<()> {
    if is_stream(path) {
        #[expect(clippy::disallowed_methods, reason = "a device or a pipe, not the database")]
        return File::options().write(true).open(path)?.write_all(content.as_ref());
    }
    if path.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let mut aside = aside(folder(path))?;
    aside.write_all(content.as_ref())?;
    if let Some(mode) = mode.or_else(|| CALLERS.get().map(|mask| 0o666 & !mask)) {
        aside.as_file().set_permissions(Permissions::from_mode(mode))?;
    }
    aside.as_file().sync_all()?;
    aside.persist(path)?;
    Ok(())
}

/// Whether the path is a device or a pipe, which must be written to rather than replaced. A symbolic link is followed
/// only in folders that the system manages, such as `/dev/stdout`. Elsewhere it could have been placed by another user,
/// and the write would go to a file of that user's choice.
fn is_stream(path: &Path) -> bool {
    let is_device = |kind: FileType| kind.is_fifo() || kind.is_char_device();
    let kind = path.symlink_metadata().map(|there| there.file_type());
    ["/dev/fd", "/dev/stderr", "/dev/stdout", "/proc"].iter().any(|folder| path.starts_with(folder))
        || kind.is_ok_and(is_device)
}

/// Makes a new temporary file and locks it: the lock tells [`sweep`] that the file is in use. If `sweep` removes it
/// before it is locked, another one is made.
fn aside(folder: &Path) -> Result<NamedTempFile> {
    loop {
        let open = Permissions::from_mode(0o666);
        let aside = tempfile::Builder::new().prefix(PREFIX).permissions(open).tempfile_in(folder)?;
        aside.as_file().lock()?;
        if aside.path().exists() {
            return Ok(aside);
        }
    }
}

/// Removes temporary files that a killed process left in the folder of `path`.
pub fn sweep(path: &Path) {
    let entries = std::fs::read_dir(folder(path)).into_iter().flatten().flatten();
    let left = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()));
    for path in left.map(|entry| entry.path()).filter(|path| path.symlink_metadata().is_ok_and(|file| file.is_file())) {
        #[expect(clippy::disallowed_methods, reason = "a file that was to be moved into its place")]
        let Ok(file) = File::open(&path) else { continue };
        // If a process has just made this file and not locked it yet, `aside` finds it gone and makes another.
        if file.try_lock().is_ok() {
            let _ = std::fs::remove_file(path);
        }
    }
}

const PREFIX: &str = ".sessionmill-";

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "no database is read or written as a file here")]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_pipe_is_written_to_and_stays_and_a_link_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [pipe, link, file] = ["pipe", "link", "file"].map(|name| folder.path().join(name));
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        // Both ends are opened here, so that opening either does not block.
        let mut held = File::options().read(true).write(true).open(&pipe).unwrap();
        write(&pipe, "text", None).unwrap();
        assert!(pipe.symlink_metadata().unwrap().file_type().is_fifo());
        let mut told = [0; 4];
        held.read_exact(&mut told).unwrap();
        assert_eq!(&told, b"text");
        std::fs::write(&file, "of somebody else").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, "text", None).unwrap();
        assert_eq!((std::fs::read_to_string(&link).unwrap().as_str(), link.is_symlink()), ("text", false));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "of somebody else");
        assert!(["/dev/stdout", "/dev/null", "/dev/fd/63"].iter().all(|path| is_stream(Path::new(path))));
        assert!(!is_stream(&file) && !is_stream(Path::new("/dev/shm/file")));
    }
}
