//! A run of a processor in the history. This module only reads it; `runs`, `status`, `health`, the metrics and the
//! state file of the service show it.

use crate::base::error::Result;
use crate::base::schedule::End;
use crate::store::reader::Row;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A run of one processor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Run {
    pub run_id: i64,
    pub processor: String,
    /// `run_session_processor:<name>`.
    pub action: Option<String>,
    /// What started the run: `schedule`, `cli`, `report`, `trigger` or `watch`.
    pub trigger: String,
    /// The login name of the user who asked for the run.
    pub requested_by: Option<String>,
    /// The id in the trigger file.
    pub request_id: Option<String>,
    #[serde(with = "crate::base::wire::time")]
    pub started_at: DateTime<Utc>,
    #[serde(with = "crate::base::wire::time_or_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// `running`, `done`, `failed`, `stopped`, `busy`, `refused` or `killed`.
    pub outcome: String,
    /// Why the run was refused, found the processor busy, or failed as a whole; otherwise its alarms as text.
    pub message: Option<String>,
    /// The alarms of a run that went through all files.
    pub alarms: Vec<String>,
    pub files: i64,
    pub unchanged: i64,
    pub processed: i64,
    pub skipped: i64,
    pub deferred: i64,
    pub rejected: i64,
    pub errors: i64,
    pub items_extracted: i64,
    pub bytes_read: i64,
    pub elapsed_ms: i64,
    /// The number of keys that could not be settled.
    pub unsettled_keys: i64,
}

/// The columns of `processor_runs` from which a run is read.
pub(crate) const COLUMNS: &str =
    "run_id, processor_name, action, trigger, requested_by, request_id, started_at, ended_at,
    outcome, message, alarms, files, unchanged, processed, skipped, deferred, rejected, errors, items_extracted,
    bytes_read, elapsed_ms, coalesce(unsettled_keys, 0)";

impl Run {
    /// Reads [`COLUMNS`].
    ///
    /// # Errors
    ///
    /// If the row has other columns.
    pub(crate) fn of(row: &Row<'_>) -> Result<Self> {
        let alarms: Option<String> = row.get(10)?;
        Ok(Self {
            run_id: row.get(0)?,
            processor: row.get(1)?,
            action: row.get(2)?,
            trigger: row.get(3)?,
            requested_by: row.get(4)?,
            request_id: row.get(5)?,
            started_at: row.time(6)?.unwrap_or_default(),
            ended_at: row.time(7)?,
            outcome: row.get(8)?,
            message: row.get(9)?,
            alarms: alarms.and_then(|list| serde_json::from_str(&list).ok()).unwrap_or_default(),
            files: row.get(11)?,
            unchanged: row.get(12)?,
            processed: row.get(13)?,
            skipped: row.get(14)?,
            deferred: row.get(15)?,
            rejected: row.get(16)?,
            errors: row.get(17)?,
            items_extracted: row.get(18)?,
            bytes_read: row.get(19)?,
            elapsed_ms: row.get(20)?,
            unsettled_keys: row.get(21)?,
        })
    }

    /// Whether the history says that it is still running.
    pub fn is_running(&self) -> bool {
        self.outcome == "running"
    }

    /// Why the run failed as a whole; `None` if it did not.
    pub fn error(&self) -> Option<&str> {
        self.message.as_deref().filter(|_| self.alarms.is_empty())
    }

    /// How the run ended, for the schedule. `Failed` if it was killed or failed as a whole. A run in which single files
    /// failed, or that has alarms, is `Done`.
    pub fn end(&self) -> End {
        if self.error().is_some() || self.outcome == "killed" { End::Failed } else { End::Done }
    }

    /// The number of files that the run left to the next one.
    pub fn pending(&self) -> i64 {
        self.deferred + self.errors
    }

    /// The number of files by state. Together, these are all files that the walk found.
    pub fn by_state(&self) -> [(&'static str, i64); 6] {
        [
            ("unchanged", self.unchanged),
            ("processed", self.processed),
            ("skipped", self.skipped),
            ("deferred", self.deferred),
            ("rejected", self.rejected),
            ("failed", self.errors),
        ]
    }
}
