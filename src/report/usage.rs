//! The usage report: tokens or tool calls by day, person, model and so on. Queries add up; what is
//! counted once was decided when it was settled.

use crate::error::{Result, thousands};
use crate::report::render::printable;
use crate::report::value::integer;
use crate::report::zone::{self, Period};
use crate::report::{Column, Row, Sheet};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use clap::ValueEnum;
use duckdb::types::{TimeUnit, ToSqlOutput, ValueRef};
use duckdb::{Connection, params_from_iter};
use std::collections::BTreeMap;

/// What a row of the report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    Day,
    /// Told by its Monday.
    Week,
    Month,
    User,
    /// Working directory.
    Project,
    Model,
    /// Transcript, its subagents included.
    Session,
    /// Tool calls instead of tokens.
    Tool,
}

/// Which part of the database a report is about.
#[derive(Clone, Debug)]
pub struct Filter {
    /// First day.
    pub since: Option<NaiveDate>,
    /// Last day, which belongs to the report.
    pub until: Option<NaiveDate>,
    pub user: Option<String>,
    pub project: Option<String>,
    pub model: Option<String>,
    pub zone: Tz,
}

const TOKENS: [Column; 7] = [
    Column { name: "responses", title: "Responses", spare: true },
    Column { name: "input_tokens", title: "Input", spare: false },
    Column { name: "output_tokens", title: "Output", spare: false },
    Column { name: "cache_creation_input_tokens", title: "Cache write", spare: false },
    Column { name: "cache_creation_1h_input_tokens", title: "of it 1 h", spare: true },
    Column { name: "cache_read_input_tokens", title: "Cache read", spare: false },
    Column { name: "total_tokens", title: "Total", spare: false },
];

const CALLS: [Column; 3] = [
    Column { name: "calls", title: "Calls", spare: false },
    Column { name: "errors", title: "Errors", spare: false },
    Column { name: "sessions", title: "Sessions", spare: true },
];

/// In the order of [`TOKENS`].
const SUM_TOKENS: &str = "
    count(*) FILTER (part = 0),
    sum(input_tokens),
    sum(output_tokens),
    sum(cache_creation_input_tokens),
    sum(cache_creation_1h_input_tokens),
    sum(cache_read_input_tokens),
    sum(input_tokens + output_tokens + cache_creation_input_tokens + cache_read_input_tokens)";

/// In the order of [`CALLS`].
const SUM_CALLS: &str = "count(*), count(*) FILTER (is_error), count(DISTINCT session_id)";

/// Clause and parameters of a filter.
struct Where {
    clause: String,
    params: Vec<Param>,
}

enum Param {
    Text(String),
    Time(DateTime<Utc>),
}

impl duckdb::ToSql for Param {
    fn to_sql(&self) -> duckdb::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Time(time) => ValueRef::Timestamp(TimeUnit::Microsecond, time.timestamp_micros()),
        }))
    }
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::User => "user",
            Self::Project => "project",
            Self::Model => "model",
            Self::Session => "session",
            Self::Tool => "tool",
        }
    }

    /// The column that is grouped by, or the period that its times fall into.
    fn key(self) -> std::result::Result<&'static str, Period> {
        match self {
            Self::Day => Err(Period::Day),
            Self::Week => Err(Period::Week),
            Self::Month => Err(Period::Month),
            Self::User => Ok("username"),
            Self::Project => Ok("project"),
            Self::Model => Ok("model"),
            Self::Session => Ok("session_id"),
            Self::Tool => Ok("tool"),
        }
    }
}

impl Filter {
    fn clause(&self) -> Where {
        let mut parts = vec!["true"];
        let mut params = Vec::new();
        let times = [
            ("time >= ?", self.since.map(|day| zone::begin(day, self.zone))),
            ("time < ?", self.until.map(|day| zone::end(day, self.zone))),
        ];
        for (part, time) in times {
            if let Some(time) = time {
                parts.push(part);
                params.push(Param::Time(time));
            }
        }
        for (part, name) in [("username = ?", &self.user), ("project = ?", &self.project), ("model = ?", &self.model)] {
            if let Some(name) = name {
                parts.push(part);
                params.push(Param::Text(name.clone()));
            }
        }
        Where { clause: parts.join(" AND "), params }
    }
}

/// Makes the report.
///
/// # Errors
///
/// If the database cannot be read.
pub fn usage(connection: &Connection, by: By, filter: &Filter) -> Result<Sheet> {
    let (table, columns, sums) = match by {
        By::Tool => ("usage_tool_events", &CALLS[..], SUM_CALLS),
        _ => ("usage_responses", &TOKENS[..], SUM_TOKENS),
    };
    let condition = filter.clause();
    let mut rows = match by.key() {
        Ok(column) => by_column(connection, table, column, sums, &condition)?,
        Err(period) => by_period(connection, period, &condition, filter.zone)?,
    };
    if by.key().is_ok() {
        let weight = |row: &Row| *if by == By::Tool { row.numbers.first() } else { row.numbers.last() }.unwrap_or(&0);
        rows.sort_by(|a, b| weight(b).cmp(&weight(a)).then_with(|| a.key.cmp(&b.key)));
    }
    let totals = match by {
        // Sessions of several tools are in several rows.
        By::Tool => numbers(connection, &format!("SELECT {sums} FROM {table} WHERE {}", condition.clause), &condition)?,
        _ => (0..columns.len()).map(|column| rows.iter().map(|row| row.numbers[column]).sum()).collect(),
    };
    let (as_of, pending) = freshness(connection)?;
    let notes = if by == By::Tool { Vec::new() } else { placeholders(connection, &condition)? };
    Ok(Sheet { by: by.name(), columns, rows, totals, as_of, pending, notes })
}

