//! The session of each event, as settling finds it. It cannot be derived from the event alone: if client sessions
//! overlap, it depends on all events of the stretch.

use chrono::{DateTime, Utc};
use sessionmill_contract::table;

table! {
    /// one row per event that is counted, copies left out
    pub static MEMBERS: Table = "activity_members", Hidden;

    /// An event, given by its place, and its session.
    #[derive(Clone, Debug, PartialEq)]
    pub struct MemberRow<'a> {
        /// smallest of all ids that are settled together, as in activity_lines
        person: &'a str,
        person_id: &'a str,
        session_file: &'a str,
        line: u64,
        part: u64,
        /// time of the event
        started_at: DateTime<Utc>,
        /// null for none
        session_id: Option<&'a str>,
    }
}
