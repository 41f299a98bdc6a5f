//! Commits groups of files and handles refusals. If the database refuses a group, the group is halved until the file at
//! fault is found. If the outcome of a commit is unknown, the database is opened again to see whether the group was
//! stored.
//!
//! For example, the database refuses a group of files a, b, c and d because of one row that processor `verification`
//! made from c:
//!
//! ```text
//! a b c d   refused, nothing is kept
//! a b       kept
//! c d       refused
//! c         refused: each processor by itself. `usage` is kept. `verification` is refused, and becomes a failure of c
//! d         kept
//! ```
//!
//! If a COMMIT itself fails, its outcome is unknown. Then the database is opened again, and the group counts as stored
//! if one of its ledger rows has the number of this run. Any other error, such as a full disk, is not caused by a file
//! and ends the pass.

use crate::base::error::{Error, Result};
use crate::base::fault::Fault;
use crate::read::{Outcome, Verdict};
use crate::store::SharedStore;
use crate::store::stamp::{Stamp, Try};
use sessionmill_contract::{Failure, FailureClass};
use std::slice::from_mut;

/// The result of an attempt.
enum Attempt {
    Kept,
    /// Nothing was stored, possibly because of a part of the group.
    Lost(Error),
}

impl SharedStore {
    /// Commits a group. If the database refuses the rows of a file, the file becomes a failure of the processor that
    /// made these rows.
    ///
    /// # Errors
    ///
    /// If the database cannot be written, for a reason that no file has caused.
    pub fn commit(&mut self, group: &mut [Outcome], stamp: Stamp<'_>) -> Result<()> {
        match self.attempt(group, stamp, Try::First)? {
            Attempt::Kept => Ok(()),
            Attempt::Lost(error) => self.bisect(group, stamp, error),
        }
    }

    fn bisect(&mut self, group: &mut [Outcome], stamp: Stamp<'_>, error: Error) -> Result<()> {
        if let [outcome] = group {
            return self.judge(outcome, stamp, error);
        }
        let (first, second) = group.split_at_mut(group.len() / 2);
        for half in [first, second] {
            if let Attempt::Lost(error) = self.again(half, stamp)? {
                self.bisect(half, stamp, error)?;
            }
        }
        Ok(())
    }

    /// Commits what each processor made from a file, one processor at a time.
    fn judge(&mut self, outcome: &mut Outcome, stamp: Stamp<'_>, error: Error) -> Result<()> {
        let verdicts = replace(outcome, Vec::new());
        // Without verdicts, no processor is at fault. If the outcome of a single file is unknown again, the database is
        // at fault.
        if error.fault == Some(Fault::Unsure) || verdicts.is_empty() {
            return Err(error);
        }
        let mut judged = Vec::new();
        // Commits the rows of one processor. If they are refused, commits its failure instead.
        for (due, verdict) in verdicts {
            replace(outcome, vec![(due, verdict)]);
            if let Attempt::Lost(error) = self.again(from_mut(outcome), stamp)? {
                replace(outcome, vec![(due, Verdict::Failed(failure(error)))]);
                if let Attempt::Lost(error) = self.again(from_mut(outcome), stamp)? {
                    return Err(error);
                }
            }
            judged.append(&mut replace(outcome, Vec::new()));
        }
        replace(outcome, judged);
        Ok(())
    }

    fn again(&mut self, group: &[Outcome], stamp: Stamp<'_>) -> Result<Attempt> {
        self.attempt(group, stamp, Try::Again)
    }

    fn attempt(&mut self, group: &[Outcome], stamp: Stamp<'_>, nth: Try) -> Result<Attempt> {
        let Err(error) = self.get()?.commit(group, stamp, nth) else { return Ok(Attempt::Kept) };
        match error.fault {
            Some(Fault::Refused | Fault::Memory) => Ok(Attempt::Lost(error)),
            Some(Fault::Unsure) => {
                self.close();
                let kept = self.get()?.has_kept(group, stamp)?;
                Ok(if kept { Attempt::Kept } else { Attempt::Lost(error) })
            }
            _ => Err(error),
        }
    }
}

/// Replaces the verdicts of an outcome. Returns the previous ones.
fn replace(outcome: &mut Outcome, verdicts: Vec<(usize, Verdict)>) -> Vec<(usize, Verdict)> {
    match &mut outcome.result {
        Ok(read) => std::mem::replace(&mut read.verdicts, verdicts),
        Err(_) => Vec::new(),
    }
}

pub(super) fn failure(error: Error) -> Failure {
    let class = if error.fault == Some(Fault::Memory) { FailureClass::Environment } else { FailureClass::Permanent };
    Failure::new(class, error.to_string().lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugs::PLUGS;
    use crate::read::job::Job;
    use crate::read::{LineCounts, Read};
    use crate::source::look::{Look, Trust};
    use crate::source::stat::Stat;
    use crate::source::{Layout, Source};
    use crate::store::{DatabaseFile, runs};
    use chrono::DateTime;
    use sessionmill_contract::{Rows, SourceFile};

    fn job(name: &str) -> Job {
        let file = SourceFile { session_file: format!("ada/{name}.jsonl"), username: "ada".into() };
        Job { file, source: 0, path: name.into(), stat: Stat::default(), due: vec![0], known: None }
    }

    fn outcome(job: &Job) -> Outcome<'_> {
        let (stat, verified_at) = (Stat::default(), DateTime::UNIX_EPOCH);
        let look = Look { stat, hash: [0; 16], verified_at, trust: Trust::Settled };
        let verdicts = vec![(0, Verdict::Facts(Rows::default()))];
        Outcome { job, result: Ok(Read { look, tally: Some(LineCounts::default()), verdicts }) }
    }

    #[test]
    fn an_opened_database_tells_whether_it_kept_a_group() {
        let folder = tempfile::tempdir().unwrap();
        let database = DatabaseFile::new(folder.path().join("d.duckdb"), PLUGS.schema());
        let mut store = SharedStore::new(&database, DateTime::UNIX_EPOCH);
        store.migrate().unwrap();
        let processors = &PLUGS.processors()[..1];
        let manifests = &PLUGS.manifests()[..1];
        let sources = [Source::new("sessions", "/", Layout::Users)];
        let mut stamp = Stamp {
            run_id: runs::next(store.get().unwrap()).unwrap(),
            now: DateTime::UNIX_EPOCH,
            processors,
            manifests,
            schema: &database.schema,
            sources: &sources,
        };
        let jobs = ["a", "b", "c"].map(job);
        let [a, b, c] = jobs.each_ref().map(outcome);
        let (mut kept, lost) = ([a, b], [c]);
        store.commit(&mut kept, stamp).unwrap();
        store.close();
        assert!(store.get().unwrap().has_kept(&kept, stamp).unwrap());
        assert!(!store.get().unwrap().has_kept(&lost, stamp).unwrap());
        stamp.run_id += 1;
        assert!(!store.get().unwrap().has_kept(&kept, stamp).unwrap(), "a row of an earlier run is no proof");
    }
}
