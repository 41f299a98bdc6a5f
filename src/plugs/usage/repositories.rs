//! What working directories are called in reports and in SQL.

use crate::base::error::Result;
use crate::identities::Identities;
use crate::identities::repository::repository;
use crate::store::reader::Reader;
use std::collections::HashMap;
use std::sync::Arc;

/// The projects of the working directories that a database has.
#[derive(Debug)]
pub(in crate::plugs) struct Repositories {
    identities: Arc<Identities>,
    /// As the last run found them: which directories are clones of one repository follows from all of them.
    known: HashMap<String, String>,
}

impl Repositories {
    /// Reads the projects, and names them as these identities do.
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

    /// The project of a working directory: as the identities name it, else as the last run did, else the repository, as
    /// far as the path tells.
    pub(in crate::plugs) fn name<'a>(&'a self, cwd: &'a str) -> &'a str {
        let known = || self.known.get(cwd).map(String::as_str);
        self.identities.project(cwd).or_else(known).unwrap_or_else(|| repository(cwd))
    }
}
