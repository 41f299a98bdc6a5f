//! Reads the lines of one file, each record by its own dialect.
//!
//! A record is first offered to the dialect of the previous record. Only if that one does not recognise it, the others
//! are asked in order. So the lines of a file with one dialect are parsed once, however many dialects there are. Lines
//! that no dialect recognises stay with the dialect of the previous record: blank and broken lines, and records of a
//! new type. Lines before the first recognised record are `unknown`.

use super::document::{Document, Step};
use super::splice::{self, Position};
use super::{Ask, DIALECTS, DOCUMENT, Parsed, Parser, UNKNOWN, json};
use sessionmill_contract::activity::Replay;
use sessionmill_contract::{Activity, Event, Said};
use std::ops::ControlFlow;

const NO_RECORD: &str = "not a JSON object, or a broken one";
const TOO_LONG: &str = "longer than a line may be";
const TRANSCRIPT: &str = "a request holds no lines of transcripts";

/// Reads a file. Dialects are identified by their position in the list.
pub struct Reader {
    parsers: [Box<dyn Parser>; DIALECTS.len()],
    /// The number of lines of each dialect.
    lines: [u64; DIALECTS.len()],
    /// The dialect of the previous record.
    current: Option<usize>,
    /// The first dialect that was recognised.
    first: Option<usize>,
    /// The number of lines before the first record.
    above: u64,
    /// Whether there was a line that is not blank.
    is_begun: bool,
    /// The document with which the file began, until it ends.
    document: Option<Document>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            parsers: DIALECTS.map(|dialect| (dialect.open)()),
            lines: [0; DIALECTS.len()],
            current: None,
            first: None,
            above: 0,
            is_begun: false,
            document: None,
        }
    }
}

impl Reader {
    /// Reads one line, given without its line feed and surrounding white space, and emits what it says. `offset` is the
    /// byte in the file's text at which the line begins.
    pub fn line(&mut self, number: u64, offset: u64, bytes: &[u8], events: &mut dyn FnMut(&Event<'_>)) {
        if bytes.is_empty() {
            return self.count(self.current);
        }
        if !std::mem::replace(&mut self.is_begun, true) {
            self.document = Document::begin(number, bytes);
            if self.document.is_some() {
                self.recognised(DOCUMENT);
                return self.count(self.current);
            }
        }
        match self.document.as_mut().map(|document| document.step(number, offset, bytes)) {
            Some(Step::Inside) => return self.count(Some(DOCUMENT)),
            Some(Step::Behind) => self.is_no_document(),
            Some(Step::Broken(above)) => {
                events(&Event::malformed(self.document.as_ref().map_or(number, |document| document.first), NO_RECORD));
                self.is_no_document();
                self.above += std::mem::take(&mut self.lines[DOCUMENT]);
                if let Some(line) = above {
                    self.above -= 1;
                    self.line(line.number, line.offset, &line.bytes, events);
                }
            }
            None => {}
        }
        let mut part = 0;
        let length = bytes.len() as u64;
        // Adds what a dialect cannot know about an activity: its position on the line, and the line's position in the
        // file.
        let events = &mut |event: &Event<'_>| {
            let Said::Activity(activity) = event.said else { return events(event) };
            let replay = activity.replay.map(|replay| Replay { offset, length, ..replay });
            events(&Event { said: Said::Activity(&Activity { part, replay, ..*activity }), ..*event });
            part += 1;
        };
        let mut of_first = None;
        let is_whole = splice::records(bytes, &mut |rest, place| {
            let length = self.record(place, number, rest, events)?;
            of_first = of_first.or(self.current);
            Some(length)
        });
        if !is_whole {
            events(&Event::malformed(number, NO_RECORD));
        }
        self.count(of_first.or(self.current));
    }

