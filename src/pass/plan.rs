//! Decides which files a pass reads, for which processors. Pure functions of the walk and the ledger.

use crate::pass::order;
use crate::pass::recall::Recalled;
use crate::read::job::Job;
use crate::run::policy::Policy;
use crate::run::quiet::{Quiet, Wait};
use crate::source::ledger::{Known, Ledger};
use crate::source::rejection::Rejection;
use crate::source::retry::{Retries, Standing};
use crate::source::scan::{Found, Walk};
use crate::source::stat::Stat;
use chrono::{DateTime, TimeDelta, Utc};
use sessionmill_contract::{Manifest, SourceFile};

/// What a pass does with every file of a walk.
#[derive(Debug, Default)]
pub struct Plan {
    /// The files to read, in order.
    pub jobs: Vec<Job>,
    /// For each processor, the files that it does not read.
    pub left: Vec<Left>,
    /// The number of files that were read in an earlier pass and are rejected now. New data in them is lost.
    pub lost: u64,
    /// Changed files to which somebody still writes, or did when they were first seen.
    pub waits: Vec<Wait>,
}

/// Files that a processor does not read.
#[derive(Debug, Default)]
pub struct Left {
    /// The number of unchanged files.
    pub unchanged: u64,
    /// The other files, each with its reason.
    pub files: Vec<(SourceFile, Reason)>,
}

/// What a processor does with a file. Each file has exactly one reason per processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It must not be read.
    Rejected(Rejection),
    /// Its metadata alone proves that the processor has read these bytes.
    Unchanged,
    /// The processor has failed on it, and does not try again yet.
    Failed(Standing),
    /// Somebody may still be writing to it.
    Growing(Quiet),
    /// It is new, or may have changed.
    Due,
    /// The processor has failed on it, and tries again now.
    Retry,
}

/// A file whose bytes were not compared for this time is read again even if its metadata is unchanged, because a fault
/// of a disk or a clock can change bytes without changing metadata.
const SCRUB_AFTER: TimeDelta = TimeDelta::days(7);

/// A retry that is overdue by more than this is ordered like a new file. Otherwise, a limit on the number of files
/// could postpone it for ever.
const LONG_WAIT: TimeDelta = TimeDelta::hours(1);

/// The most bytes that a pass reads again for [`SCRUB_AFTER`]. One file is always read.
const SCRUB_BYTES: u64 = 256 << 20;

/// Plans a pass over what the earlier stages have found.
pub fn plan(known: &Recalled<'_>, policy: &Policy<'_>, when: Retries) -> Plan {
    jobs(&known.walk, &known.ledger, &known.manifests, policy, when)
}

/// Plans a pass over a walk.
pub fn jobs(walk: &Walk, ledger: &Ledger, manifests: &[&Manifest], policy: &Policy<'_>, when: Retries) -> Plan {
    let mut plan = Plan { left: manifests.iter().map(|_| Left::default()).collect(), ..Plan::default() };
    let (mut fresh, mut retries, mut stale) = (Vec::new(), Vec::new(), Vec::new());
    for found in &walk.found {
        let known = ledger.files.get(found.file.session_file.as_str());
        let stat = match policy.stat(found) {
            Ok(stat) => *stat,
            Err(rejection) => {
                let was_read = |known: &Known| known.look.is_some() && known.source == Some(found.source);
                plan.lost += u64::from(rejection != Rejection::Frozen && known.is_some_and(was_read));
                let reason = || (found.file.clone(), Reason::Rejected(rejection));
                plan.left.iter_mut().for_each(|left| left.files.push(reason()));
                continue;
            }
        };
        let (mut due, mut unchanged, mut is_retry) = (Vec::new(), Vec::new(), false);
        for (processor, manifest) in manifests.iter().enumerate() {
            match reason(found, known, (processor, manifest), &stat, policy, when) {
                Reason::Unchanged => unchanged.push(processor),
                reason @ (Reason::Due | Reason::Retry) => {
                    due.push(processor);
                    is_retry |= reason == Reason::Retry;
                    plan.waits.extend(policy.wait(&found.file, known, &stat, when.now));
                }
                reason => {
                    if matches!(reason, Reason::Growing(_)) {
                        plan.waits.extend(policy.wait(&found.file, known, &stat, when.now));
                    }
                    plan.left[processor].files.push((found.file.clone(), reason));
                }
            }
        }
        let job = |due| {
            let (file, path) = (found.file.clone(), found.path.clone());
            Job { file, source: found.source, path, stat, due, known: known.cloned() }
        };
        let is_stale = due.is_empty() && !unchanged.is_empty() && known.is_some_and(|known| is_stale(known, when.now));
        match due.is_empty() {
            true if is_stale => stale.push(job(unchanged)),
            true => plan.unchanged(&unchanged),
            false => {
                plan.unchanged(&unchanged);
                if is_retry { &mut retries } else { &mut fresh }.push(job(due));
            }
        }
    }
    plan.jobs = order::fair(fresh, retries);
    plan.scrub(stale);
    plan
}

