//! Who asked for a run.

use std::fmt;

/// A request for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub origin: Origin,
    /// Login of who asked.
    pub by: String,
    /// Id of the trigger file.
    pub id: Option<String>,
}

/// What started a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its time had come.
    Schedule,
    /// `sessionmill run`.
    Cli,
    /// A report that wanted fresh numbers.
    Report,
    /// A trigger file.
    Trigger,
    /// Sources have changed.
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
