//! Retries: when a file that a processor failed on, or a key that it could not settle, is tried again, and when it is
//! given up. Pure.
//!
//! | class | counts as an attempt | what happens |
//! | --- | --- | --- |
//! | changed | no | retried in the next pass |
//! | environment | no | retried after 1 min, doubled up to 1 h; a change of the file or key ends the wait |
//! | throttled | no | retried in the next pass; the processor as a whole pauses: [`crate::run::pause`] |
//! | budget | no | retried in the next pass |
//! | transient | yes | retried after a random time below 1 min × 2ⁿ, at most 6 h; dead after 8 attempts |
//! | permanent | yes | retried once after a day, then dead |
//! | panic | yes | retried in the next pass; dead after 2 attempts |
//! | crash | yes | dead: it has killed a run, and then a trial in a process of its own |
//! | rejected | yes | dead: it exceeds a limit, and another attempt would not change that |
//!
//! A dead file or key is tried again only when something about it changes. For a file, that is its bytes or the
//! processor's version ([`FileBasis`]). For a key, it is its facts or decisions, or the version or settings of its
//! settlement; the key is then marked as touched, see [`crate::store::settle`].
//!
//! A stored time of the next attempt that is further away than the longest wait of its class was written with a wrong
//! clock. It counts as past.

use crate::base::hash::Hash;
use crate::source::stat::Stat;
use chrono::{DateTime, TimeDelta, Utc};
use sessionmill_contract::{Failure, FailureClass};

/// A standing failure: of a processor on a source file, or of a settlement on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub failure: Failure,
    pub state: FailureState,
    /// The number of failures that count as attempts.
    pub attempts: u32,
    /// The number of failures in a row, of any class.
    pub strikes: u32,
    pub first_failed_at: DateTime<Utc>,
    pub last_failed_at: DateTime<Utc>,
    pub next_try_at: DateTime<Utc>,
}

/// A processor's standing failure on a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFailure {
    pub basis: FileBasis,
    pub standing: Standing,
}

/// What a processor failed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileBasis {
    /// The version of the processor.
    pub version: u32,
    pub stat: Stat,
    /// The hash of the file's bytes, if the file was read to its end.
    pub hash: Option<Hash>,
}

/// Which failures a pass tries again.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// The time of the pass.
    pub now: DateTime<Utc>,
    /// Whether a person asked for the pass, who may have removed the cause of a failure.
    pub is_asked: bool,
}

/// The state of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureState {
    Retry,
    Dead,
    /// Dropped by an operator, and no longer reported.
    Dropped,
}

const TRANSIENT_ATTEMPTS: u32 = 8;
const PERMANENT_ATTEMPTS: u32 = 2;
const PANIC_ATTEMPTS: u32 = 2;

impl FailureState {
    /// The name under which it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Retry, Self::Dead, Self::Dropped].into_iter().find(|state| state.name() == name)
    }
}

impl Standing {
    /// The standing after one more failure. `last` is the previous standing, if it was about the same file content or
    /// key state; `random` is uniformly distributed between 0 and 1.
    pub fn after(last: Option<&Self>, failure: Failure, now: DateTime<Utc>, random: f64) -> Self {
        let counts =
            !matches!(failure.class, FailureClass::Changed | FailureClass::Environment) && !failure.class.defers();
        let attempts = last.map_or(0, |last| last.attempts) + u32::from(counts);
        let strikes = last.map_or(0, |last| last.strikes).saturating_add(1);
        let longest = longest_wait(failure.class);
        let doubled = |number: u32| TimeDelta::minutes(1_i64 << number.saturating_sub(1).min(16)).min(longest);
        let (delay, most) = match failure.class {
            FailureClass::Changed | FailureClass::Throttled | FailureClass::Budget => (longest, u32::MAX),
            FailureClass::Environment => (doubled(strikes), u32::MAX),
            FailureClass::Transient => {
                let most = doubled(attempts).num_milliseconds();
                (TimeDelta::milliseconds((most as f64 * random) as i64), TRANSIENT_ATTEMPTS)
            }
            FailureClass::Permanent => (longest, PERMANENT_ATTEMPTS),
            FailureClass::Panic => (longest, PANIC_ATTEMPTS),
            FailureClass::Crash | FailureClass::Rejected => (longest, 0),
        };
        Self {
            failure,
            state: match last.map(|last| last.state) {
                Some(FailureState::Dropped) => FailureState::Dropped,
                _ if attempts >= most => FailureState::Dead,
                _ => FailureState::Retry,
            },
            attempts,
            strikes,
            first_failed_at: last.map_or(now, |last| last.first_failed_at.min(now)),
            last_failed_at: now,
            next_try_at: now + delay,
        }
    }

