//! What one record of a log says, in words that do not depend on the program that wrote it.
//!
//! A dialect turns one record into several events with the same line, time and id. The first one is
//! [`Said::Record`] or [`Said::Malformed`], so that every record is counted even if it says nothing else. What a
//! record says belongs to a family, such as the logs of agents; a processor matches the families that it is
//! about and ignores the others.
//!
//! ```text
//! {"type":"user","uuid":"u1","cwd":"/src","message":{"content":"oil it"}}
//!   line 7, id u1   Record { kind: "user", known: true }
//!   line 7, id u1   Agent(cwd /src …, Begin)
//!   line 7, id u1   Agent(cwd /src …, Prompt { text: "oil it" })
//! ```
//!
//! A response that a dialect recognises only at the end of the file comes without a `Record` before it.

use crate::{Activity, ApiCause, Fault, Lines, Output, TaskEvent, TaskState, Title, Work};
use chrono::{DateTime, Utc};

/// One thing that a record says. Absent means that the record does not say.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Line of the source file, from 1.
    pub line: u64,
    /// When the record was written, cut to microseconds.
    pub time: Option<DateTime<Utc>>,
    /// Identity of the record. A copy in another file keeps it.
    pub id: Option<&'a str>,
    pub said: Said<'a>,
}

impl Event<'_> {
    /// A line, or a part of one, that is lost.
    pub fn malformed(line: u64, why: &'static str) -> Self {
        Self { line, time: None, id: None, said: Said::Malformed { why } }
    }
}

/// What is said, by family.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// A record of this type begins. `known` is false for a type that the dialect has no rule for.
    Record { kind: &'a str, known: bool },
    /// A line, or a part of one, is lost: it is no record, or a record that lacks what its dialect needs.
    Malformed {
        /// What is wrong, such as ``no `timestamp` ``. It repeats nothing of the line.
        why: &'static str,
    },
    /// An agent's transcript says this.
    Agent(&'a Transcript<'a>, Agent<'a>),
    /// A log of web or app events says this.
    Activity(&'a Activity<'a>),
    /// A log of task life cycles says this.
    Task(&'a TaskEvent<'a>),
}

/// Where in the work of an agent a record was written. Absent means that the record does not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transcript<'a> {
    /// Name of the agent that wrote the log.
    pub agent: &'static str,
    /// The transcript that the record belongs to; subagents name their parent's.
    pub session_id: Option<&'a str>,
    /// Working directory, which can change inside a session. A directory has one spelling.
    pub cwd: Option<&'a str>,
    pub branch: Option<&'a str>,
    /// Host and path of the git remote, such as `example.org/ada/mill`: without credentials, whatever its protocol.
    pub remote: Option<&'a str>,
    /// Version of the client, as it writes it.
    pub version: Option<&'a str>,
    /// Identity of the subagent that wrote it.
    pub agent_id: Option<&'a str>,
    /// Written by a subagent or a side conversation, not by the main one.
    pub side_chain: bool,
}

