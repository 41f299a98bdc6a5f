//! What the database knows about a processor: its runs, its failures, what waits.

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
    /// The last run that was begun.
    pub last: Option<Run>,
    /// The last one that is over, however it ended: its result holds while the next one runs.
    pub over: Option<Run>,
    /// The last one that ended in order, and what it counted.
    pub ended: Option<Run>,
    /// When the last run ended that went through all files, without an alarm.
    #[serde(with = "crate::base::wire::time_or_none")]
    pub success: Option<DateTime<Utc>>,
    pub pause: Option<Pause>,
    /// Files that failed, by what becomes of them: retry, dead, dropped.
    #[serde(deserialize_with = "crate::base::wire::numbers")]
    pub failures: [(&'static str, u64); 3],
    /// The same by cause, the most frequent first.
    pub causes: Vec<FileCause>,
    /// Why the last run that ended in order left files to the next one.
    pub deferrals: Vec<Deferral>,
    /// Keys whose entities are not up to date.
    pub unsettled_keys: u64,
    /// Why they could not be settled, the most frequent cause first.
    pub key_causes: Vec<KeyCause>,
}

/// Why files failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct FileCause {
    pub class: String,
    pub message: String,
    pub files: u64,
    /// One of them.
    pub example: String,
}

/// Why keys could not be settled.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct KeyCause {
    pub class: String,
    pub message: String,
    pub keys: u64,
    /// One of them.
    pub example: String,
}

/// Causes that are shown.
const CAUSES: usize = 10;

impl Record {
    /// Files that wait for a next run.
    pub fn backlog(&self) -> u64 {
        self.ended.as_ref().map_or(0, |run| run.deferred.cast_unsigned()) + self.failures[0].1
    }

    /// The same, with the last run if that could not be written to the database.
    #[must_use]
    pub fn or_unwritten(self, database: &Path, processor: &str) -> Self {
        // The database can have the beginning of the same run, which it thinks is going on.
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

    /// Reads what there is about a processor. Its pause counts if this server asked for it; `None` means any server.
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
        // Usually the last run has ended in order, and so is the last one of each kind.
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

/// Whether a schedule has ever run a processor of the database.
///
/// # Errors
///
/// If the database cannot be read.
pub fn is_kept(reader: Reader<'_>) -> Result<bool> {
    let sql = "SELECT count(*) > 0 FROM processor_runs WHERE trigger = 'schedule'";
    reader.one(sql, &[], |row| row.get(0))
}

/// Files that failed, by what becomes of them.
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
