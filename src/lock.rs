//! Locks between processes and threads: lock files that no one deletes, with the holder's name in
//! them. The kernel lets go of a lock when its holder dies.

use crate::error::{Error, Result, Status};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

/// One run of a processor at a time.
#[derive(Debug)]
pub struct ProcessorLock(#[expect(dead_code, reason = "held, not read")] File);

impl ProcessorLock {
    /// Takes the lock of a processor on a database, or says who has it.
    ///
    /// # Errors
    ///
    /// With status `Busy` if another run has it.
    pub fn take(database: &Path, processor: &str, about: &str) -> Result<Self> {
        let path = crate::store::beside(database, &format!("{processor}.lock"));
        let mut file = file(&path)?;
        let broken = |error: std::io::Error| Error::cannot("lock", path.display(), error);
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(broken)?;
                writeln!(file, "pid {}, {about}", std::process::id()).map_err(broken)?;
                Ok(Self(file))
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.rewind().and_then(|()| file.read_to_string(&mut holder));
                let message = format!("processor `{processor}` is already running ({})", holder.trim());
                Err(Error::new(Status::Busy, message).hint("wait for it to end, or look at `sessionmill status`"))
            }
            Err(std::fs::TryLockError::Error(error)) => Err(broken(error)),
        }
    }
}

/// Opens a lock file, making it and its folder where they are missing.
///
/// # Errors
///
/// If the folder cannot be made or may not be written.
pub(crate) fn file(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Error::cannot("make", folder.display(), error.kind()))?;
    }
    #[expect(clippy::disallowed_methods, reason = "a lock file, not the database")]
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    file.map_err(|error| {
        Error::cannot("open", path.display(), error.kind()).hint("name a database you may write with --database FILE")
    })
}
