//! What sort of record a line is, and by which of them a file is known.

use super::known;
use super::record::{Entry, Payload};
use crate::dialect::json::Object;
use crate::dialect::{Dialect, first_lines};

/// A record, with or without a payload.
pub(super) struct Line<'e> {
    pub(super) kind: &'e str,
    /// Of what stands in it.
    pub(super) inner: Option<&'e str>,
    pub(super) payload: &'e Payload<'e>,
    /// It is of the first generation.
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
            // A mark that a client has written its state, without what that is.
            None if entry.record_type.get() == Some("state") => ("world_state", None),
            kind => (kind.or(entry.record_type.get()).unwrap_or(Dialect::NO_TYPE), None),
        };
        Self { kind, inner, payload: entry.bare.as_deref().unwrap_or(none), is_bare: true }
    }
}

/// Whether it is the first line of the first generation.
fn is_header(entry: &Entry<'_>) -> bool {
    let is_bare = entry.kind.get().is_none() && entry.payload.is_none();
    let has_id = entry.bare.as_ref().is_some_and(|bare| bare.id.id().is_some());
    is_bare && entry.has_instructions && entry.timestamp.0.is_some() && has_id
}

/// Whether one of the first lines has the format's shape.
pub(super) fn recognises(head: &[u8]) -> bool {
    first_lines(head).any(|line| {
        let is_entry = |entry: &Entry<'_>| match (&entry.payload, entry.kind.get()) {
            (Some(_), Some(kind)) => known::LINES.contains(&kind),
            (None, None) => is_header(entry) || entry.record_type.get() == Some("state"),
            _ => false,
        };
        match serde_json::from_slice::<Object<Entry<'_>>>(line) {
            Ok(Object(entry)) => entry.as_ref().is_some_and(is_entry),
            // The first line can be longer than the head: it holds the instructions.
            Err(_) => {
                let start = String::from_utf8_lossy(&line[..line.len().min(200)]).replace(' ', "");
                let (before, _) = start.split_once(r#""payload":{"#).unwrap_or_default();
                let first = [r#"{"id":""#, r#""timestamp":""#, r#""instructions":"#];
                known::LINES.iter().any(|kind| before.contains(&format!(r#""type":"{kind}""#)))
                    || start.starts_with(first[0]) && first.iter().all(|field| start.contains(field))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_known_by_its_first_lines() {
        let long =
            format!(r#"{{"timestamp": "t", "type": "session_meta", "payload": {{"id": "a", "x": "{}"#, "y".repeat(500));
        let first = format!(r#"{{"id":"a","timestamp":"2025-08-01T10:00:00Z","instructions":"{}"#, "y".repeat(500));
        for (head, known) in [
            (r#"{"timestamp":"t","type":"session_meta","payload":{"id":"a"}}"#, true),
            (&*long, true),
            ("{\"broken\n{\"payload\":{},\"type\":\"event_msg\"}\n", true),
            (r#"{"id":"a","timestamp":"2025-08-01T10:00:00Z","instructions":null,"git":{"branch":"main"}}"#, true),
            (&*first, true),
            ("{\"record_type\":\"state\"}\n{\"type\":\"message\",\"role\":\"user\",\"content\":[]}\n", true),
            (r#"{"id":"a","timestamp":"2025-08-01T10:00:00Z"}"#, false),
            (r#"{"type":"user","message":{"role":"user","content":"\"type\":\"event_msg\",\"payload\":{"}}"#, false),
            (r#"{"type":"event_msg"}"#, false),
            ("", false),
        ] {
            assert_eq!(recognises(head.as_bytes()), known, "{head}");
        }
    }
}
