//! `sessionmill task`: records what happened to a task, as a line of an append-only file.

use crate::base::error::{Error, Result, Status};
use crate::command::print;
use crate::plug::Context;
use crate::plugs::tasks::line::{Details, Happening, new_id};
use crate::plugs::tasks::settings::Settings;
use crate::source::events::EventJournal;
use serde_json::{Map, Value};
use sessionmill_contract::TaskState;

/// Record that a task was created, has changed or has ended
///
/// Appends a line to a file of today in your own folder of events, and returns when the line is on disk. Nothing else
/// is read or written, so any number of scripts can do this at the same time. The line is an event of CloudEvents 1.0.
/// The next run, report or `sessionmill tasks` reads it; the service reads it by itself.
///
/// The folder is sessionmill/events in your data folder, or /var/lib/sessionmill-events if that exists.
/// SESSIONMILL_EVENTS sets another folder, for writing and for reading.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  id=$(sessionmill task create image_analysis --short-id order-17)\n  \
                        sessionmill task update \"$id\" --data '{\"pages\": 3}'\n  \
                        sessionmill task complete \"$id\"\n  \
                        sessionmill task fail \"$id\" --error 'no answer after 30 s'\n  \
                        sessionmill task create image_analysis --short-id order-17 --id \"$id\" --attempt 2\n  \
                        sessionmill task complete \"$id\" --attempt 2\n\n\
                        From cron, as one line:\n  \
                        id=$(sessionmill task create backup --short-id nightly) && { backup.sh && \
                        sessionmill task complete \"$id\" || sessionmill task fail \"$id\"; }")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Record that a task begins, and print its id
    ///
    /// Prints the id and nothing else. A task that has ended begins again only with a higher --attempt.
    Create(Create),
    /// Record that a task continues, or details of it
    Update(Change),
    /// Record that a task has ended successfully
    Complete(Change),
    /// Record that a task has failed
    Fail(Change),
    /// Record that a task was cancelled
    Cancel(Change),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// Type of the task, such as image_analysis
    #[arg(value_name = "TYPE", value_parser = task_type)]
    task_type: String,

    /// What the task belongs to, such as an order; tasks can be found by it
    #[arg(long, value_name = "ID", value_parser = short_id)]
    short_id: String,

    /// Id of the task, which must be unique [default: a new UUID]
    #[arg(long, value_name = "ID", value_parser = name)]
    id: Option<String>,

    #[command(flatten)]
    more: More,
}

#[derive(Debug, clap::Args)]
struct Change {
    /// Id of the task, as `task create` printed it
    #[arg(value_name = "ID", value_parser = name)]
    id: String,

    /// What the task belongs to, if not recorded before
    #[arg(long, value_name = "ID", value_parser = short_id)]
    short_id: Option<String>,

    /// Type of the task, if not recorded before
    #[arg(long = "type", value_name = "TYPE", value_parser = task_type)]
    task_type: Option<String>,

    /// What went wrong
    #[arg(long, value_name = "TEXT", value_parser = text)]
    error: Option<String>,

    #[command(flatten)]
    more: More,
}

#[derive(Debug, clap::Args)]
struct More {
    /// User for whom the task is done; its owner is the user who runs this command
    #[arg(long, value_name = "USER", value_parser = name)]
    user: Option<String>,

    /// Number of the attempt [default: 1]. The end of a later attempt must have the same number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    attempt: Option<u64>,

    /// Further data of the task, as a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    data: Option<Map<String, Value>>,
}

pub(super) fn task(args: &Args, context: &Context) -> Result<Status> {
    let (state, change) = match &args.action {
        Action::Create(create) => return self::create(create, context),
        Action::Update(change) => (TaskState::Updated, change),
        Action::Complete(change) => (TaskState::Completed, change),
        Action::Fail(change) => (TaskState::Failed, change),
        Action::Cancel(change) => (TaskState::Cancelled, change),
    };
    let Change { id, short_id, task_type, error, more } = change;
    let (short_id, task_type, error) = (short_id.clone(), task_type.clone(), error.clone());
    say(id, state, &Details { short_id, task_type, error, ..more.details() }, context)?;
    Ok(Status::Done)
}

