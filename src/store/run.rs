//! A run of a processor, as the history has it: read here only, and shown by `runs`, status, health, metrics and what
//! the service says of itself.

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
    /// What started it: `schedule`, `cli`, `report`, `trigger` or `watch`.
    pub trigger: String,
    /// Login of who asked.
    pub requested_by: Option<String>,
    /// Id of the trigger file.
    pub request_id: Option<String>,
    #[serde(with = "crate::base::wire::time")]
    pub started_at: DateTime<Utc>,
    #[serde(with = "crate::base::wire::time_or_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// `running`, `done`, `failed`, `stopped`, `busy`, `refused` or `killed`.
    pub outcome: String,
    /// Why it was busy, refused or could not run; else its alarms in words.
    pub message: Option<String>,
    /// Alarms of a run that went through.
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
    /// Keys that could not be settled.
    pub unsettled_keys: i64,
}

/// The columns of `processor_runs` that a run is read from.
pub(crate) const COLUMNS: &str =
    "run_id, processor_name, action, trigger, requested_by, request_id, started_at, ended_at,
    outcome, message, alarms, files, unchanged, processed, skipped, deferred, rejected, errors, items_extracted,
    bytes_read, elapsed_ms, coalesce(unsettled_keys, 0)";

impl Run {
    /// Reads [`COLUMNS`].
    ///
    /// # Errors
    ///
    /// If the row has others.
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

    /// Whether its row says that it is running.
    pub fn is_running(&self) -> bool {
        self.outcome == "running"
    }

    /// Why it failed as a whole.
    pub fn error(&self) -> Option<&str> {
        self.message.as_deref().filter(|_| self.alarms.is_empty())
    }

    /// How it ended, for the schedule. A run in which files failed, or that raised alarms, has done its work; one that
    /// was killed, or failed as a whole, has not.
    pub fn end(&self) -> End {
        if self.error().is_some() || self.outcome == "killed" { End::Failed } else { End::Done }
    }

    /// Files that it left to the next one.
    pub fn pending(&self) -> i64 {
        self.deferred + self.errors
    }

    /// Files by what became of them; all of them together are those that the walk found.
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
