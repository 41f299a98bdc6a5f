//! Task sessions as of some time, and the events that they are derived from.

use crate::base::error::{Error, Result, Status};
use crate::base::names;
use crate::base::utc;
use crate::plugs::tasks::report::filter::Filter;
use crate::plugs::tasks::report::table::{Tasks, at};
use crate::store::reader::{Reader, Row};
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use serde::{Serialize, Serializer};
use serde_json::Value;
use sessionmill_tasks::NAME;

/// A task session.
#[derive(Clone, Debug, Serialize)]
pub struct TaskSession {
    pub task_id: String,
    pub short_id: Option<String>,
    pub task_type: Option<String>,
    /// The folder with the first event of the task; for a run, the user who asked for it.
    pub username: Option<String>,
    pub user_id: Option<String>,
    /// `active`, `completed`, `failed`, `cancelled` or `orphaned`.
    pub status: String,
    pub attempt: i64,
    #[serde(serialize_with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: DateTime<Utc>,
    /// When an event said that the task has ended.
    #[serde(serialize_with = "rfc3339_or_null")]
    pub ended_at: Option<DateTime<Utc>>,
    /// When the task was closed. A held task is closed later than it ends.
    #[serde(serialize_with = "rfc3339_or_null")]
    pub closed_at: Option<DateTime<Utc>>,
    pub close_reason: Option<String>,
    pub is_held: bool,
    /// Whether no event said that the task was created.
    pub is_inferred: bool,
    pub error: Option<String>,
    pub data: Value,
    /// The source file of the first event; `None` for a run.
    pub session_file: Option<String>,
    pub line: Option<i64>,
}

impl TaskSession {
    /// The status, and whether it is held.
    pub fn words(&self) -> String {
        if self.is_held { format!("{}, held", self.status) } else { self.status.clone() }
    }
}

/// An event of a task.
#[derive(Clone, Debug, Serialize)]
pub struct Happened {
    #[serde(serialize_with = "rfc3339")]
    pub time: DateTime<Utc>,
    pub state: String,
    pub attempt: i64,
    pub source: String,
    pub error: Option<String>,
    pub data: Value,
    pub session_file: String,
    pub line: i64,
}

fn rfc3339<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}

fn rfc3339_or_null<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// A time as text in JSON and CSV.
pub fn text(time: DateTime<Utc>) -> String {
    utc::microseconds(time)
}

const COLUMNS: &str = "task_id, short_id, task_type, username, user_id, status, attempt, created_at,
    updated_at, ended_at, closed_at, close_reason, is_held, is_inferred, error, data, session_file, line";

/// What a list of tasks begins with: the newest, or the longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// Time of creation
    #[default]
    Date,
    /// Time from creation to end, or until now
    Duration,
}

/// Reads tasks in this order. Tasks with equal values are sorted from new to old, then by id.
///
/// # Errors
///
/// If the database cannot be read.
pub fn read(
    reader: Reader<'_>,
    filter: &Filter,
    order: Order,
    limit: Option<u32>,
    mut take: impl FnMut(TaskSession),
) -> Result<()> {
    let condition = filter.condition(reader)?;
    let limit = limit.map(|limit| format!("LIMIT {limit}")).unwrap_or_default();
    let now = filter.now.timestamp_micros();
    let order = match order {
        Order::Date => String::new(),
        // A task that ends before it begins has the duration 0.
        Order::Duration => format!(
            "greatest(coalesce(epoch_us(ended_at), epoch_us(closed_at), {now}) - epoch_us(created_at), 0) DESC, "
        ),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM {} WHERE {} ORDER BY {order}created_at DESC, task_id {limit}",
        at(filter.tasks(), filter.now),
        condition.clause()
    );
    reader.each(&sql, &condition.params, |row| {
        take(task(row)?);
        Ok(())
    })
}

/// The number of tasks.
///
/// # Errors
///
/// If the database cannot be read.
pub fn count(reader: Reader<'_>, filter: &Filter) -> Result<u64> {
    let condition = filter.condition(reader)?;
    let sql = format!("SELECT count(*) FROM {} WHERE {}", at(filter.tasks(), filter.now), condition.clause());
    reader.one(&sql, &condition.params, |row| row.count(0))
}

/// The full id of a task, given its beginning. If no task that is visible at `now` has this beginning, it is returned
/// unchanged.
///
/// # Errors
///
/// If several tasks match, or the database cannot be read.
pub fn whole_id(reader: Reader<'_>, beginning: &str, now: DateTime<Utc>) -> Result<String> {
    let sql = format!("SELECT task_id FROM {} WHERE starts_with(task_id, ?) ORDER BY task_id", at(Tasks::All, now));
    let ids = reader.rows(&sql, &[beginning.into()], |row| row.get(0))?;
    Ok(names::whole("task", beginning, ids)?.unwrap_or_else(|| beginning.to_owned()))
}

