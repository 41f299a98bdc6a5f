//! Snapshots: whole copies of a database in the folder `published` beside it, for readers who may not
//! write it. Nobody writes a snapshot, so nobody waits for one.
//!
//! `published/mill-20261121T080000Z.duckdb` is of the database `mill.duckdb` at that time;
//! `published/mill.duckdb` is a link to the newest. Where the same is there as Parquet files, they are in a
//! folder of that name with `.parquet` behind it, and the link to it.
//!
//! A second folder, `published-content`, has snapshots with what people wrote, for users who are named.

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

/// For whom snapshots are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The group of the folder.
    Readers,
    /// Users who are named, with what people wrote: the console's, which shows it to whom it may be shown.
    Content,
}

impl Audience {
    pub const ALL: [Self; 2] = [Self::Readers, Self::Content];

    /// Where they are.
    pub fn folder(self, database: &Path) -> PathBuf {
        let name = if self == Self::Readers { "published" } else { "published-content" };
        database.with_file_name(name)
    }

    /// The newest one of a database.
    pub fn newest(self, database: &Path) -> Option<Snapshot> {
        let newest = std::fs::canonicalize(self.link(database)).ok()?;
        Snapshot::of(database, newest)
    }

    /// All of a database, oldest first.
    pub(super) fn all(self, database: &Path) -> Vec<Snapshot> {
        let entries = std::fs::read_dir(self.folder(database)).into_iter().flatten().flatten();
        let mut all: Vec<_> = entries.filter_map(|entry| Snapshot::of(database, entry.path())).collect();
        all.sort_by_key(|snapshot| snapshot.time);
        all
    }

    /// The one of a time, which is still to be made. Of two in a second the later one has the name of the next second:
    /// readers distinguish snapshots by their names.
    pub(super) fn at(self, database: &Path, time: DateTime<Utc>) -> Snapshot {
        let (stem, extension) = name(database);
        let path = self.folder(database).join(format!("{stem}-{}{extension}", time.format(FORMAT)));
        if path.exists() { self.at(database, time + TimeDelta::seconds(1)) } else { Snapshot { path, time } }
    }

    /// The name that the newest snapshot of a database has, too.
    pub(super) fn link(self, database: &Path) -> PathBuf {
        self.folder(database).join(database.file_name().unwrap_or_default())
    }
}

impl Snapshot {
    /// The newest one of a database, for readers.
    pub fn newest(database: &Path) -> Option<Self> {
        Audience::Readers.newest(database)
    }

    /// The newest one of a database that this user may read, with what people wrote if there is one.
    pub fn fullest(database: &Path) -> Option<Self> {
        let may_read = |snapshot: &Self| rustix::fs::access(&snapshot.path, rustix::fs::Access::READ_OK).is_ok();
        Audience::Content.newest(database).filter(may_read).or_else(|| Self::newest(database))
    }

    /// The newest one of a database, for a user who may not write the database itself.
    pub fn instead_of(database: &Path) -> Option<Self> {
        if may_write(database) { None } else { Self::newest(database) }
    }

    /// The folder of its Parquet files, if it has any.
    pub fn parquet(&self) -> PathBuf {
        with(&self.path, ".parquet")
    }

    /// The one that the path names, if it names one.
    pub(super) fn of(database: &Path, path: PathBuf) -> Option<Self> {
        let (stem, extension) = name(database);
        let time = path.file_name()?.to_str()?.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&extension)?;
        let time = NaiveDateTime::parse_from_str(time, FORMAT).ok()?.and_utc();
        Some(Self { path, time })
    }
}

const FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// Removes the snapshots of a database, and the name of the newest. Returns how many there were.
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
    /// Removes its snapshots, and the name of the newest. Returns how many there were.
    pub(super) fn remove(self, database: &Path) -> Result<u64> {
        let (all, link) = (self.all(database), self.link(database));
        let files = all.iter().flat_map(|snapshot| [snapshot.parquet(), snapshot.path.clone()]);
        remove_all(files.chain([with(&link, ".parquet"), link]))?;
        Ok(all.len() as u64)
    }
}

/// Removes files and folders, if they are there.
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

/// Files and folders that a publisher has beside the link until a snapshot is whole.
const PARTIAL: [&str; 5] = [".new", ".new.wal", ".link", ".new.tmp", ".new.parquet"];

/// Whether there is anything of a snapshot that is not whole.
pub(super) fn is_partial(link: &Path) -> bool {
    PARTIAL.iter().any(|extension| with(link, extension).symlink_metadata().is_ok())
}

/// Removes what a publisher that was killed has left. Its lock is held.
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

/// A path in SQL.
pub(super) fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| {
        Error::new(Status::CannotRun, format!("cannot publish to `{}`: its name is not valid UTF-8", path.display()))
    })?;
    Ok(format!("'{}'", text.replace('\'', "''")))
}

/// `mill` and `.duckdb`.
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
