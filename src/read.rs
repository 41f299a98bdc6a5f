//! One source file, read once: the bytes that are hashed are the bytes that are parsed.
//!
//! The file streams through a window; every due processor folds the same events. Nothing here knows
//! the database, and a panic of a processor ends its own fold only.

use crate::dialect::{Dialect, Parser};
use crate::failpoint;
use crate::flight::Flight;
use crate::ledger::Hash;
use crate::lines::{Line, Lines};
use crate::look::{Look, Reading};
use crate::moment::Clock;
use crate::open::{Refusal, Root};
use crate::plan::Job;
use crate::registry;
use crate::stat;
use md5::{Digest, Md5};
use serde::Deserialize;
use sessionmill_contract::{Event, Failure, FailureClass, Fold, Kind, Manifest, Processor, Record, Rows, SourceFile};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a worker needs to read the jobs of a pass.
#[derive(Clone, Copy)]
pub struct Reader<'p> {
    pub clock: &'p Clock,
    /// Where files are marked while they are read.
    pub flight: Option<&'p Flight>,
    /// One per source.
    pub roots: &'p [Root],
    pub processors: &'p [&'p dyn Processor],
    pub caps: Caps,
}

/// Bounds on what one file can cost. What is over them is rejected or skipped, and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Bytes of a file.
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

/// What reading a job came to.
#[derive(Debug)]
pub struct Outcome {
    pub job: Job,
    pub result: Result<Read, Refusal>,
}

/// A file that was read whole.
#[derive(Debug)]
pub struct Read {
    pub look: Look,
    pub tally: Tally,
    /// For each due processor.
    pub verdicts: Vec<(usize, Verdict)>,
}

/// What reading a file came to for one processor.
#[derive(Debug)]
pub enum Verdict {
    /// The hash says what the ledger says.
    Unchanged,
    Facts(Rows),
    Failed(Failure),
}

/// What the lines of a file were.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub dialect: &'static str,
    /// Lines, blank and malformed ones included; an unfinished last line is none yet.
    pub lines: u64,
    pub malformed: u64,
    /// Records of types that the dialect does not know.
    pub unknown: BTreeMap<String, u64>,
}

const WINDOW: usize = 64 << 10;

/// Names of unknown types come from outside: so many of them are kept.
const UNKNOWN_TYPES: usize = 100;
const OTHER_TYPES: &str = "(other types)";

impl Outcome {
    /// The job is left for the next pass.
    pub fn deferred(job: Job) -> Self {
        Self { job, result: Err(Refusal::Deferred) }
    }

    /// Items that the processors extracted.
    pub fn items(&self, manifests: &[&Manifest]) -> u64 {
        let Ok(read) = &self.result else { return 0 };
        read.verdicts.iter().map(|(due, verdict)| verdict.items(manifests[*due])).sum()
    }
}

impl Verdict {
    /// Items that a processor extracted: the facts that it settles.
    pub fn items(&self, manifest: &Manifest) -> u64 {
        let Self::Facts(rows) = self else { return 0 };
        manifest.settlements.iter().map(|settlement| rows.of(settlement.facts).count() as u64).sum()
    }
}

impl Reader<'_> {
    /// Reads one file.
    pub fn read(&self, job: Job) -> Outcome {
        let _in_flight = self.flight.map(|flight| flight.begin(&job.file.session_file));
        failpoint::point("open", &job.file.session_file);
        let result = catch_unwind(AssertUnwindSafe(|| self.try_read(&job)))
            .unwrap_or_else(|_| Err(Refusal::Failed(Failure::new(FailureClass::Panic, "the reader panicked"))));
        Outcome { job, result }
    }

    fn try_read(&self, job: &Job) -> Result<Read, Refusal> {
        let root = self.roots.get(job.source).ok_or_else(|| failed(FailureClass::Permanent, "its source is gone"))?;
        let begun = self.clock.read();
        let (file, stat) = root.file(&job.path, self.caps.file)?;
        let local = stat::is_local(&file);
        let folds = job.due.iter().map(|due| Guarded::open(self.processors[*due], &job.file)).collect();
        let mut stream =
            Stream { about: &job.file.session_file, folds, tally: Tally::default(), parser: None, caps: self.caps };
        let hash = stream.run(file, stat.size)?;
        let Stream { folds, tally, .. } = stream;
        let reading = Reading { stat, hash, begun, ended: self.clock.read(), local };
        let last = job.known.as_ref().and_then(|known| known.look.as_ref());
        let look = Look::of(reading, last, self.clock.start.wall);
        let verdict = |(due, fold): (&usize, Guarded<'_>)| {
            let version = self.processors[*due].manifest().version;
            let state = job.known.as_ref().and_then(|known| known.state(*due));
            match state {
                Some(state) if state.hash == Some(hash) && state.version == Some(version) => (*due, Verdict::Unchanged),
                _ => (*due, fold.finish()),
            }
        };
        let verdicts = job.due.iter().zip(folds).map(verdict).collect();
        Ok(Read { look, tally, verdicts })
    }
}

fn failed(class: FailureClass, message: &str) -> Refusal {
    Refusal::Failed(Failure::new(class, message))
}

/// A file on its way through the folds.
struct Stream<'s> {
    about: &'s str,
    folds: Vec<Guarded<'s>>,
    tally: Tally,
    parser: Option<Box<dyn Parser>>,
    caps: Caps,
}

