//! The project names of working directories, in reports and in SQL.

use crate::base::error::Result;
use crate::identities::Identities;
use crate::identities::repository::repository;
use crate::store::reader::Reader;
use std::collections::HashMap;
use std::sync::Arc;

/// The projects of the working directories in the database.
#[derive(Debug)]
pub(in crate::plugs) struct Repositories {
    identities: Arc<Identities>,
    /// The projects that the last run found. A run looks at all directories together to see which are clones of one
    /// repository.
    known: HashMap<String, String>,
}

impl Repositories {
    /// Reads the projects. `identities` can override their names.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub(in crate::plugs) fn read(reader: Reader<'_>, identities: &Arc<Identities>) -> Result<Self> {
        let known: Vec<(String, String)> =
            reader.rows("SELECT project, repository FROM usage_repositories", &[], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        Ok(Self { identities: identities.clone(), known: known.into_iter().collect() })
    }

    /// The project of a working directory. The name in the identities comes first, then the project that the last run
    /// found, then the repository as guessed from the path.
    pub(in crate::plugs) fn name<'a>(&'a self, cwd: &'a str) -> &'a str {
        let known = || self.known.get(cwd).map(String::as_str);
        self.identities.project(cwd).or_else(known).unwrap_or_else(|| repository(cwd))
    }
}
