//! A file that is there whole or not at all, for whoever reads it meanwhile.

use std::fs::Permissions;
use std::io::{Result, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Writes a file aside, syncs it and puts it in its place. Its mode is given, or as open to others as the
/// caller's umask wants it.
///
/// # Errors
///
/// If it cannot be written. What was there stays then.
pub fn write(path: &Path, text: &str, mode: Option<u32>) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let open = Permissions::from_mode(0o666);
    let mut aside = tempfile::Builder::new().prefix(".sessionmill-").permissions(open).tempfile_in(folder)?;
    aside.write_all(text.as_bytes())?;
    if let Some(mode) = mode {
        aside.as_file().set_permissions(Permissions::from_mode(mode))?;
    }
    aside.as_file().sync_all()?;
    aside.persist(path)?;
    Ok(())
}
