//! An event in one source file, as the fold stores it. Sessions are settled from these rows.

use crate::class::Class;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FactRow, Failure, Row, table};
use std::borrow::Cow;
use std::collections::HashMap;

table! {
    /// one row per event of a source file that says who did something and when
    pub static LINES: Table = "activity_lines", Hidden;

    /// An event where it was found. It is identified by `event_id`, or else, in files that vanished before hashes were
    /// made, by source file, line and part.
    #[derive(Clone, Debug, PartialEq)]
    pub struct LineRow<'a> {
        /// <user folder>/<kind>/<distinct id>
        person: &'a str,
        /// of the event itself, UTC
        time: DateTime<Utc>,
        /// identity of the event within the user folder: that of the log, else a hash of the content and a number; null in files that vanished before hashes were made
        event_id: Option<&'a str>,
        line: u64,
        /// position among the events of the line, from 0
        part: u64,
        /// view, event, passive, ping, recording, identity or end
        class: &'a str,
        /// as the log has it; for agents prompt, response, tool, tool_error, api_error or command
        name: &'a str,
        /// the session that the client says it belongs to
        client_session_id: Option<&'a str>,
        /// address of the page or name of the screen; for agents the working directory
        url: Option<&'a str>,
        /// path of the page, where the log gives it apart from the address
        path: Option<&'a str>,
        referrer: Option<&'a str>,
        /// campaign and click ids: a JSON object
        source: Option<&'a str>,
        /// device and place: a JSON object
        device: Option<&'a str>,
        /// address of the client
        ip: Option<&'a str> as ip,
        /// properties that the configuration keeps: a JSON object
        properties: Option<&'a str>,
        /// name of the agent
        agent: Option<&'a str>,
        /// session id of the transcript
        transcript: Option<&'a str>,
    }
}

/// A stored event with the file that it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Line<'f> {
    pub(crate) row: LineRow<'f>,
    pub(crate) class: Class,
    pub(crate) file: &'f str,
}

impl<'f> Line<'f> {
    /// Reads a fact.
    ///
    /// # Errors
    ///
    /// If it is not a row of the table.
    pub(crate) fn read(fact: &'f FactRow) -> Result<Self, Failure> {
        let row = LineRow::read(fact.values)?;
        let class = Class::by_name(row.class).ok_or_else(|| LINES.unreadable())?;
        Ok(Self { row, class, file: fact.session_file })
    }

    /// Its place. Of several copies, the first one counts.
    pub(crate) fn place(&self) -> (&'f str, u64, u64) {
        (self.file, self.row.line, self.row.part)
    }

    /// What identifies it among the events of the user folder.
    pub(crate) fn identity(&self) -> Cow<'f, str> {
        match self.row.event_id {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(format!("{}:{}:{}", self.file, self.row.line, self.row.part)),
        }
    }

    /// The id that the client gave the person.
    pub(crate) fn distinct_id(&self) -> &'f str {
        distinct_id(self.row.person)
    }
}

/// An id for an event to which the log gives none: what it shares with events that are alike, and its number among those
/// of the file. A copy of the file has as many of them, and so has the same ids.
pub(crate) fn numbered(alike: &mut HashMap<String, u64>, shared: String) -> String {
    let number = alike.entry(shared.clone()).or_default();
    *number += 1;
    format!("{shared}/{number}")
}

/// The kind of activity in web logs.
pub(crate) const WEB: &str = "web";

/// The text that identifies a person: a user folder, the kind of activity, and an id.
pub(crate) fn person(username: &str, kind: &str, distinct_id: &str) -> String {
    format!("{username}/{kind}/{distinct_id}")
}

/// The folder and the kind in a person's text.
pub(crate) fn folder_and_kind(person: &str) -> (&str, &str) {
    let mut parts = person.splitn(3, '/');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// The id in a person's text. It can contain slashes.
pub(crate) fn distinct_id(person: &str) -> &str {
    person.splitn(3, '/').nth(2).unwrap_or_default()
}
