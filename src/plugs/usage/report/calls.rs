//! The report of tool calls by tool.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::report::value::integer;
use crate::report::{Column, Row, Sheet};
use duckdb::{Connection, params_from_iter};

const CALLS: [Column; 3] =
    [Column::count("calls", "Calls"), Column::count("errors", "Errors"), Column::count("sessions", "Sessions").spare()];

/// In the order of [`CALLS`].
const SUMS: &str = "count(*), count(*) FILTER (is_error), count(DISTINCT session_id)";

/// Makes the report.
///
/// # Errors
///
/// If the database cannot be read.
pub fn calls(connection: &Connection, filter: &Filter) -> Result<Sheet> {
    let Where { clause, params } = filter.condition();
    let numbers = |row: &duckdb::Row<'_>, from: usize| -> duckdb::Result<Vec<Option<i128>>> {
        (from..from + CALLS.len()).map(|column| Ok(Some(integer(row.get_ref(column)?)))).collect()
    };
    let sql =
        format!("SELECT tool, {SUMS} FROM usage_tool_events WHERE {clause} GROUP BY ALL ORDER BY count(*) DESC, tool");
    let mut statement = connection.prepare(&sql)?;
    let row = |row: &duckdb::Row<'_>| Ok(Row { key: row.get(0)?, numbers: numbers(row, 1)? });
    let rows = statement.query_map(params_from_iter(&params), row)?.collect::<duckdb::Result<_>>()?;
    // Sessions of several tools are in several rows.
    let sql = format!("SELECT {SUMS} FROM usage_tool_events WHERE {clause}");
    let totals = connection.query_row(&sql, params_from_iter(&params), |row| numbers(row, 0))?;
    Ok(Sheet { by: "tool", columns: &CALLS, rows, totals, ..Sheet::default() })
}
