//! Events: what one record of a log says, in terms that do not depend on the program that wrote it.
//!
//! A dialect turns one record into several events with the same line, time and id. The first is [`Said::Record`] or
//! [`Said::Malformed`], so that every record is counted, even if it says nothing else. Events belong to families, such
//! as logs of agents or of tasks. A processor matches the families that it needs and ignores the others.
//!
//! ```text
//! {"type":"user","uuid":"u1","cwd":"/src","message":{"content":"oil it"}}
//!   line 7, id u1   Record { kind: "user", known: true }
//!   line 7, id u1   Agent(cwd /src …, Begin)
//!   line 7, id u1   Agent(cwd /src …, Prompt { text: "oil it" })
//! ```
//!
//! A response that a dialect recognises only at the end of the file has no `Record` event before it.

use crate::{Activity, ApiCause, Fault, Lines, Output, TaskEvent, TaskState, Title, Work};
use chrono::{DateTime, Utc};

/// One thing that a record says. A field that is `None` is missing in the record.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Line of the source file, from 1.
    pub line: u64,
    /// When the record was written, cut to microseconds.
    pub time: Option<DateTime<Utc>>,
    /// The record's id. A copy in another file has the same id.
    pub id: Option<&'a str>,
    pub said: Said<'a>,
}

impl Event<'_> {
    /// A line, or a part of one, that cannot be read.
    pub fn malformed(line: u64, why: &'static str) -> Self {
        Self { line, time: None, id: None, said: Said::Malformed { why } }
    }
}

/// The content of an event, by family.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// A record of this type begins. `known` is false if the dialect has no rule for the type.
    Record { kind: &'a str, known: bool },
    /// A line, or a part of one, cannot be read: it is not a record, or it lacks something that its dialect needs.
    Malformed {
        /// What is wrong, such as ``no `timestamp` ``. Quotes nothing from the line.
        why: &'static str,
    },
    /// From an agent's transcript.
    Agent(&'a Transcript<'a>, Agent<'a>),
    /// From a log of web or app events.
    Activity(&'a Activity<'a>),
    /// From a log of task life cycles.
    Task(&'a TaskEvent<'a>),
}

/// Where in an agent's work a record was written. A field that is `None` is missing in the record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transcript<'a> {
    /// Name of the agent that wrote the log.
    pub agent: &'static str,
    /// The session that the record belongs to; for a subagent, its parent's session.
    pub session_id: Option<&'a str>,
    /// The working directory, in normalised spelling. It can change during a session.
    pub cwd: Option<&'a str>,
    pub branch: Option<&'a str>,
    /// Host and path of the git remote, such as `example.org/ada/mill`, without protocol and credentials.
    pub remote: Option<&'a str>,
    /// The client's version, as it writes it.
    pub version: Option<&'a str>,
    /// The id of the subagent that wrote it.
    pub agent_id: Option<&'a str>,
    /// Whether a subagent or a side conversation wrote it, rather than the main conversation.
    pub side_chain: bool,
}

/// What an agent's transcript says.
#[derive(Clone, Copy, Debug)]
pub enum Agent<'a> {
    /// A record begins. It may contain nothing besides its place.
    Begin,
    /// A person wrote to the agent. Tool results, injected context, compaction summaries, command output, and messages
    /// of other agents, hooks, schedules and channels have the same role in a log but are not prompts.
    Prompt {
        text: &'a str,
    },
    /// The model wrote to the person.
    Reply {
        text: &'a str,
    },
    /// The model answered, using these tokens. One response can be spread over several records, each of which repeats
    /// its usage.
    Response(Response<'a>),
    ToolCall(ToolCall<'a>),
    ToolResult {
        call_id: Option<&'a str>,
        /// Whether the tool failed or a policy stopped the call. A call that a person declined is not an error.
        is_error: bool,
        /// Who declined the call; `None` if it ran.
        declined_by: Option<Decliner>,
        /// The number of web searches that the tool reports.
        web_searches: u64,
        /// Why the call failed or was not carried out.
        fault: Option<Fault<'a>>,
        /// What the call changed, if the result shows the difference from the previous content.
        lines: Option<Lines>,
        /// The tool's output.
        output: Output<'a>,
    },
    /// A subagent works on a tool call.
    Subagent {
        call_id: &'a str,
        agent_id: &'a str,
    },
    /// The work on a call continues in the background. The call's result, which follows, says only that it has started.
    Launched {
        call_id: &'a str,
    },
    /// Background work has ended.
    Finished(Finish<'a>),
    /// An entry of the agent's task list has changed its state.
    Todo(Todo<'a>),
    /// A person typed `/name`.
    SlashCommand {
        name: &'a str,
    },
    /// The API returned an error or broke off.
    ApiError {
        cause: ApiCause,
    },
    /// The session gets a title.
    Title(Title<'a>),
    /// The conversation so far was replaced by a summary.
    Compacted,
    /// A person interrupted the turn.
    Interrupted,
    /// The client's own total for its session so far.
    ReportedCost {
        total: MicroUsd,
    },
}

/// The model and token usage of a response, as one record repeats it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Response<'a> {
    /// The id of the response; see rule 1 of COUNTING.md.
    pub message_id: Option<&'a str>,
    pub model: Option<&'a str>,
    pub usage: Usage,
    /// `None` while the response is still streaming.
    pub stop_reason: Option<&'a str>,
    /// Whether it was billed at the fast rate.
    pub fast: bool,
    /// The number of searches that the server made for this response.
    pub web_searches: u64,
    /// Calls of an advisor model. `usage` does not include them.
    pub advisors: &'a [Advisor<'a>],
    /// What the record cost, according to the client.
    pub reported_cost: Option<MicroUsd>,
    /// Summaries of the conversation that the server made with the same model. `usage` does not include them.
    pub compactions: &'a [Usage],
    /// Attempts that were declined after the model had begun to write, so that another model took over. `usage` does
    /// not include them.
    pub declined: &'a [Advisor<'a>],
    /// The service tier, as the log names it.
    pub service_tier: Option<&'a str>,
    /// Where inference may run, as the log names it.
    pub inference_geo: Option<&'a str>,
}

/// A call of another model inside a response.
#[derive(Clone, Copy, Debug)]
pub struct Advisor<'a> {
    pub model: Option<&'a str>,
    pub usage: Usage,
}

