//! What failed, and what is wrong with the data: each kind of trouble, counted.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::spending::{self, Spent};
use crate::plugs::usage::report::usage::unpriced;
use crate::price::Prices;
use crate::store::reader::Reader;
use serde::Serialize;
use std::collections::BTreeMap;

/// One trouble.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    pub kind: Kind,
    /// The tool, source file, type, model or class of failure.
    pub what: String,
    pub count: i128,
    /// Of how many, where that is known.
    pub of: Option<i128>,
}

/// Kinds of trouble, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Calls of a tool that failed.
    ToolError,
    /// Answers of the API that are errors, in a source file.
    ApiError,
    /// Source files that a processor could not deal with, by processor and class; as it stands now.
    FailedFile,
    /// Lines of a source file that are no JSON.
    MalformedLine,
    /// Records of a type that no rule is known for; all that the database holds.
    UnknownLine,
    /// Responses of a model whose output count is from the start of the stream.
    Placeholder,
    /// Responses of a model without a price.
    Unpriced,
}

impl Kind {
    /// In JSON and CSV.
    pub fn name(self) -> &'static str {
        match self {
            Self::ToolError => "tool_error",
            Self::ApiError => "api_error",
            Self::FailedFile => "failed_file",
            Self::MalformedLine => "malformed_line",
            Self::UnknownLine => "unknown_line",
            Self::Placeholder => "placeholder",
            Self::Unpriced => "unpriced",
        }
    }
}

/// Reads the troubles: by kind, then the most frequent first.
///
/// # Errors
///
/// If the database cannot be read.
pub fn errors(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Trouble>> {
    let mut models: BTreeMap<Option<String>, Spent> = BTreeMap::new();
    let uses = spending::read(
        reader,
        prices,
        &[],
        &filter.condition(),
        |_| Ok(()),
        |(), model, spent| {
            models.entry(model.map(str::to_owned)).or_default().add(spent);
        },
    )?;
    let mut troubles = tool_errors(reader, filter)?;
    troubles.extend(of_files(reader, filter, Kind::ApiError, "api_errors")?);
    troubles.extend(failed_files(reader, filter)?);
    troubles.extend(of_files(reader, filter, Kind::MalformedLine, "malformed_lines")?);
    troubles.extend(unknown_lines(reader)?);
    let mut placeholders: Vec<_> = models.into_iter().filter(|(_, spent)| spent.placeholders > 0).collect();
    placeholders.sort_by_key(|(_, spent)| std::cmp::Reverse(spent.placeholders));
    troubles.extend(placeholders.into_iter().map(|(model, spent)| Trouble {
        kind: Kind::Placeholder,
        what: model.unwrap_or_else(|| "(no model)".to_owned()),
        count: spent.placeholders,
        of: Some(spent.responses),
    }));
    let unpriced = unpriced(&uses).into_iter();
    troubles.extend(unpriced.map(|(what, count)| Trouble { kind: Kind::Unpriced, what, count, of: None }));
    Ok(troubles)
}

/// Which calls a model made is not told.
fn tool_errors(reader: Reader<'_>, filter: &Filter) -> Result<Vec<Trouble>> {
    if filter.model.is_some() {
        return Ok(Vec::new());
    }
    let sql = |clause: &str| {
        format!(
            "SELECT tool, count(*) FILTER (is_error) AS errors, count(*) FROM usage_tool_events WHERE {clause}
             GROUP BY tool HAVING errors > 0 ORDER BY errors DESC, tool"
        )
    };
    read(reader, Kind::ToolError, sql, filter.condition())
}

/// Counts of source files. Of a project, those of the sessions that were there.
fn of_files(reader: Reader<'_>, filter: &Filter, kind: Kind, column: &str) -> Result<Vec<Trouble>> {
    let Where { clause, params } = Filter { project: None, model: None, ..filter.clone() }.condition();
    let mut condition = Where { clause, params };
    if filter.project.is_some() || filter.model.is_some() {
        let Where { clause, params } = filter.condition();
        condition.clause += &format!(" AND session_id IN (SELECT session_id FROM usage_responses WHERE {clause})");
        condition.params.extend(params);
    }
    let sql = |clause: &str| {
        format!(
            "SELECT session_file, {column}, NULL FROM (SELECT *, started AS time FROM usage_sessions)
             WHERE {column} > 0 AND {clause} ORDER BY {column} DESC, session_file"
        )
    };
    read(reader, kind, sql, condition)
}

fn failed_files(reader: Reader<'_>, filter: &Filter) -> Result<Vec<Trouble>> {
    let only = Filter { since: None, until: None, project: None, model: None, agent: None, ..filter.clone() };
    let sql = |clause: &str| {
        format!(
            "SELECT processor_name || ': ' || class AS what, count(*) AS files, NULL FROM session_failures
             WHERE {clause} AND state <> 'dropped' GROUP BY what ORDER BY files DESC, what"
        )
    };
    read(reader, Kind::FailedFile, sql, only.condition())
}

fn unknown_lines(reader: Reader<'_>) -> Result<Vec<Trouble>> {
    let sql = |_: &str| {
        "SELECT kind, sum(lines) AS count, NULL FROM session_unknown_lines GROUP BY kind ORDER BY count DESC, kind"
            .to_owned()
    };
    read(reader, Kind::UnknownLine, sql, Where { clause: String::new(), params: Vec::new() })
}

/// Rows of what, count, and of how many.
fn read(
    reader: Reader<'_>,
    kind: Kind,
    sql: impl Fn(&str) -> String,
    Where { clause, params }: Where,
) -> Result<Vec<Trouble>> {
    reader.rows(&sql(&clause), &params, |row| {
        let of = if row.is_null(2)? { None } else { Some(row.integer(2)?) };
        Ok(Trouble { kind, what: row.get(0)?, count: row.integer(1)?, of })
    })
}
