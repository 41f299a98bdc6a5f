//! `sessionmill check`: how the lines of files would be understood, and which would be lost. It is for authors of
//! programs that write such lines, and reads neither a configuration nor a database.

mod finding;
mod output;

use crate::base::error::{Error, Result, Status};
use crate::command::print;
use crate::plug::{Plug, Plugs};
use finding::examine;
use output::Output;
use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::{Path, PathBuf};

/// Check that lines of logs are understood
///
/// For each line: its format, the kind of record, what the record does to a session or a task, the person and the time;
/// or the problem with the line. Lines that are broken, lack what their format needs, or have an unknown type would be
/// lost. Exit code 1 if any line would be lost. Tasks that are in no list are named, too.
///
/// Files are read as in a run, including compressed ones, and `-` is standard input. Nothing is stored.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sessionmill check events.jsonl\n  tail -n 100 app.jsonl | sessionmill check --verbose -\n  \
                        sessionmill check --schema activity > activity.schema.json"
)]
pub(super) struct Args {
    /// Files to check; - for standard input
    #[arg(value_name = "FILE", required_unless_present = "schema")]
    files: Vec<PathBuf>,

    /// Show valid lines, too
    #[arg(long, short)]
    verbose: bool,

    /// Format of the output
    #[arg(long, value_enum, default_value_t, conflicts_with = "json")]
    format: Format,

    /// Short for --format json
    #[arg(long)]
    json: bool,

    /// Print the JSON Schema of lines to write: an activity (an event of PostHog) or an event of a task (a CloudEvent)
    #[arg(long, value_enum, value_name = "FAMILY", conflicts_with_all = ["files", "verbose", "format", "json"])]
    schema: Option<Schema>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

/// What to write a line about.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Schema {
    Activity,
    Task,
}

impl Schema {
    fn text(self) -> &'static str {
        match self {
            Self::Activity => include_str!("../../../docs/schemas/activity.json"),
            Self::Task => include_str!("../../../docs/schemas/task.json"),
        }
    }
}

pub(super) fn check(args: &Args, plugs: Plugs) -> Result<Status> {
    if let Some(schema) = args.schema {
        return print(schema.text());
    }
    let format = if args.json { Format::Json } else { args.format };
    let mut output = Output::new(BufWriter::new(std::io::stdout()), format == Format::Json, args.verbose);
    for path in &args.files {
        let name = path.display().to_string();
        output.begin_file();
        let tasks = examine(&mut *open(path)?, &mut |finding| output.line(&name, finding))
            .map_err(|error| Error::cannot("check", &name, error))?;
        for (id, task) in &tasks {
            let why = |plug: &Plug| (plug.unlisted)(task.short_id.as_deref(), task.task_type.as_deref());
            if let Some(why) = plugs.iter().find_map(why) {
                output.unlisted(&name, task.line, id, &why);
            }
        }
    }
    let lost = output.end().or_else(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(0),
        _ => Err(Error::cannot("write", "stdout", error)),
    })?;
    Ok(if lost == 0 { Status::Done } else { Status::FilesFailed })
}

fn open(path: &Path) -> Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    #[expect(clippy::disallowed_methods, reason = "this command uses no database")]
    let file = File::open(path).map_err(|error| Error::cannot("read", path.display(), error))?;
    Ok(Box::new(file))
}
