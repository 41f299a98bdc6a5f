//! `sessionmill query`: SQL over the database, read-only.

use crate::cli::place::open;
use crate::cli::{Context, Database, print, terminal_width};
use crate::error::{Error, Result, Status};
use crate::report::render::{self, Format};
use crate::report::value;
use duckdb::types::Value as Cell;
use serde_json::{Map, Value};

/// Ask the database in SQL, read-only
///
/// The public tables: usage_responses (one row per response), usage_tool_events, usage_sessions (one
/// row per transcript file), verification_claims (one per fact that a person stated),
/// session_processor_state (the ledger), session_files, processor_runs.
/// `DESCRIBE usage_responses` shows the columns of one. Times are UTC.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill query \"SHOW TABLES\"\n  \
                        sessionmill query \"SELECT model, sum(output_tokens) FROM usage_responses GROUP BY model\" --json")]
pub(crate) struct Args {
    /// One statement
    sql: String,

    /// How the rows are written
    #[arg(long, value_enum, default_value_t = Format::Table, conflicts_with = "json")]
    format: Format,

    /// Short for --format json
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn query(args: &Args, context: &Context) -> Result<Status> {
    let (_, database) = args.database.find(context)?;
    let store = open(&database, context)?;
    let (header, rows) = store.read(|connection| {
        ask(connection, &args.sql).map_err(|cause| {
            let message = cause.to_string();
            let error = Error { message, ..cause.into() };
            let hint = "`SHOW TABLES` lists the tables, `DESCRIBE name` the columns of one";
            if error.hint.is_some() { error } else { error.hint(hint) }
        })
    })?;
    drop(store);
    let texts = || rows.iter().map(|row| row.iter().map(value::text).collect::<Vec<_>>());
    let text = match if args.json { Format::Json } else { args.format } {
        Format::Table => render::grid(&header, &texts().collect::<Vec<_>>(), terminal_width()),
        Format::Csv => render::csv(header, texts())?,
        Format::Json => {
            let object =
                |row: &Vec<Cell>| header.iter().cloned().zip(row.iter().map(value::json)).collect::<Map<_, _>>();
            render::pretty(&rows.iter().map(object).map(Value::Object).collect::<Vec<_>>())
        }
    };
    print(&text)
}

/// Names of the columns, and the rows.
fn ask(connection: &duckdb::Connection, sql: &str) -> duckdb::Result<(Vec<String>, Vec<Vec<Cell>>)> {
    let mut statement = connection.prepare(sql)?;
    let mut result = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = result.next()? {
        let columns = row.as_ref().column_count();
        rows.push((0..columns).map(|column| row.get(column)).collect::<duckdb::Result<_>>()?);
    }
    drop(result);
    Ok((statement.column_names(), rows))
}
