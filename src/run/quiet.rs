//! When a file that is still growing is due for a processor that pays for each reading, such as one that asks a model.
//! Pure.

use crate::base::duration;
use chrono::{DateTime, TimeDelta, Utc};

/// How long such a file waits: until nobody writes in it any more, but not for ever. For example, a conversation that
/// goes on all day is read once an hour instead of after each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// A file is quiet if it has not changed for this time.
    pub after: TimeDelta,
    /// A file is due this long after its first unread change, even if it is not quiet.
    pub at_most: TimeDelta,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { after: TimeDelta::minutes(10), at_most: TimeDelta::hours(1) }
    }
}

/// A file that has changed, and when a pass first saw that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    pub session_file: String,
    pub since: DateTime<Utc>,
}

impl Quiet {
    /// Whether to leave a file for later. `mtime_ns` is its last change; `since` is when a pass first saw that it had
    /// changed.
    pub fn waits(&self, mtime_ns: i64, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let changed = DateTime::from_timestamp_nanos(mtime_ns);
        now - changed < self.after && now - since < self.at_most
    }

    /// Why the file waits, as a sentence.
    pub fn words(&self) -> String {
        let [after, at_most] = [self.after, self.at_most].map(|time| duration::text(time.to_std().unwrap_or_default()));
        format!("somebody may still be writing; due when nobody has for {after}, or after {at_most}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_waits_until_it_is_quiet_or_the_wait_is_long() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(100);
        let waits = |changed: i64, seen: i64| {
            let ago = |minutes: i64| now - TimeDelta::minutes(minutes);
            Quiet::default().waits(ago(changed).timestamp_nanos_opt().unwrap(), ago(seen), now)
        };
        assert!(waits(0, 0) && waits(9, 9) && waits(0, 59));
        assert!(!waits(10, 10), "quiet for ten minutes");
        assert!(!waits(0, 60), "an hour after the first change");
        assert!(waits(-1000, 0) && !waits(-1000, 60), "a file of the future waits no longer than others");
    }
}
