//! What a run did, per processor: every file in exactly one counted state.

use crate::base::error::{count, thousands};
use crate::base::heartbeat::Heartbeat;
use crate::base::printable::{printable, short};
use crate::pass::plan::{Plan, Reason};
use crate::pass::settled::Settled;
use crate::read::job::Job;
use crate::read::{Outcome, Read, Verdict};
use crate::source::open::Refusal;
use crate::source::rejection::Rejection;
use crate::source::retry::{Fate, Standing};
use crate::store::failures::FailedKey;
use serde::{Deserialize, Serialize};
use sessionmill_contract::{Failure, FailureClass, Manifest, SourceFile};
use std::fmt::Write as _;
use std::time::Duration;

/// The outcome of a run.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    pub processors: Vec<Counts>,
    /// A signal ended it early.
    #[serde(rename = "stopped")]
    pub is_stopped: bool,
    #[serde(flatten)]
    pub notices: Notices,
}

/// What is to be known about a run that is no file's fault.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Notices {
    /// Somebody should act.
    pub alarms: Vec<String>,
    /// Somebody should know.
    pub warnings: Vec<String>,
}

/// The counters of one processor. `files = unchanged + scanned` and
/// `scanned = processed + skipped + deferred + rejected + errors`.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub struct Counts {
    pub processor: String,
    /// Transcripts that the walk found.
    pub files: u64,
    /// Proven unchanged by the stat alone.
    pub unchanged: u64,
    pub scanned: u64,
    pub processed: u64,
    /// Proven unchanged by the hash.
    pub skipped: u64,
    /// The part of `skipped` whose stat had moved.
    pub touched: u64,
    /// Left for the next run, by a limit of this one.
    pub deferred: u64,
    /// Not taken, for a reason that stays until the file changes.
    pub rejected: u64,
    /// The part of `rejected` that is of people who are forgotten, whom no list names.
    #[serde(skip_serializing_if = "is_none")]
    pub forgotten: u64,
    pub errors: u64,
    /// Facts of the files that were processed.
    pub items_extracted: u64,
    /// In the files that were processed.
    pub malformed_lines: u64,
    /// Items that were known from transcripts and are in none any more.
    pub dropped: u64,
    pub bytes_read: u64,
    /// Milliseconds.
    pub elapsed_ms: u64,
    pub errors_detail: Vec<FileError>,
    pub rejected_detail: Vec<FileError>,
    /// Keys that could not be settled, in this run or before.
    pub unsettled_keys: u64,
    /// The part of `unsettled_keys` that is given up.
    #[serde(skip)]
    pub dead_keys: u64,
    /// Why they could not be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsettled_detail: Vec<KeyError>,
    pub deferred_detail: Vec<String>,
    /// Why they are left, most of them first.
    pub deferred_reasons: Vec<Deferral>,
    pub dropped_detail: Vec<Dropped>,
}

fn is_none(number: &u64) -> bool {
    *number == 0
}

/// Why files are left for the next run.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Deferral {
    pub reason: String,
    pub files: u64,
}

/// What a transcript told before and does not any more, nor does another one.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Dropped {
    pub session: String,
    pub items: u64,
}

/// Why a file was not processed.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct FileError {
    pub session: String,
    pub class: &'static str,
    pub error: String,
}

/// Why a key could not be settled.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct KeyError {
    pub key: String,
    pub class: &'static str,
    pub error: String,
}

/// Counts a pass on its way.
#[derive(Debug)]
pub struct Tally<'m> {
    manifests: &'m [&'m Manifest],
    counts: Vec<Counts>,
    files: u64,
    /// Files that were read before and are rejected now.
    lost: u64,
}

