//! Who wrote a record with `role: user`. Newer clients record it, and then that decides.
//!
//! Teammates, other sessions, background tasks, scheduled wake-ups, channels, hooks and the client itself all write in
//! the role of the user. If the record does not say who wrote it, its text may; see [`text`].
//!
//! [`text`]: super::text

use super::record::Entry;

/// The writer of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// A person, according to the record.
    Person,
    /// The record does not say.
    Unsaid,
    /// Not a person: an agent, a hook, a channel or the client.
    Other,
}

impl Sender {
    pub(super) fn of(entry: &Entry<'_>) -> Self {
        let is_by_client = entry.is_meta.0 || entry.is_compact_summary.0 || entry.is_by_client;
        if is_by_client || entry.source_tool_use_id.get().is_some() {
            return Self::Other;
        }
        match (entry.origin.0.get(), entry.turn_origin.get(), entry.prompt_source.get()) {
            (Some("human"), ..) => Self::Person,
            // Unknown kinds are not people: the kinds for people have had these names from the start.
            (Some(_), ..) => Self::Other,
            // Prompts from a program (`sdk`) can come from a person who uses the program, and its turns are marked as
            // human too. So the text must decide.
            (None, None | Some("human" | "sdk"), source) => match source {
                Some("system") => Self::Other,
                Some("typed") => Self::Person,
                _ => Self::Unsaid,
            },
            (None, Some(_), _) => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::json::Object;

    #[test]
    fn the_record_decides_who_wrote_it() {
        for (fields, sender) in [
            ("", Sender::Unsaid),
            (r#""origin":{"kind":"human"},"promptSource":"sdk""#, Sender::Person),
            (r#""origin":"human""#, Sender::Person),
            (r#""origin":{"kind":"peer","from":"ops"}"#, Sender::Other),
            (r#""origin":{"kind":"task-notification"},"promptSource":"typed""#, Sender::Other),
            (r#""origin":{"kind":"channel","server":"chat"}"#, Sender::Other),
            (r#""origin":{"kind":"a-kind-of-tomorrow"}"#, Sender::Other),
            (r#""origin":{}"#, Sender::Unsaid),
            (r#""origin":null,"turnOrigin":null,"promptSource":null"#, Sender::Unsaid),
            (r#""turnOrigin":"human""#, Sender::Unsaid),
            (r#""turnOrigin":"human","promptSource":"typed""#, Sender::Person),
            (r#""turnOrigin":"sdk","promptSource":"sdk""#, Sender::Unsaid),
            (r#""turnOrigin":"task_notification","promptSource":"typed""#, Sender::Other),
            (r#""turnOrigin":"scheduled""#, Sender::Other),
            (r#""turnOrigin":"peer","origin":{"kind":"human"}"#, Sender::Person),
            (r#""promptSource":"typed""#, Sender::Person),
            (r#""promptSource":"queued""#, Sender::Unsaid),
            (r#""promptSource":"system""#, Sender::Other),
            (r#""isMeta":true,"origin":{"kind":"human"}"#, Sender::Other),
            (r#""isCompactSummary":true"#, Sender::Other),
            (r#""isVisibleInTranscriptOnly":true,"isVirtual":false"#, Sender::Other),
            (r#""turnCompanion":true,"isSynthetic":null"#, Sender::Other),
            (r#""isVirtual":true,"isVisibleInTranscriptOnly":false"#, Sender::Other),
            (r#""isSynthetic":true"#, Sender::Other),
            (r#""sourceToolUseID":"toolu_1""#, Sender::Other),
        ] {
            let json = format!("{{{fields}}}");
            let Object(entry) = serde_json::from_str::<Object<Entry<'_>>>(&json).unwrap();
            assert_eq!(Sender::of(&entry.unwrap()), sender, "{fields}");
        }
    }
}
