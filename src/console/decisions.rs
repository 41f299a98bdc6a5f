//! Decisions that were requested through the console and that no snapshot shows yet. They are read from the daemon's
//! answer files, so they survive a restart of the console and include requests that were answered late.

use crate::plug::Decided;
use crate::service::trigger::{self, Decision};
use chrono::{DateTime, TimeDelta, Utc};
use std::path::Path;

/// The prefix of the ids of the console's requests.
pub(super) const IDS: &str = "console-";

/// The decisions that the snapshot of a certain time does not show.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    /// What `known` was read for: the time of the snapshot, and the modification time of the folder of answers. `None`
    /// if it must be read again.
    of: Option<(DateTime<Utc>, DateTime<Utc>)>,
    known: Vec<Decision>,
}

/// Two changes within this time can leave the folder with the same modification time.
const SETTLED: TimeDelta = TimeDelta::seconds(1);

impl Decisions {
    /// The decisions about results of a processor, the oldest first.
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
