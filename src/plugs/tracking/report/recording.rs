//! The recording of an activity session: where its parts are stored, and what they contain.

use crate::base::error::{Error, Result, Status};
use crate::base::utc;
use crate::dialect::replay::{Item, Nodes, Typed, items};
use crate::plugs::tracking::report::session;
use crate::source::Source;
use crate::source::passage::{Passage, Passages};
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A part of a recording: a single event of a line.
#[derive(Clone, Debug)]
pub(in crate::plugs::tracking) struct Part {
    pub(in crate::plugs::tracking) session_file: String,
    /// Name of the source.
    pub(in crate::plugs::tracking) source: String,
    /// Position among the events of the line.
    pub(in crate::plugs::tracking) number: u32,
    /// The person, and the session that the client reported.
    distinct_id: String,
    client_session_id: Option<String>,
    /// The line.
    pub(in crate::plugs::tracking) passage: Passage,
}

const PARTS: &str = "
    SELECT replay.session_file, files.source, replay.part, replay.offset_bytes, replay.length_bytes, replay.distinct_id,
        replay.client_session_id
    FROM activity_events AS events
        JOIN activity_replay AS replay USING (session_file, line, part)
        JOIN session_files AS files ON files.session_file = replay.session_file
    WHERE events.session_id = ?
    ORDER BY replay.time, replay.session_file, replay.line, replay.part";

/// The parts of a session's recording, in order.
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
        Ok(Part {
            session_file: row.get(0)?,
            source: row.get(1)?,
            number: row.get(2)?,
            distinct_id: row.get(5)?,
            client_session_id: row.get(6)?,
            passage,
        })
    })?;
    if parts.is_empty() {
        return Err(no(format!("nothing was recorded in the activity session `{session}`")));
    }
    Ok(parts)
}

/// A recording, with its lines copied out of the source files.
pub(in crate::plugs::tracking) struct Recording {
    parts: Vec<Part>,
    /// Where the line of each part is in the copy.
    places: Vec<Passage>,
    passages: Passages,
    /// The nodes of its pages, if typed text is masked.
    nodes: Option<Nodes>,
    /// The items in order of time, each as a part and an index in it. Items of the same time keep the order of the
    /// recording.
    order: std::vec::IntoIter<(DateTime<Utc>, u32, u32)>,
    /// A cache of the items of recent parts, because the items of neighbouring parts can alternate.
    at_hand: Vec<(u32, Vec<Item>)>,
}

/// The most parts in the cache.
const AT_HAND: usize = 4;

impl Recording {
    /// Copies the lines of the parts. `cap` is the largest file in bytes that is opened.
    ///
    /// # Errors
    ///
    /// If a file has been deleted, or has changed since it was read.
    pub(in crate::plugs::tracking) fn copy(
        parts: Vec<Part>,
        sources: &[Source],
        cap: u64,
        typed: Typed,
    ) -> Result<Self> {
        let mut passages = Passages::new().map_err(|error| Error::cannot("write", "a temporary file", error))?;
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
        let order = Vec::new().into_iter();
        let mut recording = Self { places, parts, passages, nodes: None, order, at_hand: Vec::new() };
        let (mut order, mut nodes) = (Vec::new(), (typed == Typed::Masked).then(Nodes::default));
        for part in 0..recording.parts.len() as u32 {
            let items = recording.items(part)?;
            if let Some(nodes) = &mut nodes {
                items.iter().for_each(|item| nodes.learn(item));
            }
            order.extend((0..).zip(&items).map(|(number, item)| (item.time, part, number)));
        }
        order.sort_unstable();
        recording.order = order.into_iter();
        nodes.iter_mut().for_each(Nodes::close);
        recording.nodes = nodes;
        Ok(recording)
    }

    /// The number of items.
    #[cfg(feature = "console")]
    pub(in crate::plugs::tracking) fn len(&self) -> usize {
        self.order.len()
    }

    fn items(&self, part: u32) -> Result<Vec<Item>> {
        let at = part as usize;
        let Some((part, place)) = self.parts.get(at).zip(self.places.get(at)) else { return Ok(Vec::new()) };
        let Part { session_file, number, distinct_id, client_session_id, .. } = part;
        let line = self.passages.read(*place).map_err(|error| Error::cannot("read", session_file, error))?;
        let whose = [Some(distinct_id.as_str()), client_session_id.as_deref()];
        items(&line, *number, whose).ok_or_else(|| {
            Error::cannot("replay", session_file, "it has changed since it was read")
                .hint("`sessionmill run` reads it again")
        })
    }

    fn line(&mut self, part: u32, number: u32) -> Result<Option<String>> {
        if self.at_hand.iter().all(|(known, _)| *known != part) {
            let mut items = self.items(part)?;
            if let Some(nodes) = &self.nodes {
                items.iter_mut().for_each(|item| item.mask(nodes));
            }
            self.at_hand.truncate(AT_HAND - 1);
            self.at_hand.insert(0, (part, items));
        }
        let items = self.at_hand.iter().find(|(known, _)| *known == part).map(|(_, items)| items);
        Ok(items.and_then(|items| items.get(number as usize)).map(|Item { time, event_type, data }| {
            json!({"timestamp": utc::milliseconds(*time), "event_type": event_type, "data": data}).to_string()
        }))
    }
}

/// Yields the items in order of time, each as a line of JSON.
impl Iterator for Recording {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        loop {
            let (_, part, number) = self.order.next()?;
            if let Some(line) = self.line(part, number).transpose() {
                return Some(line);
            }
        }
    }
}
