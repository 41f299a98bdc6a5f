//! Who has a lock, according to the lock file.

use crate::base::utc;
use chrono::{DateTime, Utc};
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

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
        let since = utc::second(since);
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

/// The line of a lock file, and that its process is stopped if it is.
pub fn with_state(line: &str) -> String {
    if stopped(line).is_some() { format!("{line}, which is stopped") } else { line.to_owned() }
}

/// What helps against a process that is stopped.
pub fn hint(line: &str) -> Option<String> {
    stopped(line).map(|pid| format!("resume it with `kill -CONT {pid}`, or end it with `kill -KILL {pid}`"))
}

/// The process that a lock file names, if it is stopped: by SIGSTOP, by Ctrl-Z or by a debugger.
fn stopped(line: &str) -> Option<u32> {
    let pid = line.strip_prefix("pid ")?;
    let pid = pid.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    is_stopped(pid).then_some(pid)
}

/// Whether a process is stopped, as far as the system says.
pub fn is_stopped(pid: u32) -> bool {
    #[expect(clippy::disallowed_methods, reason = "what the kernel says about a process")]
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before the state is in brackets, and can have brackets itself.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
}

/// The process that has the lock of a file, according to the kernel.
pub fn locks(file: &File) -> Option<u32> {
    let inode = file.metadata().ok()?.ino().to_string();
    #[expect(clippy::disallowed_methods, reason = "what the kernel says about locks")]
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234567 0 EOF`; one that waits has an arrow behind its number.
    let mut holders = locks.lines().filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, place, ..] = words[..] else { return None };
        (place.rsplit(':').next()? == inode).then(|| pid.parse().ok())?
    });
    let first = holders.next()?;
    // Another file system can have a file of the same number, and a process of another container is 0 here.
    (first > 0 && holders.all(|other| other == first)).then_some(first)
}

/// Whether there is a process of this number, whoever's it is.
pub fn is_alive(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}
