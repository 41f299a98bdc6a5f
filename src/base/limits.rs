//! The limits of a pass, and how a pass ends early.
//!
//! Whoever starts a pass sets [`Limits`]. During the pass, an [`Allowance`] holds what is left of them, and any reason
//! to end early is recorded there. Before a thread begins another file, it asks [`Allowance::halt`].

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
    /// Files that processors may read; for a network-bound processor, files that it may ask a model about. A file whose
    /// hash shows that nothing changed does not count.
    pub files: Option<u64>,
    /// Files that are not begun within this time are left for the next pass.
    pub time: Option<Duration>,
    /// Asks the pass to stop: it commits what it has read and leaves the rest to the next pass.
    pub stop: Heartbeat,
}

/// Why a pass begins no further file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Somebody asked the pass to stop.
    Stopped,
    /// The limit of files is reached.
    Files,
    /// The time limit is reached.
    Time,
    /// A failure that the next file would have as well, such as a network that is down.
    Shared,
    /// The server asked for a pause during this pass.
    Throttled,
    /// The server asked for a pause during an earlier pass, and the pause is not over.
    Paused,
}

impl Halt {
    /// The reason, as a sentence about the files that are left.
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

/// What is left of the limits of a pass. The threads that read files share it.
#[derive(Debug)]
pub struct Allowance<'p> {
    clock: &'p Clock,
    limits: &'p Limits,
    /// Files that may still be read.
    left: AtomicU64,
    /// Why the pass ends, other than by its limits. The first reason stays.
    halted: OnceLock<Halt>,
    throttled: Mutex<Option<Failure>>,
}

impl<'p> Allowance<'p> {
    /// The full allowance of the limits, counted from the start of the clock.
    pub fn new(limits: &'p Limits, clock: &'p Clock) -> Self {
        let left = AtomicU64::new(limits.files.unwrap_or(u64::MAX));
        Self { clock, limits, left, halted: OnceLock::new(), throttled: Mutex::new(None) }
    }

    /// Whether the number of files is limited. Then the order of the files matters: the first ones are read.
    pub fn counts_files(&self) -> bool {
        self.limits.files.is_some()
    }

    /// The clock of the pass.
    pub fn clock(&self) -> &'p Clock {
        self.clock
    }

    /// Reports progress.
    pub fn beat(&self) {
        self.limits.stop.beat();
    }

    /// Whether the pass was asked to stop. Then even files that are begun are left.
    pub fn is_stopped(&self) -> bool {
        self.limits.stop.is_stopped()
    }

    /// Why no further file may be begun; `None` if one may.
    pub fn halt(&self) -> Option<Halt> {
        if self.is_stopped() {
            return Some(Halt::Stopped);
        }
        let is_late = || self.limits.time.is_some_and(|time| self.clock.elapsed() >= time);
        self.ended().or_else(|| is_late().then_some(Halt::Time))
    }

    /// The reason without the time limit: files begun in time may be finished.
    fn ended(&self) -> Option<Halt> {
        let is_through = self.left.load(Ordering::Relaxed) == 0;
        self.halted.get().copied().or(is_through.then_some(Halt::Files))
    }

    /// Takes one file from the allowance.
    ///
    /// # Errors
    ///
    /// If none is left, or the pass ends.
    pub fn take(&self) -> Result<(), Halt> {
        let less = |left: u64| left.checked_sub(1);
        let is_taken =
            self.halted.get().is_none() && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        if is_taken { Ok(()) } else { Err(self.ended().unwrap_or(Halt::Files)) }
    }

    /// Ends the pass for this reason, unless another one ended it before.
    pub fn end(&self, halt: Halt) {
        let _ = self.halted.set(halt);
    }

    /// Ends the pass if the failure would repeat with the next file: the environment is broken, or the server asked for
    /// a pause.
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

    /// The server's request for a pause, with the longest time it named.
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
    fn files_begun_in_time_may_be_finished_and_a_stop_wins() {
        let (clock, limits) = (Clock::begin(Moment::now()), Limits { time: Some(Duration::ZERO), ..Limits::default() });
        let allowance = Allowance::new(&limits, &clock);
        assert_eq!((allowance.halt(), allowance.take()), (Some(Halt::Time), Ok(())));
        allowance.end(Halt::Paused);
        assert_eq!(allowance.halt(), Some(Halt::Paused));
        limits.stop.stop();
        assert_eq!(allowance.halt(), Some(Halt::Stopped));
    }

    #[test]
    fn a_pass_ends_at_a_failure_that_the_next_file_would_have() {
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