    /// For a line of a request that is a single object: emits what it says in every dialect that recognises it. Which
    /// of these would read it in a file depends on the lines before it. The line is malformed if one of the dialects
    /// cannot read it, because objects inside of it might be read instead, or if its dialect is not allowed in
    /// requests.
    pub fn every(number: u64, bytes: &[u8], events: &mut dyn FnMut(&Event<'_>)) {
        for dialect in &DIALECTS[DOCUMENT + 1..UNKNOWN] {
            match (dialect.open)().record(Position::Due, number, bytes, Ask::Own, events) {
                Parsed::NoRecord => events(&Event::malformed(number, NO_RECORD)),
                Parsed::Record(_) if !dialect.lists => events(&Event::malformed(number, TRANSCRIPT)),
                Parsed::Record(_) | Parsed::Foreign => {}
            }
        }
    }

    /// Counts a line that was too long to be read.
    pub fn oversize(&mut self, number: u64, events: &mut dyn FnMut(&Event<'_>)) {
        self.is_begun = true;
        events(&Event::malformed(number, TOO_LONG));
        self.count(self.current);
    }

    /// Ends the file: emits what could not be said about earlier records before.
    pub fn end(&mut self, events: &mut dyn FnMut(&Event<'_>)) {
        self.parsers.iter_mut().for_each(|parser| parser.end(events));
    }

    /// The dialect of the previous record; `None` before the first.
    pub fn current(&self) -> Option<&'static str> {
        self.current.map(|dialect| DIALECTS[dialect].name)
    }

    /// The first dialect that was recognised; `unknown` if none was, empty if there are no lines.
    pub fn dialect(&self) -> &'static str {
        let found = self.dialects().next().map(|_| UNKNOWN);
        self.first.or(found).map_or("", |dialect| DIALECTS[dialect].name)
    }

    /// The dialects of the lines, each with its number of lines. The numbers add up to the lines of the file.
    pub fn dialects(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let lines = |(number, dialect): (usize, &super::Dialect)| {
            let above = if number == UNKNOWN { self.above } else { 0 };
            (dialect.name, self.lines[number] + above)
        };
        DIALECTS.iter().enumerate().map(lines).filter(|(_, lines)| *lines > 0)
    }

    /// Reads the record that begins at the first byte. Returns its length.
    fn record(&mut self, at: Position, line: u64, bytes: &[u8], events: &mut dyn FnMut(&Event<'_>)) -> Option<usize> {
        if at == Position::Due && bytes.first() == Some(&b'[') {
            return self.list(line, bytes, events);
        }
        let known = self.current.filter(|current| *current != UNKNOWN);
        if let Some(known) = known {
            match self.parsers[known].record(at, line, bytes, Ask::Own, events) {
                Parsed::Record(length) => return Some(length),
                Parsed::NoRecord => return None,
                Parsed::Foreign => {}
            }
        }
        for other in (DOCUMENT + 1..UNKNOWN).filter(|other| Some(*other) != known) {
            match self.parsers[other].record(at, line, bytes, Ask::Own, events) {
                Parsed::Record(length) => {
                    self.recognised(other);
                    return Some(length);
                }
                // Other dialects, which use fewer of its fields, might read it in spite of the damage, before it is
                // repaired.
                Parsed::NoRecord => return None,
                Parsed::Foreign => {}
            }
        }
        let own = self.current.unwrap_or(UNKNOWN);
        let Parsed::Record(length) = self.parsers[own].record(at, line, bytes, Ask::Any, events) else { return None };
        self.current = Some(own);
        Some(length)
    }

    /// Reads the list of records that begins at the first byte, if the dialect of its first record allows lists.
    fn list(&mut self, line: u64, bytes: &[u8], events: &mut dyn FnMut(&Event<'_>)) -> Option<usize> {
        let length = splice::length(bytes)?;
        let mut is_own = None;
        json::elements_of(bytes, &mut |element| {
            let is_known = self.element(line, element.as_bytes(), events);
            if *is_own.get_or_insert(is_known) && !is_known {
                let unknown = self.parsers[UNKNOWN].record(Position::Due, line, element.as_bytes(), Ask::Any, events);
                if !matches!(unknown, Parsed::Record(_)) {
                    events(&Event::malformed(line, NO_RECORD));
                }
            }
            if is_own == Some(true) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        (is_own == Some(true)).then_some(length)
    }

    /// Reads an element of a list, if a dialect that allows lists recognises it.
    fn element(&mut self, line: u64, element: &[u8], events: &mut dyn FnMut(&Event<'_>)) -> bool {
        self.is_listed(line, element, events)
            || json::repair(element).is_some_and(|repaired| self.is_listed(line, &repaired, events))
    }

    /// Reads a record as it is, if a dialect that allows lists recognises it.
    fn is_listed(&mut self, line: u64, element: &[u8], events: &mut dyn FnMut(&Event<'_>)) -> bool {
        let current = self.current.filter(|current| DIALECTS[*current].lists);
        let others = (DOCUMENT + 1..UNKNOWN).filter(|other| DIALECTS[*other].lists && Some(*other) != current);
        for dialect in current.into_iter().chain(others) {
            if let Parsed::Record(_) = self.parsers[dialect].record(Position::Due, line, element, Ask::Own, events) {
                self.recognised(dialect);
                return true;
            }
        }
        false
    }

    fn recognised(&mut self, dialect: usize) {
        self.current = Some(dialect);
        self.first = self.first.or(Some(dialect));
    }

    /// Called when the file turns out not to be a document.
    fn is_no_document(&mut self) {
        (self.document, self.current, self.first) = (None, None, None);
    }

    fn count(&mut self, dialect: Option<usize>) {
        match dialect {
            Some(dialect) => self.lines[dialect] += 1 + std::mem::take(&mut self.above),
            None => self.above += 1,
        }
    }
}
