//! Which files a pass looks into, for which processors. Pure: the walk and the ledger decide.

use crate::pass::order;
use crate::pass::quiet::{Quiet, Wait};
use crate::read::job::Job;
use crate::source::ledger::{Known, Ledger};
use crate::source::retry::{Retries, Standing};
use crate::source::scan::{FROZEN, Found, Walk};
use crate::source::stat::Stat;
use chrono::{DateTime, TimeDelta, Utc};
use sessionmill_contract::{Manifest, SourceFile};

/// What becomes of every file of a walk.
#[derive(Debug, Default)]
pub struct Plan {
    /// In the order of work.
    pub jobs: Vec<Job>,
    /// Files that are not taken, with the reason.
    pub rejected: Vec<(SourceFile, &'static str)>,
    /// How many of them were read before: what is new in them is lost.
    pub lost: u64,
    /// Per processor: files that the stat alone proves unchanged.
    pub unchanged: Vec<u64>,
    /// Per processor: files that wait until they are quiet.
    pub deferred: Vec<Vec<SourceFile>>,
    /// What these wait for.
    pub quiet: Option<Quiet>,
    /// Per processor: files that it failed on and leaves alone.
    pub held: Vec<Vec<(SourceFile, Standing)>>,
    /// Changed files on which somebody works, or did when they were first seen.
    pub waits: Vec<Wait>,
    /// Per processor: files of people that it excludes.
    pub excluded: Vec<Vec<SourceFile>>,
}

/// Whether a processor, by position, excludes a person.
pub type Excludes<'b> = dyn Fn(usize, &str) -> bool + 'b;

/// What a plan puts off, and leaves out.
#[derive(Clone, Copy, Default)]
pub struct Bounds<'b> {
    /// Files that grow wait.
    pub quiet: Option<Quiet>,
    pub excludes: Option<&'b Excludes<'b>>,
}

/// A file whose bytes were not compared for so long is read again, whatever its stat says: what a
/// disk or a clock does to a file leaves no trace there.
const SCRUB_AFTER: TimeDelta = TimeDelta::days(7);

/// So long beyond its time a retry waits behind others.
const LONG_WAIT: TimeDelta = TimeDelta::hours(1);

/// So many bytes of such files are read by a pass, and one file at least.
const SCRUB_BYTES: u64 = 256 << 20;

/// Plans a pass.
pub fn jobs(walk: Walk, ledger: &Ledger, manifests: &[&Manifest], when: Retries, bounds: Bounds<'_>) -> Plan {
    let now = when.now;
    let mut plan = Plan {
        unchanged: vec![0; manifests.len()],
        deferred: vec![Vec::new(); manifests.len()],
        held: vec![Vec::new(); manifests.len()],
        excluded: vec![Vec::new(); manifests.len()],
        quiet: bounds.quiet,
        ..Plan::default()
    };
    let (mut fresh, mut retries, mut stale) = (Vec::new(), Vec::new(), Vec::new());
    for Found { file, source, path, stat } in walk.found {
        let stat = match stat {
            Ok(stat) => stat,
            Err(reason) => {
                let known = ledger.files.get(file.session_file.as_str());
                let was_read = |known: &Known| known.look.is_some() && known.source == Some(source);
                plan.lost += u64::from(reason != FROZEN && known.is_some_and(was_read));
                plan.rejected.push((file, reason));
                continue;
            }
        };
        let known = ledger.files.get(file.session_file.as_str());
        let (mut due, mut proven) = (Vec::new(), Vec::new());
        for (processor, manifest) in manifests.iter().enumerate() {
            let failure = known.and_then(|known| known.failure(processor));
            if bounds.excludes.is_some_and(|excludes| excludes(processor, &file.username)) {
                plan.excluded[processor].push(file.clone());
            } else if known.is_some_and(|known| {
                known.source == Some(source) && is_unchanged(known, processor, manifest.version, &stat)
            }) {
                proven.push(processor);
            } else if let Some(failure) = failure.filter(|failure| failure.holds(manifest.version, &stat, when)) {
                plan.held[processor].push((file.clone(), failure.standing.clone()));
            } else if bounds.quiet.is_some_and(|quiet| plan.waits(quiet, &file, known, &stat, now)) {
                plan.deferred[processor].push(file.clone());
            } else {
                due.push(processor);
            }
        }
        proven.iter().for_each(|processor| plan.unchanged[*processor] += 1);
        let is_stale = known.is_some_and(|known| is_stale(known, now));
        let queue = match () {
            () if due.iter().any(|due| is_retry(known, *due, manifests[*due].version, &stat, now)) => &mut retries,
            () if !due.is_empty() => &mut fresh,
            () if is_stale && !proven.is_empty() => {
                due = proven;
                &mut stale
            }
            () => continue,
        };
        queue.push(Job { file, source, path, stat, due, known: known.cloned() });
    }
    plan.jobs = order::fair(fresh, retries);
    plan.scrub(stale);
    plan
}

