//! The summary of one source file.

use crate::copy::ResponseCopy;
use crate::deed::{COMMIT, PULL_REQUEST, TEST};
use crate::names::Names;
use crate::tool_event::{ToolEvent, What};
use chrono::{DateTime, Utc};
use sessionmill_contract::event::{Decliner, MicroUsd, Usage};
use sessionmill_contract::{ApiCause, Cause, Lines, Rows, SourceFile, Title, Transcript, table};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

table! {
    /// one row per source file; tokens are those of its own copies, so sums over files count what files repeat
    pub static SESSIONS: Table = "usage_sessions", Viewed;

    /// A source file. Tokens are those of its own copies. Sums over several files therefore count repeated responses
    /// more than once, unlike `usage_responses`.
    #[derive(Clone, Debug)]
    pub struct SessionRow<'a> {
        /// of the transcript; its name where it gives none
        session_id: &'a str,
        /// time of the first record, UTC
        started: Option<DateTime<Utc>>,
        /// time of the last record, UTC
        ended: Option<DateTime<Utc>>,
        /// last minus first record
        wall_seconds: Option<i64>,
        /// wall time without pauses of more than 600 s
        active_seconds: Option<i64>,
        /// messages that a person wrote
        prompts: u64,
        /// responses in the file
        assistant_messages: u64,
        /// calls of tools, MCP servers and subagents
        tool_calls: u64,
        /// part of tool_calls
        mcp_calls: u64,
        /// part of tool_calls
        subagent_calls: u64,
        /// that a person gave
        slash_commands: u64,
        /// failed calls of tools, MCP servers and subagents
        tool_errors: u64,
        /// part of tool_errors
        mcp_errors: u64,
        /// part of tool_errors
        subagent_errors: u64,
        /// calls of the model that failed
        api_errors: u64,
        /// different tools that were called
        distinct_tools: u64,
        /// different skills that were called
        distinct_skills: u64,
        /// the model of most output
        primary_model: Option<&'a str>,
        /// as in usage_responses
        input_tokens: u64,
        /// as in usage_responses
        output_tokens: u64,
        /// as in usage_responses
        cache_creation_input_tokens: u64,
        /// as in usage_responses
        cache_creation_1h_input_tokens: u64,
        /// as in usage_responses
        cache_read_input_tokens: u64,
        /// lines that are no JSON object, or too long
        malformed_lines: u64,
        /// of the agent, the last one
        client_version: Option<&'a str>,
        /// what the client says it cost, in millionths of a US dollar
        reported_cost_micro_usd: Option<i64>,
        /// the agent whose log it is; null for a file that says nothing
        agent: Option<&'a str>,
        /// the client's own total for its session, in millionths of a US dollar; not a sum over lines
        client_total_micro_usd: Option<i64>,
        client_title: Option<&'a str> as title,
        first_prompt: Option<&'a str> as content,
        /// prompts and slash commands of a person, each of which begins a turn
        turns: u64 = 0,
        /// times that the conversation was replaced by a summary of it
        compactions: u64 = 0,
        /// times that a person stopped a turn
        interruptions: u64 = 0,
        /// calls that a person declined
        rejections: u64 = 0,
        /// part of api_errors: the server had too much to do
        api_overloads: u64 = 0,
        /// part of api_errors: a limit of the account was reached
        api_limits: u64 = 0,
        /// part of api_errors: nobody was logged in, or the key was refused
        api_auth_errors: u64 = 0,
        /// by calls that did not fail; those of a file that is written whole are all new
        lines_added: u64 = 0,
        /// by calls that did not fail
        lines_removed: u64 = 0,
        /// different files that calls changed
        files_changed: u64 = 0,
        /// commands that committed
        commits: u64 = 0,
        /// commands that opened a pull request
        pull_requests: u64 = 0,
        /// commands that ran tests, whatever came of it
        test_runs: u64 = 0,
        /// part of test_runs: they ended with an exit code other than 0
        failed_test_runs: u64 = 0,
        /// host and path of the git remote, such as example.org/ada/mill, where the log names it
        remote: Option<&'a str>,
    }
}

/// A longer pause does not count as active time.
const ACTIVE_GAP_MICROS: i64 = 600_000_000;

/// What the fold counts. The rest of the row is computed from the file's copies and events.
#[derive(Debug, Default)]
pub struct Summary {
    prompts: u64,
    pub turns: u64,
    pub compactions: u64,
    pub interruptions: u64,
    api_errors: u64,
    api_overloads: u64,
    api_limits: u64,
    api_auth_errors: u64,
    names: Names,
    pub malformed_lines: u64,
    /// Microseconds since 1970, in the order of lines, which need not be the order of time.
    times: Vec<i64>,
    session_id: Option<Box<str>>,
    client_version: Option<Box<str>>,
    remote: Option<Box<str>>,
    /// The last total of each session (rule 10 of COUNTING.md).
    reported: BTreeMap<Option<Rc<str>>, MicroUsd>,
}

impl Summary {
    pub fn line(&mut self, time: Option<DateTime<Utc>>, id: Option<&str>, transcript: &Transcript<'_>) {
        self.times.extend(time.map(|time| time.timestamp_micros()));
        if self.session_id.is_none() {
            self.session_id = transcript.session_id.map(Into::into);
        }
        self.names.record(id);
        if let Some(version) = transcript.version.filter(|version| self.client_version.as_deref() != Some(*version)) {
            self.client_version = Some(version.into());
        }
        if let Some(remote) = transcript.remote.filter(|remote| self.remote.as_deref() != Some(*remote)) {
            self.remote = Some(remote.into());
        }
    }

