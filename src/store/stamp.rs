//! What a commit gets with the outcomes that it keeps.

use crate::read::job::Job;
use crate::source::Source;
use crate::store::schema::Schema;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Manifest, Processor};

/// What every row of a pass's commits shares.
#[derive(Clone, Copy)]
pub struct Stamp<'a> {
    pub run_id: i64,
    /// The start of the pass.
    pub now: DateTime<Utc>,
    pub processors: &'a [&'a dyn Processor],
    pub manifests: &'a [&'a Manifest],
    /// The tables of all processors of the program, whether they run or not.
    pub schema: &'a Schema,
    /// The sources of the pass, by position.
    pub sources: &'a [Source],
}

impl<'a> Stamp<'a> {
    /// The name of the source of a job.
    pub(super) fn source(self, job: &Job) -> &'a str {
        self.sources.get(job.source).map(|source| source.name.as_str()).unwrap_or_default()
    }
}

/// Which attempt at a group it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// The first attempt. The database has what the ledger had when the pass was planned, so files without a ledger
    /// entry have no rows to replace, and keys that are new to the database are settled in the same transaction.
    First,
    /// A later attempt, after a refusal or a commit with an unknown outcome. Rows may be stored already, so all files
    /// are compared with the database. New keys are only touched: settling one may be what the database refused, and
    /// that must not fail the file.
    Again,
}

impl Try {
    /// Whether the database can have rows of a job's file.
    pub(super) fn may_know(self, job: &Job) -> bool {
        self == Self::Again || job.known.is_some()
    }
}
