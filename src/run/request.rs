//! Who asked for a run.

use std::fmt;

/// A request for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub origin: Origin,
    /// Login name of the person who asked.
    pub by: String,
    /// Id of the trigger file.
    pub id: Option<String>,
}

/// What started a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The schedule of the processor.
    Schedule,
    /// `sessionmill run`.
    Cli,
    /// A report that needed fresh numbers.
    Report,
    /// A trigger file.
    Trigger,
    /// A change of the sources that the daemon noticed.
    Watch,
}

impl Request {
    pub fn new(origin: Origin, by: &str) -> Self {
        Self { origin, by: by.to_owned(), id: None }
    }
}

impl Origin {
    /// The name under which it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Cli => "cli",
            Self::Report => "report",
            Self::Trigger => "trigger",
            Self::Watch => "watch",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
