//! Which ids a person used, and how many of their events belong to no session.

use chrono::{DateTime, Utc};
use sessionmill_contract::table;

table! {
    /// one row per id and stretch of activity
    pub static PRESENCE: Table = "activity_presence", Hidden;

    /// An id in one stretch of activity. Within a stretch, no pause is longer than the idle limit.
    #[derive(Clone, Debug, PartialEq)]
    pub struct PresenceRow<'a> {
        /// smallest of all ids that are settled together, as in activity_lines
        person: &'a str,
        username: &'a str,
        kind: &'a str,
        person_id: &'a str,
        distinct_id: &'a str,
        /// means nobody, such as `anonymous` or `null`
        nobody: bool,
        started_at: DateTime<Utc>,
        last_at: DateTime<Utc>,
        /// events, copies left out
        events: u64,
        /// copies of events that are counted elsewhere
        copies: u64,
        /// events that belong to no session
        loose: u64,
    }
}
