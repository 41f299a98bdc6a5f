//! `sessionmill failures`: source files that a processor failed on, and keys that it could not settle; with commands to
//! retry or drop them.

use crate::actions::failures::{self as actions, Names};
use crate::base::error::{Result, Status};
use crate::base::utc;
use crate::command::place::read;
use crate::command::{Database, Form, remark};
use crate::plug::Context;
use crate::report::grid::Field;
use crate::report::listing::Listing;
use crate::source::retry::{FailureState, Standing};
use crate::store::cell::plain;
use crate::store::failures::{self, Failed, FailedKey, FailureAction};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// Show the files that could not be processed, try them again, or drop them
///
/// A file that fails is tried again by later runs, after a wait that depends on the class of the failure. A file that
/// fails again and again is given up as dead until its bytes or the processor's version change. Its earlier data stays
/// in the database. A key that could not be settled, such as a message id, is listed too, and treated in the same way:
/// it is tried at once when its facts change, or the rules or settings that settle it.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Classes: changed (while it was read), environment (permission, disk), transient and permanent (the \
                  processor says so), panic (a bug in a processor), crash (it ended the process), rejected (over a cap).\n\n\
                  Examples:\n  sessionmill failures\n  sessionmill failures retry --all\n  \
                  sessionmill failures drop ada/broken.jsonl"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show the failures; the same as no subcommand
    List(List),
    /// Let the next run try them again, as if they had never failed
    Retry(Which),
    /// Neither try them again nor count them as failed, until the file or the processor changes
    Drop(Which),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only failures of this processor
    #[arg(long, value_name = "NAME")]
    processor: Option<String>,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    database: Database,
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Files or keys, as `failures` shows them
    #[arg(value_name = "FILE", required_unless_present = "all")]
    files: Vec<String>,

    /// All files and keys
    #[arg(long, conflicts_with = "files")]
    all: bool,

    /// Only failures of this processor
    #[arg(long, value_name = "NAME")]
    processor: Option<String>,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn failures(args: &Args, context: &Context) -> Result<Status> {
    match &args.action {
        None => list(&args.list, context),
        Some(Action::List(args)) => list(args, context),
        Some(Action::Retry(which)) => change(which, FailureAction::Retry, context),
        Some(Action::Drop(which)) => change(which, FailureAction::Drop, context),
    }
}

fn list(args: &List, context: &Context) -> Result<Status> {
    let (_, database) = args.database.find(context)?;
    let (failures, mut keys) =
        read(&database, context, |reader| Ok((failures::all(reader)?, failures::keys(reader)?)))?;
    let failures = of_processor(failures, args.processor.as_deref(), context)?;
    keys.retain(|failed| args.processor.as_ref().is_none_or(|name| failed.processor == *name));
    let files = failures.iter().map(Entry::File);
    let entries: Vec<_> = files.chain(keys.iter().map(Entry::Key)).collect();
    args.form.list(&Listing {
        rows: &entries,
        empty: "no failures",
        fields: vec![
            Field::name("File"),
            Field::name("Processor").spare(1),
            Field::name("Class").spare(2),
            Field::text("Error"),
            Field::number("Tries").spare(4),
            Field::name("Next try").spare(3),
        ],
        shown: &|entry| entry.words(context.now.wall),
        object: &Entry::object,
        names: &["session", "processor", "class", "error", "state", "attempts", "next_try_at", "key"],
        text: plain,
    })
}

/// A failure of a source file or of a key.
enum Entry<'f> {
    File(&'f Failed),
    Key(&'f FailedKey),
}

fn change(which: &Which, action: FailureAction, context: &Context) -> Result<Status> {
    let (config, database) = which.database.find(context)?;
    let names = if which.all { Names::All } else { Names::These(which.files.clone()) };
    let wanted = actions::Which { names, processor: which.processor.clone() };
    let changed = actions::change(action, &wanted, &config, &context.resources(&database))?;
    remark(&changed.words(action));
    changed.pauses.iter().for_each(|pause| remark(&format!("note: {pause}")));
    Ok(Status::Done)
}

fn of_processor(mut failures: Vec<Failed>, processor: Option<&str>, context: &Context) -> Result<Vec<Failed>> {
    if let Some(name) = processor {
        context.plugs.named(&[name.to_owned()])?;
        failures.retain(|failed| failed.processor == name);
    }
    Ok(failures)
}

impl Entry<'_> {
    fn words(&self, now: DateTime<Utc>) -> Vec<String> {
        let (name, processor, standing) = match self {
            Self::File(failed) => (failed.session_file.clone(), &failed.processor, &failed.standing),
            Self::Key(failed) => (format!("key {}", failed.key), &failed.processor, &failed.standing),
        };
        let next = match standing.state {
            FailureState::Retry if standing.next_try_at <= now => "next run".to_owned(),
            FailureState::Retry => utc::minute(standing.next_try_at),
            FailureState::Dead => "none: dead".to_owned(),
            FailureState::Dropped => "none: dropped".to_owned(),
        };
        let class = standing.failure.class.name().to_owned();
        let tries = standing.strikes.to_string();
        vec![name, processor.clone(), class, standing.failure.message.clone(), tries, next]
    }

    fn object(&self) -> Value {
        let (mut object, processor, standing) = match self {
            Self::File(Failed { session_file, processor, standing, .. }) => {
                (json!({"session": session_file}), processor, standing)
            }
            Self::Key(FailedKey { key, facts_table, processor, standing }) => {
                (json!({"session": null, "key": key, "facts_table": facts_table}), processor, standing)
            }
        };
        for (name, value) in [
            ("processor", json!(processor)),
            ("class", json!(standing.failure.class.name())),
            ("error", json!(standing.failure.message)),
            ("state", json!(standing.state.name())),
            ("attempts", json!(standing.attempts)),
            ("first_failed_at", json!(utc::seconds(standing.first_failed_at))),
            ("last_failed_at", json!(utc::seconds(standing.last_failed_at))),
            ("next_try_at", json!(next_try(standing))),
        ] {
            object[name] = value;
        }
        object
    }
}

fn next_try(standing: &Standing) -> Option<String> {
    (standing.state == FailureState::Retry).then(|| utc::seconds(standing.next_try_at))
}
