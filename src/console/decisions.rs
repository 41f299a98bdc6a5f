//! What was decided by requests of the console, until a snapshot shows it. The answers of the daemon tell it, which are
//! files: so it holds on when the console is started again, and also for a request that was answered late.

use super::asking::IDS;
use crate::plugs::Decided;
use crate::service::trigger::{self, Decision};
use chrono::{DateTime, TimeDelta, Utc};
use std::path::Path;

/// The decisions that no snapshot of a time shows.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    /// What they were read from: the time of the snapshot, and when the folder of answers had changed. `None` if they are
    /// to be read again.
    of: Option<(DateTime<Utc>, DateTime<Utc>)>,
    known: Vec<Decision>,
}

/// A change that follows another one at once can have its time stamp.
const SETTLED: TimeDelta = TimeDelta::seconds(1);

impl Decisions {
    /// What was decided about what a processor shows, the oldest first.
    pub(super) fn about(
        &mut self,
        processor: &str,
        triggers: &Path,
        snapshot: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Vec<Decided> {
        let Some(answers) = trigger::answers(triggers) else { return Vec::new() };
        let changed = answers.changed();
        let of = changed.map(|changed| (snapshot, changed));
        if of.is_none() || of != self.of {
            self.known = answers.decisions(IDS, snapshot);
            self.of = of.filter(|(_, changed)| now - changed >= SETTLED);
        }
        let own = self.known.iter().filter(|decision| decision.processor == processor);
        own.map(|decision| decision.decided.clone()).collect()
    }
}
