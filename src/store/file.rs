//! The path of a database, with the tables that the program expects in it.

use crate::store::schema::Schema;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A database: the path of its file, and its schema.
#[derive(Clone, Debug)]
pub struct DatabaseFile {
    pub path: PathBuf,
    pub schema: Schema,
}

impl DatabaseFile {
    /// If the path is a symbolic link, the database is the file that it refers to: DuckDB keeps its log beside that
    /// file, and so do we all other files.
    pub fn new(path: impl Into<PathBuf>, schema: Schema) -> Self {
        Self { path: followed(path.into()), schema }
    }
}

/// The most links that Linux follows for one path.
const LINKS: usize = 40;

/// The file that a symbolic link refers to, even if it does not exist yet. Another path stays as it is.
fn followed(mut path: PathBuf) -> PathBuf {
    for _ in 0..LINKS {
        let Ok(to) = std::fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(to);
    }
    path
}

impl Deref for DatabaseFile {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}
