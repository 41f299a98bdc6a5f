//! Commands about tasks.
//!
//! | module | noun |
//! | --- | --- |
//! | [`task`] | `task`: records what happened to a task |
//! | [`list`], [`show`] | `tasks`, `tasks show`: what is known of tasks |
//! | [`remove`] | `tasks remove`, `tasks purge`: decisions that hide tasks |
//! | [`report`] | `report tasks`: figures |

mod list;
mod remove;
mod report;
mod show;
mod task;

#[cfg(feature = "console")]
pub(super) use list::STATUSES;

use crate::base::error::{Result, Status};
use crate::command::scope::refresh;
use crate::command::{Database, SourceArgs};
use crate::config::Config;
use crate::plug::Context;
use crate::plug::command::{Command, parsed};
use crate::source::access::may_write;
use crate::store::DatabaseFile;
use clap::Args as _;
use sessionmill_tasks::NAME;

pub(super) const REPORTS: [Command; 1] = [Command {
    name: NAME,
    arguments: report::Args::augment_args,
    run: |matches, context| report::report(&parsed(matches)?, context),
}];

pub(super) const COMMANDS: [Command; 2] = [
    Command { name: NAME, arguments: Args::augment_args, run: |matches, context| tasks(&parsed(matches)?, context) },
    Command {
        name: "task",
        arguments: task::Args::augment_args,
        run: |matches, context| task::task(&parsed(matches)?, context),
    },
];

/// List tasks: active, held and closed ones
///
/// A task is what job runners, scripts and agents log about its life: created, updated, and then completed, failed
/// or cancelled. `sessionmill task` writes such lines; docs/sources.md lists the formats of others that are read. New
/// lines are read first, as a report does.
///
/// Active tasks are listed, and tasks that have ended but are held. A task without an event for a day is orphaned.
/// Closed tasks are listed with --include closed until they are purged seven days later; [tasks] in the configuration
/// sets these times. The runs of this program are tasks of the type session_processor:NAME; use --type to list them.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  sessionmill tasks\n  sessionmill tasks --short-id order-17 --include closed\n  \
                  sessionmill tasks --status failed,orphaned --since 2026-02-01 --json\n  \
                  sessionmill tasks --type session_processor --include closed\n  \
                  sessionmill tasks show 019c17a4-6f00-7d2e-8f5b-0c2a3b4d5e6f\n  \
                  sessionmill tasks purge --older-than 2d --dry-run"
)]
struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    list: list::List,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the tasks; the same as no subcommand
    List(list::List),
    /// Show tasks with their events, and the lines that contain them
    Show(show::Args),
    /// Hide tasks, until they are created again
    ///
    /// Nothing is erased: the lines stay in their files. A removal is stored beside the database, and also holds for a
    /// new database. The task comes back with its history if a later line says that it was created, with a higher
    /// attempt.
    Remove(remove::Remove),
    /// Hide all tasks that were closed some time ago, and print how many
    ///
    /// Without --older-than, this does what every run does by itself. With an earlier time, the decision is stored
    /// beside the database, and also holds for a new database.
    Purge(remove::Purge),
}

fn tasks(args: &Args, context: &Context) -> Result<Status> {
    match &args.action {
        None => list::list(&args.list, context),
        Some(Action::List(args)) => list::list(args, context),
        Some(Action::Show(args)) => show::show(args, context),
        Some(Action::Remove(args)) => remove::remove(args, context),
        Some(Action::Purge(args)) => remove::purge(args, context),
    }
}

/// The database, which is brought up to date first.
#[derive(Debug, clap::Args)]
struct Current {
    /// Use the database as it is, without reading new lines
    #[arg(long)]
    no_refresh: bool,

    #[command(flatten)]
    place: SourceArgs,

    #[command(flatten)]
    database: Database,
}

impl Current {
    fn find(&self, context: &Context) -> Result<(Config, DatabaseFile)> {
        let (config, database) = self.database.find(context)?;
        if !self.no_refresh && may_write(&database) {
            refresh(&[NAME], &self.place, &config, &database, context)?;
        }
        Ok((config, database))
    }
}
