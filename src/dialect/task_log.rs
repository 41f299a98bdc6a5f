//! What the logs of task life cycles have in common: every record stands alone, and is one event of one task.

use super::json::Fields;
use super::splice::{self, Position};
use super::{Ask, Dialect, Parser, Told};
use chrono::{DateTime, Utc};
use md5::{Digest as _, Md5};
use sessionmill_contract::{Event, Said, TaskEvent};

/// Takes what a record says.
pub(super) type Tell<'t> = dyn FnMut(&Event<'_>) + 't;

/// A record of such a log.
pub(super) trait Record<'de>: Fields<'de> {
    /// Whether it is certainly of its format.
    fn is_own(&self) -> bool;

    /// Its type.
    fn kind(&self) -> Option<&str>;

    /// Hands on what it says, if it is of its format. `bytes` are all of it.
    fn tell(&self, line: u64, bytes: &[u8], tell: &mut Tell<'_>);
}

/// The parser of a format whose records are read by a function.
pub(super) struct Records(pub(super) fn(Position, u64, &[u8], Ask, &mut Tell<'_>) -> Told);

impl Parser for Records {
    fn record(&mut self, at: Position, line: u64, bytes: &[u8], ask: Ask, events: &mut dyn FnMut(&Event<'_>)) -> Told {
        self.0(at, line, bytes, ask, events)
    }
}

/// Reads one record. One that is not of the format stands for a type that nobody knows.
pub(super) fn read<'de, R: Record<'de>>(
    at: Position,
    line: u64,
    bytes: &'de [u8],
    ask: Ask,
    tell: &mut Tell<'_>,
) -> Told {
    let Some((record, length)): Option<(R, usize)> = splice::record(bytes) else { return Told::Nothing };
    if record.is_own() {
        record.tell(line, bytes[..length].trim_ascii_end(), tell);
        return Told::Record(length);
    }
    match (ask, at) {
        (Ask::Own, _) => Told::Strange,
        (Ask::Any, Position::Due) => {
            unknown(line, record.kind().unwrap_or(Dialect::NO_TYPE), tell);
            Told::Record(length)
        }
        // What stands behind a broken record can be a part of it.
        (Ask::Any, _) => Told::Nothing,
    }
}

/// Hands on that a record is of a type without a rule.
pub(super) fn unknown(line: u64, kind: &str, tell: &mut Tell<'_>) {
    tell(&Event { line, time: None, id: None, said: Said::Record { kind, known: false } });
}

/// Hands on a record that says one thing about a task.
pub(super) fn known(
    line: u64,
    kind: &str,
    (time, id): (DateTime<Utc>, Option<&str>),
    event: &TaskEvent<'_>,
    tell: &mut Tell<'_>,
) {
    let record = Event { line, time: Some(time), id, said: Said::Record { kind, known: true } };
    tell(&record);
    tell(&Event { said: Said::Task(event), ..record });
}

/// The identity of a record that has none: equal bytes are the same event.
pub(super) fn hash(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}
