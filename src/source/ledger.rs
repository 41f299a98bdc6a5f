//! The ledger: what the database knows about source files. For each file, it has the last look and the state of each
//! processor.

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

/// What is known about a source file.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The last look. `None` for a file that only an older version knows, or that was never read.
    pub look: Option<Look>,
    /// One entry per processor of the pass, in its order.
    pub states: Vec<Option<LedgerRow>>,
    /// Standing failures, each with the position of its processor in the pass.
    pub failures: Vec<(usize, FileFailure)>,
    /// The position of its source in the pass's list, if it is in the list.
    pub source: Option<usize>,
    /// Whether its source cannot be walked at the moment. The file keeps its name meanwhile.
    pub is_held: bool,
    /// Whether the last walk did not find the file.
    pub gone: bool,
    /// When a pass first saw that it had changed, while a processor waits for it to be quiet.
    pub waits_since: Option<DateTime<Utc>>,
}

impl Known {
    /// The row of a processor for the file.
    pub fn state(&self, processor: usize) -> Option<LedgerRow> {
        self.states.get(processor).copied().flatten()
    }

    /// The standing failure of a processor on the file.
    pub fn failure(&self, processor: usize) -> Option<&FileFailure> {
        self.failures.iter().find(|(position, _)| *position == processor).map(|(_, failure)| failure)
    }
}

/// A row of `session_processor_state`: what a processor last processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// `None` in rows of an older version.
    pub version: Option<u32>,
    pub hash: Option<Hash>,
}

impl LedgerRow {
    /// Whether this version of the processor has processed these bytes.
    pub fn says_all(&self, version: u32, hash: &Hash) -> bool {
        self.version == Some(version) && self.hash == Some(*hash)
    }
}
