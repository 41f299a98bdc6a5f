//! What a run did, per processor: every file is counted in exactly one state.

use crate::base::duration::elapsed;
use crate::base::error::{count, thousands};
use crate::base::printable::{printable, short};
use crate::base::size::bytes;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

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

/// Messages about a run that are not about one file.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Notices {
    /// Problems that someone must act on. They make the run fail.
    pub alarms: Vec<String>,
    /// Other problems.
    pub warnings: Vec<String>,
}

/// The counters of one processor. `files = unchanged + scanned` and
/// `scanned = processed + skipped + deferred + rejected + errors`.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub struct Counts {
    pub processor: String,
    /// Source files that the walk found.
    pub files: u64,
    /// Unchanged, as size and times show; not read.
    pub unchanged: u64,
    pub scanned: u64,
    pub processed: u64,
    /// Read, but the hash shows that nothing changed.
    pub skipped: u64,
    /// The part of `skipped` whose size or times had changed.
    pub touched: u64,
    /// Left for the next run, because of a limit of this one.
    pub deferred: u64,
    /// Not read, for a reason that stays until the file changes.
    pub rejected: u64,
    /// The part of `rejected` that belongs to forgotten people. No list names these files.
    #[serde(skip_serializing_if = "is_none")]
    pub forgotten: u64,
    pub errors: u64,
    /// Facts extracted from processed files.
    pub items_extracted: u64,
    /// In processed files.
    pub malformed_lines: u64,
    /// Items that earlier runs found in source files and that none contains any more.
    pub dropped: u64,
    pub bytes_read: u64,
    /// Milliseconds.
    pub elapsed_ms: u64,
    pub errors_detail: Vec<FileError>,
    pub rejected_detail: Vec<FileError>,
    /// Keys that could not be settled, in this run or an earlier one.
    pub unsettled_keys: u64,
    /// The part of `unsettled_keys` that is no longer retried.
    #[serde(skip)]
    pub dead_keys: u64,
    /// Why keys could not be settled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsettled_detail: Vec<KeyError>,
    pub deferred_detail: Vec<String>,
    /// Why files were deferred, the most frequent reason first.
    pub deferred_reasons: Vec<Deferral>,
    pub dropped_detail: Vec<Dropped>,
}

fn is_none(number: &u64) -> bool {
    *number == 0
}

/// Number of files that were deferred for one reason.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Deferral {
    pub reason: String,
    pub files: u64,
}

/// Items of one session that no source file contains any more.
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

/// Number of files that the text names; the JSON names all.
const NAMED: usize = 10;

impl Summary {
    /// Adds what another pass of the same run did. Both walked the same tree, so equal notices are not repeated.
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

    /// One summary per processor. All processors walked the same tree, so each gets all notices.
    pub fn apart(self) -> Vec<Self> {
        let Self { processors, is_stopped, notices } = self;
        let one = |counts| Self { processors: vec![counts], is_stopped, notices: notices.clone() };
        processors.into_iter().map(one).collect()
    }

    pub fn failed(&self) -> bool {
        !self.notices.alarms.is_empty() || self.processors.iter().any(Counts::is_failed)
    }

    /// The summary as text.
    pub fn words(&self) -> String {
        // Processors of one pass without changes have the same text, so they share a line.
        let mut said: Vec<(Vec<&str>, String)> = Vec::new();
        for counts in &self.processors {
            let words = counts.words();
            match said.iter_mut().find(|(_, said)| counts.processed == 0 && *said == words) {
                Some((processors, _)) => processors.push(&counts.processor),
                None => said.push((vec![&counts.processor], words)),
            }
        }
        let lines = said.iter().map(|(processors, words)| format!("{}: {words}", processors.join(", ")));
        let mut words: String = lines.collect();
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
    /// Whether something must be retried.
    pub fn is_failed(&self) -> bool {
        self.errors > 0 || self.unsettled_keys > 0
    }

    /// Computes the sums when all files are counted.
    pub(crate) fn close(&mut self) {
        self.scanned = self.processed + self.skipped + self.deferred + self.rejected + self.errors;
        self.files = self.unchanged + self.scanned;
    }

    /// The counters as text, to follow the processor's name.
    fn words(&self) -> String {
        let mut words = format!("{}, {} changed", count(self.files, "file"), thousands(self.processed.into()));
        for (number, what) in [
            (self.touched, "touched only"),
            (self.deferred, "deferred"),
            (self.rejected, "rejected"),
            (self.errors, "failed"),
        ] {
            if number > 0 {
                let _ = write!(words, ", {} {what}", thousands(number.into()));
            }
        }
        if self.processed > 0 {
            let _ = write!(words, "; {} from {}", count(self.items_extracted, "item"), bytes(self.bytes_read));
        }
        if self.malformed_lines > 0 {
            let _ = write!(words, ", {} skipped", count(self.malformed_lines, "malformed line"));
        }
        let _ = writeln!(words, " ({})", elapsed(self.elapsed_ms));
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
        name(&mut words, failed, self.errors);
        if self.errors > 0 {
            let _ = writeln!(words, "  more about them: sessionmill failures");
        }
        name(&mut words, rejected, self.rejected - self.forgotten);
        name(&mut words, self.deferred_reasons.iter().map(why), self.deferred_reasons.len() as u64);
        let gone = |Dropped { session, items }: &Dropped| {
            format!("dropped {} of `{}`: no transcript has them any more", count(*items, "item"), printable(session))
        };
        name(&mut words, self.dropped_detail.iter().map(gone), self.dropped_detail.len() as u64);
        if self.unsettled_keys > self.dead_keys {
            let keys = count(self.unsettled_keys - self.dead_keys, "key");
            let _ = writeln!(words, "  {keys} could not be settled and will be tried again");
        }
        if self.dead_keys > 0 {
            let _ = writeln!(words, "  {} given up: sessionmill failures", count(self.dead_keys, "key"));
        }
        if self.unsettled_keys > 0 {
            let failed = |e: &KeyError| format!("failed key `{}`: {}: {}", printable(&short(&e.key)), e.class, e.error);
            name(&mut words, self.unsettled_detail.iter().map(failed), self.unsettled_keys);
        }
        words
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_of_one_pass_with_nothing_new_are_one_line() {
        let counts = |name: &str, processed, elapsed_ms| {
            let mut counts =
                Counts { processor: name.into(), processed, unchanged: 3, elapsed_ms, ..Counts::default() };
            counts.close();
            counts
        };
        let processors =
            vec![counts("a", 0, 40), counts("b", 1, 40), counts("c", 0, 40), counts("d", 1, 40), counts("e", 0, 50)];
        let words = Summary { processors, ..Summary::default() }.words();
        let new = "4 files, 1 changed; 0 items from 0 B (40 ms)";
        let lines = [
            "a, c: 3 files, 0 changed (40 ms)",
            &format!("b: {new}"),
            &format!("d: {new}"),
            "e: 3 files, 0 changed (50 ms)",
        ];
        assert_eq!(words.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn the_text_agrees_with_the_counters() {
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
}
