//! The report of tool calls by tool. Slash commands do not count, because people type them.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::sums;
use crate::report::{self, Column, Sheet, ratio};
use crate::store::reader::{Reader, Row};

const CALLS: [Column; 4] = [
    Column::count("calls", "Calls"),
    Column::failures("errors", "Errors"),
    Column::share("error_share", "Failed %").spare(),
    Column::count("sessions", "Sessions").spare(),
];

/// Calls, failed calls, and sessions.
const SUMS: &str = "coalesce(sum(calls), 0), coalesce(sum(errors), 0), count(DISTINCT session_id)";

/// Makes the report.
///
/// # Errors
///
/// If the database cannot be read.
pub(in crate::plugs) fn calls(reader: Reader<'_>, filter: &Filter) -> Result<Sheet> {
    let (rows, totals) = (rows(reader, filter)?, totals(reader, filter)?);
    Ok(Sheet { by: "tool", columns: CALLS.as_slice().into(), rows, totals, ..Sheet::default() })
}

/// The tools, most calls first.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn rows(reader: Reader<'_>, filter: &Filter) -> Result<Vec<report::Row>> {
    let Where { clause, params } = filter.of_calls();
    let calls = sums::calls(reader, filter)?;
    let sql = format!("SELECT tool, {SUMS} FROM {calls} WHERE {clause} GROUP BY ALL ORDER BY sum(calls) DESC, tool");
    let row = |row: &Row<'_>| Ok(report::Row::new(row.get(0)?, numbers(row, 1)?));
    reader.rows(&sql, &params, row)
}

/// The totals over all tools. A session that used several tools counts once.
///
/// # Errors
///
/// If the database cannot be read.
pub(in crate::plugs) fn totals(reader: Reader<'_>, filter: &Filter) -> Result<Vec<Option<i128>>> {
    let Where { clause, params } = filter.of_calls();
    let sql = format!("SELECT {SUMS} FROM {} WHERE {clause}", sums::calls(reader, filter)?);
    reader.one(&sql, &params, |row| numbers(row, 0))
}

/// The numbers in the order of [`CALLS`], starting at this column.
fn numbers(row: &Row<'_>, from: usize) -> Result<Vec<Option<i128>>> {
    let [calls, errors, sessions] = [0, 1, 2].map(|column| row.integer(from + column));
    let (calls, errors) = (calls?, errors?);
    Ok(vec![Some(calls), Some(errors), Some(ratio(errors, calls, 1000)), Some(sessions?)])
}
