//! What the database tells of a processor: its runs, its failures, what waits.

use crate::base::error::Result;
use crate::pass::pause::Pause;
use crate::pass::summary::Deferral;
use crate::service::health::{Facts, Keeper, Run};
use crate::service::schedule::Schedule;
use crate::store::reader::Reader;
use crate::store::rows::as_time;
use crate::store::{pauses, runs};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use duckdb::{Connection, Row};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A processor, as the database knows it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Record {
    /// The last run that was begun.
    pub last: Option<Run>,
    /// The last one that is over, however it ended: what it came to holds while the next one runs.
    pub over: Option<Run>,
    /// The last one that came to an end, and what it counted.
    pub ended: Option<Ended>,
    /// When the last run ended that went through all files, without an alarm.
    #[serde(with = "crate::base::wire::time_or_none")]
    pub success: Option<DateTime<Utc>>,
    pub pause: Option<Pause>,
    /// Files that failed, by what becomes of them: retry, dead, dropped.
    #[serde(deserialize_with = "crate::base::wire::numbers")]
    pub failures: [(&'static str, u64); 3],
    /// The same by cause, the most frequent first.
    pub causes: Vec<Cause>,
    /// Why the last run that came to an end left files to the next one.
    pub deferrals: Vec<Deferral>,
    /// Keys whose entities are not up to date.
    pub unsettled_keys: u64,
    /// Why they could not be settled, the most frequent cause first.
    pub key_causes: Vec<KeyCause>,
}

/// A run that came to its end.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Ended {
    #[serde(with = "crate::base::wire::time")]
    pub started_at: DateTime<Utc>,
    pub milliseconds: i64,
    /// Files by state; all of them together are those that the walk found.
    #[serde(deserialize_with = "crate::base::wire::numbers")]
    pub files: [(&'static str, i64); 6],
}

/// Why files failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Cause {
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

/// Causes that are told.
const CAUSES: usize = 10;

impl Record {
    /// Files that wait for a next run.
    pub fn backlog(&self) -> u64 {
        let deferred = self.ended.as_ref().and_then(|ended| ended.files.iter().find(|(name, _)| *name == "deferred"));
        deferred.map_or(0, |(_, files)| files.cast_unsigned()) + self.failures[0].1
    }

    /// What the health of the processor is made of, but for what a look at the sources adds.
    pub fn facts<'f>(
        &'f self,
        schedule: Option<&'f Schedule>,
        zone: Tz,
        keeper: Keeper,
        alarms: &'f [String],
        lacks: Option<&'f str>,
    ) -> Facts<'f> {
        let [(_, failed), (_, dead), _] = self.failures;
        Facts {
            schedule,
            zone,
            keeper,
            lacks,
            pause: self.pause.as_ref(),
            alarms,
            is_running: false,
            last: self.last.as_ref(),
            over: self.over.as_ref(),
            failed,
            dead,
            unsettled_keys: self.unsettled_keys,
            oldest_pending: None,
        }
    }

    /// The same with the last run, where the database could not be told of it.
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

    /// Reads what there is about a processor, which asks this server, or any, if it is not known which.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn read(reader: Reader<'_>, processor: &str, server: Option<&str>) -> Result<Self> {
        let connection = reader.connection();
        let number = |sql: &str| connection.query_row(sql, [processor], |row| row.get::<_, u64>(0));
        let mut failures = [("retry", 0), ("dead", 0), ("dropped", 0)];
        for (state, files) in &mut failures {
            let sql = "SELECT count(*) FROM session_failures WHERE processor_name = ? AND state = ?";
            *files = connection.query_row(sql, [processor, *state], |row| row.get(0))?;
        }
        let unsettled_keys = number(
            "SELECT count(*) FROM (
                 SELECT facts_table, key_hash FROM facts.touched_keys WHERE processor_name = $1
                 UNION SELECT facts_table, key_hash FROM facts.touched_moments WHERE processor_name = $1
                 UNION SELECT facts_table, key_hash FROM settling_failures
                 WHERE processor_name = $1 AND state <> 'dropped')",
        )?;
        let success = connection.query_row(
            "SELECT max_by(ended_at, run_id) FROM processor_runs
             WHERE processor_name = ? AND ended_at IS NOT NULL AND outcome IN ('done', 'failed') AND message IS NULL",
            [processor],
            |row| as_time(row, 0),
        )?;
        let causes = connection
            .prepare(&format!(
                "SELECT class, message, count(*) AS files, min(session_file) FROM session_failures
                 WHERE processor_name = ? AND state <> 'dropped'
                 GROUP BY class, message ORDER BY files DESC, class, message LIMIT {CAUSES}"
            ))?
            .query_map([processor], |row| {
                Ok(Cause { class: row.get(0)?, message: row.get(1)?, files: row.get(2)?, example: row.get(3)? })
            })?
            .collect::<duckdb::Result<_>>()?;
        let key_causes = connection
            .prepare(&format!(
                "SELECT class, message, count(*) AS keys, min(key) FROM settling_failures
                 WHERE processor_name = ? AND state <> 'dropped'
                 GROUP BY class, message ORDER BY keys DESC, class, message LIMIT {CAUSES}"
            ))?
            .query_map([processor], |row| {
                Ok(KeyCause { class: row.get(0)?, message: row.get(1)?, keys: row.get(2)?, example: row.get(3)? })
            })?
            .collect::<duckdb::Result<_>>()?;
        let deferrals = connection
            .prepare(
                "SELECT reason, files FROM processor_deferrals WHERE processor_name = ? ORDER BY files DESC, reason",
            )?
            .query_map([processor], |row| Ok(Deferral { reason: row.get(0)?, files: row.get(1)? }))?
            .collect::<duckdb::Result<_>>()?;
        Ok(Self {
            last: one(connection, processor, "outcome NOT IN ('busy', 'refused')", run)?,
            over: one(connection, processor, "outcome NOT IN ('busy', 'refused', 'running')", run)?,
            ended: one(connection, processor, "outcome IN ('done', 'failed', 'stopped')", ended)?,
            success,
            pause: pauses::of(reader, processor, server)?,
            failures,
            causes,
            deferrals,
            unsettled_keys,
            key_causes,
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

/// The last run of a processor that meets a condition.
fn one<T>(
    connection: &Connection,
    processor: &str,
    condition: &str,
    read: impl Fn(&Row<'_>) -> duckdb::Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare(&format!(
        "SELECT run_id, trigger, started_at, ended_at, outcome, message, files, processed, deferred + errors, elapsed_ms,
             unchanged, skipped, deferred, rejected, errors, alarms
         FROM processor_runs WHERE processor_name = ? AND {condition} ORDER BY run_id DESC LIMIT 1"
    ))?;
    let mut rows = statement.query([processor])?;
    Ok(rows.next()?.map(read).transpose()?)
}

fn run(row: &Row<'_>) -> duckdb::Result<Run> {
    Ok(Run {
        run_id: row.get(0)?,
        trigger: row.get(1)?,
        started_at: as_time(row, 2)?.unwrap_or_default(),
        ended_at: as_time(row, 3)?,
        outcome: row.get(4)?,
        message: row.get(5)?,
        alarms: alarms(row.get(15)?),
        files: row.get(6)?,
        processed: row.get(7)?,
        pending: row.get(8)?,
    })
}

/// The alarms of a run.
pub(crate) fn alarms(list: Option<String>) -> Vec<String> {
    list.and_then(|list| serde_json::from_str(&list).ok()).unwrap_or_default()
}

fn ended(row: &Row<'_>) -> duckdb::Result<Ended> {
    let states = ["unchanged", "processed", "skipped", "deferred", "rejected", "failed"];
    let columns = [10, 7, 11, 12, 13, 14];
    let mut files = states.map(|state| (state, 0));
    for ((_, files), column) in files.iter_mut().zip(columns) {
        *files = row.get(column)?;
    }
    Ok(Ended { started_at: as_time(row, 2)?.unwrap_or_default(), milliseconds: row.get(9)?, files })
}
