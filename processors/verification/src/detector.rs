//! The interface of detectors, which find in a conversation what a person knows and the assistant did not.
//!
//! A detector gets turns and returns claims. It never opens a file or a database. A detector that asks a model over a
//! network gets its client in its constructor.

use chrono::{DateTime, Utc};
use sessionmill_contract::{Bound, Failure, SourceFile};
use std::ops::Range;

/// A way to find claims.
pub trait Detector: Send + Sync {
    /// The name in the configuration.
    fn name(&self) -> &str;

    /// Must change whenever the detector could return different claims for the same turns. Every file is then processed
    /// again.
    fn version(&self) -> u32;

    fn bound(&self) -> Bound;

    fn window(&self) -> Window;

    /// The claims that people make in the fresh turns of a window.
    ///
    /// A file only grows at its end, so all its windows except the last one stay the same.
    ///
    /// # Errors
    ///
    /// After a failure, the file gets no new claims in this pass; earlier ones stay.
    fn claims(&self, file: &SourceFile, view: &View<'_>) -> Result<Vec<Claim>, Failure>;

    /// The judge that decides over a network whether facts contradict each other, if there is one.
    fn judge(&self) -> Option<&dyn Judge> {
        None
    }
}

/// Decides which facts cannot both be true.
pub trait Judge: Send + Sync {
    /// Its name, which is stored with its decisions.
    fn name(&self) -> &str;

    /// The facts that a correction contradicts, by position. Asks a single question, however many facts there are.
    ///
    /// # Errors
    ///
    /// A failure is not an answer. It does not mean that nothing is contradicted.
    fn contradicted(&self, correction: &str, facts: &[&str]) -> Result<Vec<usize>, Failure>;
}

/// How a conversation is cut: each window begins `turns - overlap` turns after the previous one, counted from the
/// beginning of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub turns: usize,
    /// The number of turns that a window repeats from the previous one as context; less than `turns`.
    pub overlap: usize,
}

/// One window of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub turns: &'a [Turn],
    /// The first turn that no earlier window contained. Claims are about turns from here on.
    pub fresh: usize,
}

/// What one side said until the other one spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub role: Role,
    /// What was said, without what the client added. Long turns are cut.
    pub text: String,
    /// The line of the source file where it begins.
    pub line: u64,
    /// The id of the record where it begins. A copy in another file has the same id.
    pub uuid: Option<Box<str>>,
    pub time: Option<DateTime<Utc>>,
    pub session_id: Box<str>,
    /// The working directory at that time.
    pub project: Option<Box<str>>,
    /// Whether the person declined or stopped a tool call just before it.
    pub refuses: bool,
    /// Where its text contains lines that a tool had printed before.
    pub printed: Vec<Range<usize>>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Person,
    Assistant,
}

/// A statement of a person that is worth keeping.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The position of the person's turn in the window.
    pub turn: usize,
    pub detection: Detection,
    /// At most [`Claim::TITLE`] characters.
    pub title: String,
    /// The fact, understandable without the conversation; at most [`Claim::CONTENT`] characters.
    pub content: String,
    /// What the person wrote, verbatim; at most [`Claim::QUOTE`] characters.
    pub quote: String,
    pub domain: Domain,
    pub scope: Scope,
    /// What the fact is about.
    pub entities: Vec<String>,
    /// The likelihood that somebody would write this down, from 0 to 1, if the detector gives one.
    pub likelihood: Option<f64>,
    /// The signs by which the detector recognised it, the most important first.
    pub signs: Vec<String>,
}

impl Claim {
    pub const TITLE: usize = 60;
    pub const CONTENT: usize = 500;
    pub const QUOTE: usize = 1_000;
}

/// How a person came to say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detection {
    /// The assistant had said something else.
    Correction,
    /// The assistant had said the same.
    Confirmation,
    /// Nobody had asked.
    UnpromptedDefinition,
    /// It says how to work: a standing rule or a preference.
    Instruction,
}

impl Detection {
    pub const ALL: [Self; 4] = [Self::Correction, Self::Confirmation, Self::UnpromptedDefinition, Self::Instruction];

    /// The name under which it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correction => "correction",
            Self::Confirmation => "confirmation",
            Self::UnpromptedDefinition => "unprompted_definition",
            Self::Instruction => "instruction",
        }
    }
}

/// For whom a fact holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// For this person: how they like to work, in any project.
    Person,
    /// For everybody who works on the project.
    Project,
    /// Beyond the project: how a tool, a trade or the world works.
    Domain,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Person, Self::Project, Self::Domain];

    /// The name under which it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Project => "project",
            Self::Domain => "domain",
        }
    }
}

/// The field of work that a fact belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    Finance,
    Engineering,
    Product,
    Data,
    Operations,
    Infrastructure,
    /// None of these, or none clearly.
    General,
}

impl Domain {
    pub const ALL: [Self; 7] = [
        Self::Finance,
        Self::Engineering,
        Self::Product,
        Self::Data,
        Self::Operations,
        Self::Infrastructure,
        Self::General,
    ];

    /// The name under which it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finance => "finance",
            Self::Engineering => "engineering",
            Self::Product => "product",
            Self::Data => "data",
            Self::Operations => "operations",
            Self::Infrastructure => "infrastructure",
            Self::General => "general",
        }
    }
}
