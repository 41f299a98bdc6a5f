//! The limits in `[caps]` with which the database was made. If they change, the files that they affect are due again,
//! so that the database gets the content that a new one would have.
//!
//! ```text
//! [caps]            due again
//! a larger limit    files with lines that were skipped, and files that were rejected
//! a smaller limit   all files: any may have a line that is now skipped
//! ```

use crate::base::error::Result;
use crate::source::retry::FailureState;
use crate::store::Store;
use crate::store::failures::SET;
use crate::store::made_with::{self, MadeWith};
use crate::store::rows::Cell;
use chrono::{DateTime, Utc};
use duckdb::params;
use sessionmill_contract::{FailureClass, Manifest};

/// The name of the limits in `facts.settlements`.
const NAME: &str = "(limits)";

/// Makes files of a processor due again if the limits differ from those of its last run.
///
/// # Errors
///
/// If the database cannot be read or written.
pub fn follow(
    store: &Store,
    manifest: &Manifest,
    limits: [u64; 3],
    made_with: &MadeWith,
    now: DateTime<Utc>,
) -> Result<()> {
    let settings = limits.map(|limit| limit.to_string()).join(" ");
    let before = made_with.get(store.connection(), manifest.name, NAME)?.map(|(_, settings)| settings);
    if before == Some(&settings) {
        return Ok(());
    }
    store.transaction(|transaction| {
        if let Some(before) = before {
            let before = before.split(' ').map(|limit| limit.parse().unwrap_or(u64::MAX));
            let is_smaller = limits.iter().zip(before).any(|(limit, before)| *limit < before);
            let which = match is_smaller {
                true => "true",
                false => "session_file IN (SELECT session_file FROM session_files WHERE malformed_lines > 0)",
            };
            let sql = format!(
                "UPDATE session_processor_state SET processor_version = NULL WHERE processor_name = ? AND {which}"
            );
            transaction.execute(&sql, [manifest.name])?;
            let sql = format!("UPDATE session_failures {SET} class = ?");
            let [state, class] = [FailureState::Retry.name(), FailureClass::Rejected.name()];
            transaction.execute(&sql, params![state, Cell::Time(now), manifest.name, class])?;
            tracing::info!(processor = manifest.name, "[caps] has changed: files that it left out are read again");
        }
        made_with::set(transaction, manifest.name, NAME, 1, &settings)
    })
}
