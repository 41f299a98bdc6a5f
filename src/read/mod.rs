//! One source file, read once: the bytes that are hashed are the bytes that are parsed.
//!
//! The file streams through a window; every due processor folds the same events. A file that is as long
//! as it was is only hashed at first, and read again in the one case in which it differs. A batch of files
//! takes turns. Nothing here knows the database, and a panic of a processor ends its own fold only.
//!
//! For example, a file had 1,000 bytes and the hash H at the last look, and all due processors have dealt with H:
//!
//! - It still has 1,000 bytes: it is only hashed. If the hash is H, every due processor gets [`Verdict::Unchanged`],
//!   and no line is parsed. If not, [`batch`] opens it again, and hashes and folds it from the first byte: what is
//!   folded is what was hashed in that same read.
//! - It has 1,200 bytes: it is folded at once. Bytes that are appended meanwhile are left to the next pass.
//! - It has 900 bytes and loses some more while it is read: a failure of class `changed`, which the next pass retries.
//!
//! Where processors differ (`usage` has dealt with these bytes, `tasks` has not), all of them see the events. At the
//! end those that were up to date get `Unchanged`, and their facts are dropped.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`stream`] | one file: opened, hashed or folded, and ended |
//! | [`lines`] | bytes become lines |
//! | `guarded_fold` | a fold whose panic is contained |
//! | [`line_counts`] | counts the lines of a file by kind |
//! | [`batch`] | files that one thread reads side by side |
//! | [`lanes`] | MD5 of several files at once |
//! | [`in_flight`] | marks of files that are being read, for the case that they end the process |
//! | [`job`] | a file that is due |

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

/// What a worker needs to read the jobs of a pass.
#[derive(Clone, Copy)]
pub struct Reader<'p> {
    /// Where files are marked while they are read.
    pub marks: Option<&'p Marks>,
    /// One per source.
    pub roots: &'p [Root],
    pub processors: &'p [&'p dyn Processor],
    pub caps: Caps,
    /// How much of the pass is left.
    pub allowance: &'p Allowance<'p>,
}

/// Bounds on what one file can cost. What is over them is rejected or skipped, and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Bytes of a file, and of its text if it is compressed.
    pub file: u64,
    /// Bytes of a line.
    pub line: usize,
    /// Facts of a file that one processor may hold.
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

/// A file that was read whole.
#[derive(Debug)]
pub struct Read {
    pub look: Look,
    /// `None` if its bytes are those of the last look, and no line of it was parsed.
    pub tally: Option<LineCounts>,
    /// For each due processor.
    pub verdicts: Vec<(usize, Verdict)>,
}

/// The result of reading a file for one processor.
#[derive(Debug)]
pub enum Verdict {
    /// The hash is the one in the ledger.
    Unchanged,
    Facts(Rows),
    Failed(Failure),
}

impl<'j> Outcome<'j> {
    /// The job failed for all processors that were due.
    pub fn failed(job: &'j Job, failure: Failure) -> Self {
        Self { job, result: Err(Refusal::Failed(failure)) }
    }

    /// Bytes of memory that the facts take, about.
    pub fn weight(&self) -> usize {
        let Ok(read) = &self.result else { return 0 };
        let weight = |verdict: &Verdict| if let Verdict::Facts(rows) = verdict { rows.weight() } else { 0 };
        read.verdicts.iter().map(|(_, verdict)| weight(verdict)).sum()
    }
}

impl Verdict {
    /// Items that a processor extracted: the facts that it settles.
    pub fn items(&self, manifest: &Manifest) -> u64 {
        let Self::Facts(rows) = self else { return 0 };
        manifest.settlements.iter().map(|settlement| rows.of(settlement.facts).count() as u64).sum()
    }
}

impl<'s> Reader<'s> {
    /// Whether a file is asked about over a network.
    pub fn is_network_bound(&self) -> bool {
        is_network_bound(self.processors)
    }

    /// Why the pass may not read a file that has changed, if it may not. A pass that waits for a network needs time
    /// left for it.
    fn left(&self) -> Option<Halt> {
        let late = if self.is_network_bound() { self.allowance.halt() } else { None };
        late.or_else(|| self.allowance.take().err())
    }

    /// What a processor makes of a file that has ended. One that waits for a network does so here.
    fn finish(&self, fold: GuardedFold<'_>) -> Verdict {
        let verdict = fold.finish();
        if let (Verdict::Failed(failure), true) = (&verdict, self.is_network_bound()) {
            self.allowance.end_at(failure);
        }
        verdict
    }
}

/// Whether a pass of these processors waits for a network.
pub fn is_network_bound(processors: &[&dyn Processor]) -> bool {
    processors.iter().any(|processor| processor.manifest().bound == Bound::Network)
}