impl Plan {
    /// Whether a changed file is left until it is quiet. What it is remembered for ends when it is dealt
    /// with, not when it is due.
    fn waits(
        &mut self,
        quiet: Quiet,
        file: &SourceFile,
        known: Option<&Known>,
        stat: &Stat,
        now: DateTime<Utc>,
    ) -> bool {
        let seen = known.and_then(|known| known.waits_since).filter(|since| *since <= now);
        let waits = quiet.waits(stat.mtime_ns, seen.unwrap_or(now), now);
        if waits || seen.is_some() {
            self.waits.push(Wait { session_file: file.session_file.clone(), since: seen.unwrap_or(now) });
        }
        waits
    }

    /// Adds files that are read again to be sure, the longest unread first, after all other work.
    fn scrub(&mut self, mut stale: Vec<Job>) {
        stale.sort_by_key(|job| job.known.as_ref().and_then(|known| Some(known.look.as_ref()?.verified_at)));
        let mut bytes = 0;
        for job in stale {
            if bytes > 0 && bytes + job.stat.size > SCRUB_BYTES {
                break;
            }
            bytes += job.stat.size;
            job.due.iter().for_each(|due| self.unchanged[*due] -= 1);
            self.jobs.push(job);
        }
    }
}

/// Whether a processor's row proves, without reading, that it has dealt with what the file now is.
fn is_unchanged(known: &Known, processor: usize, version: u32, stat: &Stat) -> bool {
    let (Some(look), Some(state)) = (&known.look, known.state(processor)) else { return false };
    state.says_all(version, &look.hash) && !known.gone && look.proves(stat)
}

/// Whether a processor has failed on just this. One that has waited long beyond its time is like new: a
/// limit on files must not put it off for ever.
fn is_retry(known: Option<&Known>, processor: usize, version: u32, stat: &Stat, now: DateTime<Utc>) -> bool {
    let failure = known.and_then(|known| known.failure(processor));
    failure.is_some_and(|failure| failure.is_about(version, stat) && now < failure.standing.next_try(now) + LONG_WAIT)
}

/// Whether the bytes were not compared for long. A look that is later than now is one of a clock that
/// was wrong.
fn is_stale(known: &Known, now: DateTime<Utc>) -> bool {
    let age = known.look.as_ref().map(|look| now - look.verified_at);
    age.is_some_and(|age| age > SCRUB_AFTER || age < -SCRUB_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ledger::State;
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
        let state = State { version: Some(version), hash: Some([hash; 16]) };
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
                let plan = jobs(walk, &ledger, &[&MANIFEST], Retries { now, is_asked }, Bounds::default());
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
        let bounds = Bounds { quiet: Some(Quiet::default()), excludes: None };
        let planned = |ledger: &Ledger| jobs(walk(), ledger, &[&MANIFEST], Retries { now, is_asked: false }, bounds);
        assert_eq!(planned(&ledger).jobs.len(), 1);
        let failure = Failure::new(FailureClass::Environment, "cannot be opened: input/output error");
        let basis = FileBasis { version: 1, stat: Stat::UNKNOWN, hash: None };
        let known = ledger.files.get_mut("ada/a.jsonl").unwrap();
        known.failures.push((0, FileFailure::after(None, basis, failure, now, 0.0)));
        let plan = planned(&ledger);
        assert_eq!((plan.jobs.len(), plan.held[0].len()), (0, 1), "what failed waits as others do");
    }

    /// Sizes of the files that are read again, of files that were last read so many days ago.
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
        let plan = jobs(walk, &ledger, &[&MANIFEST], Retries { now, is_asked: false }, Bounds::default());
        assert_eq!(plan.unchanged[0] as usize + plan.jobs.len(), files.len(), "every file is counted once");
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
