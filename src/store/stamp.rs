//! The context of a commit, shared by all outcomes that it writes.

use crate::read::job::Job;
use crate::source::Source;
use crate::store::schema::Schema;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Manifest, Processor};

/// The values that all commits of a pass share.
#[derive(Clone, Copy)]
pub struct Stamp<'a> {
    pub run_id: i64,
    /// The start of the pass.
    pub now: DateTime<Utc>,
    pub processors: &'a [&'a dyn Processor],
    pub manifests: &'a [&'a Manifest],
    /// The tables of all processors of the program, whether they run or not.
    pub schema: &'a Schema,
    /// The sources of the pass. [`Job::source`] is a position in them.
    pub sources: &'a [Source],
}

impl<'a> Stamp<'a> {
    /// The name of a job's source.
    pub(super) fn source(self, job: &Job) -> &'a str {
        self.sources.get(job.source).map(|source| source.name.as_str()).unwrap_or_default()
    }
}

/// Whether a group is committed for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// The first attempt. What the ledger said when the pass was planned still holds. So files without a ledger entry
    /// have no rows to replace, and keys of which the database has nothing are settled in the same transaction.
    First,
    /// A later attempt, after the database refused the group or the outcome of a commit was unknown. Rows may already
    /// be stored, so all files are compared with the database. New keys are only touched: settling one of them can be
    /// the reason for the refusal, and must not make the file fail.
    Again,
}

impl Try {
    /// Whether the database can have rows of a job's file.
    pub(super) fn may_know(self, job: &Job) -> bool {
        self == Self::Again || job.known.is_some()
    }
}
