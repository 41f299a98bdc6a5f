//! One source file, read once: the bytes that are hashed are the bytes that are parsed.
//!
//! The file streams through a window; every due processor folds the same events. A file that is as long
//! as it was is only hashed at first, and read again in the one case in which it differs. A batch of files
//! takes turns. Nothing here knows the database, and a panic of a processor ends its own fold only.
//!
//! For example, a file had 1,000 bytes and the hash H at the last look, and all due processors have dealt with H:
//!
//! - It still has 1,000 bytes: it is only hashed. If the hash is H, every due processor gets [`Verdict::Unchanged`],
//!   and no line is parsed. If not, [`batch`] opens it again, and hashes and folds it from the first byte: what is
//!   folded is what was hashed in that same read.
//! - It has 1,200 bytes: it is folded at once. Bytes that are appended meanwhile are left to the next pass.
//! - It has 900 bytes and loses some more while it is read: a failure of class `changed`, which the next pass retries.
//!
//! Where processors differ (`usage` has dealt with these bytes, `tasks` has not), all of them see the events. At the
//! end those that were up to date get `Unchanged`, and their facts are dropped.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`lines`] | bytes become lines |
//! | [`batch`] | files that one thread reads side by side |
//! | [`lanes`] | MD5 of several files at once |
//! | [`in_flight`] | marks of files that are being read, for the case that they end the process |
//! | [`job`] | a file that is due |

pub mod batch;
pub mod in_flight;
pub mod job;
pub mod lanes;
pub mod lines;

use crate::base::error::cause;
use crate::base::failpoint;
use crate::base::guard;
use crate::base::hash::Hash;
use crate::base::limits::{Allowance, Halt};
use crate::base::moment::Moment;
use crate::dialect::{self, Dialect};
use crate::read::in_flight::{InFlight, Marks};
use crate::read::job::Job;
use crate::read::lines::{At, Line, Lines};
use crate::source::compression::{Compression, Unpacker};
use crate::source::look::{Look, Reading};
use crate::source::open::{Refusal, Root};
use crate::source::stat::{self, Stat};
use chrono::{DateTime, TimeDelta};
use serde::{Deserialize, Serialize};
use sessionmill_contract::{Bound, Event, Failure, FailureClass, Fold, Manifest, Processor, Rows, Said, SourceFile};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;

/// What a worker needs to read the jobs of a pass.
#[derive(Clone, Copy)]
pub struct Reader<'p> {
    /// Where files are marked while they are read.
    pub marks: Option<&'p Marks>,
    /// One per source.
    pub roots: &'p [Root],
    pub processors: &'p [&'p dyn Processor],
    pub caps: Caps,
    /// How much of the pass is left.
    pub allowance: &'p Allowance<'p>,
}

/// Bounds on what one file can cost. What is over them is rejected or skipped, and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Bytes of a file, and of its text if it is compressed.
    pub file: u64,
    /// Bytes of a line.
    pub line: usize,
    /// Facts of a file that one processor may hold.
    pub facts: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { file: 16 << 30, line: 32 << 20, facts: 250_000 }
    }
}

/// The result of reading a job.
#[derive(Debug)]
pub struct Outcome<'j> {
    pub job: &'j Job,
    pub result: Result<Read, Refusal>,
}

/// A file that was read whole.
#[derive(Debug)]
pub struct Read {
    pub look: Look,
    /// `None` if its bytes are those of the last look, and no line of it was parsed.
    pub tally: Option<Tally>,
    /// For each due processor.
    pub verdicts: Vec<(usize, Verdict)>,
}

/// The result of reading a file for one processor.
#[derive(Debug)]
pub enum Verdict {
    /// The hash is the one in the ledger.
    Unchanged,
    Facts(Rows),
    Failed(Failure),
}

/// What kinds of lines a file has.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The first dialect that was recognised.
    pub dialect: &'static str,
    /// The dialects of lines, with how many.
    pub dialects: Vec<(&'static str, u64)>,
    /// Lines, blank and malformed ones included; an unfinished last line is none yet.
    pub lines: u64,
    pub malformed: u64,
    /// Records of types that their dialect does not know.
    pub unknown: BTreeMap<String, u64>,
}

