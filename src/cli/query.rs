//! `sessionmill query`: SQL over the database, read-only.

use crate::base::error::{Error, Result, Status, count};
use crate::cli::place::announce;
use crate::cli::sink::Sink;
use crate::cli::{Context, Database, Form, remark, statement};
use crate::report::render::Format;
use crate::store::question::{self, bounded};
use crate::store::reading::{self, Failed};
use crate::store::scratch;
use duckdb::Connection;
use duckdb::types::Value as Cell;
use std::collections::HashSet;
use std::io::{BufWriter, ErrorKind, Write};

/// Ask the database in SQL, read-only
///
/// One SELECT (or SHOW, DESCRIBE, SUMMARIZE, or EXPLAIN of one), which gets a copy of the database, or the newest
/// snapshot: it holds up nobody, changes nothing and reaches no other file.
///
/// The main public tables: usage_responses (one row per response), usage_tool_events, usage_sessions (one
/// row per transcript file), verification_claims (one per fact that a person stated), knowledge_items
/// (one per fact, however many stated it), verification_evidence, knowledge_relations, knowledge_reviews,
/// session_processor_state (the ledger), session_files, processor_runs.
/// `DESCRIBE usage_responses` shows the columns of one. Times are UTC.
///
/// Columns of the same name are told apart by a number: a, a_1. JSON has as text what its numbers cannot
/// tell: more than 15 digits, inf, -inf and nan.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill query \"SHOW TABLES\"\n  \
                        sessionmill query \"SELECT model, sum(output_tokens) FROM usage_responses GROUP BY model\" --json")]
pub(crate) struct Args {
    /// One statement
    #[arg(allow_hyphen_values = true)]
    sql: String,

    /// Rows to write at most; 0 for all [default: 10000 in a table; all in CSV and JSON, which are written as the
    /// rows come]
    #[arg(long, value_name = "N")]
    max_rows: Option<u64>,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    database: Database,
}

/// A table is made when its widest cell is known: until then it is in memory.
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
    let asked = reading::ask(&database, context.now.wall, |connection| ask(connection, &args.sql, &most, &mut sink));
    let left = asked.map_err(|error| {
        let hint = match error.message.ends_with("permission error") {
            true => question::TABLES_ONLY,
            false => "`SHOW TABLES` lists the tables, `DESCRIBE name` the columns of one",
        };
        if error.hint.is_some() { error } else { error.hint(hint) }
    })?;
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

/// How much is written at most.
struct Most {
    rows: u64,
    /// Of a table.
    bytes: usize,
}

/// What of a result is not written.
enum Left {
    Nothing,
    /// What comes after so many rows.
    After(u64),
    /// The reader of the output has seen enough.
    Unwanted,
}

/// Runs a statement and hands on its rows, one at a time.
fn ask<W: Write>(
    connection: &Connection,
    sql: &str,
    most: &Most,
    sink: &mut Sink<W>,
) -> std::result::Result<Left, Failed> {
    let (words, subject) = statement::explained(sql);
    question::check(connection, subject)?;
    let mut statement = bounded(|| connection.prepare(&format!("{words}{subject}")))?;
    // Executes it for a stream of rows, which are read below.
    bounded(|| statement.stream_arrow([]).map(drop))?;
    let names = unique(statement.column_names());
    let mut rows = statement.raw_query();
    let mut written = 0;
    loop {
        // The header waits for the first row: a statement that fails writes nothing.
        let row = bounded(|| rows.next())?;
        let begun = if written == 0 { sink.begin(&names) } else { Ok(()) };
        let Some(row) = row else {
            return handed_on(begun, Left::Nothing);
        };
        if written >= most.rows || sink.kept() >= most.bytes {
            return handed_on(begun, Left::After(written));
        }
        let cells = (0..names.len()).map(|column| row.get(column)).collect::<duckdb::Result<Vec<Cell>>>()?;
        match begun.and_then(|()| sink.row(&names, &cells)) {
            Ok(()) => written += 1,
            Err(error) => return handed_on(Err(error), Left::Unwanted),
        }
    }
}

/// A reader of the output who has seen enough is no error.
fn handed_on(written: std::io::Result<()>, left: Left) -> std::result::Result<Left, Failed> {
    match written {
        Ok(()) => Ok(left),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Left::Unwanted),
        Err(error) => Err(cannot_write(error).into()),
    }
}

fn cannot_write(error: std::io::Error) -> Error {
    Error::cannot("write", "stdout", error)
}

/// Names that differ: in an object of JSON the last one of a name would stand for all.
fn unique(names: Vec<String>) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut own = |name: String| {
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        std::iter::once(name.clone()).chain(numbered).find(|name| taken.insert(name.clone())).unwrap_or(name)
    };
    names.into_iter().map(&mut own).collect()
}
