//! `sessionmill tasks remove` and `tasks purge`: decisions that hide tasks. They are kept beside the database, so that
//! a new one made from the same files hides them, too.

use super::Current;
use crate::base::duration;
use crate::base::error::{Result, Status, count};
use crate::cli::{Context, print, remark};
use crate::plugs::tasks::report::session;
use crate::plugs::tasks::{PLUG, Settings};
use crate::store::{Access, Store};
use chrono::{DateTime, TimeDelta, Utc};
use sessionmill_contract::{Row as _, Settlement};
use sessionmill_tasks::tombstone::{Action, TOMBSTONES, TombstoneRow};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// Ids, as `tasks` lists them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,

    #[command(flatten)]
    who: Who,
}

#[derive(Debug, clap::Args)]
pub(super) struct Purge {
    /// Tasks that were closed so long ago, such as 2d or 36h [default: the configured retention]
    #[arg(long, value_name = "TIME", value_parser = age)]
    older_than: Option<Duration>,

    /// Print how many there are, and hide none
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    who: Who,
}

#[derive(Debug, clap::Args)]
struct Who {
    /// Who decides [default: the user who runs it]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,

    #[command(flatten)]
    current: Current,
}

impl Who {
    fn name<'a>(&'a self, context: &'a Context) -> &'a str {
        self.by.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or(&context.environment.login)
    }
}

/// Hides all of the tasks, or, if one of them is unknown, none.
pub(super) fn remove(args: &Remove, context: &Context) -> Result<Status> {
    let (_, database) = args.who.current.find(context)?;
    let now = context.now.wall;
    let mut ids = args.ids.clone();
    ids.sort();
    ids.dedup();
    let store = Store::open_current(&database, Access::ReadWrite, now)?;
    let connection = store.reader();
    let mut hidden = Vec::new();
    for id in &ids {
        match session::find(connection, id, now)? {
            Some(task) if task.session_file.is_some() => {
                hidden.push((id, task, session::events(connection, id)?.len() as u64));
            }
            // A run has no lines that could be hidden: it is in the history of runs.
            _ if session::is_removed(connection, id)? => remark(&format!("`{id}` is removed already")),
            _ => return Err(session::unknown(connection, id, now)?),
        }
    }
    let row =
        |id: &str| TombstoneRow { task_id: Some(id), ..row(Action::Remove, args.who.name(context), now) }.values();
    let rows: Vec<_> = hidden.iter().map(|(id, ..)| row(id)).collect();
    if !rows.is_empty() {
        store.review((PLUG.default)().manifest(), settlement(), &rows, &[])?;
    }
    for (id, task, events) in hidden {
        let what = task.task_type.as_deref().unwrap_or("a task without a type");
        let of = task.short_id.as_deref().map(|short_id| format!(" of `{short_id}`")).unwrap_or_default();
        remark(&format!("`{id}` is removed: {what}{of}, {}; {} hidden", task.words(), count(events, "event")));
    }
    Ok(Status::Done)
}

/// Hides all tasks that are closed for so long.
/// How long ago. A bare number would be seconds, and a purge cannot be undone.
fn age(text: &str) -> std::result::Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(number) if number > 0 => Err(format!("a purge needs a unit, such as {number}d or {number}h")),
        _ => duration::parse_wait(text),
    }
}

pub(super) fn purge(args: &Purge, context: &Context) -> Result<Status> {
    let (config, database) = args.who.current.find(context)?;
    let now = context.now.wall;
    let age = args.older_than.unwrap_or(config.settings::<Settings>().retention);
    let closed_before = TimeDelta::from_std(age).ok().and_then(|age| now.checked_sub_signed(age));
    let store = Store::open_current(&database, Access::ReadWrite, now)?;
    let tasks = match closed_before {
        Some(time) => session::closed_before(store.reader(), time, now)?,
        None => 0,
    };
    if tasks > 0 && !args.dry_run {
        let purge = TombstoneRow { closed_before, ..row(Action::Purge, args.who.name(context), now) };
        store.review((PLUG.default)().manifest(), settlement(), &[purge.values()], &[])?;
    }
    print(&format!("{tasks}\n"))?;
    let verb = if args.dry_run { "would be" } else { "are" };
    remark(&format!("{} closed for {} or longer {verb} purged", count(tasks, "task"), duration::text(age)));
    Ok(Status::Done)
}

/// A decision about nothing yet. The store numbers it.
fn row<'a>(action: Action, removed_by: &'a str, removed_at: DateTime<Utc>) -> TombstoneRow<'a> {
    let (task_id, closed_before) = (None, None);
    TombstoneRow { tombstone_id: 0, action: action.name(), task_id, closed_before, removed_by, removed_at }
}

/// The settlement whose decisions these are.
fn settlement() -> &'static Settlement {
    let settlements = (PLUG.default)().manifest().settlements.iter();
    let mut with_tombstones =
        settlements.filter(|settlement| settlement.reviews.is_some_and(|table| table.name == TOMBSTONES.name));
    with_tombstones.next().unwrap_or(&(PLUG.default)().manifest().settlements[0])
}
