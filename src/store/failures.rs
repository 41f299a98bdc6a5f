//! Stored failures: one row per processor and source file, or per settlement and key.

use crate::base::error::Result;
use crate::read::job::Job;
use crate::read::{Outcome, Verdict};
use crate::source::open::Refusal;
use crate::source::retry::{FailureState, FileBasis, FileFailure, Standing};
use crate::store::reader::Reader;
use crate::store::rows::{Cell, as_hash, as_stat, as_text, as_time, key_hash, stat_cells};
use crate::store::stamp::{Stamp, Try};
use crate::store::{Store, Transaction};
use chrono::{DateTime, Utc};
use duckdb::{Row, params};
use sessionmill_contract::{Failure, FailureClass};

/// The stored failure of a source file.
#[derive(Clone, Debug)]
pub struct Failed {
    pub processor: String,
    pub session_file: String,
    /// The name of the source.
    pub source: String,
    pub basis: FileBasis,
    pub standing: Standing,
}

/// A key that could not be settled.
#[derive(Clone, Debug)]
pub struct FailedKey {
    pub processor: String,
    /// The table of facts of the settlement, in schema `facts`.
    pub facts_table: String,
    pub key: String,
    pub standing: Standing,
}

/// All failures of source files, sorted by source file and processor.
///
/// # Errors
///
/// If the database cannot be read.
pub fn all(reader: Reader<'_>) -> Result<Vec<Failed>> {
    let mut statement = reader.connection().prepare(&format!(
        "SELECT processor_name, session_file, source, processor_version, size, mtime_ns, ctime_ns, inode, file_hash,
             {STANDING}
         FROM session_failures ORDER BY session_file, processor_name"
    ))?;
    let failures = statement.query_map([], |row| {
        let basis = FileBasis { version: row.get(3)?, stat: as_stat(row, 4)?, hash: as_hash(row, 8)? };
        let (processor, session_file, source) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Failed { processor, session_file, source, basis, standing: standing(row, 9)? })
    })?;
    Ok(failures.collect::<duckdb::Result<_>>()?)
}

/// All keys that could not be settled, sorted by processor, table and key.
///
/// # Errors
///
/// If the database cannot be read.
pub fn keys(reader: Reader<'_>) -> Result<Vec<FailedKey>> {
    let mut statement = reader
        .connection()
        .prepare(&format!("SELECT processor_name, facts_table, key, {STANDING} FROM settling_failures ORDER BY ALL"))?;
    let keys = statement.query_map([], |row| {
        let (processor, facts_table, key) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(FailedKey { processor, facts_table, key, standing: standing(row, 3)? })
    })?;
    Ok(keys.collect::<duckdb::Result<_>>()?)
}

/// The keys that a processor could not settle, except those that an operator has dropped.
///
/// # Errors
///
/// If the database cannot be read.
pub fn unsettled(reader: Reader<'_>, processor: &str) -> Result<Vec<FailedKey>> {
    let mut keys = keys(reader)?;
    keys.retain(|failed| failed.processor == processor && failed.standing.state != FailureState::Dropped);
    Ok(keys)
}

/// The columns of a [`Standing`].
pub(super) const STANDING: &str =
    "class, message, state, attempts, strikes, first_failed_at, last_failed_at, next_try_at";

/// Reads the columns [`STANDING`], which begin at column `first`.
pub(super) fn standing(row: &Row<'_>, first: usize) -> duckdb::Result<Standing> {
    let class = FailureClass::by_name(as_text(row, first)?).unwrap_or(FailureClass::Permanent);
    let at = |column: usize| Ok::<_, duckdb::Error>(as_time(row, first + column)?.unwrap_or_default());
    Ok(Standing {
        failure: Failure::new(class, as_text(row, first + 1)?),
        state: FailureState::by_name(as_text(row, first + 2)?).unwrap_or(FailureState::Retry),
        attempts: row.get(first + 3)?,
        strikes: row.get(first + 4)?,
        first_failed_at: at(5)?,
        last_failed_at: at(6)?,
        next_try_at: at(7)?,
    })
}

