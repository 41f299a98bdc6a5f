//! Snapshots: complete copies of a database in the folder `published` beside it, for users who may not write the
//! database. A snapshot is never written again, so reading one blocks nobody.
//!
//! `published/mill-20261121T080000Z.duckdb` is a snapshot of `mill.duckdb` at that time; `published/mill.duckdb` is a
//! link to the newest one. If Parquet files are published, too, they are in folders with the same names and `.parquet`
//! appended.
//!
//! A second folder, `published-content`, has snapshots that contain texts of people, for the users in the
//! configuration.

use crate::base::error::{Error, Result, Status};
use crate::source::access::may_write;
use crate::store::beside;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use std::path::{Path, PathBuf};

/// A published copy of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub path: PathBuf,
    /// The time of the data that it shows.
    pub time: DateTime<Utc>,
}

/// Who may read a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The group of the folder.
    Readers,
    /// The users in the configuration; these snapshots contain texts of people. The console reads them and decides
    /// which user sees which text.
    Content,
}

impl Audience {
    pub const ALL: [Self; 2] = [Self::Readers, Self::Content];

    /// The folder of these snapshots.
    pub fn folder(self, database: &Path) -> PathBuf {
        let name = if self == Self::Readers { "published" } else { "published-content" };
        database.with_file_name(name)
    }

    /// The newest snapshot of a database.
    pub fn newest(self, database: &Path) -> Option<Snapshot> {
        let newest = std::fs::canonicalize(self.link(database)).ok()?;
        Snapshot::of(database, newest)
    }

    /// All snapshots of a database, oldest first.
    pub(super) fn all(self, database: &Path) -> Vec<Snapshot> {
        let entries = std::fs::read_dir(self.folder(database)).into_iter().flatten().flatten();
        let mut all: Vec<_> = entries.filter_map(|entry| Snapshot::of(database, entry.path())).collect();
        all.sort_by_key(|snapshot| snapshot.time);
        all
    }

    /// The name for a new snapshot. If the name of this second is taken, the next free second is used, because readers
    /// distinguish snapshots by their names.
    pub(super) fn at(self, database: &Path, time: DateTime<Utc>) -> Snapshot {
        let (stem, extension) = name(database);
        let path = self.folder(database).join(format!("{stem}-{}{extension}", time.format(FORMAT)));
        if path.exists() { self.at(database, time + TimeDelta::seconds(1)) } else { Snapshot { path, time } }
    }

    /// The link to the newest snapshot of a database.
    pub(super) fn link(self, database: &Path) -> PathBuf {
        self.folder(database).join(database.file_name().unwrap_or_default())
    }
}

impl Snapshot {
    /// The newest snapshot of a database without texts of people.
    pub fn newest(database: &Path) -> Option<Self> {
        Audience::Readers.newest(database)
    }

    /// The newest snapshot that this user may read: with texts of people if possible.
    pub fn fullest(database: &Path) -> Option<Self> {
        let may_read = |snapshot: &Self| rustix::fs::access(&snapshot.path, rustix::fs::Access::READ_OK).is_ok();
        Audience::Content.newest(database).filter(may_read).or_else(|| Self::newest(database))
    }

    /// The newest snapshot, if this user may not write the database itself.
    pub fn instead_of(database: &Path) -> Option<Self> {
        if may_write(database) { None } else { Self::newest(database) }
    }

    /// The folder of its Parquet files. It need not exist.
    pub fn parquet(&self) -> PathBuf {
        with(&self.path, ".parquet")
    }

    /// The snapshot with this path; `None` if the path is not that of a snapshot of the database.
    pub(super) fn of(database: &Path, path: PathBuf) -> Option<Self> {
        let (stem, extension) = name(database);
        let time = path.file_name()?.to_str()?.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&extension)?;
        let time = NaiveDateTime::parse_from_str(time, FORMAT).ok()?.and_utc();
        Some(Self { path, time })
    }
}

const FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// Removes all snapshots of a database and the links to the newest ones, and the file with the state of the service.
/// Returns the number of snapshots.
///
/// # Errors
///
/// If one cannot be removed.
pub fn remove(database: &Path) -> Result<u64> {
    let removed = Audience::ALL.into_iter().map(|audience| audience.remove(database)).sum::<Result<u64>>()?;
    remove_all([service_state_file(database)])?;
    Ok(removed)
}

impl Audience {
    /// Removes the snapshots and the links to the newest one. Returns the number of snapshots.
    pub(super) fn remove(self, database: &Path) -> Result<u64> {
        let (all, link) = (self.all(database), self.link(database));
        let files = all.iter().flat_map(|snapshot| [snapshot.parquet(), snapshot.path.clone()]);
        remove_all(files.chain([with(&link, ".parquet"), link]))?;
        Ok(all.len() as u64)
    }
}

/// Removes files and folders. Missing ones are ignored.
fn remove_all(paths: impl IntoIterator<Item = PathBuf>) -> Result<()> {
    for path in paths {
        let removed = if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        match removed {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            removed => removed.map_err(|error| Error::cannot("remove", path.display(), error))?,
        }
    }
    Ok(())
}

/// Extensions of files and folders beside the link, in which a snapshot is prepared.
const PARTIAL: [&str; 5] = [".new", ".new.wal", ".link", ".new.tmp", ".new.parquet"];

/// Whether there are parts of an unfinished snapshot.
pub(super) fn is_partial(link: &Path) -> bool {
    PARTIAL.iter().any(|extension| with(link, extension).symlink_metadata().is_ok())
}

/// Removes what a killed publisher has left. The caller holds the publisher's lock.
pub(super) fn remove_partial(link: &Path) {
    for path in PARTIAL.map(|extension| with(link, extension)) {
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            let _ = std::fs::remove_dir_all(path);
        } else {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The file with the state of the service, for users who may not read the database. Like a snapshot, it names
/// transcripts.
pub fn service_state_file(database: &Path) -> PathBuf {
    beside(database, "health.json")
}

/// A path with an extension appended.
pub(super) fn with(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(extension);
    name.into()
}

/// A path as an SQL string.
pub(super) fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| {
        Error::new(Status::CannotRun, format!("cannot publish to `{}`: its name is not valid UTF-8", path.display()))
    })?;
    Ok(format!("'{}'", text.replace('\'', "''")))
}

/// The stem and the extension of a database: `mill` and `.duckdb`.
fn name(database: &Path) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let extension = text(database.extension());
    (text(database.file_stem()), if extension.is_empty() { extension } else { format!(".{extension}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_known_by_its_name() {
        let database = Path::new("/data/mill.duckdb");
        let time = DateTime::from_timestamp(1_795_248_000, 0).unwrap();
        let snapshot = Audience::Readers.at(database, time);
        assert_eq!(snapshot.path, Path::new("/data/published/mill-20261121T080000Z.duckdb"));
        assert_eq!(Snapshot::of(database, snapshot.path.clone()), Some(snapshot));
        for other in
            ["mill.duckdb", "mill-2-20261121T080000Z.duckdb", "mill-20261121T080000Z.duckdb.new", "mill-.duckdb"]
        {
            assert_eq!(Snapshot::of(database, Audience::Readers.folder(database).join(other)), None, "{other}");
        }
        let bare = Audience::Readers.at(Path::new("/data/mill"), time);
        assert_eq!(bare.path, Path::new("/data/published/mill-20261121T080000Z"));
    }
}
