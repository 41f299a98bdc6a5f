//! What the rows of a usage report can be grouped by.

use clap::ValueEnum;

/// What a row of the report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    Day,
    /// Named after its Monday.
    Week,
    Month,
    /// Hour of the day, in the report's time zone.
    Hour,
    /// A person with all their folders; without identities a folder.
    #[value(alias = "person")]
    User,
    /// Team of the person.
    Team,
    /// Name in the identities, else the working directory; for a git worktree its repository, if the path shows it.
    Project,
    /// Working directory, as in the log.
    Path,
    /// Git branch. Several repositories can have the same branch name: use --project.
    Branch,
    Model,
    /// Transcript, its subagents included.
    Session,
    /// The agent that wrote the log.
    Agent,
    /// Type of the subagent that made the response; none for the main conversation.
    Subagent,
    /// Slash command at the beginning of the turn, which lasts until the person's next prompt. Subagents count for the
    /// command that started them.
    Command,
    /// Skill that was called last in the turn, for the responses after the call; subagents as above.
    Skill,
    /// Server of the first MCP call in the response. The cost of reading the result is in the next response.
    McpServer,
    /// Billing window: five hours from the hour in which work begins. On a server, use --user.
    Block,
    /// Tool calls instead of tokens.
    Tool,
}

impl By {
    /// The name in JSON and CSV.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Hour => "hour",
            Self::User => "user",
            Self::Team => "team",
            Self::Project => "project",
            Self::Path => "path",
            Self::Branch => "branch",
            Self::Model => "model",
            Self::Session => "session",
            Self::Agent => "agent",
            Self::Subagent => "subagent",
            Self::Command => "command",
            Self::Skill => "skill",
            Self::McpServer => "mcp_server",
            Self::Block => "block",
            Self::Tool => "tool",
        }
    }
}