/// Token counts. They do not overlap, except that `cache_write` includes `cache_write_1h`, and `output` includes
/// `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input: u64,
    pub output: u64,
    pub cache_write: u64,
    pub cache_write_1h: u64,
    pub cache_read: u64,
    /// Included in `output`.
    pub reasoning: u64,
}

impl Usage {
    /// The largest count. So a database can add up millions of them in 64 bits.
    pub const MAX_COUNT: u64 = 1 << 40;

    /// Input, output, cache write and cache read.
    pub fn total(&self) -> u64 {
        self.input + self.output + self.cache_write + self.cache_read
    }
}

/// The model called a tool.
#[derive(Clone, Copy, Debug)]
pub struct ToolCall<'a> {
    /// Unique within the response. Some providers use the same ids in each turn.
    pub call_id: Option<&'a str>,
    /// The response that contains the call. It may follow later, or never.
    pub message_id: Option<&'a str>,
    /// The tool's name: free text.
    pub tool: &'a str,
    pub kind: ToolKind<'a>,
    /// What the call is about to do.
    pub work: Work<'a>,
}

/// The kind of tool that is called.
#[derive(Clone, Copy, Debug)]
pub enum ToolKind<'a> {
    Plain,
    Skill {
        skill: Option<&'a str>,
    },
    Subagent {
        subagent_type: Option<&'a str>,
    },
    /// `mcp__<server>__<tool>`.
    Mcp {
        server: &'a str,
        tool: &'a str,
    },
}

impl<'a> ToolKind<'a> {
    /// The server and its tool, if the name of a tool is of the form `mcp__<server>__<tool>`.
    pub fn mcp(name: &'a str) -> Option<Self> {
        let (server, tool) = name.strip_prefix("mcp__")?.split_once("__")?;
        Some(Self::Mcp { server, tool })
    }
}

/// Who declined a tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decliner {
    /// A person declined or interrupted it.
    Person,
    /// A permission rule, a mode, a classifier or a hook; or nobody was there to be asked.
    Policy,
    /// The client, because its turn had ended.
    Client,
}

impl Decliner {
    /// The name under which it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Policy => "policy",
            Self::Client => "client",
        }
    }

    /// Whether the declined call counts as an error. It does not if a person declined it or if it was never made.
    pub fn is_error(self) -> bool {
        self == Self::Policy
    }
}

/// The end of background work. Logs name the call, the subagent, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finish<'a> {
    pub call_id: Option<&'a str>,
    pub agent_id: Option<&'a str>,
    /// Completed, failed or cancelled.
    pub state: TaskState,
}

/// An entry of an agent's task list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Todo<'a> {
    /// Its number in the session's list. An entry without a number is identified by its subject, within the list of the
    /// agent that writes it.
    pub id: Option<&'a str>,
    /// What is to be done, if the record says it.
    pub subject: Option<&'a str>,
    /// Its new state.
    pub state: TaskState,
}

/// Money in millionths of a US dollar.
pub type MicroUsd = i64;
