//! Where the recording of an activity session stands.

use crate::base::error::{Error, Result, Status};
use crate::plugs::tracking::report::session;
use crate::source::passage::Passage;
use crate::store::reader::Reader;

/// A part of a recording: an event of a line.
#[derive(Clone, Debug)]
pub(in crate::plugs::tracking) struct Part {
    pub(in crate::plugs::tracking) session_file: String,
    /// Name of the source.
    pub(in crate::plugs::tracking) source: String,
    /// Position among the events of the line.
    pub(in crate::plugs::tracking) number: u32,
    /// The line.
    pub(in crate::plugs::tracking) passage: Passage,
}

const PARTS: &str = "
    SELECT replay.session_file, files.source, replay.part, replay.offset_bytes, replay.length_bytes
    FROM activity_events AS events
        JOIN activity_replay AS replay USING (session_file, line, part)
        JOIN session_files AS files ON files.session_file = replay.session_file
    WHERE events.session_id = ?
    ORDER BY replay.time, replay.session_file, replay.line, replay.part";

/// The parts of a session's recording, the first one first.
///
/// # Errors
///
/// If there is no such session, or nothing was recorded in it.
pub(in crate::plugs::tracking) fn parts(reader: Reader<'_>, session: &str) -> Result<Vec<Part>> {
    let current = session::resolve(reader, session)?;
    let session = current.as_deref().unwrap_or(session);
    let sql = "SELECT kind FROM activity_sessions WHERE session_id = ?";
    let kind: Option<String> = reader.first(sql, &[session.into()], |row| row.get(0))?;
    let no = |message: String| Error::new(Status::CannotRun, message);
    match kind.as_deref() {
        None => {
            let hint = "`sessionmill query \"SELECT session_id, started_at FROM activity_sessions\"` lists them";
            return Err(Error::new(Status::Usage, format!("there is no activity session `{session}`")).hint(hint));
        }
        Some("agent") => {
            let message = format!("`{session}` is work with agents: its recording are the transcripts");
            let hint = format!("SELECT DISTINCT session_file FROM activity_events WHERE session_id = '{session}'");
            return Err(no(message).hint(format!("`sessionmill query \"{hint}\"` lists them")));
        }
        Some(_) => {}
    }
    let parts: Vec<_> = reader.rows(PARTS, &[session.into()], |row| {
        let passage = Passage { offset: row.get(3)?, length: row.get(4)? };
        Ok(Part { session_file: row.get(0)?, source: row.get(1)?, number: row.get(2)?, passage })
    })?;
    if parts.is_empty() {
        return Err(no(format!("nothing was recorded in the activity session `{session}`")));
    }
    Ok(parts)
}