    /// When the next attempt is due. A time that is too far away is ignored.
    pub fn next_try(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        if self.next_try_at - now > longest_wait(self.failure.class) { now } else { self.next_try_at }
    }

    /// Whether a pass leaves the file or key alone, as long as nothing about it changes. If a person asked for the
    /// pass, failures that can resolve themselves are tried at once: a missing permission, or a server that did not
    /// answer. Dead ones still wait for an operator.
    pub fn holds(&self, Retries { now, is_asked }: Retries) -> bool {
        let by_itself = matches!(
            self.failure.class,
            FailureClass::Environment | FailureClass::Transient | FailureClass::Changed | FailureClass::Throttled
        );
        match self.state {
            FailureState::Retry => now < self.next_try(now) && !(is_asked && by_itself),
            FailureState::Dead | FailureState::Dropped => true,
        }
    }
}

impl FileFailure {
    /// The failure after one more. If the bytes or the version changed, the count starts again.
    pub fn after(last: Option<&Self>, basis: FileBasis, failure: Failure, now: DateTime<Utc>, random: f64) -> Self {
        let last = last.filter(|last| last.basis.is_same(&basis)).map(|last| &last.standing);
        Self { basis, standing: Standing::after(last, failure, now, random) }
    }

    /// Whether a processor leaves the file alone in a pass.
    pub fn holds(&self, version: u32, stat: &Stat, retries: Retries) -> bool {
        self.is_about(version, stat) && self.standing.holds(retries)
    }

    /// Whether the failure is about this version and a file with this stat.
    pub fn is_about(&self, version: u32, stat: &Stat) -> bool {
        self.basis.version == version && self.basis.stat == *stat
    }
}

impl FileBasis {
    /// Whether the version is the same, and the bytes are too, judged by stat or hash.
    fn is_same(&self, other: &Self) -> bool {
        let same_bytes = self.stat == other.stat || (other.hash.is_some() && self.hash == other.hash);
        self.version == other.version && same_bytes
    }
}

