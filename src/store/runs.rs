//! The history of runs: a row per run and processor, and the files that failed in the run.

use crate::base::atomic_file;
use crate::base::error::{Error, Result, Status, count};
use crate::base::fault::Fault;
use crate::base::owner;
use crate::base::wire::pretty;
use crate::run::request::Request;
use crate::run::summary::{Counts, Deferral, Summary};
use crate::store::rows::Cell;
use crate::store::run::Run;
use crate::store::stamp::Stamp;
use crate::store::{Access, DatabaseFile, Store, Transaction, beside, is_begun};
use chrono::{DateTime, Utc};
use duckdb::params;
use serde::{Deserialize, Serialize};
use sessionmill_contract::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// The id of the next run. No other run takes it while the caller holds the database.
///
/// # Errors
///
/// If the database cannot be read.
pub fn next(store: &Store) -> Result<i64> {
    Ok(store.connection().query_row(NEXT, [], |row| row.get(0))?)
}

const NEXT: &str = "SELECT coalesce(max(run_id), 0) + 1 FROM processor_runs";

/// Stores that a run has begun, so that it is visible even if the process is killed.
///
/// # Errors
///
/// If the database cannot be written.
pub fn begin(store: &Store, stamp: Stamp<'_>, request: &Request) -> Result<()> {
    store.transaction(|transaction| {
        close_dead_run(transaction, stamp)?;
        let names = stamp.manifests.iter().map(|manifest| manifest.name);
        let rows = names.map(|name| {
            let counts = Counts { processor: name.to_owned(), ..Counts::default() };
            let outcome = "running";
            Row { run_id: stamp.run_id, request, at: stamp.now, end: None, outcome, why: None, alarms: None }
                .cells(&counts)
        });
        transaction.append("main", "processor_runs", rows)?;
        Ok(())
    })
}

/// Replaces the rows of a running run by its result.
///
/// # Errors
///
/// If the database cannot be written.
pub fn end(store: &Store, stamp: Stamp<'_>, request: &Request, summary: &Summary) -> Result<()> {
    let _ = std::fs::remove_file(beside(store.lock.database(), UNWRITTEN));
    store.transaction(|transaction| {
        let begun = transaction.execute(
            &format!("DELETE FROM processor_runs WHERE run_id = ? AND outcome = 'running' AND {}", of(stamp)),
            [stamp.run_id],
        )?;
        close_dead_run(transaction, stamp)?;
        // A run without anything to do has released the database since it began, so another run may have taken its id.
        let run_id = if begun > 0 { stamp.run_id } else { transaction.number(NEXT, [])? };
        let (why, alarms) = alarms(&summary.notices.alarms).unzip();
        let rows = summary.processors.iter().map(|counts| {
            let end = stamp.now + chrono::TimeDelta::milliseconds(counts.elapsed_ms.cast_signed());
            let outcome = if counts.is_failed() || !summary.notices.alarms.is_empty() {
                "failed"
            } else if summary.is_stopped {
                "stopped"
            } else {
                "done"
            };
            Row {
                run_id,
                request,
                at: stamp.now,
                end: Some(end),
                outcome,
                why: why.as_deref(),
                alarms: alarms.as_deref(),
            }
            .cells(counts)
        });
        // All rows in one append: each append is an entry of the log, which is read whenever the database is opened.
        transaction.append("main", "processor_runs", rows)?;
        transaction.execute(&format!("DELETE FROM processor_deferrals WHERE {}", of(stamp)), [])?;
        let deferrals = summary.processors.iter().flat_map(|counts| {
            counts.deferred_reasons.iter().map(|Deferral { reason, files }| {
                [Cell::Text(&counts.processor), Cell::Text(reason), Cell::Own((*files).into())]
            })
        });
        transaction.append("main", "processor_deferrals", deferrals)?;
        let errors = summary.processors.iter().flat_map(|counts| {
            counts.errors_detail.iter().map(move |error| {
                [
                    Cell::Int(run_id),
                    Cell::Text(&counts.processor),
                    Cell::Text(&error.session),
                    Cell::Text(error.class),
                    Cell::Text(&error.error),
                ]
            })
        });
        transaction.append("main", "processor_run_errors", errors)?;
        Ok(())
    })
}

