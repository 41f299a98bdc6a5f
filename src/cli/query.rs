//! `sessionmill query`: SQL over the database, read-only.

use crate::cli::place::read;
use crate::cli::{Context, Database, Form, print, statement, terminal_width};
use crate::error::{Error, Result, Status};
use crate::report::grid::{Field, grid};
use crate::report::render::{self, Format};
use crate::report::value;
use crate::store::reading::Reading;
use duckdb::types::Value as Cell;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Ask the database in SQL, read-only
///
/// The public tables: usage_responses (one row per response), usage_tool_events, usage_sessions (one
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

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    database: Database,
}

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
    let (header, rows) = read(&database, context, |reading| {
        ask(reading, &args.sql).map_err(|cause| {
            let message = cause.to_string();
            let error = Error { message, ..cause.into() };
            let hint = "`SHOW TABLES` lists the tables, `DESCRIBE name` the columns of one";
            if error.hint.is_some() { error } else { error.hint(hint) }
        })
    })?;
    let texts = || rows.iter().map(|row| row.iter().map(value::text).collect::<Vec<_>>());
    let text = match args.form.format() {
        Format::Table => {
            let rows: Vec<_> = texts().collect();
            let fields: Vec<_> = header.iter().enumerate().map(|(at, name)| field(name, at, &rows)).collect();
            grid(&fields, &rows, terminal_width())
        }
        Format::Csv => render::csv(header, texts())?,
        Format::Json => {
            let object =
                |row: &Vec<Cell>| header.iter().cloned().zip(row.iter().map(value::json)).collect::<Map<_, _>>();
            render::pretty(&rows.iter().map(object).map(Value::Object).collect::<Vec<_>>())
        }
    };
    print(&text)
}

/// A column of any result: what is long and has words is to be read.
fn field(name: &str, at: usize, rows: &[Vec<String>]) -> Field {
    let is_text = |cell: &String| cell.len() > NAMES && cell.contains(' ');
    if rows.iter().filter_map(|row| row.get(at)).any(is_text) { Field::text(name) } else { Field::name(name) }
}

/// Longer ones are names of nobody.
const NAMES: usize = 32;

/// Names of the columns, and the rows.
fn ask(reading: &Reading<'_>, sql: &str) -> duckdb::Result<(Vec<String>, Vec<Vec<Cell>>)> {
    let mut statement = reading.connection.prepare(sql)?;
    let mut result = statement.query([])?;
    let mut rows = Vec::new();
    while !reading.is_over()
        && let Some(row) = result.next()?
    {
        let columns = row.as_ref().column_count();
        rows.push((0..columns).map(|column| row.get(column)).collect::<duckdb::Result<_>>()?);
    }
    drop(result);
    Ok((unique(statement.column_names()), rows))
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