/// What an agent's transcript says.
#[derive(Clone, Copy, Debug)]
pub enum Agent<'a> {
    /// A record begins, which may say nothing but where it was written.
    Begin,
    /// A person wrote to the agent. Tool results, injected context, compaction summaries, command output, and
    /// what other agents, hooks, schedules and channels send have the same role in a log and are not prompts.
    Prompt {
        text: &'a str,
    },
    /// The model wrote to the person.
    Reply {
        text: &'a str,
    },
    /// The model answered, at this cost. One response spreads over several records that repeat it.
    Response(Response<'a>),
    ToolCall(ToolCall<'a>),
    ToolResult {
        call_id: Option<&'a str>,
        /// The tool failed, or a policy stopped the call. A call that a person declined is no error.
        is_error: bool,
        /// Who did not let the call through; absent where it ran.
        declined_by: Option<Decliner>,
        /// Searches of the web that the tool says it made.
        web_searches: u64,
        /// Of a call that came to nothing.
        fault: Option<Fault<'a>>,
        /// What the call changed, where the result tells the difference to the file before.
        lines: Option<Lines>,
        /// What the tool answered.
        output: Output<'a>,
    },
    /// A subagent works on a tool call.
    Subagent {
        call_id: &'a str,
        agent_id: &'a str,
    },
    /// The work on a call goes on in the background: its result, which follows, says only that it has begun.
    Launched {
        call_id: &'a str,
    },
    /// Work in the background has ended.
    Finished(Finish<'a>),
    /// An entry of the agent's list of tasks has come to another state.
    Todo(Todo<'a>),
    /// A person typed `/name`.
    SlashCommand {
        name: &'a str,
    },
    /// The API refused or broke off.
    ApiError {
        cause: ApiCause,
    },
    /// The client names its session.
    Title(Title<'a>),
    /// The conversation so far was replaced by a summary of it.
    Compacted,
    /// A person stopped the turn.
    Interrupted,
    /// The client's own total for its session so far.
    ReportedCost {
        total: MicroUsd,
    },
}

/// Model and token usage of a response, as one record repeats it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Response<'a> {
    /// Identity of the response; see rule 1 of COUNTING.
    pub message_id: Option<&'a str>,
    pub model: Option<&'a str>,
    pub usage: Usage,
    /// Absent while the response still streams.
    pub stop_reason: Option<&'a str>,
    /// Billed at the fast rate.
    pub fast: bool,
    /// Searches that the server made for this response.
    pub web_searches: u64,
    /// Calls of an advisor model, which the sum in `usage` leaves out.
    pub advisors: &'a [Advisor<'a>],
    /// What the client says that the record cost.
    pub reported_cost: Option<MicroUsd>,
    /// Summaries that the server made of the conversation, by the same model. The sum in `usage` leaves
    /// them out.
    pub compactions: &'a [Usage],
    /// Attempts that were declined after the model had begun to write, and that another model took over. The
    /// sum in `usage` leaves them out.
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

/// Token counts. They do not overlap, but for `cache_write_1h`, which is inside `cache_write`, and
/// `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input: u64,
    pub output: u64,
    pub cache_write: u64,
    pub cache_write_1h: u64,
    pub cache_read: u64,
    /// Inside `output`.
    pub reasoning: u64,
}

impl Usage {
    /// No count is above this, so that a database can add up millions of them in 64 bits.
    pub const MAX_COUNT: u64 = 1 << 40;

    /// Input, output, cache write and cache read.
    pub fn total(&self) -> u64 {
        self.input + self.output + self.cache_write + self.cache_read
    }
}

/// The model asked for a tool.
#[derive(Clone, Copy, Debug)]
pub struct ToolCall<'a> {
    /// Unique within the response; some makers use the same ids again in each turn.
    pub call_id: Option<&'a str>,
    /// The response that holds the call, which can be told later or never.
    pub message_id: Option<&'a str>,
    /// Name of the tool: free text.
    pub tool: &'a str,
    pub kind: ToolKind<'a>,
    /// What it sets out to do.
    pub work: Work<'a>,
}

/// What sort of tool a call is for.
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

/// Who did not let a tool call through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decliner {
    /// A person said no, or stopped the call.
    Person,
    /// A permission rule, a mode, a classifier or a hook did, or nobody was there to ask.
    Policy,
    /// The client dropped the call when its turn ended.
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

    /// Whether the call counts as an error. One that a person declined does not, nor one that was never made.
    pub fn is_error(self) -> bool {
        self == Self::Policy
    }
}

/// The end of work that went on in the background. Logs name the call, the subagent, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finish<'a> {
    pub call_id: Option<&'a str>,
    pub agent_id: Option<&'a str>,
    /// Completed, failed or cancelled.
    pub state: TaskState,
}

/// An entry of an agent's list of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Todo<'a> {
    /// Its number in the list of the transcript. An entry without one is known by its subject, in the list of the
    /// agent that writes it.
    pub id: Option<&'a str>,
    /// What is to be done, where the record says it.
    pub subject: Option<&'a str>,
    /// What it has come to.
    pub state: TaskState,
}

/// Money in millionths of a US dollar.
pub type MicroUsd = i64;
