//! Counts the files whose bytes a processor has not read yet, judged by their metadata. Pure functions.

use crate::run::policy::Policy;
use crate::source::ledger::{Known, Ledger};
use crate::source::retry::FailureState;
use crate::source::scan::Walk;
use crate::source::stat::Stat;
use chrono::{DateTime, Utc};
use sessionmill_contract::Manifest;

/// The files that a processor has still to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    pub files: u64,
    /// When the oldest of these changes was made (ctime), so that a run could have read it.
    pub oldest: Option<DateTime<Utc>>,
}

/// For each processor, the files of a walk whose current bytes it has not read, according to the ledger. Not counted
/// are files that were given up, files that only wait to be compared again, and files of people whom the processor
/// excludes.
pub fn of(walk: &Walk, ledger: &Ledger, manifests: &[&Manifest], policy: &Policy<'_>) -> Vec<Pending> {
    let mut pending = vec![Pending::default(); manifests.len()];
    for found in &walk.found {
        let Ok(stat) = policy.stat(found) else { continue };
        let known = ledger.files.get(found.file.session_file.as_str());
        let changed_at = DateTime::from_timestamp_nanos(stat.ctime_ns);
        for (processor, manifest) in manifests.iter().enumerate() {
            if !policy.excludes(processor, &found.file.username)
                && !is_dealt_with(known, processor, manifest.version, stat)
            {
                let Pending { files, oldest } = &mut pending[processor];
                *files += 1;
                if *stat != Stat::UNKNOWN {
                    *oldest = Some(oldest.map_or(changed_at, |oldest| oldest.min(changed_at)));
                }
            }
        }
    }
    pending
}

fn is_dealt_with(known: Option<&Known>, processor: usize, version: u32, stat: &Stat) -> bool {
    let Some(known) = known else { return false };
    if let Some(failure) = known.failure(processor) {
        return failure.is_about(version, stat) && failure.standing.state != FailureState::Retry;
    }
    let (Some(look), Some(state)) = (&known.look, known.state(processor)) else { return false };
    look.stat == *stat && state.version == Some(version) && state.hash == Some(look.hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ledger::LedgerRow;
    use crate::source::look::{Look, Trust};
    use crate::source::retry::{FileBasis, FileFailure};
    use crate::source::scan::Found;
    use sessionmill_contract::{Bound, Failure, FailureClass, Fold, Inputs, Processor, Rows, Settlement, SourceFile};
    use std::collections::BTreeSet;
    use std::time::Duration;

    static MANIFEST: Manifest = Manifest {
        name: "count",
        version: 1,
        cadence: Duration::from_secs(600),
        bound: Bound::Cpu,
        facts: &[],
        settlements: &[],
    };

    /// Excludes ada.
    struct Shy;

    impl Processor for Shy {
        fn manifest(&self) -> &Manifest {
            &MANIFEST
        }

        fn excludes(&self, username: &str) -> bool {
            username == "ada"
        }

        fn open<'p>(&'p self, _: &'p SourceFile) -> Box<dyn Fold + 'p> {
            unreachable!("nothing is read")
        }

        fn settle(&self, _: &Settlement, _: &str, _: Inputs<'_>, _: &mut Rows) -> Result<(), Failure> {
            unreachable!("nothing is settled")
        }
    }

    const STAT: Stat = Stat { size: 9, mtime_ns: 1, ctime_ns: 2_000_000_000, inode: 7 };

    fn known(version: u32, hash: u8, stat: Stat) -> Known {
        let since = Trust::Since(crate::base::moment::Steady { boot: None, ns: 0 });
        let look = Look { stat, hash: [1; 16], verified_at: DateTime::UNIX_EPOCH, trust: since };
        let state = LedgerRow { version: Some(version), hash: Some([hash; 16]) };
        Known { look: Some(look), states: vec![Some(state)], ..Known::default() }
    }

    fn failed(state: FailureState, stat: Stat) -> Known {
        let (basis, failure) = (FileBasis { version: 1, stat, hash: None }, Failure::new(FailureClass::Crash, ""));
        let mut failure = FileFailure::after(None, basis, failure, DateTime::UNIX_EPOCH, 0.0);
        failure.standing.state = state;
        Known { failures: vec![(0, failure)], ..known(1, 1, STAT) }
    }

    fn files(known: Option<Known>) -> u64 {
        let file = SourceFile::new("ada/a.jsonl".to_owned(), "ada");
        let mut ledger = Ledger::default();
        ledger.files.extend(known.map(|known| ("ada/a.jsonl".into(), known)));
        let found = Found { path: "ada/a.jsonl".into(), file, source: 0, stat: Ok(STAT) };
        let walk = Walk { found: vec![found], ..Walk::default() };
        let pending = of(&walk, &ledger, &[&MANIFEST], &Policy::default())[0];
        let forgotten = Policy::new(&[], ["ada".to_owned()].into());
        assert_eq!(of(&walk, &ledger, &[&MANIFEST], &forgotten), [Pending::default()]);
        assert_eq!(of(&walk, &ledger, &[&MANIFEST], &Policy::new(&[&Shy], BTreeSet::new())), [Pending::default()]);
        assert_eq!(pending.oldest, (pending.files > 0).then_some(DateTime::UNIX_EPOCH + Duration::from_secs(2)));
        pending.files
    }

    #[test]
    fn what_was_not_seen_as_it_is_now_is_pending() {
        let other = Stat { ctime_ns: 1, ..STAT };
        assert_eq!(files(None), 1);
        assert_eq!(files(Some(known(1, 1, STAT))), 0, "a second look at the same bytes is none");
        assert_eq!(files(Some(known(2, 1, STAT))), 1, "of another version");
        assert_eq!(files(Some(known(1, 2, STAT))), 1, "of other bytes");
        assert_eq!(files(Some(known(1, 1, other))), 1, "it has changed since");
        assert_eq!(files(Some(failed(FailureState::Retry, STAT))), 1);
        assert_eq!([FailureState::Dead, FailureState::Dropped].map(|state| files(Some(failed(state, STAT)))), [0, 0]);
        assert_eq!(files(Some(failed(FailureState::Dead, other))), 1, "it is not what was given up");
    }
}
