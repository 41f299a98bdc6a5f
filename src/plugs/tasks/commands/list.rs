//! `sessionmill tasks`: lists tasks, the newest or the longest first.

use crate::base::error::{Result, Status, count, thousands};
use crate::base::names;
use crate::command::scope::{ReportArgs, ReportSetup, Usual};
use crate::command::{Form, remark};
use crate::plug::Context;
use crate::plugs::tasks::report::filter::Filter;
use crate::plugs::tasks::report::session::{self, Order, TaskSession};
use crate::plugs::tasks::report::table;
use crate::plugs::usage::report::filter::Only;
use crate::report::grid::Field;
use crate::report::listing::{Listing, object};
use crate::report::render::span;
use crate::store::cell::plain;
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use sessionmill_tasks::NAME;

/// All statuses of a task.
pub(in crate::plugs::tasks) const STATUSES: [&str; 5] = ["active", "completed", "failed", "cancelled", ORPHANED];

const ORPHANED: &str = "orphaned";

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    which: Which,

    /// List more than active and held tasks
    #[arg(long, value_name = "WHAT")]
    include: Option<Include>,

    /// Order of the tasks: the newest or the longest first
    #[arg(long, value_enum, ignore_case = true, default_value_t = Order::Date)]
    order: Order,

    /// List N tasks [default: 50 in a table on a terminal, else all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    #[command(flatten)]
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Include {
    /// Closed tasks, until they are purged
    Closed,
}

/// Which tasks. The days are those on which they were created.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Only tasks with this status, or with one of several separated by commas; closed tasks are included
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(STATUSES))]
    status: Vec<String>,

    /// Only tasks of this type, or of types that begin with it and a colon; the beginning of a type or a pattern with *
    /// works, too
    #[arg(long = "type", value_name = "TYPE")]
    task_type: Option<String>,

    /// Only tasks with this short id
    #[arg(long, value_name = "ID")]
    short_id: Option<String>,

    #[command(flatten)]
    report: ReportArgs,
}

impl Which {
    /// Prepares the database, and the filter for it.
    pub(super) fn filter(&self, with_closed: bool, context: &Context) -> Result<(ReportSetup, Filter)> {
        // Active tasks are listed however old they are.
        let setup = self.report.setup(&[NAME], Usual::All, context)?;
        let filter = Filter {
            days: setup.days,
            zone: setup.zone,
            user: self.report.user.clone().map(Only::short),
            identities: setup.identities.clone(),
            status: self.status.clone(),
            task_type: self.task_type.clone().map(Only::short),
            short_id: self.short_id.clone(),
            with_closed: with_closed || !self.status.is_empty(),
            now: context.now.wall,
        };
        Ok((setup, filter))
    }
}

pub(super) fn list(args: &List, context: &Context) -> Result<Status> {
    let (setup, filter) = args.which.filter(args.include.is_some(), context)?;
    let (tasks, all, types, orphaned, read_before) = setup.read(context, |reader| {
        let mut tasks = Vec::new();
        session::read(reader, &filter, args.order, Some(args.form.most(args.limit, 50)), |task| tasks.push(task))?;
        let all = session::count(reader, &filter)?;
        let types = if tasks.is_empty() { table::types(reader, filter.now)? } else { Vec::new() };
        let orphaned = match filter.with_closed {
            true => 0,
            false => session::count(
                reader,
                &Filter { status: vec![ORPHANED.to_owned()], with_closed: true, ..filter.clone() },
            )?,
        };
        let read_before = if tasks.is_empty() { session::read_before(reader, filter.now)? } else { 0 };
        Ok((tasks, all, types, orphaned, read_before))
    })?;
    let shown = tasks.len() as u64;
    if shown < all {
        let (shown, all) = (thousands(shown.into()), thousands(all.into()));
        let first = match args.order {
            Order::Date => "the newest",
            Order::Duration => "the longest",
        };
        remark(&format!("note: {shown} of {all} tasks, {first} first; --limit N shows more"));
    }
    if orphaned > 0 {
        remark(&format!("note: {} without an event for long; --status {ORPHANED} lists them", count(orphaned, "task")));
    }
    if let (Some(task_type), true) = (&filter.task_type, tasks.is_empty()) {
        let known = types.iter().flat_map(|known| [known.as_str(), known.split(':').next().unwrap_or_default()]);
        let name = &task_type.name;
        if let Some(near) = names::nearest(name, known).filter(|near| near != name) {
            remark(&format!("note: no task of type `{name}`; did you mean `{near}`?"));
        }
    }
    if tasks.is_empty() && filter.with_closed && read_before > 0 {
        remark(&purged(read_before));
    }
    let has_errors = tasks.iter().any(|task| task.error.is_some());
    let has_subjects = tasks.iter().any(|task| subject(task).is_some());
    let mut fields: Vec<_> = has_subjects.then(|| Field::line("About").at_least(28)).into_iter().collect();
    fields.extend([
        Field::id("Task").spare(1),
        Field::name("Type").spare(2),
        Field::name("Short id").spare(6),
        Field::name("User").spare(5),
        Field::state("Status"),
        Field::name("Created").spare(3),
        Field::number("For").spare(4),
    ]);
    if has_errors {
        fields.push(Field::text("Error").spare(7));
    }
    args.form.list(&Listing {
        rows: &tasks,
        empty: if filter.with_closed {
            "no tasks"
        } else {
            "no active tasks; --include closed lists those that are over"
        },
        fields,
        shown: &|task| {
            let about = has_subjects.then(|| subject(task).unwrap_or_default().to_owned());
            about.into_iter().chain(row(task, &filter)).chain(error(task).filter(|_| has_errors)).collect()
        },
        object: &object,
        names: &CELLS,
        text: plain,
    })
}

/// The names of a task's fields in CSV, the same as in JSON.
const CELLS: [&str; 18] = [
    "task_id",
    "short_id",
    "task_type",
    "username",
    "user_id",
    "status",
    "attempt",
    "created_at",
    "updated_at",
    "ended_at",
    "closed_at",
    "close_reason",
    "is_held",
    "is_inferred",
    "error",
    "data",
    "session_file",
    "line",
];

/// The subject that the creator gave the task.
fn subject(task: &TaskSession) -> Option<&str> {
    task.data.get("subject")?.as_str()
}

/// Says why no task is shown although there were some.
pub(super) fn purged(read_before: u64) -> String {
    format!(
        "note: {} of tasks read, but all tasks are closed and purged, by default after 7 days",
        count(read_before, "event")
    )
}

fn error(task: &TaskSession) -> Option<String> {
    Some(task.error.clone().unwrap_or_default())
}

/// The cells of a task in a table, without its error.
fn row(task: &TaskSession, filter: &Filter) -> [String; 7] {
    let user = task.username.as_deref().map(|folder| filter.identities.label(folder));
    let end = task.ended_at.or(task.closed_at).unwrap_or(filter.now);
    [
        task.task_id.clone(),
        task.task_type.clone().unwrap_or_default(),
        task.short_id.clone().unwrap_or_default(),
        user.or(task.user_id.as_deref()).unwrap_or_default().to_owned(),
        task.words(),
        task.created_at.with_timezone(&filter.zone).format("%Y-%m-%d %H:%M").to_string(),
        span((end - task.created_at).num_milliseconds().max(0).into()),
    ]
}
