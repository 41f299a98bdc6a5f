//! Decisions of users about the results of a processor.

use serde::{Deserialize, Serialize};

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The action, in the processor's words, such as `approve`.
    pub action: String,
    /// The items that it is about.
    pub ids: Vec<String>,
    /// The second item, if the action has one, such as the target of a merge.
    pub into: Option<String>,
    /// The user who decides.
    pub by: String,
}

/// A request to hide items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    pub ids: Vec<String>,
    /// The user who decides.
    pub by: String,
}

/// A decision about a single item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Decided {
    /// The action, in the processor's words, such as `approve`.
    pub action: String,
    /// The full id.
    pub id: String,
}
