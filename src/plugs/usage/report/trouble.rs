//! Kinds of trouble, causes of unsuccessful calls, and what each is called.

use crate::base::error::count;
use crate::price::PicoUsd;
use crate::report::money;
use clap::ValueEnum;
use serde::{Serialize, Serializer};

/// Troubles of the same kind about the same thing.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    pub kind: Kind,
    /// The tool, source file, type, model or class of failure.
    pub what: String,
    pub count: i128,
    /// The number that `count` is a part of, if known.
    pub of: Option<i128>,
    /// When it happened first. Only known for troubles with a cause.
    pub first_seen: Option<String>,
    /// The newest error message that the model got for it.
    pub example: Option<String>,
    /// List price of the responses that made the calls.
    #[serde(rename = "cost_usd", serialize_with = "dollars")]
    pub cost: Option<PicoUsd>,
    /// Counts for each step of the report's days, for tool calls.
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

/// What a list of troubles begins with: the most of something, or the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Order {
    Cost,
    /// Number of failures
    #[value(alias = "calls")]
    Count,
    /// Time when they were first seen
    Date,
}

impl Order {
    /// Sorts rows, given their cost, count and time. Rows without the value come last; rows with equal values keep
    /// their order.
    pub fn sort<T>(self, rows: &mut [T], of: impl Fn(&T) -> (Option<PicoUsd>, i128, Option<&str>)) {
        rows.sort_by(|a, b| {
            let ((cost, count, time), (of_other, other_count, other_time)) = (of(a), of(b));
            match self {
                Self::Cost => of_other.cmp(&cost),
                Self::Count => other_count.cmp(&count),
                Self::Date => other_time.cmp(&time),
            }
        });
    }
}

/// Kinds of trouble, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Failed calls of a tool.
    ToolError,
    /// Unsuccessful calls with this cause, out of all calls.
    Cause,
    /// Three or more consecutive responses with calls of the same tool that failed for the same cause.
    RetryLoop,
    /// Changes to a file in one session, if at least three. Only the ten files with the most changes are listed.
    EditedAgain,
    /// Subagents that made at least ten times the median number of responses, and at least thirty. Only the ten with
    /// the most responses are listed.
    #[serde(rename = "runaway_subagent")]
    Runaway,
    /// Subagents of a session that were started and have no response in the database.
    MissingSubagent,
    /// Errors from the API, by source file.
    ApiError,
    /// Errors from the API, by cause.
    ApiCause,
    /// Source files that a processor failed on, by processor and class of error; the current state.
    FailedFile,
    /// Lines of a source file that are not valid JSON.
    MalformedLine,
    /// Records of a type without a rule.
    UnknownLine,
    /// Responses of a model with a placeholder as output count, written when the stream started.
    Placeholder,
    /// Responses of a model without a price.
    Unpriced,
}

/// All kinds.
pub const ALL: [Kind; 13] = [
    Kind::ToolError,
    Kind::Cause,
    Kind::RetryLoop,
    Kind::EditedAgain,
    Kind::Runaway,
    Kind::MissingSubagent,
    Kind::ApiError,
    Kind::ApiCause,
    Kind::FailedFile,
    Kind::MalformedLine,
    Kind::UnknownLine,
    Kind::Placeholder,
    Kind::Unpriced,
];

impl Kind {
    /// The title in tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::ToolError => "failed calls",
            Self::Cause => "unsuccessful calls",
            Self::RetryLoop => "failed again and again",
            Self::EditedAgain => "changed again and again",
            Self::Runaway => "subagents that ran on",
            Self::MissingSubagent => "missing subagents",
            Self::ApiError => "errors of the API",
            Self::ApiCause => "why the API failed",
            Self::FailedFile => "files not read",
            Self::MalformedLine => "lines that are no JSON",
            Self::UnknownLine => "unknown types of lines",
            Self::Placeholder => "output counted too low",
            Self::Unpriced => "no price",
        }
    }

    /// The name in JSON and CSV.
    pub fn name(self) -> &'static str {
        match self {
            Self::ToolError => "tool_error",
            Self::Cause => "cause",
            Self::RetryLoop => "retry_loop",
            Self::EditedAgain => "edited_again",
            Self::Runaway => "runaway_subagent",
            Self::MissingSubagent => "missing_subagent",
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
    /// The text in tables. A retry loop is described by its tool and cause.
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

/// The ids of causes, with what each means and advice against a recurring cause. "Instructions" are those of the
/// project, such as CLAUDE.md and AGENTS.md.
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
    ("other", "another reason", "see the example"),
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

/// Advice against a recurring cause; empty if there is none.
pub(super) fn advice(cause: &str) -> &'static str {
    known(cause).map(|(.., advice)| advice).unwrap_or_default()
}
