//! People whom a processor distinguishes inside of a user folder, such as the visitors of a site: which of its facts are
//! about them, and how they are kept out.

use crate::base::error::Result;
use crate::store::persons::PersonFacts;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What has to be known to erase one person of a folder.
#[derive(Clone, Copy)]
pub struct Persons {
    /// Which of its facts are about them.
    pub facts: PersonFacts,
    /// Whether an id means nobody: what is said under it is not one person's.
    pub is_nobody: fn(&str) -> bool,
    /// Keeps names of a user folder out, by a file beside the database.
    pub keep_out: fn(&Path, &str, &BTreeSet<String>) -> Result<()>,
    /// Whether a name is kept out.
    pub is_out: fn(&Path, &str) -> Result<bool>,
    /// Lets a name of a user folder in again.
    pub let_in: fn(&Path, &str, &str) -> Result<()>,
    /// How many ids are kept out, by user folder.
    pub kept_out: fn(&Path) -> Result<BTreeMap<String, u64>>,
}
