//! Temporary folders: for DuckDB's temporary files when reading, and for a copy that cannot be made beside its
//! database. They contain data from the database, so only their owner can read them. If a process is killed, the next
//! process of the same user removes its folders.

use crate::base::error::{Error, Result};
use crate::base::suspension;
use parking_lot::Mutex;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::collections::BTreeSet;
use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A private temporary folder. Dropping it removes the folder and its content.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
    /// Its lock shows other processes that the folder is in use. The kernel releases the lock when the process dies.
    _lock: File,
}

/// The folders of this process, to be removed if a signal ends the process.
static LIVE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

const PREFIX: &str = "sessionmill-reader-";

/// Where other processes may have made folders, whatever `TMPDIR` was set for them.
const USUAL: [&str; 2] = ["/tmp", "/var/tmp"];

impl Scratch {
    /// Makes a temporary folder, and removes those of dead processes.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made.
    pub(super) fn make() -> Result<Self> {
        sweep();
        let failed = |error: std::io::Error| Error::cannot("make", "a temporary folder", error);
        loop {
            let private = Permissions::from_mode(0o700);
            let folder = {
                // Holding the mutex, so that a signal sees the folder either both created and listed, or not at all.
                let mut live = LIVE.lock();
                let folder = tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir().map_err(failed)?;
                live.insert(folder.path().to_owned());
                folder
            };
            // Another process may have removed the folder as a leftover before it was locked.
            let lock = match open(folder.path()) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                lock => lock.map_err(failed)?,
            };
            lock.lock().map_err(failed)?;
            if folder.path().is_dir() {
                return Ok(Self { folder, _lock: lock });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        LIVE.lock().remove(self.path());
    }
}

/// Installs a handler that removes the folders of this process when Ctrl-C or a similar signal ends it.
///
/// # Errors
///
/// If the handler cannot be installed.
pub fn remove_at_signals() -> Result<()> {
    let signals = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !suspension::is_ignored(*signal));
    let mut signals = Signals::new(signals).map_err(|error| Error::cannot("listen to", "signals", error))?;
    std::thread::spawn(move || {
        for signal in &mut signals {
            let live = LIVE.lock();
            for folder in live.iter() {
                let _ = std::fs::remove_dir_all(folder);
            }
            let _ = emulate_default_handler(signal);
        }
    });
    Ok(())
}

/// Removes the folders of killed processes, as far as this user may remove them.
pub fn sweep() {
    let temporary = std::env::temp_dir();
    let places: BTreeSet<&Path> = USUAL.iter().map(Path::new).chain([temporary.as_path()]).collect();
    places.into_iter().flat_map(left_in).for_each(|folder| {
        if let Ok(lock) = open(&folder)
            && lock.try_lock().is_ok()
        {
            let _ = std::fs::remove_dir_all(&folder);
        }
    });
}

/// The folders in a place that belong to this user (to any user, if this is root). Links are ignored.
fn left_in(place: &Path) -> Vec<PathBuf> {
    let user = rustix::process::geteuid();
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()));
    let is_ours = |path: &PathBuf| {
        let own = |uid: u32| user.is_root() || uid == user.as_raw();
        std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir() && own(metadata.uid()))
    };
    named.map(|entry| entry.path()).filter(is_ours).collect()
}

fn open(folder: &Path) -> std::io::Result<File> {
    #[expect(clippy::disallowed_methods, reason = "a folder")]
    File::open(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_has_left_is_removed_and_what_is_in_use_stays() {
        std::thread::scope(|scope| {
            let make = || (0..50).for_each(|_| drop(Scratch::make().unwrap()));
            (0..4).for_each(|_| drop(scope.spawn(make)));
        });
        let used = Scratch::make().unwrap();
        assert_eq!(std::fs::metadata(used.path()).unwrap().permissions().mode() & 0o777, 0o700);
        let left = tempfile::Builder::new().prefix(PREFIX).tempdir().unwrap();
        std::fs::create_dir(left.path().join("spill")).unwrap();
        let linked = std::env::temp_dir().join(format!("{PREFIX}link-{}", std::process::id()));
        std::os::unix::fs::symlink(used.path(), &linked).unwrap();
        let another = Scratch::make().unwrap();
        assert!(used.path().is_dir() && another.path().is_dir() && !left.path().exists());
        assert!(linked.is_symlink(), "a link is somebody else's");
        std::fs::remove_file(linked).unwrap();
        let path = used.path().to_owned();
        drop(used);
        assert!(!path.exists());
    }
}
