//! Decisions that hide tasks. They are stored beside the database, so they also hold for a new database that is built
//! from the same files.

use super::PLUG;
use crate::base::error::{Result, count};
use crate::plug::Removal;
use crate::plug::Resources;
use crate::plugs::tasks::report::session::{self, TaskSession};
use crate::store::{Access, Store};
use chrono::{DateTime, Utc};
use sessionmill_contract::{Row as _, Settlement};
use sessionmill_tasks::tombstone::{Action, TOMBSTONES, TombstoneRow};

/// Hides these tasks, or none if one of them is unknown. Returns a sentence for each task.
///
/// # Errors
///
/// If a task is unknown, or the database cannot be written.
pub(super) fn hide(removal: &Removal, resources: &Resources) -> Result<Vec<String>> {
    let (now, by) = (resources.now, removal.by.as_str());
    let mut ids = removal.ids.clone();
    ids.sort();
    ids.dedup();
    let store = Store::open_current(&resources.database, Access::ReadWrite, now)?;
    let reader = store.reader();
    let (mut said, mut hidden) = (Vec::new(), Vec::new());
    for id in &ids {
        match session::find(reader, id, now)? {
            Some(task) if task.session_file.is_some() => {
                hidden.push((id, task, session::events(reader, id)?.len() as u64));
            }
            // A run has no lines that could be hidden; runs are in the history of runs.
            _ if session::is_removed(reader, id)? => said.push(format!("`{id}` is removed already")),
            _ => return Err(session::unknown(reader, id, now)?),
        }
    }
    // A wrong clock can have dated events in the future. The removal covers all known events of the task, whatever
    // their time.
    let row = |id: &str, task: &TaskSession| {
        let removed_at = now.max(task.updated_at);
        TombstoneRow { task_id: Some(id), ..row(Action::Remove, by, removed_at) }.values()
    };
    let rows: Vec<_> = hidden.iter().map(|(id, task, _)| row(id, task)).collect();
    if !rows.is_empty() {
        store.review((PLUG.default)().manifest(), settlement(), &rows, &[])?;
    }
    said.extend(hidden.into_iter().map(|(id, task, events)| {
        let what = task.task_type.as_deref().unwrap_or("a task without a type");
        let of = task.short_id.as_deref().map(|short_id| format!(" of `{short_id}`")).unwrap_or_default();
        format!("`{id}` is removed: {what}{of}, {}; {} hidden", task.words(), count(events, "event"))
    }));
    Ok(said)
}

/// Counts the tasks that were closed before a time, and hides them if `by` is given. Returns their number.
///
/// # Errors
///
/// If the database cannot be written.
pub(super) fn purge(closed_before: Option<DateTime<Utc>>, by: Option<&str>, resources: &Resources) -> Result<u64> {
    let store = Store::open_current(&resources.database, Access::ReadWrite, resources.now)?;
    let tasks = match closed_before {
        Some(time) => session::closed_before(store.reader(), time, resources.now)?,
        None => 0,
    };
    if let Some(by) = by.filter(|_| tasks > 0) {
        let purge = TombstoneRow { closed_before, ..row(Action::Purge, by, resources.now) };
        store.review((PLUG.default)().manifest(), settlement(), &[purge.values()], &[])?;
    }
    Ok(tasks)
}

/// A decision without a subject. The store sets its number.
fn row<'a>(action: Action, removed_by: &'a str, removed_at: DateTime<Utc>) -> TombstoneRow<'a> {
    let (task_id, closed_before) = (None, None);
    TombstoneRow { tombstone_id: 0, action: action.name(), task_id, closed_before, removed_by, removed_at }
}

/// The settlement that uses these decisions.
fn settlement() -> &'static Settlement {
    let settlements = (PLUG.default)().manifest().settlements.iter();
    let mut with_tombstones =
        settlements.filter(|settlement| settlement.reviews.is_some_and(|table| table.name == TOMBSTONES.name));
    with_tombstones.next().unwrap_or(&(PLUG.default)().manifest().settlements[0])
}
