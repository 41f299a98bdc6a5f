//! One file's work in a pass.

use crate::base::hash::Hash;
use crate::source::ledger::Known;
use crate::source::retry::FileFailure;
use crate::source::stat::Stat;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FailureClass, Processor, SourceFile};
use std::path::PathBuf;

/// A file to be read, for the processors that are due.
#[derive(Clone, Debug)]
pub struct Job {
    pub file: SourceFile,
    pub source: usize,
    pub path: PathBuf,
    /// As the walk saw it.
    pub stat: Stat,
    /// Positions in the pass's list of processors.
    pub due: Vec<usize>,
    /// What the ledger knows, if it knows the file.
    pub known: Option<Known>,
}

impl Job {
    /// The failure of a processor that stands.
    pub fn failure(&self, processor: usize) -> Option<&FileFailure> {
        self.known.as_ref()?.failure(processor)
    }

    /// The hash that the file is likely to have still: it is as long as it was, and all processors that are
    /// due have dealt with what it was.
    pub fn expected(&self, stat: &Stat, processors: &[&dyn Processor]) -> Option<Hash> {
        let known = self.known.as_ref()?;
        let look = known.look.as_ref().filter(|look| look.stat.size == stat.size)?;
        let says_all = |due: &usize| {
            let state = known.state(*due);
            state.is_some_and(|state| state.says_all(processors[*due].manifest().version, &look.hash))
        };
        self.due.iter().all(says_all).then_some(look.hash)
    }

    /// Whether the file has ended a process before.
    pub fn has_crashed(&self) -> bool {
        let crash = |failure: &FileFailure| failure.standing.failure.class == FailureClass::Crash;
        self.due.iter().filter_map(|due| self.failure(*due)).any(crash)
    }

    /// The end of the wait after the failures that stand.
    pub fn next_try_at(&self) -> Option<DateTime<Utc>> {
        self.due.iter().filter_map(|due| Some(self.failure(*due)?.standing.next_try_at)).min()
    }
}
