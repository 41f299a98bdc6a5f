//! A tool call or slash command: in one source file, and settled over all files that repeat it.

use crate::deed::Deed;
use crate::position::Position;
use crate::whereabouts::Whereabouts;
use chrono::{DateTime, Utc};
use sessionmill_contract::event::{Decliner, ToolCall, ToolKind};
use sessionmill_contract::{Cause, FactRow, Failure, Lines, Row as _, Rows, table};
use std::rc::Rc;

table! {
    /// tool calls and slash commands as each source file tells them, before they are counted once
    pub static TOOL_CALLS: Table = "usage_tool_calls", Hidden;

    /// A call in one source file. `event_id` consists of the response and the call id, as far as they exist, because
    /// providers may reuse call ids. `is_error` is null until a result is seen. `subagent_id` is the subagent that
    /// works on the call; `caller_id`, `turn_command` and `turn_skill` say in what context the call was made.
    #[derive(Clone, Debug)]
    pub struct ToolCallRow<'a> {
        event_id: &'a str,
        line: u64,
        time: Option<DateTime<Utc>>,
        session_id: Option<&'a str>,
        project: Option<&'a str>,
        message_id: Option<&'a str>,
        side_chain: bool,
        kind: &'a str,
        tool: &'a str,
        skill: Option<&'a str>,
        subagent_type: Option<&'a str>,
        command: Option<&'a str>,
        mcp_server: Option<&'a str>,
        mcp_tool: Option<&'a str>,
        is_error: Option<bool>,
        agent: Option<&'a str>,
        subagent_id: Option<&'a str>,
        caller_id: Option<&'a str>,
        turn_command: Option<&'a str>,
        turn_skill: Option<&'a str>,
        declined_by: Option<&'a str>,
        cause: Option<&'a str>,
        error: Option<&'a str> as content,
        files: Option<&'a str>,
        lines_added: u64 = 0,
        lines_removed: u64 = 0,
        acts: Option<&'a str>,
        round: u64 = 0,
    }
}

table! {
    /// one row per tool call or slash command
    pub static TOOL_EVENTS: Table = "usage_tool_events", Viewed;

    /// A call, at the place of its earliest copy.
    #[derive(Clone, Debug)]
    pub struct ToolEventRow<'a> {
        /// response and id of the call; without an id its tool and number in the response, or what a copy has in
        /// common with it
        event_id: &'a str,
        /// source file of the earliest copy
        session_file: &'a str,
        /// whose transcript it is
        username: &'a str,
        /// of session_file
        line: u64,
        /// UTC
        time: Option<DateTime<Utc>>,
        /// session id of the transcript
        session_id: Option<&'a str>,
        /// working directory, in one spelling
        project: Option<&'a str>,
        /// response that makes the call; in a rollout of Codex the one that is counted next
        message_id: Option<&'a str>,
        /// made in a subagent's conversation
        side_chain: bool,
        /// tool_use, mcp_call, subagent or slash_command
        kind: &'a str,
        /// name of the tool
        tool: &'a str,
        /// name of the skill that was called
        skill: Option<&'a str>,
        /// type of the subagent that was called
        subagent_type: Option<&'a str>,
        /// name of the slash command
        command: Option<&'a str>,
        /// server of an MCP call
        mcp_server: Option<&'a str>,
        /// tool of that server
        mcp_tool: Option<&'a str>,
        /// null while no result is seen; a call that a person declined is no error
        is_error: Option<bool>,
        /// the agent whose log it is
        agent: Option<&'a str>,
        /// subagent that worked on the call
        subagent_id: Option<&'a str>,
        /// subagent that made the call; null in the main conversation
        caller_id: Option<&'a str>,
        /// slash command that the turn of the conversation began with
        turn_command: Option<&'a str>,
        /// skill that was called last in the turn, before the call
        turn_skill: Option<&'a str>,
        /// who did not let the call through: person, policy (a rule, mode, classifier or hook) or client (its turn
        /// had ended); else null
        declined_by: Option<&'a str>,
        /// why it came to nothing: declined, interrupted, not_run, permission, exit, edit_target, not_read, no_file,
        /// timeout, unknown_tool, arguments, too_large or other; else null
        cause: Option<&'a str>,
        /// what the model was told then: two lines of it, without credentials
        error: Option<&'a str> as content,
        /// files that it changes: paths, one on each line
        files: Option<&'a str>,
        /// new lines of these files: of the patch that the result has, else of the arguments, to which a file that is
        /// written whole is all new
        lines_added: u64 = 0,
        /// lines that go
        lines_removed: u64 = 0,
        /// what its command does: test, commit and pull_request, with spaces between them
        acts: Option<&'a str>,
        /// number of the response that makes the call, of those with calls in its conversation and in session_file;
        /// 0 for a slash command
        round: u64 = 0,
    }
}

/// A call or a command in one file.
#[derive(Clone, Debug)]
pub struct ToolEvent {
    pub agent: Option<Rc<str>>,
    pub earliest: Position,
    pub at: Whereabouts,
    pub message_id: Option<Rc<str>>,
    pub side_chain: bool,
    pub what: What,
    pub is_error: Option<bool>,
    /// The number of web searches, according to its result.
    pub web_searches: u64,
    /// The subagent that works on it.
    pub subagent_id: Option<Rc<str>>,
    /// Who declined it.
    pub declined_by: Option<Decliner>,
    /// Why it failed, and what the model was told.
    pub cause: Option<Cause>,
    pub error: Option<Rc<str>>,
    pub deed: Deed,
    /// What it changed, according to its result.
    pub changed: Option<Lines>,
    /// The number of its response among those with calls in the conversation.
    pub round: u64,
}

