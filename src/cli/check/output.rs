//! Writes findings as lines of text or as a single JSON document, with a summary.

use super::finding::Finding;
use crate::base::error::count;
use crate::base::printable::printable;
use crate::base::utc;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Result, Write};

/// Writes findings as they come.
pub(super) struct Output<W: Write> {
    out: W,
    is_json: bool,
    /// Whether valid records are written, too.
    has_good: bool,
    /// The first failure to write. Nothing is written after it.
    failed: Result<()>,
    /// Whether a finding was written already.
    is_begun: bool,
    files: u64,
    /// The number of lines that are not blank.
    lines: u64,
    /// The number of valid records by format.
    understood: BTreeMap<&'static str, u64>,
    lost: u64,
    /// Tasks that are in no list.
    unlisted: Vec<Value>,
}

impl<W: Write> Output<W> {
    pub(super) fn new(out: W, is_json: bool, has_good: bool) -> Self {
        let understood = BTreeMap::new();
        Self {
            out,
            is_json,
            has_good,
            failed: Ok(()),
            is_begun: false,
            files: 0,
            lines: 0,
            understood,
            lost: 0,
            unlisted: Vec::new(),
        }
    }

    pub(super) fn begin_file(&mut self) {
        self.files += 1;
    }

    /// Counts the findings of a line, and writes those that the user wants to see.
    pub(super) fn line(&mut self, file: &str, findings: &[Finding]) {
        self.lines += u64::from(!findings.is_empty());
        for finding in findings {
            match finding.wrong {
                Some(_) => self.lost += 1,
                None => *self.understood.entry(finding.dialect.unwrap_or_default()).or_default() += 1,
            }
            if (finding.wrong.is_some() || self.has_good) && self.failed.is_ok() {
                self.failed = self.write(file, finding);
            }
        }
    }

    fn write(&mut self, file: &str, finding: &Finding) -> Result<()> {
        let is_begun = std::mem::replace(&mut self.is_begun, true);
        if self.is_json {
            return write!(
                self.out,
                "{}\n    {}",
                if is_begun { "," } else { "{\n  \"lines\": [" },
                object(file, finding)
            );
        }
        writeln!(self.out, "{}", printable(&sentence(file, finding)))
    }

    /// Records that a task is in no list, and why.
    pub(super) fn unlisted(&mut self, file: &str, line: u64, task: &str, why: &str) {
        self.unlisted.push(json!({ "file": file, "line": line, "task": task, "why": why }));
        if !self.is_json && self.failed.is_ok() {
            let sentence = format!("{file}:{line}: no list shows task {task}: {why}");
            self.failed = writeln!(self.out, "{}", printable(&sentence));
        }
    }

    /// Writes the summary. Returns the number of records that would be lost.
    ///
    /// # Errors
    ///
    /// If anything could not be written.
    pub(super) fn end(mut self) -> Result<u64> {
        self.failed?;
        let understood: u64 = self.understood.values().sum();
        if self.is_json {
            let summary = json!({
                "files": self.files, "lines": self.lines, "understood": understood, "lost": self.lost,
                "dialects": self.understood, "unlisted": self.unlisted,
            });
            let begin = if self.is_begun { "\n  ]" } else { "{\n  \"lines\": []" };
            writeln!(self.out, "{begin},\n  \"summary\": {summary}\n}}")?;
        } else {
            let by_dialect: Vec<_> = self.understood.iter().map(|(name, count)| format!("{name} {count}")).collect();
            let by_dialect =
                if by_dialect.is_empty() { String::new() } else { format!(" ({})", by_dialect.join(", ")) };
            let files = if self.files == 1 { String::new() } else { format!("{}, ", count(self.files, "file")) };
            let (lines, records) = (count(self.lines, "line"), count(understood, "record"));
            writeln!(self.out, "{files}{lines}: {records} understood{by_dialect}, {} lost", self.lost)?;
        }
        self.out.flush()?;
        Ok(self.lost)
    }
}

/// `events.jsonl:3: posthog $pageview, view by u-7 at 2026-03-01T12:00:00Z`.
fn sentence(file: &str, finding: &Finding) -> String {
    let kind = finding.kind.as_deref().unwrap_or_default();
    let dialect = finding.dialect.unwrap_or_default();
    let place = format!("{file}:{}", finding.line);
    if let Some(wrong) = finding.wrong {
        let of = if kind.is_empty() { String::new() } else { format!(" (`{kind}`)") };
        return format!("{place}: lost: {wrong}{of}");
    }
    let class = finding.class.map(|class| format!(", {class}")).unwrap_or_default();
    let of = if finding.is_task { "of task" } else { "by" };
    let who = finding.who.as_deref().map(|who| format!(" {of} {who}")).unwrap_or_default();
    let time = time(finding).map(|time| format!(" at {time}")).unwrap_or_default();
    format!("{place}: {dialect} {kind}{class}{who}{time}")
}

fn object(file: &str, finding: &Finding) -> Value {
    let Finding { line, dialect, kind, class, who, wrong, .. } = finding;
    json!({
        "file": file, "line": line, "dialect": dialect, "kind": kind, "class": class, "who": who,
        "time": time(finding), "wrong": wrong,
    })
}

fn time(finding: &Finding) -> Option<String> {
    finding.time.map(utc::shortest)
}
