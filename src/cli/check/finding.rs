//! How the lines of a file are understood.

use crate::base::error::cause;
use crate::dialect::{self, Dialect};
use crate::read::lines::{At, Line, Lines};
use crate::read::{Caps, is_whole, trim};
use crate::source::compression::{Compression, Unpacker};
use crate::source::open::Refusal;
use chrono::{DateTime, Utc};
use sessionmill_contract::activity::Class;
use sessionmill_contract::{Event, FailureClass, Said};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// A record of a line, or the problem with the line.
#[derive(Debug, Default)]
pub(super) struct Finding {
    pub(super) line: u64,
    pub(super) dialect: Option<&'static str>,
    /// The name of an event, or the type of a record.
    pub(super) kind: Option<String>,
    /// What the record does to a session or a task.
    pub(super) class: Option<&'static str>,
    /// The person, or the id of a task.
    pub(super) who: Option<String>,
    /// Whether `who` is a task.
    pub(super) is_task: bool,
    pub(super) time: Option<DateTime<Utc>>,
    /// Why the record would be lost.
    pub(super) wrong: Option<&'static str>,
}

/// What the lines of a file say about a task.
#[derive(Debug, Default)]
pub(super) struct Task {
    /// The first line about the task.
    pub(super) line: u64,
    pub(super) short_id: Option<String>,
    pub(super) task_type: Option<String>,
}

/// Tasks by their ids.
pub(super) type Tasks = BTreeMap<String, Task>;

const UNKNOWN: &str = "its type is unknown";
const NO_TYPE: &str =
    "no known format: an event has `event` and `distinct_id`, a call `type` and `userId` or `anonymousId`";
const DOCUMENT: &str = "a part of one JSON document over many lines: write each record on a line of its own";
const UNFINISHED: &str = "the last line has no line feed and is not whole JSON";

/// How many bytes are read at a time.
const WINDOW: usize = 128 << 10;

/// Reads a log, compressed or not, and passes on the findings of each line together. Returns the tasks.
///
/// # Errors
///
/// With the reason if the log cannot be read or is a damaged archive.
pub(super) fn examine(input: &mut dyn Read, each: &mut dyn FnMut(&[Finding])) -> Result<Tasks, String> {
    let mut head = Vec::new();
    input.take(4).read_to_end(&mut head).map_err(|error| cause(&error))?;
    let mut unpacker = Unpacker::new(form(&head), FailureClass::Permanent).map_err(reason)?;
    let mut input = Cursor::new(head).chain(input);
    let mut log =
        Log { lines: Lines::new(Caps::default().line), reader: dialect::Reader::default(), tasks: Tasks::new(), each };
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
    Ok(log.end())
}

/// The compression of a file, found by its first bytes, because standard input has no file name.
fn form(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        // A zstd frame, or a skippable frame.
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Compression::Zstd,
        _ => Compression::Plain,
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
    tasks: Tasks,
    each: &'e mut dyn FnMut(&[Finding]),
}

impl Log<'_> {
    fn text(&mut self, text: &[u8]) -> Result<(), Refusal> {
        let Self { lines, reader, tasks, each } = self;
        lines.refuse_utf_16(text)?;
        lines.feed(text, |at, line| each(&findings(reader, tasks, at, line)));
        Ok(())
    }

    fn end(self) -> Tasks {
        let Self { lines, mut reader, mut tasks, each } = self;
        let Some((at, tail)) = lines.tail() else { return tasks };
        if is_whole(tail) {
            each(&findings(&mut reader, &mut tasks, at, Line::Whole(tail)));
        } else if !trim(tail).1.is_empty() {
            each(&[Finding { line: at.number, wrong: Some(UNFINISHED), ..Finding::default() }]);
        }
        tasks
    }
}

/// The findings of a line; empty for a blank line.
fn findings(reader: &mut dialect::Reader, tasks: &mut Tasks, at: At, line: Line<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let is_blank = match line {
        Line::Whole(line) => {
            let (blanks, line) = trim(line);
            reader.line(at.number, at.offset + blanks, line, &mut |event| take(event, tasks, &mut found));
            line.is_empty()
        }
        Line::Oversize => {
            reader.oversize(at.number, &mut |event| take(event, tasks, &mut found));
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

fn take(event: &Event<'_>, tasks: &mut Tasks, found: &mut Vec<Finding>) {
    let finding = Finding { line: event.line, time: event.time, ..Finding::default() };
    match event.said {
        Said::Record { kind, known } => {
            let has_type = kind != Dialect::NO_TYPE;
            let wrong = (!known).then_some(if has_type { UNKNOWN } else { NO_TYPE });
            found.push(Finding { kind: has_type.then(|| kind.to_owned()), wrong, ..finding });
        }
        Said::Malformed { why } => found.push(Finding { wrong: Some(why), ..finding }),
        Said::Activity(activity) => {
            let Some(last) = found.last_mut() else { return };
            last.kind = Some(activity.name.to_owned());
            last.class = Some(class(activity.class));
            last.who = Some(activity.distinct_id.to_owned());
        }
        Said::Task(task) => {
            let known = tasks.entry(task.task_id.to_owned()).or_default();
            known.line = if known.line == 0 { event.line } else { known.line };
            known.short_id = task.short_id.map(str::to_owned).or(known.short_id.take());
            let task_type = task.task_type.or(task.task_name.filter(|_| known.task_type.is_none()));
            known.task_type = task_type.map(str::to_owned).or(known.task_type.take());
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
