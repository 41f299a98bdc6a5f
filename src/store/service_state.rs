//! The state of the processors as the service sees it, for users who may not read the database.
//!
//! These users read a snapshot, which is only made when something has changed. From the runs in it, a service that has
//! nothing to do looks as if it had died. So the service also writes this file beside the database when a run begins
//! and when it ends, readable by the same users as a snapshot, and `status` takes the runs from it.

use crate::base::atomic_file;
use crate::base::error::{Error, Result};
use crate::base::holder::{Holder, is_alive};
use crate::base::lock::{self, Presence, WorkLock};
use crate::store::record::Record;
use crate::store::snapshot::service_state_file;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// What the service says of itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ServiceState {
    #[serde(with = "crate::base::wire::time")]
    pub at: DateTime<Utc>,
    /// The daemon that serves the database.
    pub pid: Option<i32>,
    /// A schedule runs the processors.
    pub is_kept: bool,
    /// What is wrong with sources, by name.
    pub alarms: Vec<(String, String)>,
    pub processors: Vec<ProcessorState>,
}

/// What it says of a processor.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ProcessorState {
    pub processor: String,
    /// Why it cannot run as it is configured.
    pub lacks: Option<String>,
    /// Who ran it when this was written.
    pub running: Option<Holder>,
    pub record: Record,
}

/// How long one process waits for another one that writes the file.
pub const PATIENCE: Duration = Duration::from_secs(5);

impl ServiceState {
    /// The one of a database, if there is one that can be read.
    pub fn read(database: &Path) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "a file beside the database")]
        let text = std::fs::read(service_state_file(database)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// What it says of a processor.
    pub fn of(&self, processor: &str) -> Option<&ProcessorState> {
        self.processors.iter().find(|entry| entry.processor == processor)
    }

    /// The daemon that wrote it, if it still lives.
    pub fn service(&self) -> Option<i32> {
        self.pid.filter(|pid| is_alive(*pid))
    }

    /// Replaces what was written before.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, database: &Path) -> Result<()> {
        let path = service_state_file(database);
        // Readable by the same users as a snapshot.
        atomic_file::write(&path, &crate::base::wire::pretty(self), Some(0o640))
            .map_err(|error| Error::cannot("write", path.display(), error))
    }
}

impl ProcessorState {
    /// Who runs the processor just now, as far as that is known.
    pub fn runner(&self) -> Option<&Holder> {
        self.running.as_ref().filter(|holder| i32::try_from(holder.pid).is_ok_and(is_alive))
    }
}

/// Notes that a run begins, which writes nothing into the database before it has found something to do.
///
/// # Errors
///
/// If the file cannot be written.
pub fn begin(database: &Path, processors: &[&str], holder: &Holder) -> Result<()> {
    let _lock = WorkLock::take(database, "health", Instant::now() + PATIENCE)?;
    let Some(mut state) = ServiceState::read(database) else { return Ok(()) };
    state.pid = serving(database);
    for entry in state.processors.iter_mut().filter(|entry| processors.contains(&entry.processor.as_str())) {
        entry.running = Some(holder.clone());
    }
    state.write(database)
}

/// The process that serves a database.
pub fn serving(database: &Path) -> Option<i32> {
    match lock::presence(database, lock::DAEMON) {
        Presence::Held(line) => line.strip_prefix("pid ")?.parse().ok(),
        Presence::Free | Presence::Unseen => None,
    }
}