impl Stream<'_> {
    /// Reads exactly `size` bytes. What was appended since the stat is the next pass's.
    fn run(&mut self, mut file: File, size: u64) -> Result<Hash, Refusal> {
        let mut hash = Md5::new();
        let mut lines = Lines::new(self.caps.line);
        let mut window = vec![0; WINDOW];
        let mut left = size;
        while left > 0 {
            let want = WINDOW.min(usize::try_from(left).unwrap_or(WINDOW));
            let read = match file.read(&mut window[..want]) {
                Ok(0) => return Err(failed(FailureClass::Changed, "became shorter while it was read")),
                Ok(read) => &window[..read],
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(failed(FailureClass::Environment, &format!("cannot be read: {}", error.kind())));
                }
            };
            left -= read.len() as u64;
            hash.update(read);
            self.recognise(read);
            failpoint::point("read", self.about);
            lines.feed(read, |number, line| self.line(number, line));
        }
        if let Some((number, tail)) = lines.tail().filter(|(_, tail)| is_whole(tail)) {
            self.tally.lines += 1;
            self.line(number, Line::Whole(tail));
        }
        self.tally.lines += lines.count();
        Ok(hash.finalize().into())
    }

    fn recognise(&mut self, head: &[u8]) {
        if self.parser.is_none() {
            let Dialect { name, open, .. } = registry::dialect_of(head);
            self.tally.dialect = name;
            self.parser = Some(open());
        }
    }

    fn line(&mut self, number: u64, line: Line<'_>) {
        let Self { folds, tally, parser, caps, .. } = self;
        let mut each = |event: &Event<'_>| {
            tally.event(event);
            folds.iter_mut().for_each(|fold| fold.event(event, caps.facts));
        };
        match (line, parser) {
            (Line::Whole(line), Some(parser)) => {
                let line = trim(line);
                if !line.is_empty() {
                    parser.line(number, line, &mut each);
                }
            }
            _ => each(&Event { record: &Record { line: number, ..Record::default() }, kind: Kind::Malformed }),
        }
    }
}

impl Tally {
    fn event(&mut self, event: &Event<'_>) {
        match event.kind {
            Kind::Malformed => self.malformed += 1,
            Kind::Line { name, known: false } => {
                let full = self.unknown.len() >= UNKNOWN_TYPES && !self.unknown.contains_key(name);
                let name = if full || !is_type_name(name) { OTHER_TYPES } else { name };
                *self.unknown.entry(name.to_owned()).or_default() += 1;
            }
            _ => {}
        }
    }
}

/// Whether a name can be that of a type: a few words of letters. What else stands in its place, such
/// as a key or an address, is shown to nobody.
fn is_type_name(name: &str) -> bool {
    const WORDS: usize = 6;
    const LETTERS: usize = 20;
    let is_word = |word: &str| (1..=LETTERS).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphabetic());
    name == Dialect::NO_TYPE || name.split(['-', '_']).count() <= WORDS && name.split(['-', '_']).all(is_word)
}

/// The line without what is no part of a record: white space, a byte-order mark, and the zeros that
/// a crash leaves in place of a block that was never written.
fn trim(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    let line = &line[start..end];
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// Whether an unfinished last line is one or more whole JSON objects; else it waits for its end.
fn is_whole(tail: &[u8]) -> bool {
    let tail = trim(tail);
    let mut values = serde_json::Deserializer::from_slice(tail).into_iter::<serde::de::IgnoredAny>();
    tail.first() == Some(&b'{') && values.all(|value| value.is_ok())
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
        match catch_unwind(AssertUnwindSafe(|| processor.open(file))) {
            Ok(fold) => Self::Live(fold),
            Err(_) => Self::Failed(panicked("before the first line")),
        }
    }

    fn event(&mut self, event: &Event<'_>, cap: usize) {
        let Self::Live(fold) = self else { return };
        let held = catch_unwind(AssertUnwindSafe(|| {
            fold.event(event);
            fold.held()
        }));
        match held {
            Ok(held) if held > cap => *self = Self::Full,
            Ok(_) => {}
            Err(_) => *self = Self::Failed(panicked(&format!("at line {}", event.record.line))),
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
        let finished = catch_unwind(AssertUnwindSafe(|| {
            let mut facts = Rows::default();
            fold.finish(&mut facts).map(|()| facts)
        }));
        match finished {
            Ok(Ok(facts)) => Verdict::Facts(facts),
            Ok(Err(failure)) => Verdict::Failed(failure),
            Err(_) => Verdict::Failed(panicked("after the last line")),
        }
    }
}

fn panicked(place: &str) -> Failure {
    Failure::new(FailureClass::Panic, format!("the processor panicked {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_name_is_a_few_words() {
        for name in ["user", "file-history-snapshot", "turn_context", "sessionMeta", Dialect::NO_TYPE] {
            assert!(is_type_name(name), "{name}");
        }
        for other in
            ["", "-", "a--b", "sk-ant-api03", "ada@example.org", "a b", "süß", "a-b-c-d-e-f-g", &"x".repeat(21), "a.b"]
        {
            assert!(!is_type_name(other), "{other}");
        }
    }

    #[test]
    fn a_line_is_trimmed_of_what_is_no_record() {
        assert_eq!(trim(b"\0\0 {}\r"), b"{}");
        assert_eq!(trim(b"\xef\xbb\xbf{}"), b"{}");
        assert_eq!(trim(b" \0\r"), b"");
    }

    #[test]
    fn an_unfinished_line_counts_if_it_is_whole() {
        for (tail, whole) in [
            (&b"{\"a\":1}"[..], true),
            (b"{\"a\":1}{\"b\":2}", true),
            (b"{\"a\":1}{\"b\"", false),
            (b"{\"a\":", false),
            (b"12", false),
            (b"", false),
        ] {
            assert_eq!(is_whole(tail), whole, "{}", tail.escape_ascii());
        }
    }
}
