//! The line and time of something in the logs, and which of two positions comes first.

use chrono::{DateTime, Utc};
use std::cmp::Ordering;

/// A line of a source file and its time. A record without a time gets that of its neighbour (rule 9 of COUNTING.md). In
/// a file without any times, there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub time: Option<DateTime<Utc>>,
    pub line: u64,
}

impl Position {
    /// The order within one file: by time, without a time last, then by line.
    pub fn order(&self, other: &Self) -> Ordering {
        by_time(self.time, other.time).then(self.line.cmp(&other.line))
    }

    /// The order over several files: by time, without a time last, then by path, then by line (rule 3 of COUNTING.md).
    pub fn order_over_files(&self, file: &str, other: &Self, other_file: &str) -> Ordering {
        by_time(self.time, other.time).then_with(|| file.cmp(other_file)).then(self.line.cmp(&other.line))
    }
}

fn by_time(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Ordering {
    a.is_none().cmp(&b.is_none()).then(a.cmp(&b))
}
