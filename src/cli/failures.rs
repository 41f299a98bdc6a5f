//! `sessionmill failures`: source files that a processor could not deal with, and what to do about them;
//! keys that it could not settle.

use crate::actions::failures::{self as actions, Names};
use crate::base::error::{Result, Status};
use crate::base::utc;
use crate::cli::place::read;
use crate::cli::{Context, Database, Form, print, remark, terminal_width};
use crate::report::csv;
use crate::report::grid::{Field, grid};
use crate::report::render::{self, Format};
use crate::source::retry::{Fate, Standing};
use crate::store::failures::{self, Failed, FailedKey, Wish};
use chrono::{DateTime, Utc};
use serde_json::json;

/// Show the files that could not be processed, try them again, or drop them
///
/// A file that fails is tried again by later runs, after a wait that depends on the class of the
/// failure; one that fails again and again is given up as dead until its bytes or the processor's
/// version change. What it said before stays in the database. A key that could not be settled, such as a
/// message id, is listed too, and treated likewise: it is tried at once when its facts, or the rules or settings
/// by which it is settled, change.
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
    /// Show them; the same as no subcommand
    List(List),
    /// Let the next run try them again, as if they had never failed
    Retry(Which),
    /// Neither try nor count them as failed, until the file or the processor changes
    Drop(Which),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those of this processor
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

    /// All of them
    #[arg(long, conflicts_with = "files")]
    all: bool,

    /// Only those of this processor
    #[arg(long, value_name = "NAME")]
    processor: Option<String>,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn failures(args: &Args, context: &Context) -> Result<Status> {
    match &args.action {
        None => list(&args.list, context),
        Some(Action::List(args)) => list(args, context),
        Some(Action::Retry(which)) => change(which, Wish::Retry, context),
        Some(Action::Drop(which)) => change(which, Wish::Drop, context),
    }
}

fn list(args: &List, context: &Context) -> Result<Status> {
    let (_, database) = args.database.find(context)?;
    let (failures, mut keys) =
        read(&database, context, |reader| Ok((failures::all(reader)?, failures::keys(reader)?)))?;
    let failures = of_processor(failures, args.processor.as_deref(), context)?;
    keys.retain(|failed| args.processor.as_ref().is_none_or(|name| failed.processor == *name));
    print(&match args.form.format() {
        Format::Table if failures.is_empty() && keys.is_empty() => "no failures\n".to_owned(),
        Format::Table => {
            let fields = [
                Field::name("File"),
                Field::name("Processor").spare(1),
                Field::name("Class").spare(2),
                Field::text("Error"),
                Field::name("Tries").spare(4),
                Field::name("Next try").spare(3),
            ];
            let words = |(name, processor, standing): (String, &String, &Standing)| {
                words(name, processor, standing, context.now.wall)
            };
            let files =
                failures.iter().map(|failed| (failed.session_file.clone(), &failed.processor, &failed.standing));
            let keys = keys.iter().map(|failed| (format!("key {}", failed.key), &failed.processor, &failed.standing));
            grid(&fields, &files.chain(keys).map(words).collect::<Vec<_>>(), terminal_width())
        }
        Format::Json => {
            render::pretty(&failures.iter().map(object).chain(keys.iter().map(key_object)).collect::<Vec<_>>())
        }
        Format::Csv => {
            let header = ["session", "processor", "class", "error", "state", "attempts", "next_try_at", "key"];
            let row = |(file, processor, standing, key): (&str, &String, &Standing, &str)| {
                let (class, message) = (standing.failure.class.name(), standing.failure.message.as_str());
                let next = next_try(standing).unwrap_or_default();
                let attempts = standing.attempts.to_string();
                [file, processor, class, message, standing.fate.name(), &attempts, &next, key]
                    .map(str::to_owned)
                    .to_vec()
            };
            let files = failures.iter().map(|failed| (&*failed.session_file, &failed.processor, &failed.standing, ""));
            let keys = keys.iter().map(|failed| ("", &failed.processor, &failed.standing, &*failed.key));
            let rows = files.chain(keys).map(row);
            csv::csv(header.map(str::to_owned).to_vec(), rows, args.form.texts())?
        }
    })
}

fn change(which: &Which, wish: Wish, context: &Context) -> Result<Status> {
    let (config, database) = which.database.find(context)?;
    let names = if which.all { Names::All } else { Names::These(which.files.clone()) };
    let wanted = actions::Which { names, processor: which.processor.clone() };
    let changed = actions::change(wish, &wanted, &config, &context.world(&database))?;
    remark(&changed.words(wish));
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

fn words(name: String, processor: &str, standing: &Standing, now: DateTime<Utc>) -> Vec<String> {
    let next = match standing.fate {
        Fate::Retry if standing.next_try_at <= now => "next run".to_owned(),
        Fate::Retry => utc::minute(standing.next_try_at),
        Fate::Dead => "none: dead".to_owned(),
        Fate::Dropped => "none: dropped".to_owned(),
    };
    let class = standing.failure.class.name().to_owned();
    let tries = standing.strikes.to_string();
    vec![name, processor.to_owned(), class, standing.failure.message.clone(), tries, next]
}

fn object(Failed { processor, session_file, standing, .. }: &Failed) -> serde_json::Value {
    json!({
        "session": session_file,
        "processor": processor,
        "class": standing.failure.class.name(),
        "error": standing.failure.message,
        "state": standing.fate.name(),
        "attempts": standing.attempts,
        "first_failed_at": utc::seconds(standing.first_failed_at),
        "last_failed_at": utc::seconds(standing.last_failed_at),
        "next_try_at": next_try(standing),
    })
}

fn key_object(FailedKey { processor, facts_table, key, standing }: &FailedKey) -> serde_json::Value {
    json!({
        "session": null,
        "key": key,
        "facts_table": facts_table,
        "processor": processor,
        "class": standing.failure.class.name(),
        "error": standing.failure.message,
        "state": standing.fate.name(),
        "attempts": standing.attempts,
        "first_failed_at": utc::seconds(standing.first_failed_at),
        "last_failed_at": utc::seconds(standing.last_failed_at),
        "next_try_at": next_try(standing),
    })
}

fn next_try(standing: &Standing) -> Option<String> {
    (standing.fate == Fate::Retry).then(|| utc::seconds(standing.next_try_at))
}
