//! A file to read in a pass.

use crate::base::hash::Hash;
use crate::source::ledger::Known;
use crate::source::retry::FileFailure;
use crate::source::stat::Stat;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FailureClass, Processor, SourceFile};
use std::path::PathBuf;

/// A file to read, for the processors that are due.
#[derive(Clone, Debug)]
pub struct Job {
    pub file: SourceFile,
    pub source: usize,
    pub path: PathBuf,
    /// Its metadata as the walk saw it.
    pub stat: Stat,
    /// Positions in the list of processors of the pass.
    pub due: Vec<usize>,
    /// What the ledger knows about the file; `None` if it is new.
    pub known: Option<Known>,
}

impl Job {
    /// The stored failure of a processor.
    pub fn failure(&self, processor: usize) -> Option<&FileFailure> {
        self.known.as_ref()?.failure(processor)
    }

    /// The hash that the file probably still has: its size is unchanged, and all due processors have processed it with
    /// that hash. `None` if it must be parsed in any case.
    pub fn expected(&self, stat: &Stat, processors: &[&dyn Processor]) -> Option<Hash> {
        let known = self.known.as_ref()?;
        let look = known.look.as_ref().filter(|look| look.stat.size == stat.size)?;
        let says_all = |due: &usize| {
            let state = known.state(*due);
            state.is_some_and(|state| state.says_all(processors[*due].manifest().version, &look.hash))
        };
        self.due.iter().all(says_all).then_some(look.hash)
    }

    /// Whether the file has killed a process before.
    pub fn has_crashed(&self) -> bool {
        let crash = |failure: &FileFailure| failure.standing.failure.class == FailureClass::Crash;
        self.due.iter().filter_map(|due| self.failure(*due)).any(crash)
    }

    /// When the earliest wait after a failure ends; `None` if no due processor has failed.
    pub fn next_try_at(&self) -> Option<DateTime<Utc>> {
        self.due.iter().filter_map(|due| Some(self.failure(*due)?.standing.next_try_at)).min()
    }
}