/// The longest wait after a failure of this class.
fn longest_wait(class: FailureClass) -> TimeDelta {
    match class {
        FailureClass::Environment => TimeDelta::hours(1),
        FailureClass::Transient => TimeDelta::hours(6),
        FailureClass::Permanent => TimeDelta::days(1),
        FailureClass::Changed
        | FailureClass::Throttled
        | FailureClass::Budget
        | FailureClass::Panic
        | FailureClass::Crash
        | FailureClass::Rejected => TimeDelta::zero(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: Stat = Stat { size: 9, mtime_ns: 1, ctime_ns: 1, inode: 7 };

    fn failed(class: FailureClass) -> Failure {
        Failure::new(class, "")
    }

    fn unasked(now: DateTime<Utc>) -> Retries {
        Retries { now, is_asked: false }
    }

    /// Delays in seconds and states of failures in a row, each when the previous wait is over.
    fn course(class: FailureClass, random: f64) -> Vec<(i64, FailureState)> {
        let mut now = DateTime::UNIX_EPOCH;
        let mut last: Option<Standing> = None;
        (0..10)
            .map(|_| {
                let next = Standing::after(last.as_ref(), failed(class), now, random);
                let delay = (next.next_try_at - now).num_seconds();
                now = next.next_try_at;
                let state = next.state;
                last = Some(next);
                (delay, state)
            })
            .collect()
    }

    #[test]
    fn every_class_takes_its_course() {
        use FailureState::{Dead, Retry};
        let delays = |course: &[(i64, FailureState)]| course.iter().map(|(delay, _)| *delay).collect::<Vec<_>>();
        let environment = course(FailureClass::Environment, 0.5);
        assert_eq!(delays(&environment), [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]);
        assert!(environment.iter().all(|(_, state)| *state == Retry));
        let transient = course(FailureClass::Transient, 1.0);
        assert_eq!(delays(&transient[..8]), [60, 120, 240, 480, 960, 1920, 3840, 7680]);
        assert!(transient[..7].iter().all(|(_, state)| *state == Retry) && transient[7].1 == Dead);
        assert_eq!(delays(&course(FailureClass::Transient, 0.5)[..2]), [30, 60]);
        assert_eq!(course(FailureClass::Permanent, 0.5)[..2], [(86_400, Retry), (86_400, Dead)]);
        assert_eq!(course(FailureClass::Panic, 0.5)[..2], [(0, Retry), (0, Dead)]);
        assert_eq!(course(FailureClass::Crash, 0.5)[0].1, Dead);
        assert_eq!(course(FailureClass::Rejected, 0.5)[0].1, Dead);
        for waits in [FailureClass::Changed, FailureClass::Throttled, FailureClass::Budget] {
            assert!(course(waits, 0.5).iter().all(|step| *step == (0, Retry)), "{waits:?}");
        }
    }

    #[test]
    fn no_wait_is_longer_than_the_longest_of_its_class() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1000);
        let later = now + TimeDelta::days(3650);
        for class in FailureClass::ALL {
            let failure = Standing::after(None, failed(class), now, 1.0);
            if failure.state == FailureState::Retry {
                let waits = failure.next_try_at > now;
                assert_eq!(failure.holds(unasked(now)), waits, "{class:?}");
            }
            let wrong = Standing { state: FailureState::Retry, ..Standing::after(None, failed(class), later, 1.0) };
            assert!(!wrong.holds(unasked(now)), "{class:?}: the clock was wrong");
            assert_eq!(wrong.next_try(now), now);
            let right = Standing::after(Some(&wrong), failed(class), now, 1.0);
            assert!(right.next_try_at <= now + TimeDelta::days(1) && right.first_failed_at == now, "{class:?}");
        }
        let last = Standing {
            next_try_at: now + TimeDelta::hours(1),
            ..Standing::after(None, failed(FailureClass::Environment), now, 1.0)
        };
        assert!(last.holds(unasked(now)), "the longest wait is one");
    }

    #[test]
    fn a_requested_pass_ends_the_waits_that_can_be_over() {
        let now = DateTime::UNIX_EPOCH;
        let is_held = |class, state| {
            let standing = Standing { state, ..Standing::after(None, failed(class), now, 1.0) };
            standing.holds(Retries { now, is_asked: true })
        };
        assert_eq!(
            [FailureClass::Environment, FailureClass::Transient, FailureClass::Permanent]
                .map(|class| is_held(class, FailureState::Retry)),
            [false, false, true]
        );
        assert!(
            is_held(FailureClass::Environment, FailureState::Dropped)
                && is_held(FailureClass::Transient, FailureState::Dead)
        );
    }

    #[test]
    fn other_bytes_or_another_version_end_the_wait_and_begin_anew() {
        let now = DateTime::UNIX_EPOCH;
        let after = |last, class, version, stat| {
            FileFailure::after(last, FileBasis { version, stat, hash: None }, failed(class), now, 0.0)
        };
        let dead = after(None, FailureClass::Crash, 1, STAT);
        let other = Stat { mtime_ns: 2, ..STAT };
        assert!(dead.holds(1, &STAT, unasked(now + TimeDelta::days(1000))));
        assert!(!dead.holds(2, &STAT, unasked(now)) && !dead.holds(1, &other, unasked(now)));
        let first = after(None, FailureClass::Permanent, 1, STAT);
        let state = |version, stat| after(Some(&first), FailureClass::Permanent, version, stat).standing.state;
        assert_eq!(
            [state(1, other), state(2, STAT), state(1, STAT)],
            [FailureState::Retry, FailureState::Retry, FailureState::Dead]
        );
    }

    #[test]
    fn a_touch_of_the_same_bytes_does_not_begin_anew() {
        let other = Stat { mtime_ns: 2, ..STAT };
        let after = |last, stat, hash| {
            let basis = FileBasis { version: 1, stat, hash: Some([hash; 16]) };
            FileFailure::after(last, basis, failed(FailureClass::Permanent), DateTime::UNIX_EPOCH, 0.0)
        };
        let first = after(None, STAT, 1);
        assert_eq!(after(Some(&first), other, 1).standing.state, FailureState::Dead);
        assert_eq!(after(Some(&first), other, 2).standing.state, FailureState::Retry);
    }
}
