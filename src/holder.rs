//! Who has a lock, as the lock file tells it.

use chrono::{DateTime, Utc};
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who has the lock of a processor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Holder {
    pub pid: u32,
    /// Who asked for its run.
    pub trigger: String,
    /// UTC.
    pub since: String,
}

impl Holder {
    /// This process.
    pub fn new(trigger: &str, since: DateTime<Utc>) -> Self {
        let since = since.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        Self { pid: std::process::id(), trigger: trigger.to_owned(), since }
    }

    /// Reads the line of a lock file; `None` if it was being written just then.
    pub fn parse(line: &str) -> Option<Self> {
        let (pid, about) = line.strip_prefix("pid ")?.split_once(", ")?;
        let (trigger, since) = about.split_once(" since ")?;
        Some(Self { pid: pid.parse().ok()?, trigger: trigger.to_owned(), since: since.to_owned() })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}, {} since {}", self.pid, self.trigger, self.since)
    }
}

/// Whether there is a process of this number, whoever's it is.
pub fn is_alive(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}
