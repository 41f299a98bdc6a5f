//! What people decide about what a processor shows.

use serde::{Deserialize, Serialize};

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// In the processor's words, such as `approve`.
    pub action: String,
    /// What it is about.
    pub ids: Vec<String>,
    /// The other side of it, where there is one.
    pub into: Option<String>,
    /// Who decides.
    pub by: String,
}

/// What is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    pub ids: Vec<String>,
    /// Who decides.
    pub by: String,
}

/// Something that was decided about one of the things that a processor shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Decided {
    /// In the processor's words, such as `approve`.
    pub action: String,
    /// The whole id.
    pub id: String,
}
