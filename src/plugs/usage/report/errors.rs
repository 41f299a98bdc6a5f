//! What failed, and what is wrong with the data: each kind of trouble, counted.

use crate::base::days::Days;
use crate::base::error::{Result, count};
use crate::plugs::usage::report::causes;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::spending::{self, Spent};
use crate::plugs::usage::report::usage::unpriced;
use crate::price::{PicoUsd, Prices};
use crate::report::money;
use crate::report::trend::Steps;
use crate::store::reader::Reader;
use serde::{Serialize, Serializer};
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
    /// When it happened first, of what is told by its cause.
    pub first_seen: Option<String>,
    /// The newest of what the model was told then.
    pub example: Option<String>,
    /// List price of the responses that made the calls.
    #[serde(rename = "cost_usd", serialize_with = "dollars")]
    pub cost: Option<PicoUsd>,
    /// How many there were step by step in the days of the report, of calls of tools.
    #[serde(skip)]
    pub trend: Vec<i128>,
}

impl Trouble {
    pub(super) fn new(kind: Kind, what: String, count: i128, of: Option<i128>) -> Self {
        Self { kind, what, count, of, first_seen: None, example: None, cost: None, trend: Vec::new() }
    }
}

pub(super) fn dollars<S: Serializer>(cost: &Option<PicoUsd>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    cost.map(money::dollars).serialize(serializer)
}

/// Kinds of trouble, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Calls of a tool that failed.
    ToolError,
    /// Calls that came to nothing for this cause, of all calls.
    Cause,
    /// Calls of a tool that failed for the same cause three times or more in a row.
    RetryLoop,
    /// Changes of a file in one session, where that is at least three: the ten files of most changes.
    EditedAgain,
    /// Subagents that made ten times as many responses as usual, and thirty at least: the ten of most responses.
    #[serde(rename = "runaway_subagent")]
    Runaway,
    /// Answers of the API that are errors, in a source file.
    ApiError,
    /// The same by cause.
    ApiCause,
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
    /// What people see.
    pub fn words(self) -> &'static str {
        match self {
            Self::ToolError => "failed calls",
            Self::Cause => "came to nothing",
            Self::RetryLoop => "failed again and again",
            Self::EditedAgain => "changed again and again",
            Self::Runaway => "subagents that ran on",
            Self::ApiError => "errors of the API",
            Self::ApiCause => "why the API failed",
            Self::FailedFile => "files not read",
            Self::MalformedLine => "lines that are no JSON",
            Self::UnknownLine => "unknown types of lines",
            Self::Placeholder => "output counted too low",
            Self::Unpriced => "no price",
        }
    }

    /// In JSON and CSV.
    pub fn name(self) -> &'static str {
        match self {
            Self::ToolError => "tool_error",
            Self::Cause => "cause",
            Self::RetryLoop => "retry_loop",
            Self::EditedAgain => "edited_again",
            Self::Runaway => "runaway_subagent",
            Self::ApiError => "api_error",
            Self::ApiCause => "api_cause",
            Self::FailedFile => "failed_file",
            Self::MalformedLine => "malformed_line",
            Self::UnknownLine => "unknown_line",
            Self::Placeholder => "placeholder",
            Self::Unpriced => "unpriced",
        }
    }
}

impl Trouble {
    /// What people see of what happened; a loop is told by its tool and cause.
    pub fn words(&self) -> String {
        match self.kind {
            Kind::Cause | Kind::ApiCause => meaning(&self.what).to_owned(),
            Kind::RetryLoop => match self.what.rsplit_once(": ") {
                Some((tool, name)) => format!("{tool}: {}", meaning(name)),
                None => self.what.clone(),
            },
            Kind::Runaway => format!("{}; usual: {}", self.what, count(self.of.unwrap_or_default() as u64, "response")),
            _ => self.what.clone(),
        }
    }
}

