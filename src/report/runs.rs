//! The history of runs.

use crate::base::error::{Result, count, thousands};
use crate::base::utc;
use crate::store::reader::Reader;
use crate::store::run::{COLUMNS, Run};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// A run, with the source files that failed in it.
#[derive(Debug)]
pub struct Listed {
    pub run: Run,
    pub errors: Vec<FileError>,
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
pub fn runs(reader: Reader<'_>, processor: Option<&str>, limit: u32) -> Result<Vec<Listed>> {
    page(reader, processor, 0, limit)
}

/// A run that a report started, and that found no new files.
const IDLE: &str =
    "trigger = 'report' AND outcome = 'done' AND processed + deferred + rejected + errors = 0 AND message IS NULL";

/// The last runs, newest first, without those that a report started and that found nothing new; and the number of the
/// latter.
///
/// # Errors
///
/// If the database cannot be read.
pub fn without_idle(reader: Reader<'_>, processor: Option<&str>, limit: u32) -> Result<(Vec<Listed>, u64)> {
    let idle = number(reader, processor, IDLE)?;
    Ok((listed(reader, processor, &format!("NOT coalesce({IDLE}, false)"), 0, limit)?, idle))
}

/// The number of runs.
///
/// # Errors
///
/// If the database cannot be read.
pub fn total(reader: Reader<'_>, processor: Option<&str>) -> Result<u64> {
    number(reader, processor, "true")
}

fn number(reader: Reader<'_>, processor: Option<&str>, condition: &str) -> Result<u64> {
    let sql = format!(
        "SELECT count(*) FROM processor_runs WHERE processor_name = coalesce(?, processor_name) AND {condition}"
    );
    reader.one(&sql, &[processor.into()], |row| row.count(0))
}

/// The runs after the `offset` newest runs, newest first.
///
/// # Errors
///
/// If the database cannot be read.
pub fn page(reader: Reader<'_>, processor: Option<&str>, offset: u64, limit: u32) -> Result<Vec<Listed>> {
    listed(reader, processor, "true", offset, limit)
}

fn listed(
    reader: Reader<'_>,
    processor: Option<&str>,
    condition: &str,
    offset: u64,
    limit: u32,
) -> Result<Vec<Listed>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM processor_runs WHERE processor_name = coalesce(?, processor_name) AND {condition}
         ORDER BY run_id DESC, processor_name LIMIT {limit} OFFSET {offset}"
    );
    let runs = reader.rows(&sql, &[processor.into()], Run::of)?;
    let ids = || runs.iter().map(|run| run.run_id);
    let (Some(oldest), Some(newest)) = (ids().min(), ids().max()) else { return Ok(Vec::new()) };
    let mut errors: HashMap<(i64, String), Vec<FileError>> = HashMap::new();
    reader.each(
        "SELECT run_id, processor_name, session_file, class, error FROM processor_run_errors
         WHERE run_id BETWEEN ? AND ? ORDER BY session_file",
        &[oldest.into(), newest.into()],
        |row| {
            let error = FileError { session: row.get(2)?, class: row.get(3)?, error: row.get(4)? };
            errors.entry((row.get(0)?, row.get(1)?)).or_default().push(error);
            Ok(())
        },
    )?;
    let listed = runs.into_iter().map(|run| {
        let errors = errors.remove(&(run.run_id, run.processor.clone())).unwrap_or_default();
        Listed { run, errors }
    });
    Ok(listed.collect())
}

impl Listed {
    /// As JSON. All times are UTC.
    pub fn object(&self) -> Value {
        let Self { run, errors } = self;
        let mut object = json!({
            "run_id": run.run_id,
            "processor": run.processor,
            "action": run.action,
            "trigger": run.trigger,
            "requested_by": run.requested_by,
            "request_id": run.request_id,
            "started_at": utc::seconds(run.started_at),
            "ended_at": run.ended_at.map(utc::seconds),
            "outcome": run.outcome,
            "message": run.message,
            "alarms": run.alarms,
            "files": run.files,
            "unchanged": run.unchanged,
            "processed": run.processed,
            "deferred": run.deferred,
            "rejected": run.rejected,
            "errors": run.errors,
            "items_extracted": run.items_extracted,
            "bytes_read": run.bytes_read,
            "elapsed_ms": run.elapsed_ms,
        });
        if run.unsettled_keys > 0 {
            object["unsettled_keys"] = json!(run.unsettled_keys);
        }
        object["errors_detail"] = json!(errors);
        object
    }
}

impl Run {
    /// The result in words.
    pub fn words(&self) -> String {
        if let Some(error) = self.error() {
            return error.to_owned();
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
