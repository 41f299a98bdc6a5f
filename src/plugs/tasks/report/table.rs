//! The tasks as of a time, as a table for queries.

use crate::base::error::Result;
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};

/// Which tasks a query reads.
#[derive(Clone, Copy)]
pub(super) enum Tasks {
    /// Tasks from logs.
    Tracked,
    /// Tasks from logs, and runs of the program.
    All,
}

/// The tasks as of `now`, as a table. Without the runs, DuckDB plans the query in two thirds of the time, and planning
/// is most of the time of a query for a single task.
pub(super) fn at(tasks: Tasks, now: DateTime<Utc>) -> String {
    let macro_name = match tasks {
        Tasks::Tracked => "tracked_tasks_at",
        Tasks::All => "task_sessions_at",
    };
    format!("{macro_name}(make_timestamp({}))", now.timestamp_micros())
}

/// The types of the tasks that are visible at `now`.
///
/// # Errors
///
/// If the database cannot be read.
pub(in crate::plugs::tasks) fn types(reader: Reader<'_>, now: DateTime<Utc>) -> Result<Vec<String>> {
    let sql =
        format!("SELECT DISTINCT task_type FROM {} WHERE task_type IS NOT NULL ORDER BY ALL", at(Tasks::All, now));
    reader.rows(&sql, &[], |row| row.get(0))
}
