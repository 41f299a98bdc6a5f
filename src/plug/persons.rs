//! People whom a processor distinguishes within a user folder, such as visitors of a site: which facts are about them,
//! and how to keep them out.

use crate::base::error::Result;
use crate::store::persons::PersonFacts;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How to erase a person within a folder.
#[derive(Clone, Copy)]
pub struct Persons {
    /// Which facts are about the person.
    pub facts: PersonFacts,
    /// Whether an id is used for unknown people, so that its data is not about one person.
    pub is_nobody: fn(&str) -> bool,
    /// Adds names of a user folder to a file beside the database, so that later runs ignore their data.
    pub keep_out: fn(&Path, &str, &BTreeSet<String>) -> Result<()>,
    /// Whether a name is in this file.
    pub is_out: fn(&Path, &str) -> Result<bool>,
    /// Removes a name of a user folder from this file.
    pub let_in: fn(&Path, &str, &str) -> Result<()>,
    /// The number of ids in this file, by user folder.
    pub kept_out: fn(&Path) -> Result<BTreeMap<String, u64>>,
}
