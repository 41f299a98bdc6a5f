//! One file per log format: a line of bytes becomes events. N formats and M processors, never N × M.
//!
//! A record is classified by its shape, never by the name of its file, and a file may hold records of several
//! formats: see [`Reader`]. A dialect never fails a file: a line it cannot read is one [`Said::Malformed`]
//! event, a type it has no rule for is a [`Said::Record`] that is not `known`.
//!
//! [`Said::Malformed`]: sessionmill_contract::Said::Malformed
//! [`Said::Record`]: sessionmill_contract::Said::Record

mod cdevents;
mod celery;
mod claude_code;
mod cloudevents;
mod codex;
pub(crate) mod directory;
mod document;
mod fault;
mod foreign;
mod index;
mod json;
mod moment;
mod openlineage;
mod reader;
mod remote;
pub(crate) mod replay;
mod splice;
mod task_log;
mod walk;
mod web;

pub use reader::Reader;

use sessionmill_contract::Event;
use splice::Position;

/// The log formats. A document is a whole file; a record is offered to the others in their order, and the last one
/// takes what no other knows. Those of agents come first: their lines are the longest to read.
static DIALECTS: [Dialect; 10] = [
    foreign::DOCUMENT,
    codex::CODEX,
    claude_code::CLAUDE_CODE,
    web::POSTHOG,
    web::SEGMENT,
    cloudevents::CLOUDEVENTS,
    cdevents::CDEVENTS,
    openlineage::OPENLINEAGE,
    celery::CELERY,
    foreign::UNKNOWN,
];

const DOCUMENT: usize = 0;
const UNKNOWN: usize = DIALECTS.len() - 1;

/// A log format.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    pub name: &'static str,
    /// Begins a file.
    open: fn() -> Box<dyn Parser>,
    /// Its records can be the elements of a list that is a line, as bodies of requests are.
    lists: bool,
}

impl Dialect {
    /// What stands for the type of a record without one.
    pub const NO_TYPE: &str = "(no type)";
}

/// The state of a dialect over one file.
trait Parser {
    /// Reads the record that begins here, which is on this line, and hands on what it says. It says nothing of a
    /// record that it does not return.
    fn record(&mut self, at: Position, line: u64, bytes: &[u8], ask: Ask, events: &mut dyn FnMut(&Event<'_>)) -> Told;

    /// Ends the file: hands on what can be said of earlier records only now.
    fn end(&mut self, _events: &mut dyn FnMut(&Event<'_>)) {}
}

/// Which records a parser is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Those that are certainly of its dialect.
    Own,
    /// All: no other dialect knows the record, which stands among those of this one.
    Any,
}

/// What a parser was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// A record of this length.
    Record(usize),
    /// A record that can be of another dialect.
    Strange,
    /// No record.
    Nothing,
}
