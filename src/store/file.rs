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
    pub fn new(path: impl Into<PathBuf>, schema: Schema) -> Self {
        Self { path: path.into(), schema }
    }
}

impl Deref for DatabaseFile {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}
