//! What the database knows about source files: what was seen of each, and what each processor made
//! of it.

use crate::base::hash::Hash;
use crate::source::look::Look;
use crate::source::retry::FileFailure;
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// All known source files, by `session_file`.
#[derive(Debug, Default)]
pub struct Ledger {
    pub files: HashMap<Box<str>, Known>,
}

/// What is known of one source file.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The last look. Absent for a file that only an older program knows, or that was never read.
    pub look: Option<Look>,
    /// Per processor of the pass, in its order.
    pub states: Vec<Option<LedgerRow>>,
    /// Failures that stand, with the position of their processor in the pass.
    pub failures: Vec<(usize, FileFailure)>,
    /// Position of its source in the pass's list, if it is one of them.
    pub source: Option<usize>,
    /// Its source cannot be walked for now: it keeps its name until it can.
    pub is_held: bool,
    /// The file was missing at the last walk.
    pub gone: bool,
    /// When it was first seen to have changed, while it waits to be quiet for a processor.
    pub waits_since: Option<DateTime<Utc>>,
}

impl Known {
    /// What a processor made of the file.
    pub fn state(&self, processor: usize) -> Option<LedgerRow> {
        self.states.get(processor).copied().flatten()
    }

    /// The failure of a processor that stands.
    pub fn failure(&self, processor: usize) -> Option<&FileFailure> {
        self.failures.iter().find(|(position, _)| *position == processor).map(|(_, failure)| failure)
    }
}

/// A processor's row for a file in `session_processor_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Absent in rows of an older program.
    pub version: Option<u32>,
    pub hash: Option<Hash>,
}

impl LedgerRow {
    /// Whether a processor of this version has dealt with these bytes.
    pub fn says_all(&self, version: u32, hash: &Hash) -> bool {
        self.version == Some(version) && self.hash == Some(*hash)
    }
}