fn by_column(connection: &Connection, table: &str, column: &str, sums: &str, condition: &Where) -> Result<Vec<Row>> {
    let sql = format!("SELECT {column}, {sums} FROM {table} WHERE {} GROUP BY ALL", condition.clause);
    let mut statement = connection.prepare(&sql)?;
    let mut result = statement.query(params_from_iter(&condition.params))?;
    let mut rows = Vec::new();
    while let Some(row) = result.next()? {
        rows.push(Row { key: row.get(0)?, numbers: integers(row, 1)? });
    }
    Ok(rows)
}

/// Quarters of an hour, which fall into periods as the zone has it.
fn by_period(connection: &Connection, period: Period, condition: &Where, zone: Tz) -> Result<Vec<Row>> {
    const QUARTER_MICROS: i64 = 900_000_000;
    let sql = format!(
        "SELECT epoch_us(time) // {QUARTER_MICROS}, {SUM_TOKENS} FROM usage_responses WHERE {} GROUP BY ALL",
        condition.clause
    );
    let mut statement = connection.prepare(&sql)?;
    let mut result = statement.query(params_from_iter(&condition.params))?;
    let mut periods: BTreeMap<Option<String>, Vec<i128>> = BTreeMap::new();
    while let Some(row) = result.next()? {
        let quarter: Option<i64> = row.get(0)?;
        let begin = quarter.and_then(|quarter| DateTime::from_timestamp_micros(quarter.saturating_mul(QUARTER_MICROS)));
        let numbers = integers(row, 1)?;
        let sums = periods.entry(begin.map(|time| period.of(time, zone))).or_insert_with(|| vec![0; numbers.len()]);
        sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
    }
    Ok(periods.into_iter().map(|(key, numbers)| Row { key, numbers }).collect())
}

fn numbers(connection: &Connection, sql: &str, condition: &Where) -> Result<Vec<i128>> {
    Ok(connection.query_row(sql, params_from_iter(&condition.params), |row| integers(row, 0))?)
}

fn integers(row: &duckdb::Row<'_>, from: usize) -> duckdb::Result<Vec<i128>> {
    (from..row.as_ref().column_count()).map(|column| Ok(integer(row.get_ref(column)?))).collect()
}

/// Sentences about names that the filter asks for and the database does not have, each with the
/// nearest one that it has.
///
/// # Errors
///
/// If the database cannot be read.
pub fn unknown_names(connection: &Connection, filter: &Filter) -> Result<Vec<String>> {
    let mut sentences = Vec::new();
    for (what, column, name) in
        [("user", "username", &filter.user), ("project", "project", &filter.project), ("model", "model", &filter.model)]
    {
        let Some(name) = name else { continue };
        let mut statement = connection.prepare(&format!(
            "SELECT DISTINCT {column} FROM usage_responses WHERE {column} IS NOT NULL ORDER BY ALL"
        ))?;
        let known = statement.query_map([], |row| row.get(0))?.collect::<duckdb::Result<Vec<String>>>()?;
        if !known.contains(name) {
            let error = crate::registry::unknown(what, name, known.iter().map(String::as_str));
            let about = format!("no usage of {what} `{name}`");
            sentences.extend([Some(about), error.hint].into_iter().flatten().map(|text| printable(&text)));
        }
    }
    Ok(sentences)
}

/// When the newest pass began that ended, and how many files it left.
fn freshness(connection: &Connection) -> Result<(Option<String>, i64)> {
    let mut statement = connection.prepare(
        "SELECT epoch_us(started_at), deferred + errors FROM processor_runs
         WHERE processor_name = 'usage' AND ended_at IS NOT NULL ORDER BY run_id DESC LIMIT 1",
    )?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok((None, 0)) };
    let as_of = DateTime::from_timestamp_micros(row.get(0)?);
    Ok((as_of.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true)), row.get(1)?))
}

/// Rule 11 of COUNTING: say so instead of pretending.
fn placeholders(connection: &Connection, condition: &Where) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT count(*) FILTER (placeholder), count(*) FILTER (part = 0) FROM usage_responses WHERE {}",
        condition.clause
    );
    match numbers(connection, &sql, condition)?[..] {
        [number, of] if number > 0 => Ok(vec![format!(
            "{} of {} responses have a placeholder for their output count: clients before 2.1.59 did not write \
             the final one, so output is higher than shown",
            thousands(number),
            thousands(of)
        )]),
        _ => Ok(Vec::new()),
    }
}