/// Erases alarms that name folders or files of a person.
///
/// # Errors
///
/// If the database cannot be written.
pub(super) fn forget(transaction: &Transaction<'_>, username: &str) -> Result<()> {
    const ERASED: &str = "an alarm about somebody who was forgotten";
    transaction.execute(
        "UPDATE processor_runs SET message = ?, alarms = ? WHERE alarms IS NOT NULL
             AND (contains(message, '`' || ? || '/') OR contains(message, '`' || ? || '`'))",
        params![ERASED, serde_json::json!([ERASED]).to_string(), username, username],
    )?;
    Ok(())
}

/// Marks runs as killed that have no end. No such run can still be active, because the caller holds the lock for these
/// processors.
fn close_dead_run(transaction: &Transaction<'_>, stamp: Stamp<'_>) -> Result<()> {
    let sql = format!("UPDATE processor_runs SET outcome = 'killed' WHERE outcome = 'running' AND {}", of(stamp));
    transaction.execute(&sql, [])?;
    Ok(())
}

/// The condition for the rows of the processors of a run, in SQL.
fn of(stamp: Stamp<'_>) -> String {
    let names: Vec<_> = stamp.manifests.iter().map(|manifest| format!("'{}'", manifest.name)).collect();
    format!("processor_name IN ({})", names.join(", "))
}

/// A run that failed as a whole: it could not begin, or could not go on.
pub struct Broken<'b> {
    pub processors: &'b [&'b str],
    pub request: &'b Request,
    pub at: DateTime<Utc>,
    pub elapsed: Duration,
    pub error: &'b Error,
}

/// How long a command waits for the database at its end to write to the history.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Stores why a run could not begin or go on, if the database is free in time. Errors of that are ignored, because the
/// caller reports the run's own error.
pub fn broken(database: &DatabaseFile, broken: &Broken<'_>, patience: Duration) {
    if !is_begun(database) {
        return;
    }
    let written = Store::open_by(database, Access::ReadWrite, Instant::now() + patience)
        .and_then(|store| if store.is_current(&database.schema)? { broken.write(&store) } else { Ok(()) });
    let Err(error) = written else { return };
    tracing::debug!(error = error.to_string(), "cannot write that a run could not begin");
    // If the disk is full, or the database cannot be written, users must still see that the schedule has started a run.
    // So the run is stored in a file.
    let is_failure = !matches!(broken.error.status, Status::Busy | Status::Usage);
    let is_in_the_way = matches!(error.fault, Some(Fault::Room | Fault::Machine | Fault::Fatal | Fault::Unsure));
    if is_failure && is_in_the_way && owner::leave_to_owner(database).is_ok() {
        let Broken { processors, request, at, elapsed, error } = broken;
        let names = processors.iter().map(|name| (*name).to_owned()).collect();
        let (trigger, message) = (request.origin.name().to_owned(), error.to_string());
        let unwritten = Unwritten { processors: names, trigger, started_at: *at, ended_at: *at + *elapsed, message };
        let _ = atomic_file::write(&beside(database, UNWRITTEN), pretty(&unwritten), Some(0o600));
    }
}

/// A run that failed as a whole and could not be written to the database.
#[derive(Debug, Deserialize, Serialize)]
struct Unwritten {
    processors: Vec<String>,
    trigger: String,
    #[serde(with = "crate::base::wire::time")]
    started_at: DateTime<Utc>,
    #[serde(with = "crate::base::wire::time")]
    ended_at: DateTime<Utc>,
    message: String,
}

/// The extension of the file beside the database with that run. The next run with a result removes it.
const UNWRITTEN: &str = "broken";

