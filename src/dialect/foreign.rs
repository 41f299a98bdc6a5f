//! Files that are no transcript of an agent that we know: one document over many lines, or another
//! agent's records. They are counted and shown, and nothing is read out of them.

use super::json::{Fields, Object, Text, skip};
use super::{Dialect, Parser, first_lines};
use serde::de::MapAccess;
use sessionmill_contract::{Agent, Event, Said, Transcript};

/// A document that is laid out over lines, none of which is a record.
pub const DOCUMENT: Dialect = Dialect {
    name: "document",
    recognises: |head| {
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        matches!(lines.next(), Some(b"{" | b"["))
    },
    open: || Box::new(Document),
};

/// Records of an agent that no dialect is for.
pub const OTHER: Dialect = Dialect {
    name: "other",
    recognises: |head| {
        let mut records =
            first_lines(head).filter_map(|line| serde_json::from_slice::<Object<Probe<'_>>>(line).ok()?.0);
        let Some(first) = records.next() else { return false };
        first.kind.get().is_some() && !first.is_claude && records.all(|record| !record.is_claude)
    },
    open: || Box::new(Other),
};

struct Document;

impl Parser for Document {
    fn line(&mut self, _number: u64, _bytes: &[u8], _events: &mut dyn FnMut(&Event<'_>)) {}
}

struct Other;

impl Parser for Other {
    fn line(&mut self, number: u64, bytes: &[u8], events: &mut dyn FnMut(&Event<'_>)) {
        let Ok(Object(Some(probe))) = serde_json::from_slice::<Object<Probe<'_>>>(bytes) else {
            return events(&Event::malformed(number));
        };
        let kind = probe.kind.get().unwrap_or(Dialect::NO_TYPE);
        let record = Event { line: number, time: None, id: None, said: Said::Record { kind, known: false } };
        events(&record);
        let transcript = Transcript { agent: OTHER.name, ..Transcript::default() };
        events(&Event { said: Said::Agent(&transcript, Agent::Begin), ..record });
    }
}

/// What tells whose a record is.
#[derive(Default)]
struct Probe<'de> {
    kind: Text<'de>,
    /// It has what only records of Claude Code have, or flat messages.
    is_claude: bool,
}

impl<'de> Fields<'de> for Probe<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => {
                self.kind = map.next_value()?;
                let kind = self.kind.get().unwrap_or_default();
                self.is_claude |= kind != "message" && super::claude_code::KNOWN.contains(&kind);
                Ok(())
            }
            "sessionId" | "session_id" | "uuid" | "parentUuid" | "role" => {
                self.is_claude = true;
                skip(map)
            }
            _ => skip(map),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_begins_with_a_bracket_on_a_line_of_its_own() {
        for (head, is_document) in
            [("{\n \"a\": 1\n}", true), ("\n [ \r\n", true), ("{\"a\":1}\n", false), ("{}", false), ("", false)]
        {
            assert_eq!((DOCUMENT.recognises)(head.as_bytes()), is_document, "{head}");
        }
    }

    #[test]
    fn records_of_another_agent_have_nothing_of_ours() {
        let session = r#"{"type":"session","version":3,"id":"a","timestamp":"t","cwd":"/"}"#;
        let message = r#"{"type":"message","id":"b","message":{"role":"user","content":"hi"}}"#;
        for (lines, is_other) in [
            (&[session, message][..], true),
            (&[message, message], true),
            (&[r#"{"type":"new-kind","x":1}"#, r#"{"type":"user","message":{}}"#], false),
            (&[r#"{"type":"new-kind","sessionId":"s"}"#], false),
            (&[r#"{"role":"user","content":"hi"}"#], false),
            (&[r#"{"x":1}"#], false),
            (&["{broken"], false),
        ] {
            assert_eq!((OTHER.recognises)(lines.join("\n").as_bytes()), is_other, "{lines:?}");
        }
    }
}
