//! The users who have a response. They are listed if there are several, because only the copies of one of them are
//! counted.

use crate::copy::Stored;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Rows, table};
use std::collections::BTreeMap;

table! {
    /// one row per response that several users hold, and user: only the copies of the user with the earliest one are
    /// counted
    pub static SHARED: Table = "usage_shared_responses", Viewed;

    /// A user who has a response that others have too.
    #[derive(Clone, Debug)]
    pub struct HolderRow<'a> {
        /// as in usage_responses
        message_id: &'a str,
        /// user who holds copies
        username: &'a str,
        /// it is the user in whose name the response is counted
        is_counted: bool,
        /// source file of the user's earliest copy
        session_file: &'a str,
        /// of the user's earliest copy, UTC
        time: Option<DateTime<Utc>>,
        /// source files of the user that hold the response
        copies: u64,
        /// the most that a copy of the user claims
        output_tokens: u64,
    }
}

/// The copies of one user.
struct Holder<'c> {
    earliest: &'c Stored<'c>,
    copies: u64,
    output: u64,
}

/// Adds a row per user, if there are several. `counted` is the user whose copies are counted.
pub(crate) fn push(message_id: &str, copies: &[Stored<'_>], counted: &str, entities: &mut Rows) {
    if copies.iter().all(|copy| copy.username == counted) {
        return;
    }
    let mut holders: BTreeMap<&str, Holder<'_>> = BTreeMap::new();
    for copy in copies {
        let new = Holder { earliest: copy, copies: 0, output: 0 };
        let holder = holders.entry(copy.username).or_insert(new);
        let first = holder.earliest;
        if copy.earliest().order_over_files(copy.session_file, &first.earliest(), first.session_file).is_lt() {
            holder.earliest = copy;
        }
        holder.copies += 1;
        holder.output = holder.output.max(copy.response.output_tokens);
    }
    for (username, Holder { earliest, copies, output }) in holders {
        entities.push(HolderRow {
            message_id,
            username,
            is_counted: username == counted,
            session_file: earliest.session_file,
            time: earliest.response.time,
            copies,
            output_tokens: output,
        });
    }
}
