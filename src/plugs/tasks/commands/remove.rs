//! `sessionmill tasks remove` and `tasks purge`: decisions that hide tasks.

use super::Current;
use crate::base::duration;
use crate::base::error::{Result, Status, count};
use crate::command::place::read;
use crate::command::{print, remark};
use crate::plug::Context;
use crate::plug::Removal;
use crate::plugs::tasks::report::session;
use crate::plugs::tasks::settings::Settings;
use crate::plugs::tasks::tombstone;
use chrono::TimeDelta;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// Ids, as `tasks` lists them, or the beginnings of ids
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,

    #[command(flatten)]
    who: Who,
}

#[derive(Debug, clap::Args)]
pub(super) struct Purge {
    /// Tasks that were closed at least this long ago, such as 2d or 36h [default: the configured retention]
    #[arg(long, value_name = "TIME", value_parser = age)]
    older_than: Option<Duration>,

    /// Print the number of tasks, and hide none
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    who: Who,
}

#[derive(Debug, clap::Args)]
struct Who {
    /// Name of the person who decides [default: the user who runs the command]
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

pub(super) fn remove(args: &Remove, context: &Context) -> Result<Status> {
    let (_, database) = args.who.current.find(context)?;
    let ids = read(&database, context, |reader| {
        args.ids.iter().map(|id| session::whole_id(reader, id, context.now.wall)).collect::<Result<Vec<_>>>()
    })?;
    let removal = Removal { ids, by: args.who.name(context).to_owned() };
    tombstone::hide(&removal, &context.resources(&database))?.iter().for_each(|said| remark(said));
    Ok(Status::Done)
}

/// Parses an age. A bare number would mean seconds, and a purge cannot be undone, so a unit is required.
fn age(text: &str) -> std::result::Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(number) if number > 0 => Err(format!("a purge needs a unit, such as {number}d or {number}h")),
        _ => duration::parse_wait(text),
    }
}

/// Hides all tasks that were closed at least this long ago.
pub(super) fn purge(args: &Purge, context: &Context) -> Result<Status> {
    let (config, database) = args.who.current.find(context)?;
    let age = args.older_than.unwrap_or(config.settings::<Settings>().retention);
    let closed_before = TimeDelta::from_std(age).ok().and_then(|age| context.now.wall.checked_sub_signed(age));
    let by = (!args.dry_run).then(|| args.who.name(context));
    let tasks = tombstone::purge(closed_before, by, &context.resources(&database))?;
    print(&format!("{tasks}\n"))?;
    let verb = if args.dry_run { "would be" } else { "are" };
    remark(&format!("{} closed for {} or longer {verb} purged", count(tasks, "task"), duration::text(age)));
    Ok(Status::Done)
}
