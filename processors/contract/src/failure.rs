//! Why a processor could not deal with a file, in classes that say what to do about it.

use std::fmt;
use std::time::Duration;

/// A failure of one processor on one source file or key.
///
/// The message says what and where, never what a line contains: it is stored and logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub class: FailureClass,
    pub message: String,
    /// How long the other side asks to be left alone, where it does.
    pub retry_after: Option<Duration>,
}

/// What sort of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureClass {
    /// The file moved while it was read: the next pass sees it whole.
    Changed,
    /// Permission, I/O, disk space, a server that cannot be reached: nothing is wrong with the file
    /// itself.
    Environment,
    /// The other side asks to be left alone: the processor pauses, and the file waits.
    Throttled,
    /// The time, money or calls of this pass are used up: the file waits for the next one.
    Budget,
    /// The same input can succeed later.
    Transient,
    /// The same input fails again.
    Permanent,
    /// A bug in a processor, contained.
    Panic,
    /// A bug that ended the process.
    Crash,
    /// It is over a cap: there is nothing to try again.
    Rejected,
}

impl FailureClass {
    /// All classes.
    pub const ALL: [Self; 9] = [
        Self::Changed,
        Self::Environment,
        Self::Throttled,
        Self::Budget,
        Self::Transient,
        Self::Permanent,
        Self::Panic,
        Self::Crash,
        Self::Rejected,
    ];

    /// The class of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The name under which the class is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Environment => "environment",
            Self::Throttled => "throttled",
            Self::Budget => "budget",
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Panic => "panic",
            Self::Crash => "crash",
            Self::Rejected => "rejected",
        }
    }

    /// Whether it says nothing about the file, which only waits for a later pass.
    pub fn defers(self) -> bool {
        matches!(self, Self::Throttled | Self::Budget)
    }
}

impl Failure {
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), retry_after: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.name(), self.message)
    }
}