/// What a processor does with a file that has this metadata.
fn reason(
    found: &Found,
    known: Option<&Known>,
    (processor, manifest): (usize, &Manifest),
    stat: &Stat,
    policy: &Policy<'_>,
    when: Retries,
) -> Reason {
    if policy.excludes(processor, &found.file.username) {
        return Reason::Rejected(Rejection::Excluded);
    }
    let is_own = |known: &&Known| known.source == Some(found.source);
    if known.filter(is_own).is_some_and(|known| is_unchanged(known, processor, manifest.version, stat)) {
        return Reason::Unchanged;
    }
    let failure = known.and_then(|known| known.failure(processor));
    if let Some(failure) = failure.filter(|failure| failure.holds(manifest.version, stat, when)) {
        return Reason::Failed(failure.standing.clone());
    }
    if let Some(quiet) = policy.holds_back(known, stat, when.now) {
        return Reason::Growing(quiet);
    }
    if is_retry(known, processor, manifest.version, stat, when.now) { Reason::Retry } else { Reason::Due }
}

impl Plan {
    fn unchanged(&mut self, processors: &[usize]) {
        processors.iter().for_each(|processor| self.left[*processor].unchanged += 1);
    }

    /// Adds files that are read again to be sure, first those that were not read for the longest time. They come after
    /// all other work. Those that exceed [`SCRUB_BYTES`] count as unchanged.
    fn scrub(&mut self, mut stale: Vec<Job>) {
        stale.sort_by_key(|job| job.known.as_ref().and_then(|known| Some(known.look.as_ref()?.verified_at)));
        let mut bytes = 0;
        let mut is_full = false;
        for job in stale {
            is_full |= bytes > 0 && bytes + job.stat.size > SCRUB_BYTES;
            if is_full {
                self.unchanged(&job.due);
            } else {
                bytes += job.stat.size;
                self.jobs.push(job);
            }
        }
    }
}

/// Whether the ledger proves, without reading, that a processor has read the current bytes of a file.
fn is_unchanged(known: &Known, processor: usize, version: u32, stat: &Stat) -> bool {
    let (Some(look), Some(state)) = (&known.look, known.state(processor)) else { return false };
    state.says_all(version, &look.hash) && !known.gone && look.proves(stat)
}

/// Whether a processor has failed on this file with this version and metadata. Not if the retry is overdue by more than
/// [`LONG_WAIT`].
fn is_retry(known: Option<&Known>, processor: usize, version: u32, stat: &Stat, now: DateTime<Utc>) -> bool {
    let failure = known.and_then(|known| known.failure(processor));
    failure.is_some_and(|failure| failure.is_about(version, stat) && now < failure.standing.next_try(now) + LONG_WAIT)
}