/// The cells of [`STANDING`].
pub(super) fn standing_cells(standing: &Standing) -> [Cell<'_>; 8] {
    [
        Cell::Text(standing.failure.class.name()),
        Cell::Text(&standing.failure.message),
        Cell::Text(standing.state.name()),
        Cell::Int(standing.attempts.into()),
        Cell::Int(standing.strikes.into()),
        Cell::Time(standing.first_failed_at),
        Cell::Time(standing.last_failed_at),
        Cell::Time(standing.next_try_at),
    ]
}

/// A number from 0 to 1 that spreads the next attempts evenly, over files or keys and over the attempts of each. It
/// depends only on the name and the number of strikes, so that the same input gives the same result.
pub(super) fn chance(name: &str, last: Option<&Standing>) -> f64 {
    let strikes = last.map_or(0, |last| last.strikes);
    key_hash(&format!("{name} {strikes}")).cast_unsigned() as f64 / u64::MAX as f64
}

/// Stores the failures of a group, and deletes those of files that were processed.
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
    let rows = failed.iter().map(|(processor, job, failure)| row(*processor, job, failure, stamp));
    transaction.append("main", "session_failures", rows)?;
    Ok(())
}

/// The position of a processor, and a file that was due for it.
type Due<'g> = (usize, &'g Job);

/// Sorts the results of a group into new failures, and files that were processed.
fn sorted<'g>(group: &'g [Outcome<'_>], stamp: Stamp<'_>) -> (Vec<(usize, &'g Job, FileFailure)>, Vec<Due<'g>>) {
    let (mut failed, mut fine) = (Vec::new(), Vec::new());
    for &Outcome { job, ref result } in group {
        let stand = |due: usize, failure: &Failure, stat, hash| {
            let last = job.failure(due);
            let basis = FileBasis { version: stamp.manifests[due].version, stat, hash };
            let random = chance(&job.file.session_file, last.map(|last| &last.standing));
            (due, job, FileFailure::after(last, basis, failure.clone(), stamp.now, random))
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
            // The file is rejected now, so an earlier failure no longer applies to it.
            Err(Refusal::Rejected(_)) => fine.extend(job.due.iter().map(|due| (*due, job))),
            Err(Refusal::Deferred(_)) => {}
        }
    }
    (failed, fine)
}

fn row<'g>(processor: usize, job: &'g Job, failure: &'g FileFailure, stamp: Stamp<'g>) -> Vec<Cell<'g>> {
    let FileFailure { basis, standing } = failure;
    let mut row = vec![
        Cell::Text(stamp.manifests[processor].name),
        Cell::Text(&job.file.session_file),
        Cell::Text(&job.file.username),
        Cell::Text(stamp.source(job)),
    ];
    row.extend(standing_cells(standing));
    row.push(Cell::Int(basis.version.into()));
    row.extend(stat_cells(&basis.stat));
    row.push(Cell::Own(basis.hash.as_ref().map(hex::encode).as_deref().into()));
    row
}

/// What an operator can do with a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureAction {
    /// Try again in the next pass, as if it had never failed.
    Retry,
    /// Do not try again, and do not count it as an error, until the file or the processor changes.
    Drop,
}

/// Sets failures of a processor to a state and resets their counts. Parameters: the state, the time of the next
/// attempt, the processor.
pub(super) const SET: &str = "SET state = ?, attempts = 0, strikes = 0, next_try_at = ? WHERE processor_name = ? AND";

/// Applies an action to failures of files and keys.
///
/// # Errors
///
/// If the database cannot be written.
pub fn apply(
    store: &Store,
    action: FailureAction,
    files: &[&Failed],
    keys: &[&FailedKey],
    now: DateTime<Utc>,
) -> Result<()> {
    let state = match action {
        FailureAction::Retry => FailureState::Retry,
        FailureAction::Drop => FailureState::Dropped,
    };
    store.transaction(|transaction| {
        for Failed { processor, session_file, .. } in files {
            let sql = format!("UPDATE session_failures {SET} session_file = ?");
            transaction.execute(&sql, params![state.name(), Cell::Time(now), processor, session_file])?;
        }
        for FailedKey { processor, facts_table, key, .. } in keys {
            let sql = format!("UPDATE settling_failures {SET} facts_table = ? AND key = ?");
            transaction.execute(&sql, params![state.name(), Cell::Time(now), processor, facts_table, key])?;
        }
        Ok(())
    })
}
