//! Positions of the parts of recordings. Their content stays in the source file.

use chrono::{DateTime, Utc};
use sessionmill_contract::table;

table! {
    /// one row per part of a recording
    pub static REPLAY: Table = "activity_replay", Viewed;

    /// The position of a part.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ReplayRow<'a> {
        /// id that the client gives the person
        distinct_id: &'a str,
        /// the session that the client says it belongs to
        client_session_id: Option<&'a str>,
        /// when it was recorded, UTC
        time: DateTime<Utc>,
        /// dom, mouse, scroll, input, viewport or custom
        event_type: &'a str,
        /// of session_file
        line: u64,
        /// position among the parts of the line, from 0
        part: u64,
        /// byte of the text of session_file at which the line begins
        offset_bytes: u64,
        /// of the line, in bytes
        length_bytes: u64,
    }
}
