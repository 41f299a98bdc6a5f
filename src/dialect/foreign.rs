//! Lines that are not records of a known format: a document over several lines, or unknown records. They are counted
//! and shown, but nothing is extracted from them.

use super::json::{Fields, Text, skip};
use super::splice::{self, Position};
use super::{Ask, Dialect, Parsed, Parser};
use serde::de::MapAccess;
use sessionmill_contract::{Event, Said};

/// A document over several lines, none of which is a record. [`super::document`] finds its end; no parser reads it.
pub(super) const DOCUMENT: Dialect = Dialect { name: "document", open: || Box::new(Unknown), lists: false };

/// Records that no other dialect recognises.
pub(super) const UNKNOWN: Dialect = Dialect { name: "unknown", open: || Box::new(Unknown), lists: false };

struct Unknown;

impl Parser for Unknown {
    fn record(
        &mut self,
        at: Position,
        line: u64,
        bytes: &[u8],
        ask: Ask,
        events: &mut dyn FnMut(&Event<'_>),
    ) -> Parsed {
        // An object after a broken record can be part of it.
        let due = Some(bytes).filter(|_| at == Position::Due);
        let Some((Probe { kind }, length)) = due.and_then(splice::record) else { return Parsed::NoRecord };
        if ask == Ask::Own {
            return Parsed::Foreign;
        }
        let kind = kind.get().unwrap_or(Dialect::NO_TYPE);
        events(&Event { line, time: None, id: None, said: Said::Record { kind, known: false } });
        Parsed::Record(length)
    }
}

#[derive(Default)]
struct Probe<'de> {
    kind: Text<'de>,
}

impl<'de> Fields<'de> for Probe<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}