impl<'m> Tally<'m> {
    /// Counts what the plan already decides.
    pub fn begin(manifests: &'m [&'m Manifest], plan: &Plan) -> Self {
        let counts = manifests.iter().zip(&plan.left).map(|(manifest, left)| {
            let unchanged = left.unchanged;
            let mut counts = Counts { processor: manifest.name.to_owned(), unchanged, ..Counts::default() };
            left.files.iter().for_each(|(file, reason)| counts.left(file, reason));
            counts
        });
        Self { manifests, counts: counts.collect(), files: 0, lost: plan.lost }
    }

    /// Counts a group that was committed.
    pub fn record(&mut self, group: &[Outcome]) {
        for Outcome { job, result } in group {
            self.files += 1;
            let is_known = job.known.as_ref().is_some_and(|known| known.look.is_some());
            self.lost += u64::from(is_known && matches!(result, Err(Refusal::Rejected(_))));
            match result {
                Ok(read) => {
                    for (due, verdict) in &read.verdicts {
                        self.counts[*due].verdict(self.manifests[*due], job, read, verdict);
                    }
                }
                Err(refusal) => {
                    for due in &job.due {
                        let counts = &mut self.counts[*due];
                        match refusal {
                            Refusal::Rejected(rejection) => counts.rejected(&job.file, rejection.words()),
                            Refusal::Failed(failure) => counts.failed(&job.file, failure),
                            Refusal::Deferred(halt) => counts.deferred(&job.file, halt.words()),
                        }
                    }
                }
            }
        }
    }

    /// Counts what settling left behind, for each processor.
    #[must_use]
    pub fn settled(mut self, settled: Vec<Settled>) -> Self {
        self.counts.iter_mut().zip(settled).for_each(|(counts, settled)| counts.settled(settled));
        self
    }

    /// Files that were looked into so far.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// Adds up.
    pub fn end(mut self, elapsed: Duration, mut notices: Notices, stop: &Heartbeat) -> Summary {
        if self.lost > 0 {
            let files = count(self.lost, "transcript");
            notices.alarms.push(format!("{files} read before, rejected now: what is new there is not counted"));
        }
        for counts in &mut self.counts {
            counts.close();
            counts.elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            counts.errors_detail.sort_by(|a, b| a.session.cmp(&b.session));
            counts.rejected_detail.sort_by(|a, b| a.session.cmp(&b.session));
            counts.unsettled_detail.sort_by(|a, b| a.key.cmp(&b.key));
            counts.deferred_detail.sort();
            counts.deferred_reasons.sort_by(|a, b| b.files.cmp(&a.files).then_with(|| a.reason.cmp(&b.reason)));
        }
        Summary { processors: self.counts, is_stopped: stop.is_stopped(), notices }
    }
}

/// So many files are named in words; the JSON names all of them.
const NAMED: usize = 10;

impl Summary {
    /// Adds what another pass of the same run did. Both walk the same tree, and tell the same of it.
    pub fn append(&mut self, other: Self) {
        self.processors.extend(other.processors);
        self.is_stopped |= other.is_stopped;
        let new = |all: &mut Vec<String>, more: Vec<String>| {
            let more: Vec<_> = more.into_iter().filter(|text| !all.contains(text)).collect();
            all.extend(more);
        };
        new(&mut self.notices.alarms, other.notices.alarms);
        new(&mut self.notices.warnings, other.notices.warnings);
    }

    /// The summary of each processor by itself. All of them walked the same tree.
    pub fn apart(self) -> Vec<Self> {
        let Self { processors, is_stopped, notices } = self;
        let one = |counts| Self { processors: vec![counts], is_stopped, notices: notices.clone() };
        processors.into_iter().map(one).collect()
    }

    pub fn failed(&self) -> bool {
        !self.notices.alarms.is_empty() || self.processors.iter().any(Counts::is_failed)
    }

    /// The summary in words.
    pub fn words(&self) -> String {
        let mut words = String::new();
        for counts in &self.processors {
            counts.write(&mut words);
        }
        if self.is_stopped {
            words.push_str("stopped early; the next run goes on from here\n");
        }
        let Notices { alarms, warnings } = &self.notices;
        name(&mut words, alarms.iter().map(|alarm| format!("alarm: {}", printable(alarm))), alarms.len() as u64);
        name(&mut words, warnings.iter().map(|text| format!("warning: {}", printable(text))), warnings.len() as u64);
        words
    }
}

impl Counts {
    /// Whether something is to be tried again.
    pub fn is_failed(&self) -> bool {
        self.errors > 0 || self.unsettled_keys > 0
    }

