//! What stops a pass before its files are through: how many it may look into, and what the other side
//! of a network says to it. Readers share it.

use parking_lot::Mutex;
use sessionmill_contract::{Failure, FailureClass};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The brake of one pass.
#[derive(Debug)]
pub struct Brake {
    /// Files that may still be looked into.
    left: AtomicU64,
    /// Why nothing more may be looked into.
    on: OnceLock<&'static str>,
    throttled: Mutex<Option<Failure>>,
}

/// Why files are left: as many were looked into as may be.
const FILES: &str = "this run has looked into as many files as it may";
const SHARED: &str = "the run ended at a failure that they would share";
const THROTTLED: &str = "the server asks to wait";

impl Brake {
    /// A brake that comes on by itself after so many files.
    pub fn new(files: u64) -> Self {
        Self { left: AtomicU64::new(files), on: OnceLock::new(), throttled: Mutex::new(None) }
    }

    /// Takes the right to look into a file; false if there is none left.
    pub fn take(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.on.get().is_none() && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// Looks into nothing any more. The first reason stays.
    pub fn stop(&self, why: &'static str) {
        let _ = self.on.set(why);
    }

    /// Stops at a failure that the next file would share: to ask again is to be refused again.
    pub fn stop_on(&self, failure: &Failure) {
        match failure.class {
            FailureClass::Environment => self.stop(SHARED),
            FailureClass::Throttled => {
                self.stop(THROTTLED);
                let mut throttled = self.throttled.lock();
                let longest = throttled.as_ref().and_then(|failure| failure.retry_after);
                if throttled.is_none() || failure.retry_after > longest {
                    *throttled = Some(failure.clone());
                }
            }
            _ => {}
        }
    }

    /// Why nothing more may be looked into, if so.
    pub fn why(&self) -> Option<&'static str> {
        let is_through = self.left.load(Ordering::Relaxed) == 0;
        self.on.get().copied().or(is_through.then_some(FILES))
    }

    /// What the other side said when it asked to be left alone, with the longest wait.
    pub fn throttled(self) -> Option<Failure> {
        self.throttled.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn throttled(seconds: Option<u64>) -> Failure {
        let retry_after = seconds.map(Duration::from_secs);
        Failure { retry_after, ..Failure::new(FailureClass::Throttled, "") }
    }

    #[test]
    fn it_comes_on_after_its_files() {
        let brake = Brake::new(2);
        assert_eq!(
            [brake.take(), brake.why().is_some(), brake.take(), brake.why().is_some(), brake.take()],
            [true, false, true, true, false]
        );
        assert_eq!(brake.why(), Some(FILES));
        brake.stop(THROTTLED);
        brake.stop(SHARED);
        assert_eq!(brake.why(), Some(THROTTLED));
        assert_eq!(brake.throttled(), None);
    }

    #[test]
    fn it_heeds_what_the_next_file_would_share() {
        for (class, stops) in [
            (FailureClass::Budget, false),
            (FailureClass::Environment, true),
            (FailureClass::Permanent, false),
            (FailureClass::Throttled, true),
            (FailureClass::Transient, false),
        ] {
            let brake = Brake::new(9);
            brake.stop_on(&Failure::new(class, ""));
            assert_eq!((brake.why().is_some(), brake.take()), (stops, !stops), "{class:?}");
        }
    }

    #[test]
    fn the_longest_wait_counts() {
        let brake = Brake::new(9);
        for seconds in [None, Some(5), Some(60), None, Some(7)] {
            brake.stop_on(&throttled(seconds));
        }
        assert_eq!(brake.throttled(), Some(throttled(Some(60))));
    }
}
