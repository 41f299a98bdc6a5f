//! What the rows of a usage report can be grouped by.

use clap::ValueEnum;

/// What a row of the report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    Day,
    /// Named after its Monday.
    Week,
    Month,
    /// Of the day, in the report's time zone.
    Hour,
    /// A person, whatever folders they have; without identities a folder.
    #[value(alias = "person")]
    User,
    /// Of the person.
    Team,
    /// As the identities name it; else the working directory, of a git worktree the repository, where its path tells that.
    Project,
    /// Working directory, as the log has it.
    Path,
    /// Of git. Repositories share names: give --project.
    Branch,
    Model,
    /// Transcript, its subagents included.
    Session,
    /// The agent that wrote the log.
    Agent,
    /// Type of the subagent that the response is by; none for the main conversation.
    Subagent,
    /// Slash command that the turn began with, which lasts until the person writes again. Subagents count
    /// for that of whoever started them.
    Command,
    /// Skill that was called last in the turn, for the responses after its call; subagents as above.
    Skill,
    /// Server of the first MCP call that the response makes. What reading the answer costs is in the
    /// next response, and not told apart.
    McpServer,
    /// Billing window: five hours from the hour in which work begins. On a server, give --user.
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