/// Names of unknown types come from outside: this many of them are kept.
const UNKNOWN_TYPES: usize = 100;
const OTHER_TYPES: &str = "(other types)";

impl<'j> Outcome<'j> {
    /// The job failed for all processors that were due.
    pub fn failed(job: &'j Job, failure: Failure) -> Self {
        Self { job, result: Err(Refusal::Failed(failure)) }
    }

    /// Bytes of memory that the facts take, about.
    pub fn weight(&self) -> usize {
        let Ok(read) = &self.result else { return 0 };
        let weight = |verdict: &Verdict| if let Verdict::Facts(rows) = verdict { rows.weight() } else { 0 };
        read.verdicts.iter().map(|(_, verdict)| weight(verdict)).sum()
    }
}

impl Verdict {
    /// Items that a processor extracted: the facts that it settles.
    pub fn items(&self, manifest: &Manifest) -> u64 {
        let Self::Facts(rows) = self else { return 0 };
        manifest.settlements.iter().map(|settlement| rows.of(settlement.facts).count() as u64).sum()
    }
}

/// A file on its way through the folds.
pub struct Stream<'s> {
    pub job: &'s Job,
    reader: &'s Reader<'s>,
    /// Held while the file is read.
    in_flight: Option<InFlight<'s>>,
    /// Before the stat.
    begun: Moment,
    file: File,
    stat: Stat,
    /// Bytes that are not read yet.
    left: u64,
    /// It is only hashed, without folds: this is what the processors have dealt with.
    expected: Option<Hash>,
    /// Of a compressed file.
    unpacker: Option<Unpacker>,
    /// Bytes of text so far.
    text: u64,
    lines: Lines,
    dialects: dialect::Reader,
    folds: Vec<Guarded<'s>>,
    tally: Tally,
}

impl<'s> Reader<'s> {
    /// Whether a file is asked about over a network.
    pub fn is_network_bound(&self) -> bool {
        is_network_bound(self.processors)
    }

    /// Why the pass may not read a file that has changed, if it may not. A pass that waits for a network needs time
    /// left for it.
    fn left(&self) -> Option<Halt> {
        let late = if self.is_network_bound() { self.allowance.halt() } else { None };
        late.or_else(|| self.allowance.take().err())
    }

    /// What a processor makes of a file that has ended. One that waits for a network does so here.
    fn finish(&self, fold: Guarded<'_>) -> Verdict {
        let verdict = fold.finish();
        if let (Verdict::Failed(failure), true) = (&verdict, self.is_network_bound()) {
            self.allowance.end_at(failure);
        }
        verdict
    }

    /// Begins a file: to be hashed only, if it is likely to be what it was.
    ///
    /// # Errors
    ///
    /// If the pass has no more time, or the file cannot or must not be opened.
    pub fn open(&'s self, job: &'s Job) -> Result<Stream<'s>, Refusal> {
        self.begin(job, |stat| job.expected(stat, self.processors))
    }

    /// Begins a file that turned out not to be what it was.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub fn open_changed(&'s self, job: &'s Job) -> Result<Stream<'s>, Refusal> {
        self.begin(job, |_| None)
    }

    fn begin(&'s self, job: &'s Job, expected: impl FnOnce(&Stat) -> Option<Hash>) -> Result<Stream<'s>, Refusal> {
        if let Some(halt) = self.allowance.halt() {
            return Err(Refusal::Deferred(halt));
        }
        contained(|| {
            let root = self.roots.get(job.source);
            let root = root.ok_or_else(|| Refusal::failed(FailureClass::Permanent, "its source is gone"))?;
            let in_flight = self.marks.map(|marks| marks.begin(&job.file.session_file));
            failpoint::point("open", &job.file.session_file);
            let begun = self.allowance.clock().read();
            let (file, stat) = root.file(&job.path, self.caps.file)?;
            let expected = expected(&stat);
            let unpacker = match Compression::of(&job.path) {
                Some(form) if expected.is_none() => Unpacker::new(form, damage(&begun, &stat))?,
                _ => None,
            };
            let due = if expected.is_some() { &[][..] } else { &job.due };
            let folds = due.iter().map(|due| Guarded::open(self.processors[*due], &job.file)).collect();
            Ok(Stream {
                job,
                reader: self,
                in_flight,
                begun,
                file,
                stat,
                left: stat.size,
                expected,
                unpacker,
                text: 0,
                lines: Lines::new(self.caps.line),
                dialects: dialect::Reader::default(),
                folds,
                tally: Tally::default(),
            })
        })
    }
}