/// What the causes mean, by their ids, and what may help where a cause recurs. Instructions are those of the project, such
/// as CLAUDE.md and AGENTS.md.
const CAUSES: [(&str, &str, &str); 16] = [
    ("declined", "a person said no", "allow what is always fine; say in the instructions what is not wanted"),
    ("interrupted", "a person stopped the turn", ""),
    ("not_run", "not run: a call beside it failed", ""),
    ("permission", "not allowed", "allow it in the settings, or say in the instructions not to try it"),
    ("exit", "the command failed", "say in the instructions how to run what fails, if it is not the tests"),
    ("edit_target", "text to replace not found, or found twice", "have the file read again right before the change"),
    (
        "not_read",
        "file not read before, or changed since",
        "have files read before they are changed; see what changes them",
    ),
    ("no_file", "no such file or folder", "say in the instructions where things are"),
    ("timeout", "took too long", "raise the time limit, or have it run in the background"),
    ("too_large", "answer too long", "have parts read or searched, not all of it"),
    ("unknown_tool", "no such tool", "install what is named, or name it no more in instructions and skills"),
    ("arguments", "arguments not accepted", "see the example: a skill or instruction may tell the arguments wrongly"),
    ("other", "anything else", "see the example"),
    ("overload", "server overloaded", ""),
    ("limit", "limit reached", ""),
    ("auth", "not signed in", ""),
];

fn known(cause: &str) -> Option<(&'static str, &'static str, &'static str)> {
    CAUSES.into_iter().find(|(known, ..)| *known == cause)
}

/// What a cause means.
pub fn meaning(cause: &str) -> &str {
    known(cause).map_or(cause, |(_, words, _)| words)
}

/// What may help where a cause recurs.
pub(super) fn advice(cause: &str) -> &'static str {
    known(cause).map(|(.., advice)| advice).unwrap_or_default()
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
    let steps = filter.steps(reader)?;
    let mut troubles = tool_errors(reader, filter, &steps)?;
    // Which calls a model made is not told.
    if filter.model.is_none() {
        troubles.extend(causes::causes(reader, filter, &steps)?);
        troubles.extend(causes::loops(reader, filter, prices)?);
        troubles.extend(causes::edited_again(reader, filter)?);
    }
    troubles.extend(causes::runaways(reader, filter, prices)?);
    troubles.extend(of_files(reader, filter, Kind::ApiError, "api_errors")?);
    for (cause, column) in [("overload", "api_overloads"), ("limit", "api_limits"), ("auth", "api_auth_errors")] {
        let count = of_files(reader, filter, Kind::ApiCause, column)?.iter().map(|trouble| trouble.count).sum();
        troubles.extend((count > 0).then(|| Trouble::new(Kind::ApiCause, cause.to_owned(), count, None)));
    }
    troubles.extend(failed_files(reader, filter)?);
    troubles.extend(of_files(reader, filter, Kind::MalformedLine, "malformed_lines")?);
    troubles.extend(unknown_lines(reader)?);
    let mut placeholders: Vec<_> = models.into_iter().filter(|(_, spent)| spent.placeholders > 0).collect();
    placeholders.sort_by_key(|(_, spent)| std::cmp::Reverse(spent.placeholders));
    troubles.extend(placeholders.into_iter().map(|(model, spent)| {
        let what = model.unwrap_or_else(|| "(no model)".to_owned());
        Trouble::new(Kind::Placeholder, what, spent.placeholders, Some(spent.responses))
    }));
    let unpriced = unpriced(&uses).into_iter();
    troubles.extend(unpriced.map(|(what, count)| Trouble::new(Kind::Unpriced, what, count, None)));
    Ok(troubles)
}

/// Which calls a model made is not told.
fn tool_errors(reader: Reader<'_>, filter: &Filter, steps: &Steps) -> Result<Vec<Trouble>> {
    if filter.model.is_some() {
        return Ok(Vec::new());
    }
    let Where { clause, params } = filter.condition();
    let trend = steps.counts("time", "is_error");
    let sql = format!(
        "SELECT tool, count(*) FILTER (is_error) AS errors, count(*) {trend} FROM usage_tool_events
         WHERE {clause} AND kind <> 'slash_command' GROUP BY tool HAVING errors > 0 ORDER BY errors DESC, tool"
    );
    reader.rows(&sql, &params, |row| {
        let trend = steps.read(|step| row.integer(3 + step))?;
        Ok(Trouble { trend, ..Trouble::new(Kind::ToolError, row.get(0)?, row.integer(1)?, Some(row.integer(2)?)) })
    })
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
    let only = Filter { days: Days::default(), project: None, model: None, agent: None, ..filter.clone() };
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
        Ok(Trouble::new(kind, row.get(0)?, row.integer(1)?, of))
    })
}
