//! Reads a source file once: the bytes that are hashed are the bytes that are parsed.
//!
//! A file is read window by window, and every due processor gets the same events. A file whose size is unchanged is at
//! first only hashed, and read again only if its hash differs. A thread reads several files side by side. Nothing in
//! this folder uses the database. A panic of a processor only ends its own work on that file.
//!
//! For example, a file had 1,000 bytes and hash H when it was last read, and all due processors have processed these
//! bytes:
//!
//! - It still has 1,000 bytes: it is only hashed. If the hash is H, every due processor gets [`Verdict::Unchanged`],
//!   and no line is parsed. If not, [`batch`] opens it again, and hashes and folds it from the first byte. So the
//!   folded bytes are always those that were hashed in the same read.
//! - It has 1,200 bytes: it is folded at once. Bytes that are appended meanwhile are left to the next pass.
//! - It has 900 bytes, and becomes still shorter while it is read: this is a failure of class `changed`, which the next
//!   pass retries.
//!
//! Processors can differ: `usage` has processed these bytes and `tasks` has not. Then both get the events. At the end,
//! `usage` gets `Unchanged`, and its facts are dropped.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`stream`] | opens a file, hashes or folds its windows, and ends it |
//! | [`lines`] | splits bytes into lines |
//! | `guarded_fold` | a processor's fold, whose panics are caught |
//! | [`line_counts`] | counts the lines of a file by kind |
//! | [`batch`] | reads several files side by side on one thread |
//! | [`lanes`] | computes the MD5 of several files at once |
//! | [`in_flight`] | marks the files that are being read, to find those that kill the process |
//! | [`job`] | a file to read |

pub mod batch;
mod guarded_fold;
pub mod in_flight;
pub mod job;
pub mod lanes;
pub mod line_counts;
pub mod lines;
pub mod stream;

use crate::base::limits::{Allowance, Halt};
use crate::read::guarded_fold::GuardedFold;
use crate::read::in_flight::Marks;
use crate::read::job::Job;
pub use crate::read::line_counts::LineCounts;
pub(crate) use crate::read::lines::{is_whole, trim};
pub use crate::read::stream::Stream;
use crate::source::look::Look;
use crate::source::open::{Refusal, Root};
use serde::{Deserialize, Serialize};
use sessionmill_contract::{Bound, Failure, Manifest, Processor, Rows};

/// What a thread needs to read the files of a pass.
#[derive(Clone, Copy)]
pub struct Reader<'p> {
    /// Where the files that are being read are marked.
    pub marks: Option<&'p Marks>,
    /// The root of each source.
    pub roots: &'p [Root],
    pub processors: &'p [&'p dyn Processor],
    pub caps: Caps,
    /// How much time and how many files the pass may still use.
    pub allowance: &'p Allowance<'p>,
}

/// Limits on one file. Files above a limit are rejected, lines above a limit are skipped, and both are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// The most bytes of a file, and of its text if it is compressed.
    pub file: u64,
    /// The most bytes of a line.
    pub line: usize,
    /// The most facts that one processor may make from a file.
    pub facts: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { file: 16 << 30, line: 32 << 20, facts: 250_000 }
    }
}

/// The result of reading a job.
#[derive(Debug)]
pub struct Outcome<'j> {
    pub job: &'j Job,
    pub result: Result<Read, Refusal>,
}

/// A file that was read to its end.
#[derive(Debug)]
pub struct Read {
    pub look: Look,
    /// `None` if only its hash was computed because its bytes are unchanged.
    pub tally: Option<LineCounts>,
    /// The verdict of each due processor, given by its position.
    pub verdicts: Vec<(usize, Verdict)>,
}

/// The result of one processor for a file.
#[derive(Debug)]
pub enum Verdict {
    /// The processor has already processed these bytes.
    Unchanged,
    Facts(Rows),
    Failed(Failure),
}

impl<'j> Outcome<'j> {
    /// An outcome in which all due processors fail.
    pub fn failed(job: &'j Job, failure: Failure) -> Self {
        Self { job, result: Err(Refusal::Failed(failure)) }
    }

    /// About how many bytes of memory the facts take.
    pub fn weight(&self) -> usize {
        let Ok(read) = &self.result else { return 0 };
        let weight = |verdict: &Verdict| if let Verdict::Facts(rows) = verdict { rows.weight() } else { 0 };
        read.verdicts.iter().map(|(_, verdict)| weight(verdict)).sum()
    }
}

impl Verdict {
    /// The number of items that a processor extracted: the facts that it settles.
    pub fn items(&self, manifest: &Manifest) -> u64 {
        let Self::Facts(rows) = self else { return 0 };
        manifest.settlements.iter().map(|settlement| rows.of(settlement.facts).count() as u64).sum()
    }
}

impl<'s> Reader<'s> {
    /// Whether a processor of this pass asks about files over a network.
    pub fn is_network_bound(&self) -> bool {
        is_network_bound(self.processors)
    }

    /// Why the pass may not process another changed file; `None` if it may. For a pass that waits for a network, time
    /// must be left, too.
    fn left(&self) -> Option<Halt> {
        let late = if self.is_network_bound() { self.allowance.halt() } else { None };
        late.or_else(|| self.allowance.take().err())
    }

    /// Ends a fold. A processor that waits for a network asks here.
    fn finish(&self, fold: GuardedFold<'_>) -> Verdict {
        let verdict = fold.finish();
        if let (Verdict::Failed(failure), true) = (&verdict, self.is_network_bound()) {
            self.allowance.end_at(failure);
        }
        verdict
    }
}

/// Whether one of these processors waits for a network.
pub fn is_network_bound(processors: &[&dyn Processor]) -> bool {
    processors.iter().any(|processor| processor.manifest().bound == Bound::Network)
}