/// What was called.
#[derive(Clone, Debug)]
pub enum What {
    Tool { tool: Box<str>, skill: Option<Box<str>> },
    Mcp { tool: Box<str>, server: Box<str>, server_tool: Box<str> },
    Subagent { tool: Box<str>, subagent_type: Option<Box<str>> },
    SlashCommand { name: Box<str> },
}

impl What {
    pub fn of(call: &ToolCall<'_>) -> Self {
        let tool = call.tool.into();
        match call.kind {
            ToolKind::Plain => Self::Tool { tool, skill: None },
            ToolKind::Skill { skill } => Self::Tool { tool, skill: skill.map(Into::into) },
            ToolKind::Mcp { server, tool: server_tool } => {
                Self::Mcp { tool, server: server.into(), server_tool: server_tool.into() }
            }
            ToolKind::Subagent { subagent_type } => {
                Self::Subagent { tool, subagent_type: subagent_type.map(Into::into) }
            }
        }
    }

    /// Whether it is the ordinary tool with this name.
    pub fn is_tool(&self, name: &str) -> bool {
        matches!(self, Self::Tool { tool, .. } if **tool == *name)
    }
}

impl ToolEvent {
    /// What it changed according to its result, or else according to its arguments.
    pub fn lines(&self) -> Lines {
        self.changed.unwrap_or(self.deed.lines)
    }

    /// Adds the row of the event.
    pub fn push(&self, event_id: &str, rows: &mut Rows) {
        let (kind, tool) = match &self.what {
            What::Tool { tool, .. } => ("tool_use", tool),
            What::Mcp { tool, .. } => ("mcp_call", tool),
            What::Subagent { tool, .. } => ("subagent", tool),
            What::SlashCommand { name } => ("slash_command", &format!("/{name}").into()),
        };
        let (mut skill, mut subagent_type, mut command, mut mcp_server, mut mcp_tool) = Default::default();
        match &self.what {
            What::Tool { skill: name, .. } => skill = name.as_deref(),
            What::Mcp { server, server_tool, .. } => (mcp_server, mcp_tool) = (Some(&**server), Some(&**server_tool)),
            What::Subagent { subagent_type: name, .. } => subagent_type = name.as_deref(),
            What::SlashCommand { name } => command = Some(&**name),
        }
        rows.push(ToolCallRow {
            event_id,
            line: self.earliest.line,
            time: self.earliest.time,
            session_id: self.at.session_id.as_deref(),
            project: self.at.project.as_deref(),
            message_id: self.message_id.as_deref(),
            side_chain: self.side_chain,
            kind,
            tool,
            skill,
            subagent_type,
            command,
            mcp_server,
            mcp_tool,
            is_error: self.is_error,
            agent: self.agent.as_deref(),
            subagent_id: self.subagent_id.as_deref(),
            caller_id: self.at.subagent_id.as_deref(),
            turn_command: self.at.command.as_deref(),
            turn_skill: self.at.skill.as_deref(),
            declined_by: self.declined_by.map(Decliner::name),
            cause: self.cause.map(Cause::name),
            error: self.error.as_deref(),
            files: self.deed.files.as_deref(),
            lines_added: self.lines().added,
            lines_removed: self.lines().removed,
            acts: self.deed.acts.as_deref(),
            round: self.round,
        });
    }
}

/// What was called, and where, is taken from the earliest copy. How the call ended is taken from the earliest copy of
/// the same user that has a result; the subagent, from the earliest that has one. Copies of other users change nothing
/// (rule 2 of COUNTING.md).
pub(crate) fn settle(event_id: &str, facts: &[FactRow], entities: &mut Rows) -> Result<(), Failure> {
    let mut copies = Vec::with_capacity(facts.len());
    for fact in facts {
        let call = ToolCallRow::read(fact.values)?;
        copies.push((fact, Position { time: call.time, line: call.line }, call));
    }
    copies.sort_by(|a, b| a.1.order_over_files(a.0.session_file, &b.1, b.0.session_file));
    let Some((fact, _, call)) = copies.first() else { return Ok(()) };
    let own = || copies.iter().filter(|(copy, ..)| copy.username == fact.username).map(|(_, _, call)| call);
    // The copy with the result also says who declined the call and what it changed.
    let ended = own().find(|call| call.is_error.is_some());
    let changed = ended.unwrap_or(call);
    entities.push(ToolEventRow {
        event_id,
        session_file: fact.session_file,
        username: fact.username,
        line: call.line,
        time: call.time,
        session_id: call.session_id,
        project: call.project,
        message_id: call.message_id,
        side_chain: call.side_chain,
        kind: call.kind,
        tool: call.tool,
        skill: call.skill,
        subagent_type: call.subagent_type,
        command: call.command,
        mcp_server: call.mcp_server,
        mcp_tool: call.mcp_tool,
        is_error: ended.and_then(|call| call.is_error),
        agent: call.agent,
        subagent_id: own().find_map(|call| call.subagent_id),
        caller_id: call.caller_id,
        turn_command: call.turn_command,
        turn_skill: call.turn_skill,
        declined_by: ended.and_then(|call| call.declined_by),
        cause: ended.and_then(|call| call.cause),
        error: ended.and_then(|call| call.error),
        files: call.files,
        lines_added: changed.lines_added,
        lines_removed: changed.lines_removed,
        acts: call.acts,
        round: call.round,
    });
    Ok(())
}