    fn verdict(&mut self, manifest: &Manifest, job: &Job, read: &Read, verdict: &Verdict) {
        self.bytes_read += read.look.stat.size;
        match verdict {
            Verdict::Unchanged => {
                self.skipped += 1;
                let last = job.known.as_ref().and_then(|known| known.look.as_ref());
                self.touched += u64::from(last.is_some_and(|last| last.stat != read.look.stat));
            }
            Verdict::Facts(_) => {
                self.processed += 1;
                self.items_extracted += verdict.items(manifest);
                self.malformed_lines += read.tally.as_ref().map_or(0, |tally| tally.malformed);
            }
            Verdict::Failed(failure) => self.failed(&job.file, failure),
        }
    }

    /// Counts a file that is not looked into.
    fn left(&mut self, file: &SourceFile, reason: &Reason) {
        match reason {
            // Who is forgotten is not named.
            Reason::Rejected(Rejection::Forgotten) => {
                self.rejected += 1;
                self.forgotten += 1;
            }
            Reason::Rejected(rejection) => self.rejected(file, rejection.words()),
            Reason::Failed(standing) => self.held(file, standing),
            Reason::Growing(quiet) => self.deferred(file, &quiet.words()),
            Reason::Unchanged => self.unchanged += 1,
            // It is counted by what becomes of it.
            Reason::Due | Reason::Retry => {}
        }
    }

    /// Counts what transcripts do not tell any more, and the keys that could not be settled, whether they were tried
    /// or not.
    fn settled(&mut self, Settled { dropped, unsettled, .. }: Settled) {
        self.dropped = dropped.iter().map(|(_, items)| items).sum();
        self.dropped_detail = dropped.into_iter().map(|(session, items)| Dropped { session, items }).collect();
        self.unsettled_keys = unsettled.len() as u64;
        self.dead_keys = unsettled.iter().filter(|failed| failed.standing.fate == Fate::Dead).count() as u64;
        let error = |FailedKey { key, standing, .. }: FailedKey| {
            let Failure { class, message, .. } = standing.failure;
            KeyError { key, class: class.name(), error: message }
        };
        self.unsettled_detail = unsettled.into_iter().map(error).collect();
    }

    /// Counts a failure that stands as what it was.
    fn held(&mut self, file: &SourceFile, standing: &Standing) {
        match standing.fate {
            Fate::Dropped => self.rejected(file, &format!("dropped by hand: {}", standing.failure)),
            Fate::Retry | Fate::Dead => self.failed(file, &standing.failure),
        }
    }

    fn failed(&mut self, file: &SourceFile, failure: &Failure) {
        if failure.class == FailureClass::Rejected {
            return self.rejected(file, &failure.message);
        }
        if failure.class.defers() {
            return self.deferred(file, &failure.message);
        }
        self.errors += 1;
        let error = failure.message.clone();
        self.errors_detail.push(FileError { session: file.session_file.clone(), class: failure.class.name(), error });
    }

    fn rejected(&mut self, file: &SourceFile, reason: &str) {
        self.rejected += 1;
        let error = reason.to_owned();
        self.rejected_detail.push(FileError { session: file.session_file.clone(), class: "rejected", error });
    }