/// Whether a pass of these processors waits for a network.
pub fn is_network_bound(processors: &[&dyn Processor]) -> bool {
    processors.iter().any(|processor| processor.manifest().bound == Bound::Network)
}

/// For this time after its last change, a compressed file that is cut off may still be written to.
const WRITING: TimeDelta = TimeDelta::hours(1);

/// The class of the failure if a compressed file is damaged.
fn damage(now: &Moment, stat: &Stat) -> FailureClass {
    let age = now.wall - DateTime::from_timestamp_nanos(stat.ctime_ns);
    if age.abs() < WRITING { FailureClass::Changed } else { FailureClass::Permanent }
}

/// A panic on the way fails this file only.
fn contained<T>(body: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    guard::guard(body, || Refusal::failed(FailureClass::Panic, "the reader panicked"))
}

impl Stream<'_> {
    /// Size at opening, which limits how many files are read side by side. Bytes appended later are left to the next
    /// pass. A file that is being unpacked counts as infinitely large, since the size of its text is unknown: no
    /// further file is begun while it is read.
    pub fn size(&self) -> u64 {
        if self.unpacker.is_some() { u64::MAX } else { self.stat.size }
    }

    /// Bytes that are not read yet.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Fills the window with the next bytes, the last window as far as there are any. Returns how many.
    ///
    /// # Errors
    ///
    /// If the file is shorter than it was, or cannot be read, or the pass is to stop.
    pub fn window(&mut self, window: &mut [u8]) -> Result<usize, Refusal> {
        if self.reader.allowance.is_stopped() {
            return Err(Refusal::Deferred(Halt::Stopped));
        }
        self.reader.allowance.beat();
        let want = window.len().min(usize::try_from(self.left).unwrap_or(window.len()));
        self.file.read_exact(&mut window[..want]).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                Refusal::failed(FailureClass::Changed, "became shorter while it was read")
            }
            _ => Refusal::failed(FailureClass::Environment, format!("cannot be read: {}", cause(&error))),
        })?;
        self.left -= want as u64;
        Ok(want)
    }

    /// Folds the lines that end in a window.
    ///
    /// # Errors
    ///
    /// If a compressed file is damaged or its text is over a cap, or the reader has a bug.
    pub fn fold(&mut self, window: &[u8]) -> Result<(), Refusal> {
        contained(|| {
            failpoint::point("read", &self.job.file.session_file);
            if self.expected.is_some() {
                return Ok(());
            }
            let Some(mut unpacker) = self.unpacker.take() else { return self.text(window) };
            unpacker.feed(window, &mut |text| self.text(text))?;
            self.unpacker = Some(unpacker);
            Ok(())
        })
    }

    /// Folds the lines that end in a piece of text.
    fn text(&mut self, text: &[u8]) -> Result<(), Refusal> {
        self.text += text.len() as u64;
        if self.text > self.reader.caps.file {
            return Err(Refusal::failed(FailureClass::Rejected, "its text is over the size cap"));
        }
        if self.reader.allowance.is_stopped() {
            return Err(Refusal::Deferred(Halt::Stopped));
        }
        self.reader.allowance.beat();
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(0));
        lines.feed(text, |at, line| self.line(at, line));
        self.lines = lines;
        Ok(())
    }

    /// Whether the file was only hashed, and is not what it was.
    pub fn is_changed(&self, hash: &Hash) -> bool {
        self.expected.is_some_and(|expected| expected != *hash)
    }

    /// Ends the file, of which all windows were folded.
    ///
    /// # Errors
    ///
    /// If a compressed file is cut off, or the reader has a bug.
    pub fn end(mut self, hash: Hash) -> Result<Read, Refusal> {
        contained(|| {
            if let Some(unpacker) = self.unpacker.take() {
                unpacker.end(&mut |text| self.text(text))?;
            }
            self.last_line();
            self.last_words();
            let Self { job, reader, begun, file, stat, folds, tally, expected, in_flight, .. } = self;
            let _waiting = in_flight.as_ref().filter(|_| reader.is_network_bound()).map(InFlight::wait);
            let reading =
                Reading { stat, hash, begun, ended: reader.allowance.clock().read(), local: stat::is_local(&file) };
            let last = job.known.as_ref().and_then(|known| known.look.as_ref());
            let look = Look::of(reading, last, reader.allowance.clock().start.wall);
            if expected.is_some() {
                let verdicts = job.due.iter().map(|due| (*due, Verdict::Unchanged)).collect();
                return Ok(Read { look, tally: None, verdicts });
            }
            let is_unchanged = |due: usize| {
                let version = reader.processors[due].manifest().version;
                let state = job.known.as_ref().and_then(|known| known.state(due));
                state.is_some_and(|state| state.says_all(version, &hash))
            };
            let left = if job.due.iter().all(|due| is_unchanged(*due)) { None } else { reader.left() };
            let verdict = |(due, fold): (&usize, Guarded<'_>)| match left {
                _ if is_unchanged(*due) => (*due, Verdict::Unchanged),
                None => (*due, reader.finish(fold)),
                Some(halt) => (*due, Verdict::Failed(Failure::new(FailureClass::Budget, halt.words()))),
            };
            let verdicts = job.due.iter().zip(folds).map(verdict).collect();
            Ok(Read { look, tally: Some(tally), verdicts })
        })
    }

    /// A line without a line feed counts if it is whole.
    fn last_line(&mut self) {
        let lines = std::mem::replace(&mut self.lines, Lines::new(0));
        if let Some((at, tail)) = lines.tail().filter(|(_, tail)| is_whole(tail)) {
            self.tally.lines += 1;
            self.line(at, Line::Whole(tail));
        }
        self.tally.lines += lines.count();
    }

    /// Lets dialects report what they only know at the end of the file.
    fn last_words(&mut self) {
        let Self { reader, folds, tally, dialects, .. } = self;
        dialects.end(&mut |event| {
            tally.event(event);
            folds.iter_mut().for_each(|fold| fold.event(event, reader.caps.facts));
        });
        tally.dialect = dialects.dialect();
        tally.dialects = dialects.dialects().collect();
    }

    fn line(&mut self, at: At, line: Line<'_>) {
        let Self { reader, folds, tally, dialects, .. } = self;
        let mut each = |event: &Event<'_>| {
            tally.event(event);
            folds.iter_mut().for_each(|fold| fold.event(event, reader.caps.facts));
        };
        match line {
            Line::Whole(line) => {
                let (blanks, line) = trim(line);
                dialects.line(at.number, at.offset + blanks, line, &mut each);
            }
            Line::Oversize => dialects.oversize(at.number, &mut each),
        }
    }
}

