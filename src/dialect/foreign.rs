//! Lines that are no record of an agent that we know: a document over many lines, or records of something
//! else. They are counted and shown, and nothing is read out of them.

use super::json::{Fields, Text, skip};
use super::splice::{self, Position};
use super::{Ask, Dialect, Parser, Told};
use serde::de::MapAccess;
use sessionmill_contract::{Event, Said};

/// A document that is laid out over lines, none of which is a record. `document` finds where it ends, and no parser is asked.
pub(super) const DOCUMENT: Dialect = Dialect { name: "document", open: || Box::new(Unknown), lists: false };

/// Records that no other dialect knows.
pub(super) const UNKNOWN: Dialect = Dialect { name: "unknown", open: || Box::new(Unknown), lists: false };

struct Unknown;

impl Parser for Unknown {
    fn record(&mut self, at: Position, line: u64, bytes: &[u8], ask: Ask, events: &mut dyn FnMut(&Event<'_>)) -> Told {
        // What stands behind a broken record can be a part of it.
        let due = Some(bytes).filter(|_| at == Position::Due);
        let Some((Probe { kind }, length)) = due.and_then(splice::record) else { return Told::Nothing };
        if ask == Ask::Own {
            return Told::Strange;
        }
        let kind = kind.get().unwrap_or(Dialect::NO_TYPE);
        events(&Event { line, time: None, id: None, said: Said::Record { kind, known: false } });
        Told::Record(length)
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
