//! Which process holds a lock, according to its lock file or to the kernel.

use crate::base::utc;
use chrono::{DateTime, Utc};
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

/// The process that holds the lock of a processor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Holder {
    pub pid: u32,
    /// What started its run: a name of `Origin`, such as `cli`.
    pub trigger: String,
    /// When the run started, in UTC.
    pub since: String,
}

impl Holder {
    /// This process.
    pub fn new(trigger: &str, since: DateTime<Utc>) -> Self {
        let since = utc::second(since);
        Self { pid: std::process::id(), trigger: trigger.to_owned(), since }
    }

    /// Parses the line of a lock file. `None` if it is incomplete, because another process is writing it.
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

/// The line of a lock file; with a remark if its process is stopped.
pub fn with_state(line: &str) -> String {
    if stopped(line).is_some() { format!("{line}, which is stopped") } else { line.to_owned() }
}

/// A hint on how to resume or end a process that is stopped; `None` for one that runs.
pub fn hint(line: &str) -> Option<String> {
    stopped(line).map(|pid| format!("resume it with `kill -CONT {pid}`, or end it with `kill -KILL {pid}`"))
}

/// The id of the process that the line of a lock file names, if that process is stopped: by SIGSTOP, Ctrl-Z or a
/// debugger.
fn stopped(line: &str) -> Option<u32> {
    let pid = line.strip_prefix("pid ")?;
    let pid = pid.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    is_stopped(pid).then_some(pid)
}

/// Whether a process is stopped, according to `/proc`. False where the system has none.
pub fn is_stopped(pid: u32) -> bool {
    #[expect(clippy::disallowed_methods, reason = "what the kernel says about a process")]
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The program's name stands in brackets before the state, and can contain brackets itself.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
}

/// The process that holds the lock of a file, according to `/proc/locks`.
pub fn locks(file: &File) -> Option<u32> {
    let inode = file.metadata().ok()?.ino().to_string();
    #[expect(clippy::disallowed_methods, reason = "what the kernel says about locks")]
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // For example `1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234567 0 EOF`. A process that waits has an arrow after the
    // first number.
    let mut holders = locks.lines().filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, place, ..] = words[..] else { return None };
        (place.rsplit(':').next()? == inode).then(|| pid.parse().ok())?
    });
    let first = holders.next()?;
    // Only the inode is compared, so a file of another file system can match: then there are several holders, and none
    // is named. A process of another container is listed as 0.
    (first > 0 && holders.all(|other| other == first)).then_some(first)
}

/// Whether a process with this id exists, of any user.
pub fn is_alive(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}
