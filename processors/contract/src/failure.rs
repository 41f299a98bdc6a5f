//! Why a processor could not deal with a file, in classes that say what to do about it.

use std::fmt;

/// A failure of one processor on one source file or key.
///
/// The message says what and where, never what a line contains: it is stored and logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub class: FailureClass,
    pub message: String,
}

/// What sort of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureClass {
    /// The file moved while it was read: the next pass sees it whole.
    Changed,
    /// Permission, I/O, disk space: nothing is wrong with the file itself.
    Environment,
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
    pub const ALL: [Self; 7] =
        [Self::Changed, Self::Environment, Self::Transient, Self::Permanent, Self::Panic, Self::Crash, Self::Rejected];

    /// The class of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The name under which the class is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Environment => "environment",
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Panic => "panic",
            Self::Crash => "crash",
            Self::Rejected => "rejected",
        }
    }
}

impl Failure {
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.name(), self.message)
    }
}
