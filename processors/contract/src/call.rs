//! What a call of a tool sets out to do, and why one came to nothing, in words that do not depend on the agent.

/// What a call sets out to do, as far as its arguments tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Work<'a> {
    /// Something else than the others.
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
    /// As far as its arguments tell: a file that is written whole is all new.
    pub lines: Lines,
}

/// Lines that a change of files adds and removes; a line that is changed is both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    pub added: u64,
    pub removed: u64,
}

/// What a tool answered. It can be large, and few ask for it, so it is as it stands on the line.
#[derive(Clone, Copy, Debug, Default)]
pub enum Output<'a> {
    /// Nothing that the record says.
    #[default]
    Nothing,
    /// JSON that nobody has read, perhaps unsound: a text, or a list that has texts in it.
    Json(&'a [u8]),
    Text(&'a str),
}

/// Why a call came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault<'a> {
    pub cause: Cause,
    /// What the model was told.
    pub message: &'a str,
}

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A person said no.
    Declined,
    /// A person stopped the turn while the call ran.
    Interrupted,
    /// It was never made: a call beside it failed, or its turn ended.
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
    /// The answer is larger than the model may get.
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

/// Why the API refused or broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiCause {
    /// Too much to do for the server.
    Overload,
    /// A limit of the account is reached.
    Limit,
    /// Nobody is logged in, or the key is refused.
    Auth,
    Other,
}

/// A name that the client has for its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Title<'a> {
    pub text: &'a str,
    pub by: TitleBy<'a>,
}

/// Where a title is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TitleBy<'a> {
    /// A summary of the conversation that ends with this record: some clients keep those of others in a file, too.
    Summary { last: Option<&'a str> },
    /// The client has made it.
    Client,
    /// A person has given it.
    Person,
}
