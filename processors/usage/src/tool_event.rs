//! A tool call or slash command: as one source file tells it, and settled over all files that
//! repeat it.

use crate::place::Place;
use crate::whereabouts::Whereabouts;
use sessionmill_contract::event::{Decliner, ToolCall, ToolKind};
use sessionmill_contract::{FactRow, Failure, Rows, Table, Value};
use std::rc::Rc;

/// One row per source file and call. `event_id` is made of the response and the id of the call, as far as
/// there are these: makers are free to use an id again. `is_error` is null while no result is seen. `subagent_id` is the
/// subagent that works on the call; `caller_id`, `turn_command` and `turn_skill` say what it was made in.
pub static TOOL_CALLS: Table = Table {
    name: "usage_tool_calls",
    columns: &[
        "event_id",
        "line",
        "time",
        "session_id",
        "project",
        "message_id",
        "side_chain",
        "kind",
        "tool",
        "skill",
        "subagent_type",
        "command",
        "mcp_server",
        "mcp_tool",
        "is_error",
        "agent",
        "subagent_id",
        "caller_id",
        "turn_command",
        "turn_skill",
        "declined_by",
    ],
};

/// One row per call, with the place of its earliest copy.
pub static TOOL_EVENTS: Table = Table {
    name: "usage_tool_events",
    columns: &[
        "event_id",
        "session_file",
        "username",
        "line",
        "time",
        "session_id",
        "project",
        "message_id",
        "side_chain",
        "kind",
        "tool",
        "skill",
        "subagent_type",
        "command",
        "mcp_server",
        "mcp_tool",
        "is_error",
        "agent",
        "subagent_id",
        "caller_id",
        "turn_command",
        "turn_skill",
        "declined_by",
    ],
};

const LINE: usize = 1;
const TIME: usize = 2;
const IS_ERROR: usize = 14;
const SUBAGENT: usize = 16;
const DECLINED_BY: usize = 20;

/// A call, or a command, in one file.
#[derive(Clone, Debug)]
pub struct ToolEvent {
    pub agent: Option<Rc<str>>,
    pub earliest: Place,
    pub at: Whereabouts,
    pub message_id: Option<Rc<str>>,
    pub side_chain: bool,
    pub what: What,
    pub is_error: Option<bool>,
    /// Searches of the web, according to its result.
    pub web_searches: u64,
    /// The subagent that works on it.
    pub subagent_id: Option<Rc<str>>,
    /// Who did not let it through.
    pub declined_by: Option<Decliner>,
}

/// What was called for.
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

    /// Whether it is the plain tool of this name.
    pub fn is_tool(&self, name: &str) -> bool {
        matches!(self, Self::Tool { tool, .. } if **tool == *name)
    }
}

impl ToolEvent {
    /// Adds the event's row.
    pub fn push(&self, event_id: &str, rows: &mut Rows) {
        let (kind, tool) = match &self.what {
            What::Tool { tool, .. } => ("tool_use", Value::Text(tool.clone())),
            What::Mcp { tool, .. } => ("mcp_call", Value::Text(tool.clone())),
            What::Subagent { tool, .. } => ("subagent", Value::Text(tool.clone())),
            What::SlashCommand { name } => ("slash_command", Value::from(&*format!("/{name}"))),
        };
        let (mut skill, mut subagent_type, mut command, mut server, mut server_tool) = Default::default();
        match &self.what {
            What::Tool { skill: name, .. } => skill = name.as_deref(),
            What::Mcp { server: a, server_tool: b, .. } => (server, server_tool) = (Some(&**a), Some(&**b)),
            What::Subagent { subagent_type: name, .. } => subagent_type = name.as_deref(),
            What::SlashCommand { name } => command = Some(&**name),
        }
        rows.push(
            &TOOL_CALLS,
            [
                event_id.into(),
                self.earliest.line.into(),
                self.earliest.time.into(),
                self.at.session_id.as_deref().into(),
                self.at.project.as_deref().into(),
                self.message_id.as_deref().into(),
                self.side_chain.into(),
                kind.into(),
                tool,
                skill.into(),
                subagent_type.into(),
                command.into(),
                server.into(),
                server_tool.into(),
                self.is_error.into(),
                self.agent.as_deref().into(),
                self.subagent_id.as_deref().into(),
                self.at.subagent_id.as_deref().into(),
                self.at.command.as_deref().into(),
                self.at.skill.as_deref().into(),
                self.declined_by.map(Decliner::name).into(),
            ],
        );
    }
}

/// The earliest copy tells what and where; of its user's copies, the earliest one with a result tells how it
/// ended, the earliest one with a subagent who worked on it. Copies of others change nothing (rule 2 of
/// COUNTING).
pub(crate) fn settle(event_id: &str, facts: &[FactRow], entities: &mut Rows) -> Result<(), Failure> {
    let mut copies = Vec::with_capacity(facts.len());
    for row in facts {
        let values: &[Value; 21] = row.values.as_slice().try_into().map_err(|_| TOOL_CALLS.unreadable())?;
        let line = values[LINE].as_int().and_then(|line| u64::try_from(line).ok());
        let line = line.ok_or_else(|| TOOL_CALLS.unreadable())?;
        copies.push((row, Place { time: values[TIME].as_time(), line }, values));
    }
    copies.sort_by(|a, b| a.1.order_over_files(&a.0.session_file, &b.1, &b.0.session_file));
    let Some((row, _, values)) = copies.first() else { return Ok(()) };
    let own = || copies.iter().filter(|(copy, ..)| copy.username == row.username).map(|(_, _, values)| *values);
    let first = |column: usize| {
        let known = own().map(|values| &values[column]).find(|value| **value != Value::Null);
        known.cloned().unwrap_or(Value::Null)
    };
    // Who declined is told by the copy that tells how the call ended.
    let ended = own().find(|values| values[IS_ERROR] != Value::Null);
    let declined_by = ended.map_or(Value::Null, |values| values[DECLINED_BY].clone());
    let [
        _,
        line,
        time,
        session_id,
        project,
        message_id,
        side_chain,
        kind,
        tool,
        skill,
        subagent,
        command,
        server,
        server_tool,
        _,
        agent,
        _,
        caller,
        turn_command,
        turn_skill,
        _,
    ] = (*values).clone();
    entities.push(
        &TOOL_EVENTS,
        [
            event_id.into(),
            (&*row.session_file).into(),
            (&*row.username).into(),
            line,
            time,
            session_id,
            project,
            message_id,
            side_chain,
            kind,
            tool,
            skill,
            subagent,
            command,
            server,
            server_tool,
            first(IS_ERROR),
            agent,
            first(SUBAGENT),
            caller,
            turn_command,
            turn_skill,
            declined_by,
        ],
    );
    Ok(())
}