/// The run of a processor in that file, if there is one.
pub(super) fn unwritten(database: &Path, processor: &str) -> Option<Run> {
    #[expect(clippy::disallowed_methods, reason = "a file beside the database")]
    let text = std::fs::read(beside(database, UNWRITTEN)).ok()?;
    let Unwritten { processors, trigger, started_at, ended_at, message } = serde_json::from_slice(&text).ok()?;
    let (ended_at, message) = (Some(ended_at), Some(message));
    let (processor, outcome) = (processor.to_owned(), "failed".to_owned());
    let run = Run { processor, trigger, started_at, ended_at, outcome, message, ..Run::default() };
    processors.contains(&run.processor).then_some(run)
}

impl Broken<'_> {
    fn write(&self, store: &Store) -> Result<()> {
        let Self { request, at, error, .. } = self;
        let outcome = match error.status {
            Status::Busy => "busy",
            Status::Usage => "refused",
            _ => "failed",
        };
        store.transaction(|transaction| {
            let run_id = transaction.number(NEXT, [])?;
            let rows = self.processors.iter().map(|name| {
                let counts = Counts { processor: (*name).to_owned(), ..Counts::default() };
                let (end, why) = (Some(*at + self.elapsed), error.to_string());
                Row { run_id, request, at: *at, end, outcome, why: Some(&why), alarms: None }.cells(&counts)
            });
            // The row of its beginning is removed, because the run is not running any more.
            if outcome == "failed" {
                for name in self.processors {
                    let sql = "DELETE FROM processor_runs WHERE outcome = 'running' AND processor_name = ?";
                    transaction.execute(sql, [name])?;
                }
            }
            transaction.append("main", "processor_runs", rows)?;
            Ok(())
        })
    }
}

/// The columns of a row of `processor_runs` other than the counts. A row without an end is of a running run.
struct Row<'r> {
    run_id: i64,
    request: &'r Request,
    at: DateTime<Utc>,
    end: Option<DateTime<Utc>>,
    outcome: &'static str,
    why: Option<&'r str>,
    alarms: Option<&'r str>,
}

/// The most alarms of a run whose text is kept.
const ALARMS: usize = 20;

/// The alarms of a run as one text and as a JSON list; `None` if there are none.
fn alarms(alarms: &[String]) -> Option<(String, String)> {
    let mut kept: Vec<_> = alarms.iter().take(ALARMS).cloned().collect();
    if alarms.len() > ALARMS {
        kept.push(format!("and {} more", count((alarms.len() - ALARMS) as u64, "alarm")));
    }
    (!kept.is_empty()).then(|| (kept.join("; "), serde_json::to_string(&kept).unwrap_or_default()))
}

impl Row<'_> {
    fn cells(&self, counts: &Counts) -> Vec<Cell<'static>> {
        let Self { run_id, request, at, end, outcome, why, alarms } = self;
        let about: [Value; 6] = [
            (*run_id).into(),
            (&*counts.processor).into(),
            request.origin.name().into(),
            (*at).into(),
            (*end).into(),
            (*outcome).into(),
        ];
        let numbers = [
            counts.files,
            counts.unchanged,
            counts.scanned,
            counts.processed,
            counts.skipped,
            counts.touched,
            counts.deferred,
            counts.rejected,
            counts.errors,
            counts.items_extracted,
            counts.malformed_lines,
            counts.bytes_read,
            counts.elapsed_ms,
        ];
        let audit: [Value; 4] = [
            (&*format!("run_session_processor:{}", counts.processor)).into(),
            (&*request.by).into(),
            request.id.as_deref().into(),
            (*why).into(),
        ];
        let last = [Value::from(counts.dropped), (*alarms).into(), Value::from(counts.unsettled_keys)];
        about.into_iter().chain(numbers.map(Value::from)).chain(audit).chain(last).map(Cell::Own).collect()
    }
}
