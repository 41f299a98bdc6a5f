//! What the history of runs says to the schedule.

use crate::base::error::Result;
use crate::base::moment::Moment;
use crate::service::schedule::{End, LastRun};
use crate::store::rows::{Cell, as_time};
use crate::store::{Access, DatabaseFile, Store, is_begun, migrate};
use chrono::TimeDelta;
use duckdb::{OptionalExt as _, params};

/// A run that began later than this from now was dated by a clock that was wrong, and says nothing.
const FUTURE: TimeDelta = TimeDelta::days(1);

/// The last run of a processor, if it came to an end in order; nothing where that cannot be read, which
/// makes it due.
pub fn last_run(database: &DatabaseFile, processor: &str, now: &Moment) -> Option<LastRun> {
    if !is_begun(database) {
        return None;
    }
    match read(database, processor, now) {
        Ok(last) => last,
        Err(error) => {
            tracing::debug!(processor, error = error.message, "cannot read when it last ran");
            None
        }
    }
}

fn read(database: &DatabaseFile, processor: &str, now: &Moment) -> Result<Option<LastRun>> {
    let store = Store::open(database, Access::ReadOnly)?;
    if !migrate::is_current(store.connection(), database.plugs)? {
        return Ok(None);
    }
    // A run that failed as a whole says why; one in which files failed, or with alarms, has done its work.
    let sql = "SELECT started_at, outcome, message IS NOT NULL AND alarms IS NULL FROM processor_runs
               WHERE processor_name = ? AND outcome NOT IN ('busy', 'refused') AND started_at <= ?
               ORDER BY run_id DESC LIMIT 1";
    let row = store.connection().query_row(sql, params![processor, Cell::Time(now.wall + FUTURE)], |row| {
        Ok((as_time(row, 0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
    });
    Ok(match row.optional()? {
        Some((Some(started), outcome, is_broken)) if ["done", "failed"].contains(&&*outcome) => {
            Some(LastRun::remembered(started, if is_broken { End::Failed } else { End::Done }, now))
        }
        _ => None,
    })
}
