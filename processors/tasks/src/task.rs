//! A task, from all events that name its id.
//!
//! The rules do not depend on the order in which events arrive:
//!
//! - The highest attempt of a `created` is the one that runs. Of the events that end an attempt not below it, the
//!   last one decides. So a terminal event of a lower attempt decides nothing, and only a `created` of a higher
//!   attempt takes a task up again.
//! - Of the other fields, the last value that is there counts. Where no event gives a type, the name of the task is it.
//! - A task whose group is named by its own id alone is a group of its own.
//! - A task without any `created` is inferred.
//!
//! What depends on the clock is a time: when the task closes if nothing else is said, and when it expires.

use crate::Policy;
use crate::event::{self, Event};
use crate::link::{Kind, LinkRow};
use crate::policy::later;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FactRow, Failure, Rows, TaskState, table};

table! {
    /// what the events of each task come to, whatever the time is
    pub static TASKS: Table = "task_state", Hidden;

    /// A task. `closes_at` is its end; without one, when it counts as orphaned; if it is held, when it closes if
    /// nothing releases it. `attempt_began_at` is the time of the first event of the attempt that runs: a removal
    /// before it is undone. `session_file`, `line` and `username` are those of the first event.
    #[derive(Clone, Debug, PartialEq)]
    pub struct TaskRow<'a> {
        task_id: &'a str,
        short_id: &'a str,
        task_type: Option<&'a str>,
        username: &'a str,
        user_id: Option<&'a str>,
        state: &'a str,
        is_held: bool,
        is_inferred: bool,
        is_guessed: bool,
        attempt: u64,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
        ended_at: Option<DateTime<Utc>>,
        attempt_began_at: Option<DateTime<Utc>>,
        closes_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
        error: Option<&'a str>,
        data: Option<&'a str> as quote,
        events: u64,
        ignored_events: u64,
        session_file: &'a str,
        line: u64,
    }
}

/// The state of a task that has not ended.
const ACTIVE: &str = "active";

/// Makes a task of the events of its id. One without a short id, of an excluded type, or of folders that may not
/// decide, is none.
///
/// # Errors
///
/// If a fact is no event.
pub fn settle(policy: &Policy, task_id: &str, facts: &[FactRow], entities: &mut Rows) -> Result<(), Failure> {
    let events = facts.iter().map(Event::read).collect::<Result<Vec<_>, _>>()?;
    let events = event::deciding(policy, events);
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
    // Logs that name a group in some of their events only give the task's own id in the others.
    let group = latest(&events, |event| event.row.short_id.filter(|short_id| *short_id != task_id));
    let Some(short_id) = group.or_else(|| latest(&events, |event| event.row.short_id)) else { return Ok(()) };
    // A name stands for the type only where no event gives one.
    let task_type = latest(&events, |event| event.row.task_type);
    let task_type = task_type.or_else(|| latest(&events, |event| event.row.task_name));
    let created = || events.iter().filter(|event| event.state == TaskState::Created);
    let running = created().map(|event| event.row.attempt).max();
    let decides = |event: &&Event<'_>| event.state.is_terminal() && Some(event.row.attempt) >= running;
    let end = events.iter().rfind(decides);
    if task_type.is_some_and(|task_type| policy.releases(task_type)) {
        for event in events.iter().filter(|event| event.state == TaskState::Completed) {
            entities.push(LinkRow {
                task_id,
                short_id,
                kind: Kind::Release.name(),
                task_type: task_type.unwrap_or_default(),
                moment: event.row.time,
                ended_at: None,
            });
        }
    }
    if task_type.is_some_and(|task_type| policy.excludes(task_type)) {
        return Ok(());
    }
    let created_at = created().next().unwrap_or(first).row.time;
    let released_by = task_type.and_then(|task_type| policy.released_by(task_type)).filter(|_| end.is_some());
    if let (Some(task_type), Some(end)) = (released_by, end) {
        let kind = Kind::Held.name();
        entities.push(LinkRow { task_id, short_id, kind, task_type, moment: created_at, ended_at: Some(end.row.time) });
    }
    let closes_at = match end {
        None => later(last.row.time, policy.orphan_after),
        Some(end) if released_by.is_some() => later(end.row.time, policy.hold_max),
        Some(end) => end.row.time,
    };
    let of_attempt = |running| events.iter().find(|event| event.row.attempt >= running).map(|event| event.row.time);
    entities.push(TaskRow {
        task_id,
        short_id,
        task_type,
        username: first.username,
        user_id: latest(&events, |event| event.row.user_id),
        state: end.map_or(ACTIVE, |end| end.state.name()),
        is_held: released_by.is_some(),
        is_inferred: running.is_none(),
        is_guessed: end.is_some_and(|end| end.row.is_guessed),
        attempt: events.iter().map(|event| event.row.attempt).max().unwrap_or_default(),
        created_at,
        updated_at: last.row.time,
        ended_at: end.map(|end| end.row.time),
        attempt_began_at: running.and_then(of_attempt),
        closes_at,
        expires_at: later(closes_at, policy.retention),
        error: latest(&events, |event| event.row.error),
        data: latest(&events, |event| event.row.data),
        events: events.len() as u64,
        ignored_events: (facts.len() - events.len()) as u64,
        session_file: first.session_file,
        line: first.row.line,
    });
    Ok(())
}

/// The last value that is there.
fn latest<'f, T>(events: &[Event<'f>], field: impl Fn(&Event<'f>) -> Option<T>) -> Option<T> {
    events.iter().rev().find_map(field)
}
