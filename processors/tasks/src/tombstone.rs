//! Tasks that people removed. Processing files again does not change these rows, so removed tasks stay removed in a
//! rebuilt database.
//!
//! A removed task comes back with its whole history when it is created again: by a `created` event after the removal,
//! with an attempt higher than all before the removal. A purge concerns all tasks that were closed up to a certain
//! time.

use chrono::{DateTime, Utc};
use sessionmill_contract::table;

table! {
    /// one row per task that somebody removed, and per purge of closed tasks
    pub static TOMBSTONES: Table = "task_tombstones", Public;

    /// A removal, or a purge.
    #[derive(Clone, Debug, PartialEq)]
    pub struct TombstoneRow<'a> {
        /// in the order in which they were made
        tombstone_id: i64,
        /// remove (one task) or purge (all that were closed by a time)
        action: &'a str,
        /// task that was removed; null for a purge
        task_id: Option<&'a str>,
        /// tasks that were closed at this time or before are purged, UTC; null for a removal
        closed_before: Option<DateTime<Utc>>,
        /// who did it
        removed_by: &'a str,
        /// UTC
        removed_at: DateTime<Utc>,
    }
}

/// What was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// One task is hidden until it is created again.
    Remove,
    /// Tasks that were closed up to a certain time are removed.
    Purge,
}

impl Action {
    /// The name under which it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Purge => "purge",
        }
    }
}
