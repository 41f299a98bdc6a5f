//! What the lines of one file are understood as.

use crate::base::error::cause;
use crate::dialect;
use crate::read::lines::{At, Line, Lines};
use crate::read::{Caps, is_whole, trim};
use crate::source::form::{Form, Unpacker};
use crate::source::open::Refusal;
use chrono::{DateTime, Utc};
use sessionmill_contract::activity::Class;
use sessionmill_contract::{Event, FailureClass, Said};
use std::io::{Cursor, Read};

/// One record of a line, or what is wrong with the line.
#[derive(Debug, Default)]
pub(super) struct Finding {
    pub(super) line: u64,
    pub(super) dialect: Option<&'static str>,
    /// The name of an event, else the type of a record.
    pub(super) kind: Option<String>,
    /// What it does to a session, or to a task.
    pub(super) class: Option<&'static str>,
    /// Who did it; the id of a task.
    pub(super) who: Option<String>,
    /// `who` is a task.
    pub(super) is_task: bool,
    pub(super) time: Option<DateTime<Utc>>,
    /// Why it would be lost.
    pub(super) wrong: Option<&'static str>,
}

const UNKNOWN: &str = "its type is unknown";
const DOCUMENT: &str = "a part of one JSON document over many lines: write each record on a line of its own";
const UNFINISHED: &str = "the last line has no line feed and is not whole JSON";

/// Bytes that are read at a time.
const WINDOW: usize = 128 << 10;

/// Reads a log, compressed or not, and hands on what is found, the records of a line together.
///
/// # Errors
///
/// Why it cannot be read, or is a damaged archive.
pub(super) fn examine(input: &mut dyn Read, each: &mut dyn FnMut(&[Finding])) -> Result<(), String> {
    let mut head = Vec::new();
    input.take(4).read_to_end(&mut head).map_err(|error| cause(&error))?;
    let mut unpacker = Unpacker::new(form(&head), FailureClass::Permanent).map_err(reason)?;
    let mut input = Cursor::new(head).chain(input);
    let mut log = Log { lines: Lines::new(Caps::default().line), reader: dialect::Reader::default(), each };
    let mut window = vec![0; WINDOW];
    loop {
        let read = match input.read(&mut window) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(cause(&error)),
        };
        match &mut unpacker {
            Some(unpacker) => unpacker.feed(&window[..read], &mut |text| log.text(text)).map_err(reason)?,
            None => log.text(&window[..read]).map_err(reason)?,
        }
    }
    if let Some(unpacker) = unpacker {
        unpacker.end(&mut |text| log.text(text)).map_err(reason)?;
    }
    log.end();
    Ok(())
}

/// The form of a file by its first bytes: standard input has no name.
fn form(head: &[u8]) -> Form {
    match head {
        [0x1f, 0x8b, ..] => Form::Gzip,
        // A frame of zstd, or one to be skipped.
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Form::Zstd,
        _ => Form::Plain,
    }
}

fn reason(refusal: Refusal) -> String {
    match refusal {
        Refusal::Rejected(rejection) => rejection.words().to_owned(),
        Refusal::Deferred(halt) => halt.words().to_owned(),
        Refusal::Failed(failure) => failure.message,
    }
}

struct Log<'e> {
    lines: Lines,
    reader: dialect::Reader,
    each: &'e mut dyn FnMut(&[Finding]),
}

impl Log<'_> {
    fn text(&mut self, text: &[u8]) -> Result<(), Refusal> {
        let Self { lines, reader, each } = self;
        lines.feed(text, |at, line| each(&findings(reader, at, line)));
        Ok(())
    }

    fn end(self) {
        let Self { lines, mut reader, each } = self;
        let Some((at, tail)) = lines.tail() else { return };
        if is_whole(tail) {
            each(&findings(&mut reader, at, Line::Whole(tail)));
        } else if !trim(tail).1.is_empty() {
            each(&[Finding { line: at.number, wrong: Some(UNFINISHED), ..Finding::default() }]);
        }
    }
}

/// What is found on a line: nothing on a blank one.
fn findings(reader: &mut dialect::Reader, at: At, line: Line<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let is_blank = match line {
        Line::Whole(line) => {
            let (blanks, line) = trim(line);
            reader.line(at.number, at.offset + blanks, line, &mut |event| take(event, &mut found));
            line.is_empty()
        }
        Line::Oversize => {
            reader.oversize(at.number, &mut |event| take(event, &mut found));
            false
        }
    };
    if found.is_empty() && !is_blank {
        found.push(Finding { line: at.number, wrong: Some(DOCUMENT), ..Finding::default() });
    }
    let dialect = reader.current();
    found.iter_mut().for_each(|finding| finding.dialect = dialect);
    found
}

fn take(event: &Event<'_>, found: &mut Vec<Finding>) {
    let finding = Finding { line: event.line, time: event.time, ..Finding::default() };
    match event.said {
        Said::Record { kind, known } => {
            let wrong = (!known).then_some(UNKNOWN);
            found.push(Finding { kind: Some(kind.to_owned()), wrong, ..finding });
        }
        Said::Malformed { why } => found.push(Finding { wrong: Some(why), ..finding }),
        Said::Activity(activity) => {
            let Some(last) = found.last_mut() else { return };
            last.kind = Some(activity.name.to_owned());
            last.class = Some(class(activity.class));
            last.who = Some(activity.distinct_id.to_owned());
        }
        Said::Task(task) => {
            let Some(last) = found.last_mut() else { return };
            last.class = Some(task.state.name());
            last.who = Some(task.task_id.to_owned());
            last.is_task = true;
        }
        Said::Agent(..) => {}
    }
}

fn class(class: Class) -> &'static str {
    match class {
        Class::View => "view",
        Class::Event => "event",
        Class::Passive => "passive",
        Class::Ping => "ping",
        Class::Identity => "identity",
        Class::End => "end",
    }
}
