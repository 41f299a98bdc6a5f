//! Which people and files are left out of a pass, and which files must wait: one place decides it. Pure.
//!
//! | left out | scope | why |
//! | --- | --- | --- |
//! | forgotten | people, for all processors | somebody has erased their data |
//! | frozen | sources, for all processors | the root is on another device than before |
//! | excluded | people, for one processor | its settings name them |
//! | waiting | files that are still growing, for processors that pay for each reading | see [`Quiet`] |

use crate::run::quiet::{Quiet, Wait};
use crate::source::ledger::Known;
use crate::source::rejection::Rejection;
use crate::source::scan::Found;
use crate::source::stat::Stat;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Processor, SourceFile};
use std::collections::BTreeSet;

/// The decisions for one pass.
#[derive(Clone, Default)]
pub struct Policy<'p> {
    processors: Vec<&'p dyn Processor>,
    forgotten: BTreeSet<String>,
    /// Positions of sources in the configuration.
    frozen: Vec<usize>,
    quiet: Option<Quiet>,
}

impl<'p> Policy<'p> {
    /// A policy for these processors and forgotten people.
    pub fn new(processors: &[&'p dyn Processor], forgotten: BTreeSet<String>) -> Self {
        Self { processors: processors.to_vec(), forgotten, ..Self::default() }
    }

    /// The same policy, but nothing of these sources is read.
    #[must_use]
    pub fn freezing(self, frozen: Vec<usize>) -> Self {
        Self { frozen, ..self }
    }

    /// The same policy, but files that are still growing wait until they are quiet.
    #[must_use]
    pub fn waiting(&self, quiet: Quiet) -> Self {
        Self { quiet: Some(quiet), ..self.clone() }
    }

    /// Whether a file or folder belongs to a forgotten person, by its name in the ledger.
    pub fn forgets(&self, name: &str) -> bool {
        !self.forgotten.is_empty() && name.split('/').next().is_some_and(|user| self.forgotten.contains(user))
    }

    /// Whether a processor, given by position, leaves out a person.
    pub fn excludes(&self, processor: usize, username: &str) -> bool {
        self.processors.get(processor).is_some_and(|processor| processor.excludes(username))
    }

    /// The users of these files whom at least one processor leaves out.
    pub fn excluded<'f>(&self, found: impl Iterator<Item = &'f Found>) -> BTreeSet<&'f str> {
        let mut users: Vec<_> = found.map(|found| found.file.username.as_str()).collect();
        users.dedup();
        let is_excluded = |user: &&str| (0..self.processors.len()).any(|processor| self.excludes(processor, user));
        users.into_iter().filter(is_excluded).collect()
    }

    /// What the walk saw of a file.
    ///
    /// # Errors
    ///
    /// Why no processor may read the file.
    pub fn stat<'f>(&self, found: &'f Found) -> Result<&'f Stat, Rejection> {
        if self.forgotten.contains(&found.file.username) {
            return Err(Rejection::Forgotten);
        }
        if self.frozen.contains(&found.source) {
            return Err(Rejection::Frozen);
        }
        found.stat.as_ref().map_err(|rejection| *rejection)
    }

    /// Why a changed file must wait; `None` if it may be read.
    pub fn holds_back(&self, known: Option<&Known>, stat: &Stat, now: DateTime<Utc>) -> Option<Quiet> {
        self.quiet.filter(|quiet| quiet.waits(stat.mtime_ns, seen(known, now).unwrap_or(now), now))
    }

    /// Since when a changed file has been waiting. The time is kept until the file is read, not only until it is due.
    pub fn wait(&self, file: &SourceFile, known: Option<&Known>, stat: &Stat, now: DateTime<Utc>) -> Option<Wait> {
        self.quiet?;
        let since = seen(known, now).or_else(|| self.holds_back(known, stat, now).map(|_| now))?;
        Some(Wait { session_file: file.session_file.clone(), since })
    }
}

/// When a pass first saw that a file had changed. A time in the future was stored with a wrong clock, and is ignored.
fn seen(known: Option<&Known>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    known.and_then(|known| known.waits_since).filter(|since| *since <= now)
}
