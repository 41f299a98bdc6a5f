//! A task, computed from all events that name its id.
//!
//! The rules do not depend on the order in which events arrive:
//!
//! - The running attempt is the highest attempt that was created. Among the events that end this attempt or a higher
//!   one, the last one decides. So the end of a lower attempt has no effect, and an ended task only continues with a
//!   `created` event of a higher attempt. For example, `created 1`, `created 2`, `failed 1` is a running task.
//! - For each other field, the last value counts. If no event gives a type, the name of the task is used.
//! - A task whose group is only named by the task's own id is a group of its own.
//! - A task without a `created` event is marked as inferred.
//!
//! What depends on the present time is expressed as a time: when the task closes if no further event comes, and when it
//! expires.

use crate::Policy;
use crate::event::{self, Event};
use crate::link::{Kind, LinkRow};
use crate::policy::later;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FactRow, Failure, Rows, TaskState, table};

table! {
    /// what the events of each task come to, whatever the time is
    pub static TASKS: Table = "task_state", Hidden;

    /// A task. `closes_at` is the end of the task. If it has not ended, it is the time at which it counts as orphaned;
    /// if it is held, the time at which it closes without a release. `attempt_began_at` is the time of the first event
    /// of the running attempt; a removal before that time has no effect. `session_file`, `line` and `username` are
    /// those of the first event.
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

/// Makes a task from the events of its id. There is no task without a short id, of an excluded type, or with events
/// from other than permitted folders.
///
/// # Errors
///
/// If a fact is not an event.
pub fn settle(policy: &Policy, task_id: &str, facts: &[FactRow], entities: &mut Rows) -> Result<(), Failure> {
    let events = facts.iter().map(Event::read).collect::<Result<Vec<_>, _>>()?;
    let events = event::deciding(policy, events);
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
    // Logs that name a group only in some events give the task's own id in the others.
    let group = latest(&events, |event| event.row.short_id.filter(|short_id| *short_id != task_id));
    let Some(short_id) = group.or_else(|| latest(&events, |event| event.row.short_id)) else { return Ok(()) };
    // The name only serves as the type if no event gives one.
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

/// The last value that is present.
fn latest<'f, T>(events: &[Event<'f>], field: impl Fn(&Event<'f>) -> Option<T>) -> Option<T> {
    events.iter().rev().find_map(field)
}
