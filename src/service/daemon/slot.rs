//! A processor of the daemon: when it runs next, together with which others, and what its last run means for that.

use crate::base::error::{Result, Status};
use crate::base::moment::Moment;
use crate::base::schedule::{End, LastRun, Schedule};
use crate::plug::Plug;
use crate::run::request::Origin;
use crate::run::summary::Summary;
use crate::service::daemon::event::Settings;
use crate::store::room;
use md5::{Digest, Md5};
use sessionmill_contract::Bound;
use std::time::Duration;

/// A processor and its state.
pub struct Slot {
    pub plug: &'static Plug,
    last: Option<LastRun>,
    /// How long the last run took.
    took: Duration,
    /// Whether the last run left files because of its time limit only.
    pub has_backlog: bool,
    /// The time of the first change of a source since the last run started.
    pub changed: Option<Moment>,
    /// Whether the last run could not get the database. It is then retried until the database is free.
    is_kept_out: bool,
    /// Whether the last run failed on a full disk. It is then retried once there is room.
    lacks_room: bool,
}

/// A run that could not get the database is retried this long after it ended.
const AGAIN: Duration = Duration::from_secs(1);

/// Changes of sources are collected for this time, or for ten times the length of a run if that is longer.
const CALM: Duration = Duration::from_secs(2);

impl Slot {
    /// A processor with the last run that the history shows.
    pub fn new(plug: &'static Plug, last: Option<LastRun>) -> Self {
        Self {
            plug,
            last,
            took: Duration::ZERO,
            has_backlog: false,
            changed: None,
            is_kept_out: false,
            lacks_room: false,
        }
    }

    /// How long until a processor that is not running is due, and why it will run then.
    pub fn wait(&self, settings: &Settings, now: &Moment) -> Option<(Origin, Duration)> {
        let Settings { config, database, .. } = settings;
        let name = self.plug.name();
        let schedule = config.schedule.get(name)?;
        // The rest of a wait that began with the end of the last run.
        let rest = |wait: Duration| {
            let since = self.last.as_ref().and_then(|last| now.steady.since(&last.started.steady));
            wait.saturating_sub(since.unwrap_or(wait).saturating_sub(self.took))
        };
        if self.is_kept_out {
            return Some((Origin::Schedule, rest(AGAIN)));
        }
        // The daemon looks at every tick.
        let has_room_again = self.lacks_room && rest(config.daemon.tick).is_zero() && room::check(database).is_ok();
        if self.has_backlog || has_room_again {
            return Some((Origin::Schedule, Duration::ZERO));
        }
        let jitter = Md5::digest(format!("{name} {}", database.display()));
        let jitter = Duration::from_millis(u64::from(jitter[0]) * 100);
        let scheduled = schedule.wait(self.last.as_ref(), now, config.schedule.timezone, jitter);
        let changed = self.changed.as_ref().filter(|_| (self.plug.bound)(config) == Bound::Cpu);
        let calm = CALM.max(10 * self.took);
        let hinted = changed.map(|first| calm.saturating_sub(now.steady.since(&first.steady).unwrap_or(calm)));
        Some(match hinted {
            Some(hinted) if hinted < scheduled => (Origin::Watch, hinted),
            _ => (Origin::Schedule, scheduled),
        })
    }

    /// Records the result of a run. Returns whether the result is worth logging.
    pub fn ended(&mut self, since: &Moment, now: &Moment, result: &Result<Summary>, settings: &Settings) -> bool {
        self.took = now.steady.since(&since.steady).unwrap_or_default();
        let config = &settings.config;
        let is_limited = config.daemon.files((self.plug.bound)(config)).is_some();
        let was_kept_out = std::mem::take(&mut self.is_kept_out);
        self.lacks_room = false;
        let end = match result {
            Ok(summary) => {
                let [deferred, progress] = summary.processors.iter().fold([0, 0], |[deferred, progress], counts| {
                    [deferred + counts.deferred, progress + counts.processed + counts.skipped]
                });
                self.has_backlog = !is_limited && !summary.is_stopped && deferred > 0 && progress > 0;
                End::Done
            }
            Err(error) if error.status == Status::Busy => {
                // Another process runs this processor, or does something else with the database.
                self.is_kept_out = error.holder.is_none();
                End::Done
            }
            Err(_) => {
                self.lacks_room = room::check(&settings.database).is_err();
                End::Failed
            }
        };
        self.last = Some(LastRun { started: since.clone(), end });
        // Repeated attempts to get the database are logged once.
        !(was_kept_out && self.is_kept_out)
    }
}

/// The runs to start now, each with its origin: one run per network-bound processor that is due, and one run for all
/// local processors that are due or may run early.
pub fn due(idle: &[(usize, &Slot)], settings: &Settings, now: &Moment) -> Vec<(Origin, Vec<usize>)> {
    let (mut runs, mut shared, mut early) = (Vec::new(), Vec::new(), Vec::new());
    let mut shared_origin = None;
    let config = &settings.config;
    for &(number, slot) in idle {
        let Some((origin, wait)) = slot.wait(settings, now) else { continue };
        let slack = || config.schedule.get(slot.plug.name()).map(Schedule::slack).unwrap_or_default();
        match (slot.plug.bound)(config) {
            Bound::Network if wait.is_zero() => runs.push((origin, vec![number])),
            Bound::Network => {}
            Bound::Cpu if wait.is_zero() => {
                // If the schedule started the shared run, that is its origin, whoever else takes part.
                shared_origin = shared_origin.filter(|shared| *shared == Origin::Schedule).or(Some(origin));
                shared.push(number);
            }
            Bound::Cpu if !slot.is_kept_out && wait <= slack() => early.push(number),
            Bound::Cpu => {}
        }
    }
    if let Some(origin) = shared_origin {
        shared.extend(early);
        shared.sort_unstable();
        runs.insert(0, (origin, shared));
    }
    runs
}
