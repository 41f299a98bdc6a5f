//! Readings of the clocks. All other code gets the time as an argument.

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One instant, read on two clocks: the wall clock, and one that nobody can set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub wall: DateTime<Utc>,
    pub steady: Steady,
}

/// A reading of a clock that counts from the start of the machine, including the time it sleeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steady {
    /// Identifies the boot. Readings of different boots, or without this id, cannot be compared.
    pub boot: Option<Arc<str>>,
    /// Nanoseconds since the boot.
    pub ns: i64,
}

impl Moment {
    /// Reads the clocks.
    pub fn now() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the reading that main asks for")]
        let wall = Utc::now();
        #[cfg(target_os = "linux")]
        let clock = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let clock = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(clock);
        #[expect(clippy::disallowed_methods, reason = "a file of the kernel, not the database")]
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let ns = time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec);
        Self { wall, steady: Steady { boot: boot.map(|id| id.trim().into()), ns } }
    }

    /// The moment that is `time` later.
    #[must_use]
    pub fn after(&self, time: Duration) -> Self {
        let ns = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        Self {
            wall: self.wall.checked_add_signed(TimeDelta::nanoseconds(ns)).unwrap_or(self.wall),
            steady: Steady { boot: self.steady.boot.clone(), ns: self.steady.ns.saturating_add(ns) },
        }
    }
}

/// The clock of a pass: the moment at which it started, and the time since.
#[derive(Debug)]
pub struct Clock {
    pub start: Moment,
    begun: Instant,
}

impl Clock {
    /// Starts the clock at a moment.
    pub fn begin(start: Moment) -> Self {
        Self { start, begun: Instant::now() }
    }

    pub fn read(&self) -> Moment {
        self.start.after(self.elapsed())
    }

    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl Steady {
    /// The time since an earlier reading; `None` if the two are not of the same boot.
    pub fn since(&self, earlier: &Self) -> Option<Duration> {
        let ns = self.ns.checked_sub(earlier.ns)?;
        let same_boot = self.boot.is_some() && self.boot == earlier.boot;
        u64::try_from(ns).ok().filter(|_| same_boot).map(Duration::from_nanos)
    }
}
