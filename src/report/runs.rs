//! The history of runs.

use crate::base::error::{Result, count, thousands};
use crate::store::reader::{Reader, Row};
use crate::store::record;
use serde::Serialize;
use std::collections::HashMap;

/// A run of one processor.
#[derive(Debug, Serialize)]
pub struct Run {
    pub run_id: i64,
    pub processor: String,
    /// `run_session_processor:<name>`.
    pub action: Option<String>,
    /// How it came to be: `schedule`, `cli`, `report`, `trigger` or `watch`.
    pub trigger: String,
    /// Login of who asked.
    pub requested_by: Option<String>,
    /// Id of the trigger file.
    pub request_id: Option<String>,
    /// UTC, as all times here.
    pub started_at: String,
    pub ended_at: Option<String>,
    /// `running`, `done`, `failed`, `stopped`, `busy`, `refused` or `killed`.
    pub outcome: String,
    /// Why it was busy, refused or could not run; else its alarms in words.
    pub message: Option<String>,
    /// Alarms of a run that went through.
    pub alarms: Vec<String>,
    pub files: i64,
    pub unchanged: i64,
    pub processed: i64,
    pub deferred: i64,
    pub rejected: i64,
    pub errors: i64,
    pub items_extracted: i64,
    pub bytes_read: i64,
    pub elapsed_ms: i64,
    /// Keys that could not be settled.
    #[serde(skip_serializing_if = "is_zero")]
    pub unsettled_keys: i64,
    pub errors_detail: Vec<FileError>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// A source file that failed in a run.
#[derive(Debug, Serialize)]
pub struct FileError {
    pub session: String,
    pub class: String,
    pub error: String,
}

/// The last runs, newest first.
///
/// # Errors
///
/// If the database cannot be read.
pub fn runs(reader: Reader<'_>, processor: Option<&str>, limit: u32) -> Result<Vec<Run>> {
    let run = |row: &Row<'_>| -> Result<Run> {
        Ok(Run {
            run_id: row.get(0)?,
            processor: row.get(1)?,
            action: row.get(2)?,
            trigger: row.get(3)?,
            requested_by: row.get(4)?,
            request_id: row.get(5)?,
            started_at: row.get(6)?,
            ended_at: row.get(7)?,
            outcome: row.get(8)?,
            message: row.get(9)?,
            alarms: record::alarms(row.get(19)?),
            files: row.get(10)?,
            unchanged: row.get(11)?,
            processed: row.get(12)?,
            deferred: row.get(13)?,
            rejected: row.get(14)?,
            errors: row.get(15)?,
            items_extracted: row.get(16)?,
            bytes_read: row.get(17)?,
            elapsed_ms: row.get(18)?,
            unsettled_keys: row.get(20)?,
            errors_detail: Vec::new(),
        })
    };
    let mut runs: Vec<Run> = reader.rows(
        "SELECT run_id, processor_name, action, trigger, requested_by, request_id,
             strftime(started_at, '%Y-%m-%dT%H:%M:%SZ'), strftime(ended_at, '%Y-%m-%dT%H:%M:%SZ'), outcome, message,
             files, unchanged, processed, deferred, rejected, errors, items_extracted, bytes_read, elapsed_ms, alarms,
             coalesce(unsettled_keys, 0)
         FROM processor_runs WHERE processor_name = coalesce(?, processor_name)
         ORDER BY run_id DESC, processor_name LIMIT ?",
        &[processor.into(), i64::from(limit).into()],
        run,
    )?;
    let Some(oldest) = runs.iter().map(|run| run.run_id).min() else { return Ok(runs) };
    let mut errors: HashMap<(i64, String), Vec<FileError>> = HashMap::new();
    reader.each(
        "SELECT run_id, processor_name, session_file, class, error FROM processor_run_errors
         WHERE run_id >= ? ORDER BY session_file",
        &[oldest.into()],
        |row| {
            let error = FileError { session: row.get(2)?, class: row.get(3)?, error: row.get(4)? };
            errors.entry((row.get(0)?, row.get(1)?)).or_default().push(error);
            Ok(())
        },
    )?;
    for run in &mut runs {
        run.errors_detail = errors.remove(&(run.run_id, run.processor.clone())).unwrap_or_default();
    }
    Ok(runs)
}

impl Run {
    /// What it came to, in words.
    pub fn words(&self) -> String {
        if let Some(message) = self.message.as_ref().filter(|_| self.alarms.is_empty()) {
            return message.clone();
        }
        if self.ended_at.is_none() {
            return String::new();
        }
        let number = |number: i64| thousands(number.into());
        let mut words = format!("{} of {} files changed", number(self.processed), number(self.files));
        for (files, what) in [(self.deferred, "deferred"), (self.rejected, "rejected"), (self.errors, "failed")] {
            if files > 0 {
                words += &format!(", {} {what}", number(files));
            }
        }
        if self.unsettled_keys > 0 {
            words += &format!(", {} not settled", count(self.unsettled_keys.cast_unsigned(), "key"));
        }
        for alarm in &self.alarms {
            words += &format!("; alarm: {alarm}");
        }
        words
    }
}
