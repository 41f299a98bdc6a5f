//! The state of the processors, written by the service for users who may not read the database.
//!
//! These users read a snapshot, which is only made when something has changed. If the service has nothing to do, the
//! last run in the snapshot gets older and older, as if the service had died. So the service also writes this file
//! beside the database when a run begins and when it ends. The users who can read a snapshot can read the file, and
//! `status` takes the runs from it.

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

/// The state of a service.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ServiceState {
    #[serde(with = "crate::base::wire::time")]
    pub at: DateTime<Utc>,
    /// The process id of the daemon that serves the database.
    pub pid: Option<i32>,
    /// Whether a schedule runs the processors.
    pub is_kept: bool,
    /// Problems with sources, by name of the source.
    pub alarms: Vec<(String, String)>,
    /// A warning about damaged files that were moved aside and are still there.
    #[serde(default)]
    pub damaged: Option<String>,
    /// Why the last snapshot could not be published.
    #[serde(default)]
    pub unpublished: Option<String>,
    pub processors: Vec<ProcessorState>,
}

/// The state of one processor.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ProcessorState {
    pub processor: String,
    /// Why the processor cannot run with the current configuration.
    pub lacks: Option<String>,
    /// The process that ran the processor when the file was written.
    pub running: Option<Holder>,
    pub record: Record,
}

/// How long to wait for another process that writes the file.
pub const PATIENCE: Duration = Duration::from_secs(5);

impl ServiceState {
    /// Reads the state; `None` if there is no file or it cannot be read.
    pub fn read(database: &Path) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "a file beside the database")]
        let text = std::fs::read(service_state_file(database)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The state of one processor.
    pub fn of(&self, processor: &str) -> Option<&ProcessorState> {
        self.processors.iter().find(|entry| entry.processor == processor)
    }

    /// The process id of the daemon, if it is still alive.
    pub fn service(&self) -> Option<i32> {
        self.pid.filter(|pid| is_alive(*pid))
    }

    /// Replaces the file.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, database: &Path) -> Result<()> {
        let path = service_state_file(database);
        // Readable by the same users as a snapshot.
        atomic_file::write(&path, crate::base::wire::pretty(self), Some(0o640))
            .map_err(|error| Error::cannot("write", path.display(), error))
    }
}

impl ProcessorState {
    /// The process that runs the processor now, if it is still alive.
    pub fn runner(&self) -> Option<&Holder> {
        self.running.as_ref().filter(|holder| i32::try_from(holder.pid).is_ok_and(is_alive))
    }
}

/// Records that a run begins. The database gets no row for a run before the run has found something to do.
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

/// Records why a snapshot could not be published, or that one was.
///
/// # Errors
///
/// If the file cannot be written.
pub fn note_publication(database: &Path, error: Option<&Error>, now: DateTime<Utc>) -> Result<()> {
    let unpublished = error.map(ToString::to_string);
    if ServiceState::read(database).and_then(|state| state.unpublished) == unpublished {
        return Ok(());
    }
    let _lock = WorkLock::take(database, "health", Instant::now() + PATIENCE)?;
    let state = ServiceState::read(database).unwrap_or_else(|| ServiceState {
        at: now,
        pid: serving(database),
        is_kept: false,
        alarms: Vec::new(),
        damaged: None,
        unpublished: None,
        processors: Vec::new(),
    });
    ServiceState { unpublished, ..state }.write(database)
}

/// The process id of the daemon that serves a database now.
pub fn serving(database: &Path) -> Option<i32> {
    match lock::presence(database, lock::DAEMON) {
        Presence::Held(line) => line.strip_prefix("pid ")?.parse().ok(),
        Presence::Free | Presence::Unseen => None,
    }
}
