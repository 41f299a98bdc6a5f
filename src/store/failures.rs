//! Failures that stand, in the database: one row per processor and source file.

use crate::error::Result;
use crate::failures::{Attempt, Fate, Standing};
use crate::hash;
use crate::job::Job;
use crate::open::Refusal;
use crate::read::{Outcome, Verdict};
use crate::store::rows::{Cell, as_hash, as_stat, as_text, as_time, key_hash, stat_cells};
use crate::store::stamp::{Stamp, Try};
use crate::store::{Store, Transaction};
use chrono::{DateTime, Utc};
use duckdb::{Connection, params};
use sessionmill_contract::{Failure, FailureClass};

/// A failure that stands, and what it is about.
#[derive(Clone, Debug)]
pub struct Failed {
    pub processor: String,
    pub session_file: String,
    /// Name of the source.
    pub source: String,
    pub standing: Standing,
}

/// All failures, by source file and processor.
///
/// # Errors
///
/// If the database cannot be read.
pub fn all(connection: &Connection) -> Result<Vec<Failed>> {
    let mut statement = connection.prepare(
        "SELECT processor_name, session_file, source, class, message, state, attempts, strikes, first_failed_at, last_failed_at,
             next_try_at, processor_version, size, mtime_ns, ctime_ns, inode, file_hash
         FROM session_failures ORDER BY session_file, processor_name",
    )?;
    let mut rows = statement.query([])?;
    let mut failures = Vec::new();
    while let Some(row) = rows.next()? {
        let class = FailureClass::by_name(as_text(row, 3)?).unwrap_or(FailureClass::Permanent);
        let at = |column| Ok::<_, duckdb::Error>(as_time(row, column)?.unwrap_or_default());
        let standing = Standing {
            failure: Failure::new(class, as_text(row, 4)?),
            version: row.get(11)?,
            stat: as_stat(row, 12)?,
            hash: as_hash(row, 16)?,
            fate: Fate::by_name(as_text(row, 5)?).unwrap_or(Fate::Retry),
            attempts: row.get(6)?,
            strikes: row.get(7)?,
            first_failed_at: at(8)?,
            last_failed_at: at(9)?,
            next_try_at: at(10)?,
        };
        failures.push(Failed { processor: row.get(0)?, session_file: row.get(1)?, source: row.get(2)?, standing });
    }
    Ok(failures)
}

/// A key that could not be settled.
#[derive(Clone, Debug)]
pub struct FailedKey {
    pub processor: String,
    /// In schema `facts`.
    pub facts_table: String,
    pub key: String,
    pub class: String,
    pub message: String,
    pub strikes: u32,
    pub first_failed_at: DateTime<Utc>,
    pub last_failed_at: DateTime<Utc>,
}

/// All keys that could not be settled, by processor and key.
///
/// # Errors
///
/// If the database cannot be read.
pub fn keys(connection: &Connection) -> Result<Vec<FailedKey>> {
    let mut statement = connection.prepare(
        "SELECT processor_name, facts_table, key, class, message, strikes, first_failed_at, last_failed_at
         FROM settling_failures ORDER BY ALL",
    )?;
    let keys = statement.query_map([], |row| {
        Ok(FailedKey {
            processor: row.get(0)?,
            facts_table: row.get(1)?,
            key: row.get(2)?,
            class: row.get(3)?,
            message: row.get(4)?,
            strikes: row.get(5)?,
            first_failed_at: as_time(row, 6)?.unwrap_or_default(),
            last_failed_at: as_time(row, 7)?.unwrap_or_default(),
        })
    })?;
    Ok(keys.collect::<duckdb::Result<_>>()?)
}

/// Writes what failed in a group, and forgets the failures of what was dealt with.
pub(super) fn write(transaction: &Transaction<'_>, group: &[Outcome], stamp: Stamp<'_>, nth: Try) -> Result<()> {
    let (failed, fine) = sorted(group, stamp);
    let news = failed.iter().map(|(processor, job, _)| (*processor, *job)).chain(fine);
    let is_known = |(processor, job): &Due<'_>| nth == Try::Again || job.failure(*processor).is_some();
    let stale: Vec<_> = news.filter(is_known).collect();
    if !stale.is_empty() {
        transaction
            .batch("CREATE OR REPLACE TEMP TABLE stage_failures (processor_name VARCHAR, session_file VARCHAR)")?;
        let name = |processor: usize| Cell::Text(stamp.manifests[processor].name);
        let rows = stale.iter().map(|(processor, job)| [name(*processor), Cell::Text(&job.file.session_file)]);
        transaction.stage("stage_failures", rows)?;
        transaction.execute(
            "DELETE FROM session_failures WHERE (processor_name, session_file) IN (FROM stage_failures)",
            [],
        )?;
    }
    let rows = failed.iter().map(|(processor, job, standing)| row(*processor, job, standing, stamp));
    transaction.append("main", "session_failures", rows)?;
    Ok(())
}

