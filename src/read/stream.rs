//! A file that is read window by window: it is opened, hashed or folded, and ended.

use crate::base::error::cause;
use crate::base::failpoint;
use crate::base::guard;
use crate::base::hash::Hash;
use crate::base::limits::Halt;
use crate::base::moment::Moment;
use crate::dialect;
use crate::read::guarded_fold::GuardedFold;
use crate::read::in_flight::InFlight;
use crate::read::job::Job;
use crate::read::lines::{At, Line, Lines, is_whole, trim};
use crate::read::{LineCounts, Read, Reader, Verdict};
use crate::source::compression::{Compression, Unpacker};
use crate::source::look::{Look, Reading};
use crate::source::open::Refusal;
use crate::source::stat::{self, Stat};
use chrono::{DateTime, TimeDelta};
use sessionmill_contract::{Event, Failure, FailureClass};
use std::fs::File;
use std::io::Read as _;

/// A file that is being read.
pub struct Stream<'s> {
    pub job: &'s Job,
    reader: &'s Reader<'s>,
    /// The mark of the file, while it is read.
    in_flight: Option<InFlight<'s>>,
    /// The time before the metadata was read.
    begun: Moment,
    file: File,
    stat: Stat,
    /// The number of bytes that are not read yet.
    left: u64,
    /// If given, the file is only hashed: this is the hash with which all due processors have processed it.
    expected: Option<Hash>,
    /// For a compressed file.
    unpacker: Option<Unpacker>,
    /// The number of bytes of text so far.
    text: u64,
    lines: Lines,
    dialects: dialect::Reader,
    folds: Vec<GuardedFold<'s>>,
    tally: LineCounts,
}

impl<'s> Reader<'s> {
    /// Opens a file. If it is probably unchanged, it will only be hashed.
    ///
    /// # Errors
    ///
    /// If the pass has no time left, or the file cannot or must not be opened.
    pub fn open(&'s self, job: &'s Job) -> Result<Stream<'s>, Refusal> {
        self.begin(job, |stat| job.expected(stat, self.processors))
    }

    /// Opens a file again that has turned out to be changed.
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
            let folds = due.iter().map(|due| GuardedFold::open(self.processors[*due], &job.file)).collect();
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
                tally: LineCounts::default(),
            })
        })
    }
}

impl Stream<'_> {
    /// The size at opening, in bytes, which limits how many files are read side by side. Bytes that are appended later
    /// are left to the next pass. A compressed file counts as infinitely large, because the size of its text is
    /// unknown: no other file is begun while it is unpacked.
    pub fn size(&self) -> u64 {
        if self.unpacker.is_some() { u64::MAX } else { self.stat.size }
    }

    /// The number of bytes that are not read yet.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Fills the window with the next bytes of the file. Returns their number, which is less than the size of the
    /// window only at the end of the file.
    ///
    /// # Errors
    ///
    /// If the file has become shorter, or cannot be read, or the pass is to stop.
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

    /// Folds the lines that end in a window of the file.
    ///
    /// # Errors
    ///
    /// If a compressed file is damaged, its text is over a cap, the pass is to stop, or the reader panics.
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

    /// Folds the lines that end in a piece of text. The text of a compressed file is unpacked.
    fn text(&mut self, text: &[u8]) -> Result<(), Refusal> {
        self.text += text.len() as u64;
        if self.text > self.reader.caps.file {
            return Err(Refusal::failed(FailureClass::Rejected, "its text is over the size cap"));
        }
        if self.reader.allowance.is_stopped() {
            return Err(Refusal::Deferred(Halt::Stopped));
        }
        self.reader.allowance.beat();
        self.lines.refuse_utf_16(text)?;
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(0));
        lines.feed(text, |at, line| self.line(at, line));
        self.lines = lines;
        Ok(())
    }

    /// Whether the file was only hashed, and its hash differs from the expected one.
    pub fn is_changed(&self, hash: &Hash) -> bool {
        self.expected.is_some_and(|expected| expected != *hash)
    }

    /// Ends a file whose windows were all folded.
    ///
    /// # Errors
    ///
    /// If a compressed file is cut off, or the reader panics.
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
            // If no time is left, changed files are left to the next pass.
            let left = if job.due.iter().all(|due| is_unchanged(*due)) { None } else { reader.left() };
            let verdict = |(due, fold): (&usize, GuardedFold<'_>)| match left {
                _ if is_unchanged(*due) => (*due, Verdict::Unchanged),
                None => (*due, reader.finish(fold)),
                Some(halt) => (*due, Verdict::Failed(Failure::new(FailureClass::Budget, halt.words()))),
            };
            let verdicts = job.due.iter().zip(folds).map(verdict).collect();
            Ok(Read { look, tally: Some(tally), verdicts })
        })
    }

    /// Folds a last line without a line feed if it is complete.
    fn last_line(&mut self) {
        let lines = std::mem::replace(&mut self.lines, Lines::new(0));
        if let Some((at, tail)) = lines.tail().filter(|(_, tail)| is_whole(tail)) {
            self.tally.lines += 1;
            self.line(at, Line::Whole(tail));
        }
        self.tally.lines += lines.count();
    }

    /// Lets dialects report what they know only at the end of the file.
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

/// A compressed file that is cut off may still be being written for this time after its last change.
const WRITING: TimeDelta = TimeDelta::hours(1);

/// The class of the failure if a compressed file is damaged: `changed`, which is retried, if it may still be being
/// written.
fn damage(now: &Moment, stat: &Stat) -> FailureClass {
    let age = now.wall - DateTime::from_timestamp_nanos(stat.ctime_ns);
    if age.abs() < WRITING { FailureClass::Changed } else { FailureClass::Permanent }
}

/// If `body` panics, only this file fails.
fn contained<T>(body: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    guard::guard(body, || Refusal::failed(FailureClass::Panic, "the reader panicked"))
}
