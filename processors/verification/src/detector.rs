//! Finds in a conversation what a person knows and the assistant did not.
//!
//! A detector sees turns and says claims. It never opens a file or a database; one that asks a model
//! over a network gets its client in its constructor.

use chrono::{DateTime, Utc};
use sessionmill_contract::{Bound, Failure, SourceFile};
use std::ops::Range;

/// A way to find claims.
pub trait Detector: Send + Sync {
    /// Name in the configuration.
    fn name(&self) -> &str;

    /// What can say different claims of the same turns has a different version: every file is due again.
    fn version(&self) -> u32;

    fn bound(&self) -> Bound;

    fn window(&self) -> Window;

    /// The claims that persons make in the fresh turns of a window of a source file.
    ///
    /// Files grow at their end, so all windows of a file but the last one stay what they are.
    ///
    /// # Errors
    ///
    /// A failure costs the file's claims of this pass: what an earlier one found stays.
    fn claims(&self, file: &SourceFile, view: &View<'_>) -> Result<Vec<Claim>, Failure>;

    /// Who judges over a network whether the facts contradict each other, where somebody does.
    fn judge(&self) -> Option<&dyn Judge> {
        None
    }
}

/// Says which facts cannot both hold.
pub trait Judge: Send + Sync {
    /// Who it is, as it stands beside what it says.
    fn name(&self) -> &str;

    /// The facts that a correction contradicts, by position. It asks once, however many there are.
    ///
    /// # Errors
    ///
    /// A failure is no answer: it does not say that nothing is contradicted.
    fn contradicted(&self, correction: &str, facts: &[&str]) -> Result<Vec<usize>, Failure>;
}

/// How a conversation is cut: every window begins `turns - overlap` turns after the one before,
/// counted from the start of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub turns: usize,
    /// Turns that a window repeats from the one before, as context; fewer than `turns`.
    pub overlap: usize,
}

/// One window of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub turns: &'a [Turn],
    /// The first turn that no window before has shown. Claims are about turns from here on.
    pub fresh: usize,
}

/// What one side said until the other one spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub role: Role,
    /// What was said, without what the client added. Long turns are cut.
    pub text: String,
    /// Line of the source file at which it begins.
    pub line: u64,
    /// Identity of the record at which it begins. A copy in another file keeps it.
    pub uuid: Option<Box<str>>,
    pub time: Option<DateTime<Utc>>,
    pub session_id: Box<str>,
    /// Working directory at that time.
    pub project: Option<Box<str>>,
    /// Before it, the person said no to a tool call, or stopped one.
    pub refuses: bool,
    /// Where its text has lines that a tool printed before.
    pub printed: Vec<Range<usize>>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Person,
    Assistant,
}

/// What a person said that is worth knowing.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Position of the person's turn in the window.
    pub turn: usize,
    pub detection: Detection,
    /// At most [`Claim::TITLE`] characters.
    pub title: String,
    /// The fact, to be understood without the conversation; at most [`Claim::CONTENT`] characters.
    pub content: String,
    /// What the person wrote, letter by letter; at most [`Claim::QUOTE`] characters.
    pub quote: String,
    pub domain: Domain,
    pub scope: Scope,
    /// What the fact is about.
    pub entities: Vec<String>,
    /// How likely the detector finds it that somebody would write this down, from 0 to 1, where it says so.
    pub likelihood: Option<f64>,
    /// What the detector saw in it, the weightiest first.
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
    /// The assistant had said it.
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
    /// How this person likes to work, in any project.
    Person,
    /// For all who work on the project.
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
    /// None of these, or none plainly.
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
