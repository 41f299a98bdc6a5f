//! A look at a file's content, and when an unchanged stat later proves unchanged content.
//!
//! A stat that is equal does not always mean equal bytes: a file can change within the same tick of the clock in which
//! it was read, and keep its size, times and inode. For example, a line is replaced by another of the same length a
//! microsecond after the file was read. If the clock ticks every 4 ms, mtime and ctime stay the same.
//!
//! So a look counts as *settled* only when this can no longer have happened. There are two ways:
//!
//! - The file's ctime is more than an hour old, on a file system that uses this machine's clock, and its mtime is
//!   before the look.
//! - A second look, at least 2.5 s after the first on a steady clock, finds the same stat and the same hash.
//!
//! Until a look is settled, the bytes are read and compared again, whatever the stat says.

use crate::base::hash::Hash;
use crate::base::moment::{Moment, Steady};
use crate::source::stat::Stat;
use chrono::{DateTime, Utc};
use std::time::Duration;

/// The last look at a file, and how far it can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub stat: Stat,
    pub hash: Hash,
    /// The start of the pass that looked.
    pub verified_at: DateTime<Utc>,
    pub trust: Trust,
}

/// What an equal stat proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It proves equal bytes.
    Settled,
    /// Nothing yet. This is when the first look that found this stat and this hash ended.
    Since(Steady),
}

/// A reading of a file: its stat before the first byte, and the hash of its bytes.
#[derive(Clone, Debug)]
pub struct Reading {
    pub stat: Stat,
    pub hash: Hash,
    /// Taken before the stat.
    pub begun: Moment,
    /// Taken after the last byte.
    pub ended: Moment,
    /// Whether the file system uses this machine's clock.
    pub local: bool,
}

const OLD_NS: i64 = 3_600_000_000_000;
const APART: Duration = Duration::from_millis(2_500);

impl Look {
    /// The look that follows from a reading and the last look.
    pub fn of(reading: Reading, last: Option<&Self>, pass: DateTime<Utc>) -> Self {
        let Reading { stat, hash, begun, ended, local } = reading;
        let same = last.filter(|last| last.stat == stat && last.hash == hash);
        let wall_ns = begun.wall.timestamp_nanos_opt().unwrap_or(i64::MIN);
        let old = local && stat.ctime_ns < wall_ns.saturating_sub(OLD_NS) && stat.mtime_ns < wall_ns;
        let trust = match same.map(|last| &last.trust) {
            _ if old => Trust::Settled,
            Some(Trust::Settled) => Trust::Settled,
            Some(Trust::Since(first)) if begun.steady.since(first).is_some_and(|apart| apart >= APART) => {
                Trust::Settled
            }
            // A moment of another boot cannot be compared with a later one, so the count starts again.
            Some(Trust::Since(first)) if ended.steady.since(first).is_some() => Trust::Since(first.clone()),
            _ => Trust::Since(ended.steady),
        };
        Self { stat, hash, verified_at: pass, trust }
    }

    /// Whether an equal stat proves equal bytes.
    pub fn proves(&self, stat: &Stat) -> bool {
        self.trust == Trust::Settled && self.stat == *stat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: Stat = Stat { size: 9, mtime_ns: 5_000_000_000_000, ctime_ns: 5_000_000_000_000, inode: 7 };

    fn moment(seconds: f64) -> Moment {
        let ns = (seconds * 1e9) as i64;
        Moment { wall: DateTime::from_timestamp_nanos(ns), steady: Steady { boot: Some("b".into()), ns } }
    }

    fn reading(seconds: f64) -> Reading {
        Reading { stat: STAT, hash: [1; 16], begun: moment(seconds), ended: moment(seconds + 0.1), local: true }
    }

    fn settled(reading: Reading, last: Option<&Look>) -> bool {
        look(reading, last).trust == Trust::Settled
    }

    fn look(reading: Reading, last: Option<&Look>) -> Look {
        Look::of(reading, last, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn history_settles_at_once() {
        assert!(settled(reading(5_000.0 + 3_601.0), None));
        assert!(!settled(reading(5_000.0 + 3_599.0), None));
        assert!(!settled(Reading { local: false, ..reading(9_000.0) }, None), "the clock is another's");
        let kept_future = Stat { mtime_ns: i64::MAX, ..STAT };
        assert!(!settled(Reading { stat: kept_future, ..reading(9_000.0) }, None), "the precheck");
    }

    #[test]
    fn two_looks_apart_settle() {
        let first = look(reading(5_000.0), None);
        assert!(!first.proves(&STAT));
        let soon = look(reading(5_001.0), Some(&first));
        assert!(!soon.proves(&STAT));
        let later = look(reading(5_002.7), Some(&soon));
        assert!(later.proves(&STAT), "the first look counts, not the last");
        assert!(look(reading(5_002.8), Some(&later)).proves(&STAT), "what is settled stays so");
        let future = Stat { mtime_ns: i64::MAX, ctime_ns: i64::MAX, ..STAT };
        let first = look(Reading { stat: future, ..reading(5_000.0) }, None);
        assert!(settled(Reading { stat: future, ..reading(5_010.0) }, Some(&first)), "nothing is due for ever");
    }

    #[test]
    fn a_change_between_looks_begins_anew() {
        let first = look(reading(5_000.0), None);
        let other = look(Reading { hash: [2; 16], ..reading(5_010.0) }, Some(&first));
        assert_eq!(other.trust, Trust::Since(moment(5_010.1).steady));
        let moved = Stat { inode: 8, ..STAT };
        assert!(!settled(Reading { stat: moved, ..reading(5_010.0) }, Some(&first)));
    }

    #[test]
    fn clocks_of_two_boots_are_not_compared() {
        let first = look(reading(5_000.0), None);
        for boot in [None, Some("c".into())] {
            let of_boot = |Moment { wall, steady: Steady { ns, .. } }| {
                let boot = boot.clone();
                Moment { wall, steady: Steady { boot, ns } }
            };
            let (begun, ended) = (of_boot(moment(5_010.0)), of_boot(moment(5_010.1)));
            let second = look(Reading { begun, ended: ended.clone(), ..reading(5_010.0) }, Some(&first));
            assert_eq!(second.trust, Trust::Since(ended.steady));
        }
    }
}