/// The task with this id, if it is visible at `now`.
///
/// # Errors
///
/// If the database cannot be read.
pub fn find(reader: Reader<'_>, task_id: &str, now: DateTime<Utc>) -> Result<Option<TaskSession>> {
    let tasks = if task_id.starts_with(RUN) { Tasks::All } else { Tasks::Tracked };
    let sql = format!("SELECT {COLUMNS} FROM {} WHERE task_id = ?", at(tasks, now));
    reader.first(&sql, &[task_id.into()], task)
}

/// The error for an unknown id, with a suggestion.
///
/// # Errors
///
/// If the database cannot be read.
pub fn unknown(reader: Reader<'_>, task_id: &str, now: DateTime<Utc>) -> Result<Error> {
    let sql = format!("SELECT task_id FROM {} ORDER BY task_id", at(Tasks::All, now));
    let known: Vec<String> = reader.rows(&sql, &[], |row| row.get(0))?;
    let error = names::unknown("task", task_id, known.iter().map(String::as_str));
    let hint = error.hint.unwrap_or_else(|| "`sessionmill tasks --include closed` lists them".to_owned());
    Ok(Error::new(Status::Usage, format!("unknown task `{task_id}`")).hint(hint))
}

/// Whether a user removed the task.
///
/// # Errors
///
/// If the database cannot be read.
pub fn is_removed(reader: Reader<'_>, task_id: &str) -> Result<bool> {
    let sql = "SELECT count(*) > 0 FROM task_tombstones WHERE task_id = ?";
    reader.one(sql, &[task_id.into()], |row| row.get(0))
}

/// The number of task events that were ever read.
///
/// # Errors
///
/// If the database cannot be read.
pub fn read_before(reader: Reader<'_>, now: DateTime<Utc>) -> Result<u64> {
    let sql = format!(
        "SELECT coalesce(sum(items_extracted), 0)::BIGINT FROM session_processor_state
         WHERE processor_name = ? AND NOT EXISTS (FROM {})",
        at(Tasks::Tracked, now)
    );
    reader.one(&sql, &[NAME.into()], |row| row.count(0))
}

/// The number of tasks that are visible at `now` and were already closed at `time`.
///
/// # Errors
///
/// If the database cannot be read.
pub fn closed_before(reader: Reader<'_>, time: DateTime<Utc>, now: DateTime<Utc>) -> Result<u64> {
    let sql = format!("SELECT count(*) FROM {} WHERE epoch_us(closed_at) <= ?", at(Tasks::Tracked, now));
    reader.one(&sql, &[time.timestamp_micros().into()], |row| row.count(0))
}

/// The events of a task, in order.
///
/// # Errors
///
/// If the database cannot be read.
pub fn events(reader: Reader<'_>, task_id: &str) -> Result<Vec<Happened>> {
    let sql = "SELECT time, state, attempt, source, error, data, session_file, line FROM task_events
               WHERE task_id = ? ORDER BY time, source, sequence NULLS FIRST, session_file, line";
    reader.rows(sql, &[task_id.into()], |row| {
        Ok(Happened {
            time: row.time(0)?.unwrap_or_default(),
            state: row.get(1)?,
            attempt: row.get(2)?,
            source: row.get(3)?,
            error: row.get(4)?,
            data: json(row.get(5)?),
            session_file: row.get(6)?,
            line: row.get(7)?,
        })
    })
}

/// The ids of runs of the program begin with this.
const RUN: &str = "session_processor:";

fn task(row: &Row<'_>) -> Result<TaskSession> {
    Ok(TaskSession {
        task_id: row.get(0)?,
        short_id: row.get(1)?,
        task_type: row.get(2)?,
        username: row.get(3)?,
        user_id: row.get(4)?,
        status: row.get(5)?,
        attempt: row.get(6)?,
        created_at: row.time(7)?.unwrap_or_default(),
        updated_at: row.time(8)?.unwrap_or_default(),
        ended_at: row.time(9)?,
        closed_at: row.time(10)?,
        close_reason: row.get(11)?,
        is_held: row.get(12)?,
        is_inferred: row.get(13)?,
        error: row.get(14)?,
        data: json(row.get(15)?),
        session_file: row.get(16)?,
        line: row.get(17)?,
    })
}

/// A value from a line as JSON, or as a text if it is not valid JSON.
fn json(text: Option<String>) -> Value {
    text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
