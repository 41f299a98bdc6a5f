//! Queries that users write: one SELECT over the tables of the database, as DuckDB itself understands it.
//!
//! DuckDB parses the text, binds it and plans it, with all views, macros and queries within strings resolved. Only
//! then it is known what the text would do. A plan is refused if it calls a function that can reach a file or
//! change a setting, whatever its arguments.

use crate::base::error::{Error, Result, Status};
use crate::store::cell::Cell;
use crate::store::reading::{self, Failed};
use crate::store::{Connection, DatabaseFile, statement};
use chrono::{DateTime, Utc};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Functions that are allowed in a query: they make rows from their arguments, from the database or from the catalog. A
/// function that takes rows has no name in a plan; there are three of them, `JSON_EACH`, `JSON_TREE` and `SUMMARY`.
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

/// Beginnings of the names of further ones, which show the catalog.
const CATALOG: [&str; 2] = ["DUCKDB_", "PRAGMA_"];

/// Of these, the ones that show or open files. They are refused.
const CATALOG_OF_FILES: [&str; 4] =
    ["DUCKDB_EXTERNAL_FILE_CACHE", "DUCKDB_SECRETS", "DUCKDB_TEMPORARY_FILES", "DUCKDB_EXTENSIONS"];

/// What stands in front of the name of a function in a plan. Inside a string its quotes would be escaped.
const MARK: &str = "\"Function\": \"";

/// The hint at a query that wants more than it may have.
pub(super) const TABLES_ONLY: &str = "a query reads the tables of the database, and neither files nor settings";

/// Asks what somebody else wrote. Each row is handed on with the names of the columns, and after the last one `None`,
/// until the answer is not wanted any more.
///
/// # Errors
///
/// If the text is anything but one SELECT or the database refuses it, or a row cannot be handed on.
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
        // Executes it for a stream of rows, which are read below.
        bounded(|| statement.stream_arrow([]).map(drop))?;
        let names = unique(statement.column_names());
        let mut rows = statement.raw_query();
        // The names wait for the first row: a statement that fails has none.
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

/// Refuses a text unless it is one SELECT over the database, or an EXPLAIN of one.
///
/// # Errors
///
/// If it is not, or DuckDB does not understand it.
pub fn check(connection: &Connection, sql: &str) -> std::result::Result<(), Failed> {
    // The optimizer would already evaluate constant expressions, and drop parts of the plan.
    let planner = connection.try_clone()?;
    planner.execute_batch("PRAGMA disable_optimizer")?;
    // The function takes one SELECT and nothing else. The text is passed as a string literal, which it cannot break out
    // of.
    let quoted = sql.replace('\'', "''");
    let mut statement = bounded(|| planner.prepare(&format!("EXPLAIN (FORMAT json) FROM query('{quoted}')")))?;
    let plans = bounded(|| {
        let rows = statement.query_map([], |row| row.get::<_, String>(1))?;
        rows.collect::<duckdb::Result<Vec<_>>>()
    })?;
    let functions = plans.iter().flat_map(|plan| plan.split(MARK).skip(1)).filter_map(|rest| rest.split('"').next());
    match functions.into_iter().find(|name| !is_allowed(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("the database refused: a query cannot use `{}`", name.to_lowercase());
            Err(Error::new(Status::CannotRun, message).hint(TABLES_ONLY).into())
        }
    }
}

/// An error of DuckDB without the place in the statement that [`check`] puts around a reader's own.
pub fn without_frame(error: &str) -> &str {
    error.split("\n\nLINE 1: EXPLAIN (FORMAT json) FROM query(").next().unwrap_or(error)
}

fn is_allowed(function: &str) -> bool {
    let is_catalog = CATALOG.iter().any(|begin| function.starts_with(begin)) && !CATALOG_OF_FILES.contains(&function);
    is_catalog || FUNCTIONS.contains(&function)
}

/// Bytes of memory of its own that the process may have while a statement runs. DuckDB's limit does not count long
/// strings and lists, and not what a result is handed over in.
const MEMORY: u64 = 768 << 20;

/// Runs something within that memory.
fn bounded<T>(body: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::Data);
    let current = before.current.map_or(MEMORY, |current| current.min(MEMORY));
    // Where it cannot be set, DuckDB's own limit stays.
    let _ = setrlimit(Resource::Data, Rlimit { current: Some(current), ..before });
    let result = body();
    let _ = setrlimit(Resource::Data, before);
    result
}
