//! An event of a task in one source file; the order of events, and which of them count.

use crate::Policy;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FactRow, Failure, Row as _, TaskState, table};
use std::collections::HashSet;

table! {
    /// one row per event of a task that is listed, in each source file that tells it
    pub static EVENTS: Table = "task_events", Viewed;

    /// An event in one source file.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub struct EventRow<'a> {
        /// unique over all folders
        task_id: &'a str,
        /// UTC, as the line says it
        time: DateTime<Utc>,
        /// who says so: the source of a CloudEvent, an agent, or the name of the format
        source: &'a str,
        /// with source, what a copy of the event has in common with it; null in a line that names none
        event_id: Option<&'a str>,
        /// orders events of one time and source, as text
        sequence: Option<&'a str>,
        /// created, updated, cancelled, failed or completed
        state: &'a str,
        /// group that the task belongs to
        short_id: Option<&'a str>,
        /// what sort of task it is
        task_type: Option<&'a str>,
        /// for whom it is done, as the line says it
        user_id: Option<&'a str>,
        /// of the task, from 1
        attempt: u64,
        /// why it failed, without credentials
        error: Option<&'a str>,
        /// what the line says beside this: JSON; null if there is nothing, or more than 16 KiB
        data: Option<&'a str> as quote,
        /// the line says that the task has ended, and not how
        is_guessed: bool,
        /// of session_file
        line: u64,
        /// what the line calls the task: its type where no event gives one
        task_name: Option<&'a str>,
    }
}

/// An event, with the file that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'f> {
    pub session_file: &'f str,
    pub username: &'f str,
    pub state: TaskState,
    pub row: EventRow<'f>,
}

impl<'f> Event<'f> {
    /// Reads a fact.
    ///
    /// # Errors
    ///
    /// If the fact is not an event.
    pub fn read(fact: &'f FactRow) -> Result<Self, Failure> {
        let row = EventRow::read(fact.values)?;
        let state = TaskState::ALL.into_iter().find(|state| state.name() == row.state);
        let state = state.ok_or_else(|| EVENTS.unreadable())?;
        Ok(Self { session_file: fact.session_file, username: fact.username, state, row })
    }

    /// Its place. Of several copies, the first one counts.
    fn place(&self) -> impl Ord + use<'f> {
        (self.session_file, self.row.line, self.row)
    }

    /// When it happened, for sorting the events of its task.
    fn moment(&self) -> impl Ord + use<'f> {
        (self.row.time, self.row.source, self.row.sequence.unwrap_or_default(), self.state, self.place())
    }
}

/// The events that count, in the order in which they happened: those from permitted folders, without copies.
pub(crate) fn deciding<'f>(policy: &Policy, mut events: Vec<Event<'f>>) -> Vec<Event<'f>> {
    events.retain(|event| policy.may_write(event.username));
    // An event without an id cannot be recognised as a copy.
    events.sort_unstable_by_key(Event::place);
    let mut known = HashSet::new();
    events.retain(|Event { row, .. }| row.event_id.is_none_or(|id| known.insert((row.source, id))));
    events.sort_unstable_by_key(Event::moment);
    events
}