/// Whether the bytes were not compared for a long time. A last look far in the future counts, too: the clock was wrong
/// then, so the time proves nothing.
fn is_stale(known: &Known, now: DateTime<Utc>) -> bool {
    let age = known.look.as_ref().map(|look| now - look.verified_at);
    age.is_some_and(|age| age > SCRUB_AFTER || age < -SCRUB_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ledger::LedgerRow;
    use crate::source::look::{Look, Trust};
    use crate::source::retry::{FileBasis, FileFailure};
    use sessionmill_contract::{Failure, FailureClass};

    const STAT: Stat = Stat { size: 9, mtime_ns: 1_000, ctime_ns: 1_000, inode: 7 };
    static MANIFEST: Manifest = Manifest {
        name: "count",
        version: 1,
        cadence: std::time::Duration::from_secs(600),
        bound: sessionmill_contract::Bound::Cpu,
        facts: &[],
        settlements: &[],
    };

    fn known(version: u32, hash: u8, trust: Trust) -> Known {
        let look = Look { stat: STAT, hash: [1; 16], verified_at: DateTime::UNIX_EPOCH, trust };
        let state = LedgerRow { version: Some(version), hash: Some([hash; 16]) };
        Known { look: Some(look), states: vec![Some(state)], source: Some(0), ..Known::default() }
    }

    #[test]
    fn a_skip_needs_every_proof() {
        let fresh = known(1, 1, Trust::Settled);
        assert!(is_unchanged(&fresh, 0, 1, &STAT));
        assert!(!is_unchanged(&fresh, 0, 2, &STAT), "a higher version is due");
        assert!(!is_unchanged(&fresh, 1, 1, &STAT), "a processor without a row is due");
        assert!(!is_unchanged(&known(1, 2, Trust::Settled), 0, 1, &STAT), "a row of other bytes is due");
        let since = Trust::Since(crate::base::moment::Steady { boot: None, ns: 0 });
        assert!(!is_unchanged(&known(1, 1, since), 0, 1, &STAT), "a look that is not settled is repeated");
        let gone = Known { gone: true, ..fresh.clone() };
        assert!(!is_unchanged(&gone, 0, 1, &STAT), "a file that is back is due");
        let unseen = Known { look: None, ..fresh.clone() };
        assert!(!is_unchanged(&unseen, 0, 1, &STAT), "a file never seen is due");
        for moved in [
            Stat { size: 8, ..STAT },
            Stat { mtime_ns: 999, ..STAT },
            Stat { ctime_ns: 999, ..STAT },
            Stat { inode: 8, ..STAT },
        ] {
            assert!(!is_unchanged(&fresh, 0, 1, &moved), "{moved:?} is due");
        }
    }

    #[test]
    fn who_asks_for_a_run_has_mended_what_can_be_mended() {
        let at = |minutes| DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
        for (class, is_tried) in [
            (FailureClass::Environment, true),
            (FailureClass::Transient, true),
            (FailureClass::Permanent, false),
            (FailureClass::Crash, false),
            (FailureClass::Rejected, false),
        ] {
            let basis = FileBasis { version: 1, stat: STAT, hash: None };
            let failure = FileFailure::after(None, basis, Failure::new(class, ""), at(0), 1.0);
            for is_asked in [false, true] {
                let file = SourceFile::new("ada/a", "ada");
                let (mut walk, mut ledger) = (Walk::default(), Ledger::default());
                let known = Known { failures: vec![(0, failure.clone())], source: Some(0), ..Known::default() };
                ledger.files.insert("ada/a".into(), known);
                walk.found.push(Found { path: "a".into(), file, source: 0, stat: Ok(STAT) });
                let now = failure.standing.next_try_at - TimeDelta::milliseconds(1);
                let plan = jobs(&walk, &ledger, &[&MANIFEST], &Policy::default(), Retries { now, is_asked });
                assert_eq!(plan.jobs.len(), usize::from(is_asked && is_tried), "{class:?}");
            }
        }
    }

    #[test]
    fn a_file_whose_stat_is_refused_is_opened_to_see_why() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1000);
        let file = SourceFile::new("ada/a.jsonl".to_owned(), "ada");
        let found = || Found { path: "ada/a.jsonl".into(), file: file.clone(), source: 0, stat: Ok(Stat::UNKNOWN) };
        let walk = || Walk { found: vec![found()], ..Walk::default() };
        let mut ledger = Ledger::default();
        ledger.files.insert("ada/a.jsonl".into(), known(1, 1, Trust::Settled));
        let policy = Policy::default().waiting(Quiet::default());
        let when = Retries { now, is_asked: false };
        let planned = |ledger: &Ledger| jobs(&walk(), ledger, &[&MANIFEST], &policy, when);
        assert_eq!(planned(&ledger).jobs.len(), 1);
        let failure = Failure::new(FailureClass::Environment, "cannot be opened: input/output error");
        let basis = FileBasis { version: 1, stat: Stat::UNKNOWN, hash: None };
        let known = ledger.files.get_mut("ada/a.jsonl").unwrap();
        known.failures.push((0, FileFailure::after(None, basis, failure, now, 0.0)));
        let plan = planned(&ledger);
        assert_eq!((plan.jobs.len(), plan.left[0].files.len()), (0, 1), "what failed waits as others do");
    }

    /// The sizes of the files that a pass reads again, given each file's size and how many days ago it was last read.
    fn scrubbed(files: &[(u64, i64)]) -> Vec<u64> {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1000);
        let (mut walk, mut ledger) = (Walk::default(), Ledger::default());
        for (number, (size, days)) in files.iter().enumerate() {
            let file = SourceFile::new(format!("ada/{number}"), "ada");
            let stat = Stat { size: *size, ..STAT };
            let mut known = known(1, 1, Trust::Settled);
            known.look = known.look.map(|look| Look { stat, verified_at: now - TimeDelta::days(*days), ..look });
            ledger.files.insert(file.session_file.as_str().into(), known);
            walk.found.push(Found { path: file.session_file.clone().into(), file, source: 0, stat: Ok(stat) });
        }
        let plan = jobs(&walk, &ledger, &[&MANIFEST], &Policy::default(), Retries { now, is_asked: false });
        assert_eq!(plan.left[0].unchanged as usize + plan.jobs.len(), files.len(), "every file is counted once");
        plan.jobs.iter().map(|job| job.stat.size).collect()
    }

    #[test]
    fn what_was_not_read_for_long_is_read_again_within_a_budget() {
        assert_eq!(scrubbed(&[(1, 7), (2, 8), (3, 10), (4, -8)]), [3, 2, 4]);
        let budget = SCRUB_BYTES;
        assert_eq!(scrubbed(&[(budget, 30), (1, 20)]), [budget]);
        assert_eq!(scrubbed(&[(budget - 1, 30), (1, 20), (2, 10)]), [budget - 1, 1]);
    }
}
