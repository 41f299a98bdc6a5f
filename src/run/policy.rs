//! Who is left out of a pass, and who has to wait: one answer to it. Pure.
//!
//! | who | of what | why |
//! | --- | --- | --- |
//! | forgotten | people, for all processors | somebody has erased them |
//! | frozen | sources, for all processors | the root is on another device than before |
//! | excluded | people, for one processor | its settings name them |
//! | waiting | files that still grow, for a processor that pays for every look | see [`Quiet`] |

use crate::run::quiet::{Quiet, Wait};
use crate::source::ledger::Known;
use crate::source::rejection::Rejection;
use crate::source::scan::Found;
use crate::source::stat::Stat;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Processor, SourceFile};
use std::collections::BTreeSet;

/// The answer for one pass.
#[derive(Clone, Default)]
pub struct Policy<'p> {
    processors: Vec<&'p dyn Processor>,
    forgotten: BTreeSet<String>,
    /// Positions of sources.
    frozen: Vec<usize>,
    quiet: Option<Quiet>,
}

impl<'p> Policy<'p> {
    /// The policy of processors, towards people who are forgotten.
    pub fn new(processors: &[&'p dyn Processor], forgotten: BTreeSet<String>) -> Self {
        Self { processors: processors.to_vec(), forgotten, ..Self::default() }
    }

    /// The same, where nothing of some sources is read.
    #[must_use]
    pub fn freezing(self, frozen: Vec<usize>) -> Self {
        Self { frozen, ..self }
    }

    /// The same, where files that grow wait until they are quiet.
    #[must_use]
    pub fn waiting(&self, quiet: Quiet) -> Self {
        Self { quiet: Some(quiet), ..self.clone() }
    }

    /// Whether a file or folder, by its name in the ledger, is of somebody who is forgotten.
    pub fn forgets(&self, name: &str) -> bool {
        !self.forgotten.is_empty() && name.split('/').next().is_some_and(|user| self.forgotten.contains(user))
    }

    /// Whether a processor, by position, leaves out a person.
    pub fn excludes(&self, processor: usize, username: &str) -> bool {
        self.processors.get(processor).is_some_and(|processor| processor.excludes(username))
    }

    /// The users of files whom a processor leaves out.
    pub fn excluded<'f>(&self, found: impl Iterator<Item = &'f Found>) -> BTreeSet<&'f str> {
        let mut users: Vec<_> = found.map(|found| found.file.username.as_str()).collect();
        users.dedup();
        let is_excluded = |user: &&str| (0..self.processors.len()).any(|processor| self.excludes(processor, user));
        users.into_iter().filter(is_excluded).collect()
    }

    /// What was seen of a file, or why no processor may have it.
    ///
    /// # Errors
    ///
    /// The reason.
    pub fn stat<'f>(&self, found: &'f Found) -> Result<&'f Stat, Rejection> {
        if self.forgotten.contains(&found.file.username) {
            return Err(Rejection::Forgotten);
        }
        if self.frozen.contains(&found.source) {
            return Err(Rejection::Frozen);
        }
        found.stat.as_ref().map_err(|rejection| *rejection)
    }

    /// What a changed file waits for, if it waits.
    pub fn holds_back(&self, known: Option<&Known>, stat: &Stat, now: DateTime<Utc>) -> Option<Quiet> {
        self.quiet.filter(|quiet| quiet.waits(stat.mtime_ns, seen(known, now).unwrap_or(now), now))
    }

    /// Since when a changed file waits, or has waited. That is remembered until it is dealt with, not only until
    /// it is due.
    pub fn wait(&self, file: &SourceFile, known: Option<&Known>, stat: &Stat, now: DateTime<Utc>) -> Option<Wait> {
        self.quiet?;
        let since = seen(known, now).or_else(|| self.holds_back(known, stat, now).map(|_| now))?;
        Some(Wait { session_file: file.session_file.clone(), since })
    }
}

/// When a pass first saw that a file had changed. A time that is still to come is one of a clock that was wrong.
fn seen(known: Option<&Known>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    known.and_then(|known| known.waits_since).filter(|since| *since <= now)
}
