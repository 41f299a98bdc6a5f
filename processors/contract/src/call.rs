//! What a tool call is about to do, and why a call failed, in terms that do not depend on the agent.

/// What a call is about to do, as far as its arguments show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Work<'a> {
    /// Anything else.
    #[default]
    Other,
    /// Files are changed.
    Edit(Edit<'a>),
    /// A command is run, with this text.
    Command(&'a str),
}

/// A change of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit<'a> {
    /// Paths, one on each line.
    pub files: &'a str,
    /// Judged by the arguments: if a whole file is written, all its lines are new.
    pub lines: Lines,
}

/// Lines that a change adds and removes. A changed line counts as both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    pub added: u64,
    pub removed: u64,
}

/// The output of a tool, as on the line: it can be large and is rarely used.
#[derive(Clone, Copy, Debug, Default)]
pub enum Output<'a> {
    /// The record contains none.
    #[default]
    Nothing,
    /// Unparsed JSON, which can be invalid: a text, or a list that contains texts.
    Json(&'a [u8]),
    Text(&'a str),
}

/// Why a call failed or was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault<'a> {
    pub cause: Cause,
    /// What the model was told about it.
    pub message: &'a str,
}

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A person declined it.
    Declined,
    /// A person interrupted the turn while the call ran.
    Interrupted,
    /// It was never made, because a parallel call failed or its turn ended.
    NotRun,
    /// A rule, a mode, a hook or the system did not allow it.
    Permission,
    /// A command ended with an exit code other than 0.
    Exit,
    /// The text to replace is not in the file, or more than once.
    EditTarget,
    /// The file was not read before, or has changed since.
    NotRead,
    /// There is no such file or folder.
    NoFile,
    /// It took too long.
    Timeout,
    /// There is no such tool, skill or type of subagent.
    UnknownTool,
    /// The arguments are not accepted.
    Arguments,
    /// The output is larger than the model may get.
    TooLarge,
    Other,
}

impl Cause {
    /// The name under which it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Interrupted => "interrupted",
            Self::NotRun => "not_run",
            Self::Permission => "permission",
            Self::Exit => "exit",
            Self::EditTarget => "edit_target",
            Self::NotRead => "not_read",
            Self::NoFile => "no_file",
            Self::Timeout => "timeout",
            Self::UnknownTool => "unknown_tool",
            Self::Arguments => "arguments",
            Self::TooLarge => "too_large",
            Self::Other => "other",
        }
    }
}

/// Why the API returned an error or broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiCause {
    /// The server is overloaded.
    Overload,
    /// A limit of the account is reached.
    Limit,
    /// Nobody is logged in, or the key is refused.
    Auth,
    Other,
}

/// A title that a client gives its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Title<'a> {
    pub text: &'a str,
    pub by: TitleBy<'a>,
}

/// Who made a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TitleBy<'a> {
    /// A summary of the conversation that ends with this record. Some clients also keep summaries of other
    /// conversations in a file.
    Summary { last: Option<&'a str> },
    /// The client has made it.
    Client,
    /// A person has given it.
    Person,
}