fn create(create: &Create, context: &Context) -> Result<Status> {
    let Create { task_type, short_id, id, more } = create;
    let id = id.clone().unwrap_or_else(|| new_id(context.now.wall));
    let (short_id, task_type) = (Some(short_id.clone()), Some(task_type.clone()));
    say(&id, TaskState::Created, &Details { short_id, task_type, ..more.details() }, context)?;
    print(&format!("{id}\n"))
}

/// Appends the line.
fn say(task_id: &str, state: TaskState, details: &Details, context: &Context) -> Result<()> {
    let Context { environment, now, .. } = context;
    let root = environment.events().ok_or_else(|| {
        Error::new(Status::Config, "there is no home folder to keep events in")
            .hint("name a folder with SESSIONMILL_EVENTS")
    })?;
    let (time, login) = (now.wall, environment.login.as_str());
    let line = Happening { task_id, state, time, login, details }.line(&new_id(time));
    EventJournal::open(&root, login)?.append(time.date_naive(), &line)
}

impl More {
    fn details(&self) -> Details {
        let Self { user, attempt, data } = self;
        Details { user_id: user.clone(), attempt: *attempt, metadata: data.clone(), ..Details::default() }
    }
}

/// The most bytes of a name or id, of an error, and of data. An event with all of them is smaller than the 64 KiB that
/// receivers of CloudEvents must accept.
const NAME: usize = 256;
const TEXT: usize = 4 << 10;
const DATA: usize = 48 << 10;

fn name(text: &str) -> std::result::Result<String, String> {
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        text if text.len() > NAME => Err(format!("it is longer than {NAME} bytes")),
        text if text.chars().any(char::is_control) => Err("it has control characters".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// Parses a type. Types of the program's own runs, which are listed as tasks, are refused.
fn task_type(text: &str) -> std::result::Result<String, String> {
    let text = name(text)?;
    if text.starts_with("session_processor") {
        return Err("types that begin with `session_processor` are the program's own runs".to_owned());
    }
    Ok(text)
}

fn short_id(text: &str) -> std::result::Result<String, String> {
    let text = name(text)?;
    // The ids that are reserved by default: whether a script works must not depend on a configuration on another
    // machine.
    if Settings::default().reserved.contains(&text) {
        return Err(format!("`{text}` is reserved: name what the task belongs to, such as `{text}-17`"));
    }
    Ok(text)
}

fn text(text: &str) -> std::result::Result<String, String> {
    if text.len() > TEXT { Err(format!("it is longer than {TEXT} bytes")) } else { Ok(text.to_owned()) }
}

fn object(text: &str) -> std::result::Result<Map<String, Value>, String> {
    if text.len() > DATA {
        return Err(format!("it is longer than {DATA} bytes: keep it in a file, and name the file"));
    }
    let example = r#"expected a JSON object such as {"pages": 3}"#;
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(example.to_owned()),
        Err(error) => Err(format!("it is no JSON (column {}): {example}", error.column())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_reserved_short_ids_refused() {
        assert_eq!(short_id(" order-17 "), Ok("order-17".to_owned()));
        assert_eq!(
            short_id("task").unwrap_err(),
            "`task` is reserved: name what the task belongs to, such as `task-17`"
        );
        assert_eq!(name("  ").unwrap_err(), "it is empty");
        assert_eq!(name("a\tb").unwrap_err(), "it has control characters");
        assert_eq!(name(&"x".repeat(257)).unwrap_err(), "it is longer than 256 bytes");
        assert!(name("task").is_ok() && name(&"x".repeat(256)).is_ok());
    }

    #[test]
    fn data_is_an_object() {
        let example = r#"expected a JSON object such as {"pages": 3}"#;
        assert_eq!(object(r#"{"a": [1]}"#).unwrap().len(), 1);
        assert_eq!(object("[1]").unwrap_err(), example);
        assert_eq!(object("{pages: 3}").unwrap_err(), format!("it is no JSON (column 2): {example}"));
    }
}
