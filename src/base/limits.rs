//! How far a pass may go, and the one way in which it ends before its files are through.
//!
//! [`Limits`] are what whoever starts a pass wants. An [`Allowance`] is what is left of them on the way: readers
//! take from it, and whatever ends the pass early is said to it. Everybody asks it the same question:
//! [`Allowance::halt`].

use crate::base::heartbeat::Heartbeat;
use crate::base::moment::Clock;
use parking_lot::Mutex;
use sessionmill_contract::{Failure, FailureClass};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bounds of a pass.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Files that processors look into; of one that waits for a network, files that it asks about. Those
    /// whose hash says that nothing is new do not count.
    pub files: Option<u64>,
    /// Files that are not begun by then are left for the next pass.
    pub time: Option<Duration>,
    /// Asks the pass to end: what is in hand is committed, what is left waits for the next pass.
    pub stop: Heartbeat,
}

/// Why a pass looks into no further file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// It was asked to end.
    Stopped,
    /// As many files were looked into as may be.
    Files,
    /// The time is used up.
    Time,
    /// A failure that the next file would share, such as a network that is down.
    Shared,
    /// The server asked for a break in this pass.
    Throttled,
    /// The server asked for a break in an earlier pass, which is not over.
    Paused,
}

impl Halt {
    /// Why files are left, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Stopped => "the run was stopped",
            Self::Files => "this run has looked into as many files as it may",
            Self::Time => "the time of this run is used up",
            Self::Shared => "the run ended at a failure that they would share",
            Self::Throttled => "the server asks to wait",
            Self::Paused => "its processor is paused",
        }
    }
}

/// What is left of the limits of a pass. Its readers share it.
#[derive(Debug)]
pub struct Allowance<'p> {
    clock: &'p Clock,
    limits: &'p Limits,
    /// Files that may still be looked into.
    left: AtomicU64,
    /// What has ended the pass, beside the limits. The first reason stays.
    halted: OnceLock<Halt>,
    throttled: Mutex<Option<Failure>>,
}

impl<'p> Allowance<'p> {
    /// All that the limits allow, from the start of the clock on.
    pub fn new(limits: &'p Limits, clock: &'p Clock) -> Self {
        let left = AtomicU64::new(limits.files.unwrap_or(u64::MAX));
        Self { clock, limits, left, halted: OnceLock::new(), throttled: Mutex::new(None) }
    }

    /// Whether files are counted, so that the first ones of the order are those that should be looked into.
    pub fn counts_files(&self) -> bool {
        self.limits.files.is_some()
    }

    /// The clock of the pass.
    pub fn clock(&self) -> &'p Clock {
        self.clock
    }

    /// A sign of life.
    pub fn beat(&self) {
        self.limits.stop.beat();
    }

    /// Whether the pass was asked to end: then even a file that was begun is left.
    pub fn is_stopped(&self) -> bool {
        self.limits.stop.is_stopped()
    }

    /// Why no file is begun any more, if so.
    pub fn halt(&self) -> Option<Halt> {
        if self.is_stopped() {
            return Some(Halt::Stopped);
        }
        let is_late = || self.limits.time.is_some_and(|time| self.clock.elapsed() >= time);
        self.ended().or_else(|| is_late().then_some(Halt::Time))
    }

    /// The same without the time: what was begun in time may be finished.
    fn ended(&self) -> Option<Halt> {
        let is_through = self.left.load(Ordering::Relaxed) == 0;
        self.halted.get().copied().or(is_through.then_some(Halt::Files))
    }

    /// Takes the right to look into a file.
    ///
    /// # Errors
    ///
    /// If there is none left.
    pub fn take(&self) -> Result<(), Halt> {
        let less = |left: u64| left.checked_sub(1);
        let is_taken =
            self.halted.get().is_none() && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        if is_taken { Ok(()) } else { Err(self.ended().unwrap_or(Halt::Files)) }
    }

    /// Looks into nothing any more.
    pub fn end(&self, halt: Halt) {
        let _ = self.halted.set(halt);
    }

    /// Ends at a failure that the next file would share: to ask again is to be refused again.
    pub fn end_at(&self, failure: &Failure) {
        match failure.class {
            FailureClass::Environment => self.end(Halt::Shared),
            FailureClass::Throttled => {
                self.end(Halt::Throttled);
                let mut throttled = self.throttled.lock();
                let longest = throttled.as_ref().and_then(|failure| failure.retry_after);
                if throttled.is_none() || failure.retry_after > longest {
                    *throttled = Some(failure.clone());
                }
            }
            _ => {}
        }
    }

    /// What the other side said when it asked to be left alone, with the longest wait.
    pub fn throttled(&self) -> Option<Failure> {
        self.throttled.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::moment::Moment;

    fn throttled(seconds: Option<u64>) -> Failure {
        let retry_after = seconds.map(Duration::from_secs);
        Failure { retry_after, ..Failure::new(FailureClass::Throttled, "") }
    }

    #[test]
    fn it_ends_after_its_files() {
        let (clock, limits) = (Clock::begin(Moment::now()), Limits { files: Some(2), ..Limits::default() });
        let allowance = Allowance::new(&limits, &clock);
        assert_eq!((allowance.take(), allowance.halt()), (Ok(()), None));
        assert_eq!((allowance.take(), allowance.halt()), (Ok(()), Some(Halt::Files)));
        assert_eq!(allowance.take(), Err(Halt::Files));
        allowance.end(Halt::Throttled);
        allowance.end(Halt::Shared);
        assert_eq!((allowance.halt(), allowance.take()), (Some(Halt::Throttled), Err(Halt::Throttled)));
        assert_eq!(allowance.throttled(), None);
    }

    #[test]
    fn what_was_begun_in_time_may_be_finished_and_a_stop_counts_most() {
        let (clock, limits) = (Clock::begin(Moment::now()), Limits { time: Some(Duration::ZERO), ..Limits::default() });
        let allowance = Allowance::new(&limits, &clock);
        assert_eq!((allowance.halt(), allowance.take()), (Some(Halt::Time), Ok(())));
        allowance.end(Halt::Paused);
        assert_eq!(allowance.halt(), Some(Halt::Paused));
        limits.stop.stop();
        assert_eq!(allowance.halt(), Some(Halt::Stopped));
    }

    #[test]
    fn it_ends_at_what_the_next_file_would_share() {
        let (clock, limits) = (Clock::begin(Moment::now()), Limits::default());
        for (class, halt) in [
            (FailureClass::Budget, None),
            (FailureClass::Environment, Some(Halt::Shared)),
            (FailureClass::Permanent, None),
            (FailureClass::Throttled, Some(Halt::Throttled)),
            (FailureClass::Transient, None),
        ] {
            let allowance = Allowance::new(&limits, &clock);
            allowance.end_at(&Failure::new(class, ""));
            assert_eq!((allowance.halt(), allowance.take().err()), (halt, halt), "{class:?}");
        }
    }

    #[test]
    fn the_longest_wait_counts() {
        let (clock, limits) = (Clock::begin(Moment::now()), Limits::default());
        let allowance = Allowance::new(&limits, &clock);
        for seconds in [None, Some(5), Some(60), None, Some(7)] {
            allowance.end_at(&throttled(seconds));
        }
        assert_eq!(allowance.throttled(), Some(throttled(Some(60))));
    }
}
