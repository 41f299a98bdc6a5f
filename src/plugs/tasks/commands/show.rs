//! `sessionmill tasks show`: a task with its events, and the lines that contain them.

use super::Current;
use crate::base::error::{Result, Status};
use crate::base::printable::printable;
use crate::base::utc;
use crate::command::form::TableOrJson;
use crate::command::place::read;
use crate::command::{print, screen};
use crate::plug::Context;
use crate::plugs::tasks::report::session::{self, Happened, TaskSession};
use crate::report::grid::{Field, grid};
use crate::report::render::{pretty, span};
use crate::report::screen::Screen;
use crate::store::cell::plain;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::fmt::Write as _;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Ids, as `tasks` lists them, or the beginnings of ids
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,

    #[command(flatten)]
    form: TableOrJson,

    #[command(flatten)]
    current: Current,
}

/// What is known of a task.
#[derive(Debug, Serialize)]
struct Page {
    #[serde(flatten)]
    task: TaskSession,
    /// The events from all source files, including copies.
    events: Vec<Happened>,
}

pub(super) fn show(args: &Args, context: &Context) -> Result<Status> {
    let (_, database) = args.current.find(context)?;
    let now = context.now.wall;
    let pages = read(&database, context, |reader| {
        let page = |beginning: &String| {
            let id = &session::whole_id(reader, beginning, now)?;
            let Some(task) = session::find(reader, id, now)? else {
                return Err(session::unknown(reader, id, now)?);
            };
            Ok(Page { task, events: session::events(reader, id)? })
        };
        args.ids.iter().map(page).collect::<Result<Vec<_>>>()
    })?;
    let words = || pages.iter().map(|page| page.words(now, screen())).collect::<Vec<_>>().join("\n");
    print(&if args.form.is_json() { pretty(&pages) } else { words() })
}

impl Page {
    fn words(&self, now: DateTime<Utc>, screen: Screen) -> String {
        let Self { task, events } = self;
        let mut words = format!("{}\n", printable(&task.task_id));
        let mut line = |name: &str, text: &str| _ = writeln!(words, "{name:<9} {}", printable(text));
        let mut optional = |name: &str, text: Option<&str>| text.into_iter().for_each(|text| line(name, text));
        optional("type", task.task_type.as_deref());
        optional("short id", task.short_id.as_deref());
        optional("owner", task.username.as_deref());
        optional("user", task.user_id.as_deref());
        let end = task.ended_at.or(task.closed_at);
        let time = span((end.unwrap_or(now) - task.created_at).num_milliseconds().max(0).into());
        let time = if end.is_some() { format!("after {time}") } else { format!("for {time}") };
        let attempt = if task.attempt > 1 { format!(", attempt {}", task.attempt) } else { String::new() };
        let held = if task.is_held { ", held" } else { "" };
        line("status", &format!("{} {time}{held}{attempt}", task.status));
        let created = if task.is_inferred { " (the first event: none says that it was created)" } else { "" };
        line("created", &format!("{}{created}", utc::second(task.created_at)));
        line("updated", &utc::second(task.updated_at));
        if let Some(closed_at) = task.closed_at {
            line(
                "closed",
                &format!("{} ({})", utc::second(closed_at), task.close_reason.as_deref().unwrap_or_default()),
            );
        }
        for (name, text) in [("error", task.error.clone()), ("data", Some(plain(&task.data)))] {
            text.filter(|text| !text.is_empty()).iter().for_each(|text| line(name, text));
        }
        if events.is_empty() {
            return words;
        }
        let has_errors = events.iter().any(|event| event.error.is_some());
        let mut fields = vec![
            Field::name("Time (UTC)"),
            Field::state("State"),
            Field::number("Attempt").spare(2),
            Field::path("Line"),
        ];
        if has_errors {
            fields.push(Field::text("Error").spare(1));
        }
        let row = |event: &Happened| {
            let time = event.time.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
            let line = format!("{}:{}", event.session_file, event.line);
            let cells = vec![time, event.state.clone(), event.attempt.to_string(), line];
            cells.into_iter().chain(has_errors.then(|| event.error.clone().unwrap_or_default())).collect()
        };
        words + "\n" + &grid(&fields, &events.iter().map(row).collect::<Vec<_>>(), screen).text
    }
}
