//! Events of Celery's workers and clients, <https://docs.celeryq.dev/en/stable/userguide/monitoring.html>.
//!
//! ```json
//! {"type":"task-failed","uuid":"t1","timestamp":1772366400.25,"hostname":"celery@mill","clock":17,
//!  "exception":"TimeoutError()"}
//! ```
//!
//! A retry belongs to the same attempt, because the task has not ended. Events with equal times are ordered by the
//! logical clock.

use super::json::{Count, Fields, Id, Text, skip};
use super::moment::Moment;
use super::task_log::{self, Emit, Record, Records};
use super::{Dialect, content_id};
use serde::de::MapAccess;
use sessionmill_contract::{Event, TaskEvent, TaskState};

pub(super) const CELERY: Dialect = Dialect {
    name: "celery",
    open: || Box::new(Records(|at, line, bytes, ask, emit| task_log::read::<Sent<'_>>(at, line, bytes, ask, emit))),
    lists: true,
};

/// An event.
#[derive(Debug, Default)]
struct Sent<'de> {
    kind: Text<'de>,
    uuid: Id<'de>,
    timestamp: Option<Moment>,
    clock: Count,
    name: Text<'de>,
    root_id: Id<'de>,
    exception: Text<'de>,
    /// Only transcripts of agents have a session. Some of their types begin with `task-` too.
    has_session: bool,
}

impl<'de> Fields<'de> for Sent<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = map.next_value()?,
            "uuid" => self.uuid = map.next_value()?,
            "timestamp" => self.timestamp = Some(map.next_value()?),
            "clock" => self.clock = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "root_id" => self.root_id = map.next_value()?,
            "exception" => self.exception = map.next_value()?,
            "sessionId" => {
                self.has_session = true;
                skip(map)?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl<'de> Record<'de> for Sent<'de> {
    fn is_own(&self) -> bool {
        let is_of_task = self.kind.get().is_some_and(|kind| kind.starts_with("task-"));
        is_of_task && self.uuid.get().is_some() && self.timestamp.is_some() && !self.has_session
    }

    fn kind(&self) -> Option<&str> {
        self.kind.name()
    }

    fn emit(&self, line: u64, bytes: &[u8], emit: &mut Emit<'_>) {
        let kind = self.kind.name().unwrap_or_default();
        let state = match kind {
            "task-sent" | "task-received" => TaskState::Created,
            "task-started" | "task-retried" | "task-rejected" => TaskState::Updated,
            "task-succeeded" => TaskState::Completed,
            "task-failed" => TaskState::Failed,
            "task-revoked" => TaskState::Cancelled,
            _ => return task_log::unknown(line, kind, emit),
        };
        let Some(task_id) = self.uuid.id() else { return emit(&Event::malformed(line, "no `uuid` of 1 to 512 bytes")) };
        let Some(time) = self.timestamp.and_then(|time| time.0) else {
            return emit(&Event::malformed(line, "no `timestamp`"));
        };
        // Sequences are compared as text, so the clock is padded with zeros.
        let sequence = self.clock.0.map(|clock| format!("{clock:020}"));
        let event = TaskEvent {
            task_id,
            source: CELERY.name,
            sequence: sequence.as_deref(),
            state,
            short_id: self.root_id.id().or(Some(task_id)),
            task_type: self.name.name().filter(|name| !name.is_empty()),
            task_name: None,
            user_id: None,
            attempt: None,
            error: self.exception.name().filter(|error| !error.is_empty()),
            data: None,
            is_guessed: false,
        };
        task_log::known(line, kind, (time, Some(&content_id(&[bytes]))), &event, emit);
    }
}
