//! The last run of a processor, read from the history of runs for its schedule.

use crate::base::error::Result;
use crate::base::moment::Moment;
use crate::base::schedule::LastRun;
use crate::store::run::{COLUMNS, Run};
use crate::store::{Access, DatabaseFile, Store, is_begun};
use chrono::TimeDelta;

/// A run that is dated further in the future than this was dated by a wrong clock, and is ignored.
const FUTURE: TimeDelta = TimeDelta::days(1);

/// The last run of a processor that ended. `None` if that cannot be read; the processor is then due.
pub fn last_run(database: &DatabaseFile, processor: &str, now: &Moment) -> Option<LastRun> {
    if !is_begun(database) {
        return None;
    }
    match read(database, processor, now) {
        Ok(last) => last,
        Err(error) => {
            tracing::debug!(processor, error = error.to_string(), "cannot read when it last ran");
            None
        }
    }
}

fn read(database: &DatabaseFile, processor: &str, now: &Moment) -> Result<Option<LastRun>> {
    let store = Store::open(database, Access::ReadOnly)?;
    if !store.is_current(&database.schema)? {
        return Ok(None);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM processor_runs
         WHERE processor_name = ? AND outcome NOT IN ('busy', 'refused') AND started_at <= ?
         ORDER BY run_id DESC LIMIT 1"
    );
    let last = store.reader().first(&sql, &[processor.into(), (now.wall + FUTURE).into()], Run::of)?;
    let last = last.filter(|run| ["done", "failed"].contains(&&*run.outcome));
    Ok(last.map(|run| LastRun::remembered(run.started_at, run.end(), now)))
}
