//! A database file, and the plugs whose tables it has.

use crate::plugs::Plugs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A database: where its file is, and the plugs whose tables it has.
#[derive(Clone, Debug)]
pub struct DatabaseFile {
    pub path: PathBuf,
    pub plugs: Plugs,
}

impl DatabaseFile {
    pub fn new(path: impl Into<PathBuf>, plugs: Plugs) -> Self {
        Self { path: path.into(), plugs }
    }
}

impl Deref for DatabaseFile {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}
