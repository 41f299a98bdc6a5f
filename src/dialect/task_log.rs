//! What the logs of task life cycles have in common: every record can be read by itself and is one event of one task.

use super::json::Fields;
use super::splice::{self, Position};
use super::{Ask, Dialect, Parsed, Parser};
use chrono::{DateTime, Utc};
use sessionmill_contract::{Event, Said, TaskEvent};

/// Takes the events of a record.
pub(super) type Emit<'t> = dyn FnMut(&Event<'_>) + 't;

/// A record of such a log.
pub(super) trait Record<'de>: Fields<'de> {
    /// Whether it is certainly of this format.
    fn is_own(&self) -> bool;

    /// The type of the record.
    fn kind(&self) -> Option<&str>;

    /// Emits what the record says. `bytes` is its whole text.
    fn emit(&self, line: u64, bytes: &[u8], emit: &mut Emit<'_>);
}

/// A parser for a format whose records can be read by a function.
pub(super) struct Records(pub(super) fn(Position, u64, &[u8], Ask, &mut Emit<'_>) -> Parsed);

impl Parser for Records {
    fn record(
        &mut self,
        at: Position,
        line: u64,
        bytes: &[u8],
        ask: Ask,
        events: &mut dyn FnMut(&Event<'_>),
    ) -> Parsed {
        self.0(at, line, bytes, ask, events)
    }
}

/// Reads one record. A record that is not certainly of the format counts as an unknown type.
pub(super) fn read<'de, R: Record<'de>>(
    at: Position,
    line: u64,
    bytes: &'de [u8],
    ask: Ask,
    emit: &mut Emit<'_>,
) -> Parsed {
    let Some((record, length)): Option<(R, usize)> = splice::record(bytes) else { return Parsed::NoRecord };
    if record.is_own() {
        record.emit(line, bytes[..length].trim_ascii_end(), emit);
        return Parsed::Record(length);
    }
    match (ask, at) {
        (Ask::Own, _) => Parsed::Foreign,
        (Ask::Any, Position::Due) => {
            unknown(line, record.kind().unwrap_or(Dialect::NO_TYPE), emit);
            Parsed::Record(length)
        }
        // An object after a broken record can be part of it.
        (Ask::Any, _) => Parsed::NoRecord,
    }
}

/// Emits that a record has an unknown type.
pub(super) fn unknown(line: u64, kind: &str, emit: &mut Emit<'_>) {
    emit(&Event { line, time: None, id: None, said: Said::Record { kind, known: false } });
}

/// Emits a record with one event of a task.
pub(super) fn known(
    line: u64,
    kind: &str,
    (time, id): (DateTime<Utc>, Option<&str>),
    event: &TaskEvent<'_>,
    emit: &mut Emit<'_>,
) {
    let record = Event { line, time: Some(time), id, said: Said::Record { kind, known: true } };
    emit(&record);
    emit(&Event { said: Said::Task(event), ..record });
}