    fn deferred(&mut self, file: &SourceFile, reason: &str) {
        self.deferred += 1;
        self.deferred_detail.push(file.session_file.clone());
        match self.deferred_reasons.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.files += 1,
            None => self.deferred_reasons.push(Deferral { reason: reason.to_owned(), files: 1 }),
        }
    }

    /// Derives the sums, when all files are counted.
    fn close(&mut self) {
        self.scanned = self.processed + self.skipped + self.deferred + self.rejected + self.errors;
        self.files = self.unchanged + self.scanned;
    }

    fn write(&self, words: &mut String) {
        let mut line =
            format!("{}: {}, {} changed", self.processor, count(self.files, "file"), thousands(self.processed.into()));
        for (number, what) in [
            (self.touched, "touched only"),
            (self.deferred, "deferred"),
            (self.rejected, "rejected"),
            (self.errors, "failed"),
        ] {
            if number > 0 {
                let _ = write!(line, ", {} {what}", thousands(number.into()));
            }
        }
        if self.processed > 0 {
            let _ = write!(line, "; {} from {}", count(self.items_extracted, "item"), bytes(self.bytes_read));
        }
        if self.malformed_lines > 0 {
            let _ = write!(line, ", {} skipped", count(self.malformed_lines, "malformed line"));
        }
        let _ = writeln!(words, "{line} ({})", duration(self.elapsed_ms));
        let failed = self
            .errors_detail
            .iter()
            .map(|e| format!("failed `{}`: {}: {}", printable(&short(&e.session)), e.class, e.error));
        let rejected =
            self.rejected_detail.iter().map(|e| format!("rejected `{}`: {}", printable(&short(&e.session)), e.error));
        if self.forgotten > 0 {
            let _ = writeln!(words, "  rejected {} of people who are forgotten", count(self.forgotten, "file"));
        }
        let why = |Deferral { reason, files }: &Deferral| {
            format!("deferred {}: {}", count(*files, "file"), printable(reason))
        };
        name(words, failed, self.errors);
        if self.errors > 0 {
            let _ = writeln!(words, "  more about them: sessionmill failures");
        }
        name(words, rejected, self.rejected - self.forgotten);
        name(words, self.deferred_reasons.iter().map(why), self.deferred_reasons.len() as u64);
        let gone = |Dropped { session, items }: &Dropped| {
            format!("dropped {} of `{}`: no transcript has them any more", count(*items, "item"), printable(session))
        };
        name(words, self.dropped_detail.iter().map(gone), self.dropped_detail.len() as u64);
        if self.unsettled_keys > self.dead_keys {
            let keys = count(self.unsettled_keys - self.dead_keys, "key");
            let _ = writeln!(words, "  {keys} could not be settled and will be tried again");
        }
        if self.dead_keys > 0 {
            let _ = writeln!(words, "  {} given up: sessionmill failures", count(self.dead_keys, "key"));
        }
        if self.unsettled_keys > 0 {
            let failed = |e: &KeyError| format!("failed key `{}`: {}: {}", printable(&short(&e.key)), e.class, e.error);
            name(words, self.unsettled_detail.iter().map(failed), self.unsettled_keys);
        }
    }
}

fn name(words: &mut String, lines: impl Iterator<Item = String>, all: u64) {
    for line in lines.take(NAMED) {
        let _ = writeln!(words, "  {line}");
    }
    let more = all.saturating_sub(NAMED as u64);
    if more > 0 {
        let _ = writeln!(words, "  and {} more", thousands(more.into()));
    }
}

/// `512 B`, `1.5 MB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1000.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if size < 999.95 {
            break;
        }
        size /= 1000.0;
        unit = next;
    }
    format!("{size:.1} {unit}")
}

/// `40 ms`, `1.5 s`, `2 min 5 s`.
pub(crate) fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds / 1000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_tell_what_the_counts_do() {
        let mut counts = Counts {
            processor: "count".into(),
            unchanged: 997,
            processed: 1,
            deferred: 1,
            errors: 1,
            items_extracted: 12,
            bytes_read: 1_500_000,
            elapsed_ms: 40,
            deferred_detail: vec!["ada/b.jsonl".into()],
            deferred_reasons: vec![Deferral { reason: "the time of this run is used up".into(), files: 1 }],
            dropped_detail: vec![Dropped { session: "ada/c.jsonl".into(), items: 2 }],
            errors_detail: vec![FileError { session: "ada/a.jsonl".into(), class: "panic", error: "at line 1".into() }],
            ..Counts::default()
        };
        counts.close();
        assert_eq!((counts.files, counts.scanned), (1000, 3));
        let words = Summary { processors: vec![counts], ..Summary::default() }.words();
        assert_eq!(
            words,
            "count: 1,000 files, 1 changed, 1 deferred, 1 failed; 12 items from 1.5 MB (40 ms)\n  \
             failed `ada/a.jsonl`: panic: at line 1\n  more about them: sessionmill failures\n  \
             deferred 1 file: the time of this run is used up\n  \
             dropped 2 items of `ada/c.jsonl`: no transcript has them any more\n"
        );
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.0 kB");
        assert_eq!(bytes(999_950), "1.0 MB");
        assert_eq!(bytes(u64::MAX), "18446.7 PB");
    }
}