impl Tally {
    fn event(&mut self, event: &Event<'_>) {
        match event.said {
            Said::Malformed { .. } => self.malformed += 1,
            Said::Record { kind: name, known: false } => {
                let full = self.unknown.len() >= UNKNOWN_TYPES && !self.unknown.contains_key(name);
                let name = if full || !is_type_name(name) { OTHER_TYPES } else { name };
                *self.unknown.entry(name.to_owned()).or_default() += 1;
            }
            _ => {}
        }
    }
}

/// Whether a name can be that of a type: a few words of letters, or a few nested types. Anything else in its place,
/// such as a key or an address, is not shown.
fn is_type_name(name: &str) -> bool {
    const DEPTH: usize = 3;
    const WORDS: usize = 6;
    const LETTERS: usize = 20;
    let is_word = |word: &str| (1..=LETTERS).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphabetic());
    let words = |name: &str| name.split(['-', '_']).count() <= WORDS && name.split(['-', '_']).all(is_word);
    name.split('/').count() <= DEPTH && name.split('/').all(|name| name == Dialect::NO_TYPE || words(name))
}

/// The line without what is no part of a record: white space, a byte-order mark, and the zeros that
/// a crash leaves in place of a block that was never written. Returns how many bytes stand in front of it.
pub(crate) fn trim(line: &[u8]) -> (u64, &[u8]) {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let line = &line[start..end];
    match line.strip_prefix(BYTE_ORDER_MARK) {
        Some(line) => ((start + BYTE_ORDER_MARK.len()) as u64, line),
        None => (start as u64, line),
    }
}

