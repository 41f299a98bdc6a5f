//! Why a processor failed on a file, in classes that determine what happens next.

use std::fmt;
use std::time::Duration;

/// A failure of one processor on one source file or key.
///
/// The message says what failed and where, but never what a line contains, since it is stored and logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub class: FailureClass,
    pub message: String,
    /// How long the server asked to wait, if it did.
    pub retry_after: Option<Duration>,
}

/// The kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureClass {
    /// The file changed while it was read. The next pass reads it again.
    Changed,
    /// Permissions, I/O, disk space, or a server that cannot be reached. Nothing is wrong with the file itself.
    Environment,
    /// The server asked to wait. The processor pauses, and the file waits.
    Throttled,
    /// The time, money or calls of this pass are used up. The file waits for the next pass.
    Budget,
    /// The same input may succeed later.
    Transient,
    /// The same input will fail again.
    Permanent,
    /// A bug in a processor, which was contained.
    Panic,
    /// A bug that ended the process.
    Crash,
    /// A limit is exceeded, so another attempt would be pointless.
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

    /// The class with this name.
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

    /// Whether the class says nothing about the file, so that the file only waits for a later pass.
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