/// A processor, by position, and a file that it was due for.
type Due<'g> = (usize, &'g Job);

/// What failed in a group, as it stands now, and what was dealt with.
fn sorted<'g>(group: &'g [Outcome<'_>], stamp: Stamp<'_>) -> (Vec<(usize, &'g Job, Standing)>, Vec<Due<'g>>) {
    let (mut failed, mut fine) = (Vec::new(), Vec::new());
    for &Outcome { job, ref result } in group {
        let stand = |due: usize, failure: &Failure, stat, hash| {
            let last = job.failure(due);
            let attempt = Attempt { failure: failure.clone(), version: stamp.manifests[due].version, stat, hash };
            (due, job, Standing::after(last, attempt, stamp.now, chance(job, last)))
        };
        match result {
            Ok(read) => {
                for (due, verdict) in &read.verdicts {
                    match verdict {
                        Verdict::Failed(failure) if failure.class.defers() => {}
                        Verdict::Failed(failure) => {
                            failed.push(stand(*due, failure, read.look.stat, Some(read.look.hash)));
                        }
                        Verdict::Unchanged | Verdict::Facts(_) => fine.push((*due, job)),
                    }
                }
            }
            Err(Refusal::Failed(failure)) => {
                failed.extend(job.due.iter().map(|due| stand(*due, failure, job.stat, None)));
            }
            // What stands in its place now is another matter.
            Err(Refusal::Rejected(_)) => fine.extend(job.due.iter().map(|due| (*due, job))),
            Err(Refusal::Deferred(_)) => {}
        }
    }
    (failed, fine)
}

/// Evenly spread from 0 to 1, over files and over the tries of one file.
fn chance(job: &Job, last: Option<&Standing>) -> f64 {
    let strikes = last.map_or(0, |last| last.strikes);
    key_hash(&format!("{} {strikes}", job.file.session_file)).cast_unsigned() as f64 / u64::MAX as f64
}

fn row<'g>(processor: usize, job: &'g Job, standing: &'g Standing, stamp: Stamp<'g>) -> Vec<Cell<'g>> {
    let mut row = vec![
        Cell::Text(stamp.manifests[processor].name),
        Cell::Text(&job.file.session_file),
        Cell::Text(&job.file.username),
        Cell::Text(stamp.sources.get(job.source).copied().unwrap_or_default()),
        Cell::Text(standing.failure.class.name()),
        Cell::Text(&standing.failure.message),
        Cell::Text(standing.fate.name()),
        Cell::Int(standing.attempts.into()),
        Cell::Int(standing.strikes.into()),
        Cell::Time(standing.first_failed_at),
        Cell::Time(standing.last_failed_at),
        Cell::Time(standing.next_try_at),
        Cell::Int(standing.version.into()),
    ];
    row.extend(stat_cells(&standing.stat));
    row.push(Cell::Own(standing.hash.as_ref().map(hash::to_hex).as_deref().into()));
    row
}

/// What an operator wants of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Try again with the next pass, as if it had never failed.
    Retry,
    /// Do not try again, and do not count it as an error, until the file or the processor changes.
    Drop,
}

/// Does what an operator wants of failures.
///
/// # Errors
///
/// If the database cannot be written.
pub fn wish(store: &Store, wish: Wish, failures: &[&Failed], now: DateTime<Utc>) -> Result<()> {
    let fate = match wish {
        Wish::Retry => Fate::Retry,
        Wish::Drop => Fate::Dropped,
    };
    store.transaction(|transaction| {
        for Failed { processor, session_file, .. } in failures {
            transaction.execute(
                "UPDATE session_failures SET state = ?, attempts = 0, strikes = 0, next_try_at = ?
                 WHERE processor_name = ? AND session_file = ?",
                params![fate.name(), Cell::Time(now), processor, session_file],
            )?;
        }
        Ok(())
    })
}
