//! Who holds a response: listed where several users do, since only the copies of one of them are counted.

use crate::copy::Copy;
use sessionmill_contract::{FactRow, Rows, Table, Value};
use std::collections::BTreeMap;

/// One row per response that several users hold, and user. `session_file` and `time` are those of the user's
/// earliest copy, `copies` is how many source files of the user hold the response, and `output_tokens` the
/// most that one of them claims.
pub static SHARED: Table = Table {
    name: "usage_shared_responses",
    columns: &["message_id", "username", "is_counted", "session_file", "time", "copies", "output_tokens"],
};

/// What the copies of one user come to.
struct Holder<'c> {
    earliest: &'c (&'c FactRow, Copy),
    copies: u64,
    output: u64,
}

/// Adds a row for each user, if there are several. `counted` is the one whose copies are counted.
pub(crate) fn push(message_id: &str, copies: &[(&FactRow, Copy)], counted: &str, entities: &mut Rows) {
    if copies.iter().all(|(row, _)| *row.username == *counted) {
        return;
    }
    let mut holders: BTreeMap<&str, Holder<'_>> = BTreeMap::new();
    for held in copies {
        let (row, copy) = held;
        let output = copy.best.part.usage.output;
        let new = Holder { earliest: held, copies: 0, output };
        let holder = holders.entry(&row.username).or_insert(new);
        let (first, earliest) = holder.earliest;
        if copy.earliest.order_over_files(&row.session_file, &earliest.earliest, &first.session_file).is_lt() {
            holder.earliest = held;
        }
        holder.copies += 1;
        holder.output = holder.output.max(output);
    }
    for (username, Holder { earliest: (row, copy), copies, output }) in holders {
        entities.push(
            &SHARED,
            [
                message_id.into(),
                username.into(),
                (username == counted).into(),
                (&*row.session_file).into(),
                copy.earliest.time.into(),
                Value::from(copies),
                Value::from(output),
            ],
        );
    }
}
