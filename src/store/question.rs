//! Queries written by users: one SELECT over the tables of the database.
//!
//! Only DuckDB knows what a text would do: it parses, binds and plans the query, and thereby resolves all views, macros
//! and queries within strings. A plan is refused if it calls a function that can read a file or change a setting,
//! whatever its arguments.

use crate::base::error::{Error, Result, Status};
use crate::store::cell::Cell;
use crate::store::reading::{self, Failed};
use crate::store::{Connection, DatabaseFile, statement};
use chrono::{DateTime, Utc};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Functions that a query may use: they make rows from their arguments, the database or the catalog. A function whose
/// input is rows has no name in a plan. DuckDB has three of these, `JSON_EACH`, `JSON_TREE` and `SUMMARY`, and all of
/// them are allowed.
const FUNCTIONS: [&str; 14] = [
    "GENERATE_SERIES",
    "HISTOGRAM_VALUES",
    "ICU_CALENDAR_NAMES",
    "JSON_EACH",
    "JSON_TREE",
    "PG_TIMEZONE_NAMES",
    "RANGE",
    "REPEAT",
    "REPEAT_ROW",
    "SEQ_SCAN",
    "SUMMARY",
    "TEST_ALL_TYPES",
    "TEST_VECTOR_TYPES",
    "UNNEST",
];

/// Prefixes of more allowed functions, which show the catalog.
const CATALOG: [&str; 2] = ["DUCKDB_", "PRAGMA_"];

/// Exceptions to these prefixes: functions that show or open files, or show secrets.
const CATALOG_OF_FILES: [&str; 4] =
    ["DUCKDB_EXTERNAL_FILE_CACHE", "DUCKDB_SECRETS", "DUCKDB_TEMPORARY_FILES", "DUCKDB_EXTENSIONS"];

/// The text before the name of a function in a plan. A string constant in the plan cannot contain it, because its
/// quotes are escaped.
const MARK: &str = "\"Function\": \"";

/// The hint if a query needs a function that is not allowed.
pub(super) const TABLES_ONLY: &str = "a query reads the tables of the database, and neither files nor settings";

/// Runs a user's query. `take` gets the names of the columns with each row, and with `None` after the last row. It can
/// stop the query early.
///
/// # Errors
///
/// If the text is not exactly one SELECT or an `EXPLAIN` of one, if the database refuses it, or if `take` fails.
pub fn ask(
    database: &DatabaseFile,
    now: DateTime<Utc>,
    sql: &str,
    mut take: impl FnMut(&[String], Option<&[Cell]>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    reading::ask(database, now, |connection| {
        let (words, subject) = statement::explained(sql);
        check(connection, subject)?;
        let mut statement = bounded(|| connection.prepare(&format!("{words}{subject}")))?;
        // Executes the statement as a stream; the rows are read below.
        bounded(|| statement.stream_arrow([]).map(drop))?;
        let names = unique(statement.column_names());
        let mut rows = statement.raw_query();
        // `take` gets the names only with the first row: a statement that fails has none.
        while let Some(row) = bounded(|| rows.next())? {
            let cells = (0..names.len()).map(|column| row.get(column)).collect::<duckdb::Result<Vec<Cell>>>()?;
            if take(&names, Some(&cells))?.is_break() {
                return Ok(());
            }
        }
        let _ = take(&names, None)?;
        Ok(())
    })
}

/// Makes names unique, since a JSON object keeps only the last of several values with one name.
fn unique(names: Vec<String>) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut own = |name: String| {
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        std::iter::once(name.clone()).chain(numbered).find(|name| taken.insert(name.clone())).unwrap_or(name)
    };
    names.into_iter().map(&mut own).collect()
}

/// Refuses a text unless it is one SELECT over the database; the caller has removed an `EXPLAIN` before it.
///
/// # Errors
///
/// If it is not, or DuckDB cannot parse or plan it.
pub fn check(connection: &Connection, sql: &str) -> std::result::Result<(), Failed> {
    // The optimizer would already evaluate constant expressions, and remove parts of the plan.
    let planner = connection.try_clone()?;
    planner.execute_batch("PRAGMA disable_optimizer")?;
    // The function `query` takes one SELECT and nothing else. The text is a string literal, which it cannot escape
    // from.
    let quoted = sql.replace('\'', "''");
    let sql = format!("EXPLAIN (FORMAT json) FROM query('{quoted}')");
    let mut statement = bounded(|| planner.prepare(&sql)).map_err(without_frame)?;
    let plans = bounded(|| {
        let rows = statement.query_map([], |row| row.get::<_, String>(1))?;
        rows.collect::<duckdb::Result<Vec<_>>>()
    });
    let plans = plans.map_err(without_frame)?;
    let functions = plans.iter().flat_map(|plan| plan.split(MARK).skip(1)).filter_map(|rest| rest.split('"').next());
    match functions.into_iter().find(|name| !is_allowed(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("the database refused: a query cannot use `{}`", name.to_lowercase());
            Err(Error::new(Status::CannotRun, message).hint(TABLES_ONLY).into())
        }
    }
}

/// An error of DuckDB without the statement that [`check`] puts around the user's text.
fn without_frame(error: duckdb::Error) -> Failed {
    let text = error.to_string();
    let own = text.split("\n\nLINE 1: EXPLAIN (FORMAT json) FROM query(").next();
    Failed::Statement(own.unwrap_or_default().to_owned())
}

fn is_allowed(function: &str) -> bool {
    let is_catalog = CATALOG.iter().any(|begin| function.starts_with(begin)) && !CATALOG_OF_FILES.contains(&function);
    is_catalog || FUNCTIONS.contains(&function)
}

/// The most bytes of private memory for this process while a statement runs. DuckDB's own limit does not count long
/// strings and lists, and not the memory for handing over a result.
const MEMORY: u64 = 768 << 20;

/// Runs something within [`MEMORY`].
fn bounded<T>(body: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::Data);
    let current = before.current.map_or(MEMORY, |current| current.min(MEMORY));
    // If the limit cannot be set, DuckDB's own limit still applies.
    let _ = setrlimit(Resource::Data, Rlimit { current: Some(current), ..before });
    let result = body();
    let _ = setrlimit(Resource::Data, before);
    result
}
