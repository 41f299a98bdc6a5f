//! Changes of the client's task list, as the client notes them after a tool call.
//!
//! | tool | note |
//! | --- | --- |
//! | `TaskCreate` | `task`: the number and the subject of a new entry |
//! | `TaskUpdate` | `taskId` and `statusChange`: the new state of an entry |
//! | `TaskOutput` | `task`: the id and status of background work, which is not an entry of the list |
//! | `TodoWrite` | `oldTodos` and `newTodos`: the whole list; entries are identified by their text |

use super::notification;
use crate::dialect::json::{Fields, Object, Objects, Text, skip};
use serde::de::MapAccess;
use sessionmill_contract::event::{Finish, Todo};
use sessionmill_contract::{Agent, TaskState};

/// The most entries of a list that are compared. Real lists are far shorter.
const MOST: usize = 500;

/// The fields of a note.
#[derive(Debug, Default)]
pub(super) struct Todos<'de> {
    /// The entry in `task`.
    one: Option<Entry<'de>>,
    id: Text<'de>,
    change: Option<Change<'de>>,
    old: Vec<Entry<'de>>,
    new: Vec<Entry<'de>>,
}

impl<'de> Fields<'de> for Todos<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "task" => self.one = map.next_value::<Object<_>>()?.0,
            "taskId" => self.id = map.next_value()?,
            "statusChange" => self.change = map.next_value::<Object<_>>()?.0,
            "oldTodos" => self.old = list(map.next_value()?),
            "newTodos" => self.new = list(map.next_value()?),
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// The entries to compare.
fn list(Objects(mut entries): Objects<Entry<'_>>) -> Vec<Entry<'_>> {
    entries.truncate(MOST);
    entries
}

impl Todos<'_> {
    /// Emits the entries whose state has changed.
    pub(super) fn emit(&self, event: &mut dyn FnMut(Agent<'_>)) {
        // When the tool reads an entry, the note contains its status too; such a note is not a new entry.
        if let Some(created) = self.one.as_ref().filter(|created| created.status.get().is_none())
            && let Some(id) = created.id.id()
        {
            event(Agent::Todo(Todo { id: Some(id), subject: created.subject.name(), state: TaskState::Created }));
        }
        if let Some(work) = &self.one
            && let (Some(agent_id), Some(state)) = (work.task_id.id(), work.status.get().and_then(notification::ended))
        {
            event(Agent::Finished(Finish { call_id: None, agent_id: Some(agent_id), state }));
        }
        if let (Some(id), Some(change)) = (self.id.id(), &self.change)
            && let Some(state) = change.to.get().and_then(changed)
        {
            event(Agent::Todo(Todo { id: Some(id), subject: None, state }));
        }
        let status = |list: &[Entry<'_>], subject: &str| {
            let found = list.iter().find(|entry| entry.subject() == Some(subject));
            found.map(|entry| entry.status.get().unwrap_or_default().to_owned())
        };
        let mut emit = |subject: &str, state| event(Agent::Todo(Todo { id: None, subject: Some(subject), state }));
        for entry in &self.new {
            let Some(subject) = entry.subject() else { continue };
            let before = status(&self.old, subject);
            if before.is_none() {
                emit(subject, TaskState::Created);
            }
            let now = entry.status.get().unwrap_or_default();
            let changes = if before.is_some() { before.as_deref() != Some(now) } else { now != "pending" };
            if let Some(state) = changed(now).filter(|_| changes) {
                emit(subject, state);
            }
        }
        for entry in &self.old {
            let Some(subject) = entry.subject() else { continue };
            if entry.status.get() != Some("completed") && status(&self.new, subject).is_none() {
                emit(subject, TaskState::Cancelled);
            }
        }
    }
}

/// The meaning of an entry's new status.
fn changed(status: &str) -> Option<TaskState> {
    match status {
        "pending" | "in_progress" => Some(TaskState::Updated),
        "completed" => Some(TaskState::Completed),
        "deleted" => Some(TaskState::Cancelled),
        _ => None,
    }
}

/// An entry of a list.
#[derive(Debug, Default)]
struct Entry<'de> {
    id: Text<'de>,
    task_id: Text<'de>,
    subject: Text<'de>,
    status: Text<'de>,
}

impl Entry<'_> {
    fn subject(&self) -> Option<&str> {
        self.subject.name().filter(|subject| !subject.is_empty())
    }
}

impl<'de> Fields<'de> for Entry<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = map.next_value()?,
            "task_id" => self.task_id = map.next_value()?,
            "subject" | "content" => self.subject = map.next_value()?,
            "status" => self.status = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// The change of an entry's status.
#[derive(Debug, Default)]
struct Change<'de> {
    to: Text<'de>,
}

impl<'de> Fields<'de> for Change<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "to" => self.to = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}
