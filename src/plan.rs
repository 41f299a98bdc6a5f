//! Which files a pass looks into, for which processors. Pure: the walk and the ledger decide.

use crate::ledger::{Known, Ledger, Seen, State};
use crate::scan::{Found, Walk};
use crate::stat::Stat;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Manifest, SourceFile};
use std::path::PathBuf;

/// A file to be read, for the processors that are due.
#[derive(Debug)]
pub struct Job {
    pub file: SourceFile,
    pub source: usize,
    pub path: PathBuf,
    /// Positions in the pass's list of processors.
    pub due: Vec<usize>,
    /// What the ledger knows, if it knows the file.
    pub known: Option<Known>,
}

/// What becomes of every file of a walk.
#[derive(Debug, Default)]
pub struct Plan {
    /// Ordered by `session_file`.
    pub jobs: Vec<Job>,
    /// Files that are not taken, with the reason.
    pub rejected: Vec<(SourceFile, &'static str)>,
    /// Per processor: files that the stat alone proves unchanged.
    pub unchanged: Vec<u64>,
    /// Per processor: files over its limit of this pass.
    pub deferred: Vec<Vec<SourceFile>>,
}

/// Plans a pass. `limit` is the most files that any processor looks into.
pub fn jobs(walk: Walk, ledger: &Ledger, manifests: &[&Manifest], limit: Option<u64>) -> Plan {
    let mut plan =
        Plan { unchanged: vec![0; manifests.len()], deferred: vec![Vec::new(); manifests.len()], ..Plan::default() };
    let mut taken = vec![0; manifests.len()];
    for Found { file, source, path, stat } in walk.found {
        let stat = match stat {
            Ok(stat) => stat,
            Err(reason) => {
                plan.rejected.push((file, reason));
                continue;
            }
        };
        let known = ledger.files.get(file.session_file.as_str());
        let mut due = Vec::new();
        for (processor, manifest) in manifests.iter().enumerate() {
            if known.is_some_and(|known| is_unchanged(known, processor, manifest.version, &stat)) {
                plan.unchanged[processor] += 1;
            } else if limit.is_some_and(|limit| taken[processor] >= limit) {
                plan.deferred[processor].push(file.clone());
            } else {
                taken[processor] += 1;
                due.push(processor);
            }
        }
        if !due.is_empty() {
            plan.jobs.push(Job { file, source, path, due, known: known.cloned() });
        }
    }
    plan
}

/// Whether a processor's row proves, without reading, that it has dealt with what the file now is.
///
/// The mtime precheck stands beside the equality: a file that was written in the very moment of the
/// last look can have changed after it without a trace in the tuple.
fn is_unchanged(known: &Known, processor: usize, version: u32, stat: &Stat) -> bool {
    let (Some(seen), Some(Some(state))) = (&known.seen, known.states.get(processor)) else { return false };
    !known.gone && says_all(state, seen, version) && seen.stat == *stat && is_older(stat, seen.verified_at)
}

/// Whether the row was made of the bytes that were last seen, by this version.
fn says_all(state: &State, seen: &Seen, version: u32) -> bool {
    state.version == Some(version) && state.hash == Some(seen.hash)
}

fn is_older(stat: &Stat, look: DateTime<Utc>) -> bool {
    look.timestamp_nanos_opt().is_some_and(|look| stat.mtime_ns < look)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: Stat = Stat { size: 9, mtime_ns: 1_000, ctime_ns: 1_000, inode: 7 };

    fn known(version: u32, hash: u8, verified_ns: i64) -> Known {
        let seen = Seen { stat: STAT, hash: [1; 16], verified_at: DateTime::from_timestamp_nanos(verified_ns) };
        let state = State { version: Some(version), hash: Some([hash; 16]) };
        Known { seen: Some(seen), states: vec![Some(state)], source: Some(0), gone: false }
    }

    #[test]
    fn a_skip_needs_every_proof() {
        let fresh = known(1, 1, 2_000);
        assert!(is_unchanged(&fresh, 0, 1, &STAT));
        assert!(!is_unchanged(&fresh, 0, 2, &STAT), "a higher version is due");
        assert!(!is_unchanged(&fresh, 1, 1, &STAT), "a processor without a row is due");
        assert!(!is_unchanged(&known(1, 2, 2_000), 0, 1, &STAT), "a row of other bytes is due");
        assert!(!is_unchanged(&known(1, 1, 1_000), 0, 1, &STAT), "an mtime at the last look is due");
        assert!(!is_unchanged(&Known { gone: true, ..known(1, 1, 2_000) }, 0, 1, &STAT), "a file that is back is due");
        assert!(!is_unchanged(&Known { seen: None, ..known(1, 1, 2_000) }, 0, 1, &STAT), "a file never seen is due");
        for moved in [
            Stat { size: 8, ..STAT },
            Stat { mtime_ns: 999, ..STAT },
            Stat { ctime_ns: 999, ..STAT },
            Stat { inode: 8, ..STAT },
        ] {
            assert!(!is_unchanged(&fresh, 0, 1, &moved), "{moved:?} is due");
        }
    }
}
