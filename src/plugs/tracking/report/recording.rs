//! The recording of an activity session: where its parts stand, and what they say.

use crate::base::error::{Error, Result, Status, cause};
use crate::base::utc;
use crate::dialect::replay::{Item, Typed, items};
use crate::plugs::tracking::report::session;
use crate::source::Source;
use crate::source::passage::{Passage, Passages};
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

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

/// A recording whose lines were copied out of the source files.
pub(in crate::plugs::tracking) struct Recording {
    parts: Vec<Part>,
    /// Where the line of each part is in the copy.
    places: Vec<Passage>,
    passages: Passages,
    typed: Typed,
}

/// What ends the writing of a recording.
pub(in crate::plugs::tracking) enum Stopped {
    Input(Error),
    Output(std::io::Error),
}

/// Parts whose items are at hand: the items of neighbours can take turns.
const AT_HAND: usize = 4;

impl Recording {
    /// Copies the lines of the parts. `cap` is the largest file that is opened.
    ///
    /// # Errors
    ///
    /// If a file is not there any more, or has changed since it was read.
    pub(in crate::plugs::tracking) fn copy(
        parts: Vec<Part>,
        sources: &[Source],
        cap: u64,
        typed: Typed,
    ) -> Result<Self> {
        let mut passages =
            Passages::new().map_err(|error| Error::cannot("write", "a temporary file", cause(&error)))?;
        let mut wanted: BTreeMap<(&str, &str), BTreeSet<Passage>> = BTreeMap::new();
        for part in &parts {
            wanted.entry((&part.source, &part.session_file)).or_default().insert(part.passage);
        }
        let mut places = BTreeMap::new();
        for ((name, file), wanted) in wanted {
            let source = sources.iter().find(|source| source.name == name);
            let source = source.ok_or_else(|| Error::cannot("read", file, format!("its source `{name}` is gone")))?;
            let wanted: Vec<_> = wanted.into_iter().collect();
            let taken = passages.take(source, file, &wanted, cap).map_err(|why| Error::cannot("read", file, why))?;
            places.extend(taken.into_iter().map(|(passage, place)| ((file, passage), place)));
        }
        let place = |part: &Part| places.get(&(part.session_file.as_str(), part.passage)).copied();
        let places = parts.iter().filter_map(place).collect();
        Ok(Self { places, parts, passages, typed })
    }

    /// Writes the items in the order of time, one JSON object a line. Items of one time stay in the order of the recording.
    ///
    /// # Errors
    ///
    /// If a line is not what it was when it was read, or the output cannot be written.
    pub(in crate::plugs::tracking) fn write(&self, out: &mut impl Write) -> std::result::Result<(), Stopped> {
        let mut order: Vec<(DateTime<Utc>, usize, usize)> = Vec::new();
        for part in 0..self.parts.len() {
            let items = self.items(part).map_err(Stopped::Input)?;
            order.extend(items.iter().enumerate().map(|(number, item)| (item.time, part, number)));
        }
        order.sort_unstable();
        let mut at_hand: Vec<(usize, Vec<Item>)> = Vec::new();
        for (_, part, number) in order {
            if at_hand.iter().all(|(known, _)| *known != part) {
                at_hand.truncate(AT_HAND - 1);
                at_hand.insert(0, (part, self.items(part).map_err(Stopped::Input)?));
            }
            let items = at_hand.iter().find(|(known, _)| *known == part).map(|(_, items)| items);
            let Some(Item { time, event_type, data }) = items.and_then(|items| items.get(number)) else { continue };
            let timestamp = utc::milliseconds(*time);
            let item = json!({"timestamp": timestamp, "event_type": event_type, "data": data});
            writeln!(out, "{item}").map_err(Stopped::Output)?;
        }
        out.flush().map_err(Stopped::Output)
    }

    fn items(&self, part: usize) -> Result<Vec<Item>> {
        let Some((Part { session_file, number, .. }, place)) = self.parts.get(part).zip(self.places.get(part)) else {
            return Ok(Vec::new());
        };
        let line = self.passages.read(*place).map_err(|error| Error::cannot("read", session_file, cause(&error)))?;
        items(&line, *number, self.typed).ok_or_else(|| {
            Error::cannot("replay", session_file, "it has changed since it was read")
                .hint("`sessionmill run` reads it again")
        })
    }
}
