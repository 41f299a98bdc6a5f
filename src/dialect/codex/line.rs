//! Classifies a line: its type, and whether it is certainly of Codex.

use super::known;
use super::record::{Entry, Payload};
use crate::dialect::Dialect;

/// A record, with or without a payload.
pub(super) struct Line<'e> {
    pub(super) kind: &'e str,
    /// The type of the payload.
    pub(super) inner: Option<&'e str>,
    pub(super) payload: &'e Payload<'e>,
    /// The record is of the first generation, which has no payloads.
    pub(super) is_bare: bool,
}

impl<'e> Line<'e> {
    pub(super) fn of(entry: &'e Entry<'e>, none: &'e Payload<'e>) -> Self {
        let kind = entry.kind.get();
        if let Some(payload) = &entry.payload {
            let (kind, inner) = (kind.unwrap_or(Dialect::NO_TYPE), payload.kind.get());
            return Self { kind, inner, payload, is_bare: false };
        }
        let (kind, inner) = match kind {
            Some(kind) if known::RESPONSE_ITEMS.contains(&kind) => ("response_item", Some(kind)),
            None if is_header(entry) => ("session_meta", None),
            // A note that the client has saved its state, without the state itself.
            None if entry.record_type.get() == Some("state") => ("world_state", None),
            kind => (kind.or(entry.record_type.get()).unwrap_or(Dialect::NO_TYPE), None),
        };
        Self { kind, inner, payload: entry.bare.as_deref().unwrap_or(none), is_bare: true }
    }
}

/// Whether the record is the header of a first-generation file. A client without instructions can leave that field out.
/// Such a header is recognised by having a UUID and no other fields.
fn is_header(entry: &Entry<'_>) -> bool {
    let is_bare = entry.kind.get().is_none() && entry.payload.is_none();
    let id = entry.bare.as_ref().and_then(|bare| bare.id.id());
    let is_whole = entry.has_instructions || !entry.has_more && id.is_some_and(is_uuid);
    is_bare && entry.timestamp.0.is_some() && id.is_some() && is_whole
}

fn is_uuid(id: &str) -> bool {
    let is_right = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    id.len() == 36 && id.bytes().enumerate().all(is_right)
}

/// Whether only first-generation files contain such a record: a header, or a note that state was saved.
pub(super) fn is_mark(entry: &Entry<'_>) -> bool {
    entry.payload.is_none()
        && entry.kind.get().is_none()
        && (entry.record_type.get() == Some("state") || is_header(entry))
}

/// Whether a record is certainly of Codex. A response item without a payload is, if the file is of the first
/// generation.
pub(super) fn is_own(entry: &Entry<'_>, is_first_generation: bool) -> bool {
    let Some(kind) = entry.kind.get() else { return false };
    match entry.payload {
        Some(_) => known::LINES.contains(&kind),
        None => is_first_generation && known::RESPONSE_ITEMS.contains(&kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::json::Object;

    #[test]
    fn a_record_is_known_by_its_shape() {
        let header = r#"{"id":"0198c0de-0000-7000-8000-000000000001","timestamp":"2025-08-01T10:00:00Z""#;
        for (line, expected) in [
            (r#"{"timestamp":"t","type":"session_meta","payload":{"id":"a"}}"#, "own"),
            (r#"{"payload":{},"type":"event_msg"}"#, "own"),
            (r#"{"payload":{},"type":"unheard"}"#, ""),
            (r#"{"type":"event_msg"}"#, ""),
            (r#"{"id":"a","timestamp":"2025-08-01T10:00:00Z","instructions":null,"git":{"branch":"main"}}"#, "mark"),
            (r#"{"id":"a","timestamp":"2025-08-01T10:00:00Z"}"#, ""),
            (&format!("{header}}}"), "mark"),
            (&format!(r#"{header},"git":{{"branch":"main"}}}}"#), "mark"),
            (&format!(r#"{header},"name":"ada"}}"#), ""),
            (&format!(r#"{header},"type":"new"}}"#), ""),
            (r#"{"record_type":"state"}"#, "mark"),
            (r#"{"type":"message","role":"user","content":[]}"#, "item"),
            (r#"{"type":"function_call","call_id":"a"}"#, "item"),
            (r#"{"type":"user","message":{"role":"user","content":"\"type\":\"event_msg\",\"payload\":{"}}"#, ""),
        ] {
            let Object(entry) = serde_json::from_str(line).unwrap();
            let entry: Entry<'_> = entry.unwrap();
            let found = match () {
                () if is_mark(&entry) => "mark",
                () if is_own(&entry, false) => "own",
                () if is_own(&entry, true) => "item",
                () => "",
            };
            assert_eq!(found, expected, "{line}");
        }
    }
}