    /// A person wrote something.
    pub fn prompt(&mut self, text: &str) {
        self.prompts += 1;
        self.turns += 1;
        self.names.prompt(text);
    }

    /// The session gets a title.
    pub fn title(&mut self, title: Title<'_>) {
        self.names.title(title);
    }

    pub fn api_error(&mut self, cause: ApiCause) {
        self.api_errors += 1;
        match cause {
            ApiCause::Overload => self.api_overloads += 1,
            ApiCause::Limit => self.api_limits += 1,
            ApiCause::Auth => self.api_auth_errors += 1,
            ApiCause::Other => {}
        }
    }

    pub fn reported_cost(&mut self, session_id: Option<Rc<str>>, total: MicroUsd) {
        self.reported.insert(session_id, total);
    }

    /// Its size, measured in facts: a time is only a small part of one.
    pub fn held(&self) -> usize {
        self.times.len() / 32 + self.reported.len() + self.names.held()
    }

    /// Adds the row.
    pub fn push<'c>(
        mut self,
        file: &SourceFile,
        agent: Option<&str>,
        copies: impl Iterator<Item = &'c ResponseCopy>,
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
        let session_id = self.session_id.as_deref().unwrap_or(file.session_id());
        // For other sessions in the file, the lines have the costs.
        let is_own = |id: &Option<Rc<str>>| id.as_deref().is_none_or(|id| id == session_id);
        let total = self.reported.iter().filter(|(id, _)| is_own(id)).map(|(_, total)| *total).next_back();
        rows.push(SessionRow {
            session_id,
            started: time(first),
            ended: time(last),
            wall_seconds: wall,
            active_seconds: first.map(|_| active / 1_000_000),
            prompts: self.prompts,
            assistant_messages: tokens.messages,
            tool_calls: calls.plain + calls.mcp + calls.subagent,
            mcp_calls: calls.mcp,
            subagent_calls: calls.subagent,
            slash_commands: calls.slash_commands,
            tool_errors: calls.plain_errors + calls.mcp_errors + calls.subagent_errors,
            mcp_errors: calls.mcp_errors,
            subagent_errors: calls.subagent_errors,
            api_errors: self.api_errors,
            distinct_tools: calls.tools.len() as u64,
            distinct_skills: calls.skills.len() as u64,
            primary_model: tokens.primary_model(),
            input_tokens: tokens.usage.input,
            output_tokens: tokens.usage.output,
            cache_creation_input_tokens: tokens.usage.cache_write,
            cache_creation_1h_input_tokens: tokens.usage.cache_write_1h,
            cache_read_input_tokens: tokens.usage.cache_read,
            malformed_lines: self.malformed_lines,
            client_version: self.client_version.as_deref(),
            reported_cost_micro_usd: total.or(tokens.reported),
            agent,
            client_total_micro_usd: total,
            client_title: self.names.client(),
            first_prompt: self.names.first_prompt(),
            turns: self.turns,
            compactions: self.compactions,
            interruptions: self.interruptions,
            rejections: calls.rejections,
            api_overloads: self.api_overloads,
            api_limits: self.api_limits,
            api_auth_errors: self.api_auth_errors,
            lines_added: calls.added,
            lines_removed: calls.removed,
            files_changed: calls.files.len() as u64,
            commits: calls.commits,
            pull_requests: calls.pull_requests,
            test_runs: calls.test_runs,
            failed_test_runs: calls.failed_test_runs,
            remote: self.remote.as_deref(),
        });
    }
}

#[derive(Default)]
struct Tokens<'c> {
    messages: u64,
    usage: Usage,
    reported: Option<MicroUsd>,
    /// Output tokens and number of responses.
    by_model: BTreeMap<&'c str, (u64, u64)>,
}

impl<'c> Tokens<'c> {
    fn of(copies: impl Iterator<Item = &'c ResponseCopy>) -> Self {
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

    /// The model with the most output, then with the most responses, then the first by name.
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
    rejections: u64,
    files: BTreeSet<&'c str>,
    added: u64,
    removed: u64,
    commits: u64,
    pull_requests: u64,
    test_runs: u64,
    failed_test_runs: u64,
}

impl<'c> Calls<'c> {
    fn of(tool_events: impl Iterator<Item = &'c ToolEvent>) -> Self {
        let mut calls = Self::default();
        for event in tool_events {
            let errors = u64::from(event.is_error == Some(true));
            calls.deed(event);
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

    /// Counts what a call did. A call without a result is not known to have done anything.
    fn deed(&mut self, event: &'c ToolEvent) {
        let has_tests = event.deed.has(TEST);
        self.rejections += u64::from(event.declined_by == Some(Decliner::Person));
        if has_tests && event.cause == Some(Cause::Exit) {
            self.test_runs += 1;
            self.failed_test_runs += 1;
        }
        if event.is_error != Some(false) || event.declined_by.is_some() {
            return;
        }
        self.test_runs += u64::from(has_tests);
        self.commits += u64::from(event.deed.has(COMMIT));
        self.pull_requests += u64::from(event.deed.has(PULL_REQUEST));
        let Lines { added, removed } = event.lines();
        self.added = self.added.saturating_add(added);
        self.removed = self.removed.saturating_add(removed);
        self.files.extend(event.deed.files.as_deref().into_iter().flat_map(str::lines));
    }
}
