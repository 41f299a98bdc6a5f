//! `sessionmill query`: SQL over the database, read-only.

use crate::base::error::{Error, Result, Status, count};
use crate::cli::sink::Sink;
use crate::command::place::announce;
use crate::command::{Database, Form, remark};
use crate::plug::Context;
use crate::report::render::Format;
use crate::store::{question, scratch, statement};
use std::io::{BufWriter, ErrorKind};
use std::ops::ControlFlow;

/// Query the database in SQL, read-only
///
/// One SELECT (or SHOW, DESCRIBE, SUMMARIZE, or EXPLAIN of one). It runs on a copy of the database, or on the newest
/// snapshot: it blocks nobody, changes nothing, and reaches no other file.
///
/// The main public tables: usage_responses (one row per response), usage_tool_events, usage_sessions (one row per
/// transcript file), verification_claims (one per statement of a person), knowledge_items (one per fact, even if
/// several people stated it), verification_evidence, knowledge_relations, knowledge_reviews, session_processor_state
/// (the ledger), session_files, processor_runs. `DESCRIBE usage_responses` shows the columns of a table. Times are UTC.
///
/// Columns with the same name get a number: a, a_1. In JSON, numbers with more than 15 digits, inf, -inf and nan are
/// written as text.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill query \"SHOW TABLES\"\n  \
                        sessionmill query \"SELECT model, sum(output_tokens) FROM usage_responses GROUP BY model\" --json")]
pub(crate) struct Args {
    /// One statement
    #[arg(allow_hyphen_values = true)]
    sql: String,

    /// Maximum number of rows; 0 for all [default: 10000 in a table; all in CSV and JSON, which are written while rows
    /// arrive]
    #[arg(long, value_name = "N")]
    max_rows: Option<u64>,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    database: Database,
}

/// The limits of a table. It is in memory until its widest cell is known.
const TABLE_ROWS: u64 = 10_000;
const TABLE_BYTES: usize = 32 << 20;

pub(crate) fn query(args: &Args, context: &Context) -> Result<Status> {
    match statement::count(&args.sql) {
        1 => {}
        0 => {
            let hint = "such as \"SHOW TABLES\", which lists what can be asked about";
            return Err(Error::new(Status::Usage, "there is no statement to run").hint(hint));
        }
        several => {
            let message = format!("one statement at a time: there are {several}");
            return Err(Error::new(Status::Usage, message).hint("ask for each with a `sessionmill query` of its own"));
        }
    }
    let (_, database) = args.database.find(context)?;
    announce(&database);
    scratch::remove_at_signals()?;
    let is_table = args.form.format() == Format::Table;
    let most = match args.max_rows {
        Some(0) => Most { rows: u64::MAX, bytes: usize::MAX },
        Some(rows) => Most { rows, bytes: usize::MAX },
        None if is_table => Most { rows: TABLE_ROWS, bytes: TABLE_BYTES },
        None => Most { rows: u64::MAX, bytes: usize::MAX },
    };
    let mut sink = Sink::new(BufWriter::new(std::io::stdout()), &args.form);
    let mut left = Left::Nothing;
    let mut written = 0;
    let asked = question::ask(&database, context.now.wall, &args.sql, |names, row| {
        let begun = if written == 0 { sink.begin(names) } else { Ok(()) };
        let result = begun.and_then(|()| match row {
            Some(_) if written >= most.rows || sink.kept() >= most.bytes => {
                left = Left::After(written);
                Ok(())
            }
            Some(row) => sink.row(names, row).inspect(|()| written += 1),
            None => Ok(()),
        });
        match result {
            // It is not an error if the reader closes the output early.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => left = Left::Unwanted,
            result => result.map_err(cannot_write)?,
        }
        Ok(if matches!(left, Left::Nothing) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    });
    asked?;
    let is_cut = sink.is_cut();
    match left {
        Left::Unwanted => return Ok(Status::Done),
        Left::Nothing | Left::After(_) => match sink.end() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Status::Done),
            result => result.map_err(cannot_write)?,
        },
    }
    if let Left::After(rows) = left {
        let streams = if is_table { "; --json and --format csv have no limit" } else { "" };
        let shown = count(rows, "row");
        remark(&format!("note: only the first {shown} are shown, --max-rows 0 shows all{streams}"));
    }
    if is_cut {
        remark("note: long cells are cut; --json and --format csv have them whole");
    }
    Ok(Status::Done)
}

/// The limits of the output.
struct Most {
    rows: u64,
    /// The most bytes of a table.
    bytes: usize,
}

/// What was not written.
enum Left {
    Nothing,
    /// The rows after this many.
    After(u64),
    /// The reader closed the output.
    Unwanted,
}

fn cannot_write(error: std::io::Error) -> Error {
    Error::cannot("write", "stdout", error)
}
