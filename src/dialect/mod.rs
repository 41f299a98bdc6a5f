//! Log formats, one file or folder each: a line of bytes becomes events that all processors understand. So N formats
//! and M processors need N + M pieces of code, not N × M.
//!
//! A record is classified by its shape, never by the name of its file, and a file may contain records of several
//! formats: see [`Reader`]. A dialect never fails a file. A line that it cannot read becomes a [`Said::Malformed`]
//! event; a record of an unknown type becomes a [`Said::Record`] that is not `known`.
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

use md5::{Digest as _, Md5};
use sessionmill_contract::Event;
use splice::Position;

/// The log formats. The first stands for whole files that are one document. A record is offered to the others in this
/// order, and the last one takes what no other recognises. Formats of agents come first, because their lines are the
/// longest.
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
    /// Makes a parser for a file.
    open: fn() -> Box<dyn Parser>,
    /// Whether its records can be the elements of a list on one line, as in the body of a request.
    lists: bool,
}

impl Dialect {
    /// The name for the type of a record without one.
    pub const NO_TYPE: &str = "(no type)";
}

/// The state of a dialect over one file.
trait Parser {
    /// Reads the record that begins at the first byte, and emits what it says. Emits nothing unless it returns a
    /// record.
    fn record(&mut self, at: Position, line: u64, bytes: &[u8], ask: Ask, events: &mut dyn FnMut(&Event<'_>))
    -> Parsed;

    /// Ends the file: emits what could not be said about earlier records before.
    fn end(&mut self, _events: &mut dyn FnMut(&Event<'_>)) {}
}

/// Which records a parser should read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Those that are certainly of its dialect.
    Own,
    /// Any: no other dialect recognises the record, and it stands among records of this one.
    Any,
}

/// The result of offering bytes to a parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parsed {
    /// A record of this length was read.
    Record(usize),
    /// There is a record, but it can be of another dialect.
    Foreign,
    /// There is no record.
    NoRecord,
}

/// An id for a record to which the log gives none: a hash of its content.
fn content_id(content: &[&[u8]]) -> String {
    let hash = content.iter().fold(Md5::new(), Md5::chain_update);
    hex::encode(hash.finalize())
}
