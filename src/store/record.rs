//! What the database knows about a processor: its runs, its failures and its backlog.

use crate::base::error::Result;
use crate::run::pause::Pause;
use crate::run::summary::Deferral;
use crate::store::reader::Reader;
use crate::store::run::{COLUMNS, Run};
use crate::store::{pauses, runs};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A processor, as the database knows it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Record {
    /// The last run, except attempts that found the processor busy or were refused.
    pub last: Option<Run>,
    /// The last run that is over, even if it was killed. While the next run is in progress, this is the result to show.
    pub over: Option<Run>,
    /// The last run that was not killed, with its counts.
    pub ended: Option<Run>,
    /// When the last run ended that went through all files without an alarm. Single files may have failed in it.
    #[serde(with = "crate::base::wire::time_or_none")]
    pub success: Option<DateTime<Utc>>,
    pub pause: Option<Pause>,
    /// The number of failed files by state: retry, dead, dropped.
    #[serde(deserialize_with = "crate::base::wire::numbers")]
    pub failures: [(&'static str, u64); 3],
    /// Why files failed, without dropped ones: the 10 most frequent causes, the most frequent first.
    pub causes: Vec<FileCause>,
    /// Why the last run that was not killed left files to the next one.
    pub deferrals: Vec<Deferral>,
    /// Keys whose entities are out of date. Dropped ones are not counted.
    pub unsettled_keys: u64,
    /// Why keys could not be settled, without dropped ones: the 10 most frequent causes, the most frequent first.
    pub key_causes: Vec<KeyCause>,
}

/// Why files failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct FileCause {
    pub class: String,
    pub message: String,
    pub files: u64,
    /// One of the files.
    pub example: String,
}

/// Why keys could not be settled.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct KeyCause {
    pub class: String,
    pub message: String,
    pub keys: u64,
    /// One of the keys.
    pub example: String,
}

/// The most causes in a record.
const CAUSES: usize = 10;

impl Record {
    /// The number of files that wait for the next run.
    pub fn backlog(&self) -> u64 {
        self.ended.as_ref().map_or(0, |run| run.deferred.cast_unsigned()) + self.failures[0].1
    }

    /// Adds the last run if that could not be written to the database, because the disk was full for example.
    #[must_use]
    pub fn or_unwritten(self, database: &Path, processor: &str) -> Self {
        // The database can have a row for the beginning of the same run, which then seems to be still running.
        let is_older = |last: &Run, run: &Run| match last.ended_at {
            Some(_) => last.started_at < run.started_at,
            None => last.started_at <= run.started_at,
        };
        let is_news = |run: &Run| self.last.as_ref().is_none_or(|last| is_older(last, run));
        match runs::unwritten(database, processor).filter(is_news) {
            Some(run) => Self { last: Some(run.clone()), over: Some(run), ..self },
            None => self,
        }
    }

    /// Reads the record of a processor. A pause counts only if `server` asked for it; with `None`, any pause counts.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn read(reader: Reader<'_>, processor: &str, server: Option<&str>) -> Result<Self> {
        let unsettled_keys = reader.one(
            "SELECT count(*) FROM (
                 SELECT facts_table, key_hash FROM facts.touched_keys WHERE processor_name = $1
                 UNION SELECT facts_table, key_hash FROM facts.touched_moments WHERE processor_name = $1
                 UNION SELECT facts_table, key_hash FROM settling_failures
                 WHERE processor_name = $1 AND state <> 'dropped')",
            &[processor.into()],
            |row| row.count(0),
        )?;
        let success = reader.one(
            "SELECT max_by(ended_at, run_id) FROM processor_runs
             WHERE processor_name = ? AND ended_at IS NOT NULL AND outcome IN ('done', 'failed') AND message IS NULL",
            &[processor.into()],
            |row| row.time(0),
        )?;
        let sql = "SELECT reason, files FROM processor_deferrals WHERE processor_name = ? ORDER BY files DESC, reason";
        let deferrals =
            reader.rows(sql, &[processor.into()], |row| Ok(Deferral { reason: row.get(0)?, files: row.get(1)? }))?;
        let begun = last(reader, processor, "outcome NOT IN ('busy', 'refused')")?;
        // Usually the last run has ended and was not killed, so all three are the same run.
        let (over, ended) = match &begun {
            Some(run) if ["done", "failed", "stopped"].contains(&run.outcome.as_str()) => {
                (begun.clone(), begun.clone())
            }
            None => (None, None),
            Some(_) => (
                last(reader, processor, "outcome NOT IN ('busy', 'refused', 'running')")?,
                last(reader, processor, "outcome IN ('done', 'failed', 'stopped')")?,
            ),
        };
        Ok(Self {
            last: begun,
            over,
            ended,
            success,
            pause: pauses::of(reader, processor, server)?,
            failures: failures(reader, processor)?,
            causes: file_causes(reader, processor)?,
            deferrals,
            unsettled_keys,
            key_causes: key_causes(reader, processor)?,
        })
    }
}

/// Whether a schedule has ever run a processor of this database.
///
/// # Errors
///
/// If the database cannot be read.
pub fn is_kept(reader: Reader<'_>) -> Result<bool> {
    let sql = "SELECT count(*) > 0 FROM processor_runs WHERE trigger = 'schedule'";
    reader.one(sql, &[], |row| row.get(0))
}

/// The number of failed files by state.
fn failures(reader: Reader<'_>, processor: &str) -> Result<[(&'static str, u64); 3]> {
    let mut failures = [("retry", 0), ("dead", 0), ("dropped", 0)];
    let sql = "SELECT state, count(*) FROM session_failures WHERE processor_name = ? GROUP BY state";
    reader.each(sql, &[processor.into()], |row| {
        let state: String = row.get(0)?;
        if let Some((_, files)) = failures.iter_mut().find(|(known, _)| *known == state) {
            *files = row.count(1)?;
        }
        Ok(())
    })?;
    Ok(failures)
}

/// Why files failed, the most frequent cause first.
fn file_causes(reader: Reader<'_>, processor: &str) -> Result<Vec<FileCause>> {
    let sql = format!(
        "SELECT class, message, count(*) AS files, min(session_file) FROM session_failures
         WHERE processor_name = ? AND state <> 'dropped'
         GROUP BY class, message ORDER BY files DESC, class, message LIMIT {CAUSES}"
    );
    reader.rows(&sql, &[processor.into()], |row| {
        Ok(FileCause { class: row.get(0)?, message: row.get(1)?, files: row.get(2)?, example: row.get(3)? })
    })
}

/// Why keys could not be settled, the most frequent cause first.
fn key_causes(reader: Reader<'_>, processor: &str) -> Result<Vec<KeyCause>> {
    let sql = format!(
        "SELECT class, message, count(*) AS keys, min(key) FROM settling_failures
         WHERE processor_name = ? AND state <> 'dropped'
         GROUP BY class, message ORDER BY keys DESC, class, message LIMIT {CAUSES}"
    );
    reader.rows(&sql, &[processor.into()], |row| {
        Ok(KeyCause { class: row.get(0)?, message: row.get(1)?, keys: row.get(2)?, example: row.get(3)? })
    })
}

/// The last run of a processor that meets a condition.
fn last(reader: Reader<'_>, processor: &str, condition: &str) -> Result<Option<Run>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM processor_runs WHERE processor_name = ? AND {condition} ORDER BY run_id DESC LIMIT 1"
    );
    reader.first(&sql, &[processor.into()], Run::of)
}
