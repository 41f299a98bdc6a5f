//! One file per log format: a line of bytes becomes events. N formats and M processors, never N × M.
//!
//! A dialect never fails a file: a line it cannot read is one [`Said::Malformed`] event, a type it has
//! no rule for is a [`Said::Record`] that is not `known`.
//!
//! [`Said::Malformed`]: sessionmill_contract::Said::Malformed
//! [`Said::Record`]: sessionmill_contract::Said::Record

pub mod claude_code;
pub mod codex;
pub(crate) mod directory;
pub mod foreign;
mod json;
mod splice;

use sessionmill_contract::Event;

/// A log format.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    pub name: &'static str,
    /// Whether a file that begins with these bytes is in this format.
    pub recognises: fn(head: &[u8]) -> bool,
    /// Begins a file.
    pub open: fn() -> Box<dyn Parser>,
}

impl Dialect {
    /// What stands for the type of a record that does not tell one.
    pub const NO_TYPE: &str = "(no type)";
}

/// The first lines of a file, without white space and a byte-order mark; the last one can be cut.
fn first_lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    const LINES: usize = 20;
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).take(LINES)
}

/// The state of a dialect over one file.
pub trait Parser {
    /// Reads one line, without its line feed, and hands on what it says.
    fn line(&mut self, number: u64, bytes: &[u8], events: &mut dyn FnMut(&Event<'_>));

    /// Ends the file: hands on what can be said of earlier records only now.
    fn end(&mut self, _events: &mut dyn FnMut(&Event<'_>)) {}
}