/// Whether an unfinished last line is one or more whole JSON objects, or lists of them; else it waits for its end.
pub(crate) fn is_whole(tail: &[u8]) -> bool {
    let (_, tail) = trim(tail);
    let mut values = serde_json::Deserializer::from_slice(tail).into_iter::<serde::de::IgnoredAny>();
    matches!(tail.first(), Some(b'{' | b'[')) && values.all(|value| value.is_ok())
}

/// A fold whose panic is contained.
enum Guarded<'s> {
    Live(Box<dyn Fold + 's>),
    /// It holds more facts than a file may have.
    Full,
    Failed(Failure),
}

impl<'s> Guarded<'s> {
    fn open(processor: &'s dyn Processor, file: &'s SourceFile) -> Self {
        match guard::processor(" before the first line", || Ok(processor.open(file))) {
            Ok(fold) => Self::Live(fold),
            Err(failure) => Self::Failed(failure),
        }
    }

    fn event(&mut self, event: &Event<'_>, cap: usize) {
        let Self::Live(fold) = self else { return };
        let held = guard::guard(
            || {
                fold.event(event);
                Ok(fold.held())
            },
            || guard::panicked(&format!(" at line {}", event.line)),
        );
        match held {
            Ok(held) if held > cap => *self = Self::Full,
            Ok(_) => {}
            Err(failure) => *self = Self::Failed(failure),
        }
    }

    fn finish(self) -> Verdict {
        let fold = match self {
            Self::Live(fold) => fold,
            Self::Full => {
                return Verdict::Failed(Failure::new(FailureClass::Rejected, "over the cap on facts of a file"));
            }
            Self::Failed(failure) => return Verdict::Failed(failure),
        };
        let mut facts = Rows::default();
        match guard::processor(" after the last line", || fold.finish(&mut facts)) {
            Ok(()) => Verdict::Facts(facts),
            Err(failure) => Verdict::Failed(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_name_is_a_few_words() {
        for name in [
            "user",
            "file-history-snapshot",
            "turn_context",
            "sessionMeta",
            Dialect::NO_TYPE,
            "event_msg/new_thing",
            "event_msg/item_completed/NewThing",
            "event_msg/(no type)",
        ] {
            assert!(is_type_name(name), "{name}");
        }
        for other in [
            "",
            "-",
            "a--b",
            "sk-ant-api03",
            "ada@example.org",
            "a b",
            "süß",
            "a-b-c-d-e-f-g",
            &"x".repeat(21),
            "a.b",
            "a/",
            "/home/ada",
            "a/b/c/d",
        ] {
            assert!(!is_type_name(other), "{other}");
        }
    }

    #[test]
    fn a_line_is_trimmed_of_what_is_no_record() {
        assert_eq!(trim(b"\0\0 {}\r"), (3, &b"{}"[..]));
        assert_eq!(trim(b"\xef\xbb\xbf{}"), (3, &b"{}"[..]));
        assert_eq!(trim(b" \0\r"), (3, &b""[..]));
    }

    #[test]
    fn an_unfinished_line_counts_if_it_is_whole() {
        for (tail, whole) in [
            (&b"{\"a\":1}"[..], true),
            (b"{\"a\":1}{\"b\":2}", true),
            (b"{\"a\":1}{\"b\"", false),
            (b"[{\"a\":1}]", true),
            (b"[{\"a\":1}", false),
            (b"{\"a\":", false),
            (b"12", false),
            (b"", false),
        ] {
            assert_eq!(is_whole(tail), whole, "{}", tail.escape_ascii());
        }
    }
}
