//! Finds the activity session that an id belongs to.

use crate::base::error::Result;
use crate::store::reader::Reader;
use sessionmill_tracking::id::{millis, session_id};

/// Events of one millisecond that belong to a session, with the fields that session ids are computed from.
const EVENTS: &str = "
    SELECT session_id, username, coalesce(event_id, concat(session_file, ':', line, ':', part)), time
    FROM activity_events
    WHERE session_id IS NOT NULL AND time < make_timestamp(($1 + 1) * 1000)
        AND ($1 = 0 OR time >= make_timestamp($1 * 1000))";

/// The id of the current session for an id. A session id is computed from the first event of the session. If an earlier
/// event arrives later, the session gets another id, and this function returns the new one. `None` if no event matches
/// the id.
///
/// # Errors
///
/// If the database cannot be read.
pub fn resolve(reader: Reader<'_>, id: &str) -> Result<Option<String>> {
    let Some(millis) = millis(id) else { return Ok(None) };
    let mut found = None;
    reader.each(EVENTS, &[millis.into()], |row| {
        let (username, identity): (String, String) = (row.get(1)?, row.get(2)?);
        if found.is_none() && session_id(&username, &identity, row.time(3)?.unwrap_or_default()) == id {
            found = Some(row.get(0)?);
        }
        Ok(())
    })?;
    Ok(found)
}
