//! The origin file: a small file beside the database that says from which sources it is made. It is needed when the
//! database itself cannot be read any more.
//!
//! Only a database with an origin file is ever moved aside. Any other file with the name of the database may belong to
//! somebody else.

use crate::base::atomic_file;
use crate::base::error::{Error, Result, Status};
use crate::source::access;
use crate::source::{Layout, Remembered, Source};
use crate::store::{DatabaseFile, beside};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// The content of the file. Its existence says that sessionmill made the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OriginFile {
    /// The number of migrations of the database when this was written.
    pub sessionmill_schema: usize,
    /// The database cannot be read, and the next pass makes a new one. The mark stays until then. Without it, a missing
    /// database after a crash would look as if a user had deleted it to start with other sources.
    pub damaged: bool,
    sources: Vec<Tree>,
    /// People who are kept out.
    #[serde(default)]
    pub forgotten: BTreeSet<String>,
}

/// A source of the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tree {
    name: String,
    root: String,
    layout: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(default)]
    retired: bool,
    #[serde(default)]
    found: Option<bool>,
}

impl OriginFile {
    /// The origin of a database with these sources and without these people.
    pub(super) fn of(sources: &[Remembered], forgotten: BTreeSet<String>, schema: usize) -> Self {
        let tree = |Remembered { source, is_retired, is_found }: &Remembered| Tree {
            name: source.name.clone(),
            root: source.root.to_string_lossy().into_owned(),
            layout: source.layout.name().to_owned(),
            user: source.user.clone(),
            retired: *is_retired,
            found: *is_found,
        };
        let sources = sources.iter().map(tree).collect();
        Self { sessionmill_schema: schema, damaged: false, sources, forgotten }
    }

    pub(super) fn sources(&self) -> Vec<Remembered> {
        let source = |tree: &Tree| {
            let layout = Layout::by_name(&tree.layout).unwrap_or_default();
            let source = Source { user: tree.user.clone(), ..Source::new(&tree.name, &tree.root, layout) };
            Remembered { source, is_retired: tree.retired, is_found: tree.found }
        };
        self.sources.iter().map(source).collect()
    }

    /// The origin of a database, if there is one and this program knows its schema. A database of a newer program must
    /// not be moved aside.
    pub(super) fn known(database: &DatabaseFile) -> Option<Self> {
        Self::read(database).filter(|origin| origin.is_known(database))
    }

    /// Whether this program knows the schema of the database.
    pub(super) fn is_known(&self, database: &DatabaseFile) -> bool {
        self.sessionmill_schema <= database.schema.version()
    }

    /// The origin of a database; `None` if there is none or it cannot be read.
    pub(super) fn read(database: &Path) -> Option<Self> {
        Self::load(database).ok().flatten()
    }

    /// The origin of a database; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If the file is there but cannot be read, or is not an origin.
    pub(super) fn load(database: &Path) -> Result<Option<Self>> {
        Self::text(database)?.map(|text| Self::parse(database, &text)).transpose()
    }

    /// Reads the content of the file.
    ///
    /// # Errors
    ///
    /// If it is not an origin.
    pub(super) fn parse(database: &Path, text: &[u8]) -> Result<Self> {
        let cannot = || Error::cannot("read", beside(database, NAME).display(), "not written by sessionmill");
        serde_json::from_slice(text).map_err(|_| cannot())
    }

    /// What the file contains; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If the file is there but cannot be read.
    pub(super) fn text(database: &Path) -> Result<Option<Vec<u8>>> {
        let path = beside(database, NAME);
        access::may_read(&path)?;
        #[expect(clippy::disallowed_methods, reason = "a file of ours beside the database")]
        match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            text => text.map(Some).map_err(|error| Error::cannot("read", path.display(), error)),
        }
    }

    /// Records that a database is damaged, if it has an origin.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(super) fn condemn(database: &Path) -> Result<()> {
        Self::read(database).map_or(Ok(()), |origin| Self { damaged: true, ..origin }.write(database))
    }

    /// Replaces the file atomically, so that it is complete at any time. A file with the same content is not written.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(super) fn write(&self, database: &Path) -> Result<()> {
        if Self::read(database).as_ref() == Some(self) {
            return Ok(());
        }
        let path = beside(database, NAME);
        let text = serde_json::to_string(self).unwrap_or_default() + "\n";
        atomic_file::write(&path, &text, Some(0o600)).map_err(|error| match error.kind() {
            std::io::ErrorKind::StorageFull => Error::new(Status::CannotRun, "there is no room beside the database"),
            _ => Error::cannot("write", path.display(), error),
        })
    }
}

const NAME: &str = "origin";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugs::PLUGS;

    #[test]
    fn an_origin_is_read_as_it_was_written_and_nothing_else_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("d.duckdb");
        assert_eq!(OriginFile::read(&database), None);
        let source = Source::new("sessions", "/data/\"x\"", Layout::ClaudeProjects);
        let source = Source { user: Some("ada".into()), ..source };
        let retired = Source::new("old", "/old", Layout::Users);
        let known = [
            Remembered { source, is_retired: false, is_found: Some(true) },
            Remembered { source: retired, is_retired: true, is_found: None },
        ];
        let origin = OriginFile { damaged: true, ..OriginFile::of(&known, ["ada".to_owned()].into(), 1) };
        origin.write(&database).unwrap();
        assert_eq!(OriginFile::read(&database).unwrap(), origin);
        assert_eq!(origin.sources(), known);
        let older = r#"{"sessionmill_schema":1,"damaged":false,"sources":[{"name":"a","root":"/a","layout":"users"}]}"#;
        #[expect(clippy::disallowed_methods, reason = "a file of ours beside the database")]
        std::fs::write(beside(&database, NAME), older).unwrap();
        let source = Source::new("a", "/a", Layout::Users);
        let known = Remembered { source, is_retired: false, is_found: None };
        assert_eq!(OriginFile::read(&database).unwrap().sources(), [known], "an older program's");
        let database = DatabaseFile::new(database, PLUGS.schema());
        assert_eq!(OriginFile::known(&database), OriginFile::read(&database));
        OriginFile { sessionmill_schema: 1000, ..origin }.write(&database).unwrap();
        assert_eq!(OriginFile::known(&database), None, "a newer program's database is not ours to move");
        #[expect(clippy::disallowed_methods, reason = "a file of ours beside the database")]
        std::fs::write(beside(&database, NAME), "somebody's notes").unwrap();
        assert_eq!(OriginFile::read(&database), None);
    }
}
