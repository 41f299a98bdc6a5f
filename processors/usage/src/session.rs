//! The summary of one source file.

use crate::copy::Copy;
use crate::tool_event::{ToolEvent, What};
use chrono::{DateTime, Utc};
use sessionmill_contract::event::{MicroUsd, Usage};
use sessionmill_contract::{Rows, SourceFile, Table, Transcript, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// One row per source file. Tokens are those of the file's own copies: summed over files they count
/// what is repeated more than once, which `usage_responses` does not.
pub static SESSIONS: Table = Table {
    name: "usage_sessions",
    columns: &[
        "session_id",
        "started",
        "ended",
        "wall_seconds",
        "active_seconds",
        "prompts",
        "assistant_messages",
        "tool_calls",
        "mcp_calls",
        "subagent_calls",
        "slash_commands",
        "tool_errors",
        "mcp_errors",
        "subagent_errors",
        "api_errors",
        "distinct_tools",
        "distinct_skills",
        "primary_model",
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_creation_1h_input_tokens",
        "cache_read_input_tokens",
        "malformed_lines",
        "client_version",
        "reported_cost_micro_usd",
        "agent",
        "client_total_micro_usd",
    ],
};

/// A longer pause is not active time.
const ACTIVE_GAP_MICROS: i64 = 600_000_000;

/// What the fold counts on its way; the rest of the row follows from the file's copies and events.
#[derive(Debug, Default)]
pub struct Summary {
    pub prompts: u64,
    pub api_errors: u64,
    pub malformed_lines: u64,
    /// Microseconds since 1970, in line order, which is not time order.
    times: Vec<i64>,
    session_id: Option<Box<str>>,
    client_version: Option<Box<str>>,
    /// The last total per session (rule 10 of COUNTING).
    reported: BTreeMap<Option<Rc<str>>, MicroUsd>,
}

impl Summary {
    pub fn line(&mut self, time: Option<DateTime<Utc>>, transcript: &Transcript<'_>) {
        self.times.extend(time.map(|time| time.timestamp_micros()));
        if self.session_id.is_none() {
            self.session_id = transcript.session_id.map(Into::into);
        }
        if let Some(version) = transcript.version.filter(|version| self.client_version.as_deref() != Some(*version)) {
            self.client_version = Some(version.into());
        }
    }

    pub fn reported_cost(&mut self, session_id: Option<Rc<str>>, total: MicroUsd) {
        self.reported.insert(session_id, total);
    }

    /// What it holds, in facts: a time is a small part of one.
    pub fn held(&self) -> usize {
        self.times.len() / 32 + self.reported.len()
    }

    /// Adds the row.
    pub fn push<'c>(
        mut self,
        file: &SourceFile,
        agent: Option<&str>,
        copies: impl Iterator<Item = &'c Copy>,
        tool_events: impl Iterator<Item = &'c ToolEvent>,
        rows: &mut Rows,
    ) {
        self.times.sort_unstable();
        let gaps = self.times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        let active: i64 = gaps.filter(|gap| *gap <= ACTIVE_GAP_MICROS).sum();
        let (first, last) = (self.times.first().copied(), self.times.last().copied());
        let time = |micros: Option<i64>| micros.and_then(DateTime::<Utc>::from_timestamp_micros);
        let wall = first.zip(last).map(|(first, last)| last.saturating_sub(first) / 1_000_000);

        let tokens = Tokens::of(copies);
        let calls = Calls::of(tool_events);
        let total = self.reported.values().copied().reduce(i64::saturating_add);
        rows.push(
            &SESSIONS,
            [
                self.session_id.as_deref().unwrap_or(file.session_id()).into(),
                time(first).into(),
                time(last).into(),
                wall.into(),
                first.map(|_| active / 1_000_000).into(),
                self.prompts.into(),
                tokens.messages.into(),
                (calls.plain + calls.mcp + calls.subagent).into(),
                calls.mcp.into(),
                calls.subagent.into(),
                calls.slash_commands.into(),
                (calls.plain_errors + calls.mcp_errors + calls.subagent_errors).into(),
                calls.mcp_errors.into(),
                calls.subagent_errors.into(),
                self.api_errors.into(),
                (calls.tools.len() as u64).into(),
                (calls.skills.len() as u64).into(),
                tokens.primary_model().into(),
                tokens.usage.input.into(),
                tokens.usage.output.into(),
                tokens.usage.cache_write.into(),
                tokens.usage.cache_write_1h.into(),
                tokens.usage.cache_read.into(),
                self.malformed_lines.into(),
                self.client_version.as_deref().into(),
                Value::from(total.or(tokens.reported)),
                agent.into(),
                total.into(),
            ],
        );
    }
}

#[derive(Default)]
struct Tokens<'c> {
    messages: u64,
    usage: Usage,
    reported: Option<MicroUsd>,
    /// Output tokens and responses.
    by_model: BTreeMap<&'c str, (u64, u64)>,
}

impl<'c> Tokens<'c> {
    fn of(copies: impl Iterator<Item = &'c Copy>) -> Self {
        let mut tokens = Self::default();
        for copy in copies {
            tokens.messages += 1;
            if let Some(cost) = copy.best.reported_cost {
                tokens.reported = Some(tokens.reported.unwrap_or_default().saturating_add(cost));
            }
            for part in std::iter::once(&copy.best.part).chain(&copy.advisors) {
                add(&mut tokens.usage, &part.usage);
            }
            if let Some(model) = &copy.best.part.model {
                let (output, responses) = tokens.by_model.entry(model).or_default();
                *output += copy.best.part.usage.output;
                *responses += 1;
            }
        }
        tokens
    }

    /// The model of most output, then of most responses, then the first by name.
    fn primary_model(&self) -> Option<&'c str> {
        let best = self.by_model.iter().rev().max_by_key(|(_, weight)| **weight);
        best.map(|(model, _)| *model)
    }
}

fn add(sum: &mut Usage, usage: &Usage) {
    sum.input += usage.input;
    sum.output += usage.output;
    sum.cache_write += usage.cache_write;
    sum.cache_write_1h += usage.cache_write_1h;
    sum.cache_read += usage.cache_read;
    sum.reasoning += usage.reasoning;
}

#[derive(Default)]
struct Calls<'c> {
    plain: u64,
    plain_errors: u64,
    mcp: u64,
    mcp_errors: u64,
    subagent: u64,
    subagent_errors: u64,
    slash_commands: u64,
    tools: BTreeSet<&'c str>,
    skills: BTreeSet<&'c str>,
}

impl<'c> Calls<'c> {
    fn of(tool_events: impl Iterator<Item = &'c ToolEvent>) -> Self {
        let mut calls = Self::default();
        for event in tool_events {
            let errors = u64::from(event.is_error == Some(true));
            let tool = match &event.what {
                What::Tool { tool, skill } => {
                    calls.plain += 1;
                    calls.plain_errors += errors;
                    calls.skills.extend(skill.as_deref());
                    tool
                }
                What::Mcp { tool, .. } => {
                    calls.mcp += 1;
                    calls.mcp_errors += errors;
                    tool
                }
                What::Subagent { tool, .. } => {
                    calls.subagent += 1;
                    calls.subagent_errors += errors;
                    tool
                }
                What::SlashCommand { .. } => {
                    calls.slash_commands += 1;
                    continue;
                }
            };
            calls.tools.insert(tool);
        }
        calls
    }
}
