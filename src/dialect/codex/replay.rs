//! The history that a forked session begins with, which its parent's log has told already.
//!
//! A fork, or the session of a subagent, copies the records of its parent, either with their times or
//! with that of the copying. Both are older than the first turn of its own, which is known by its id:
//! ids of turns and sessions are UUIDs that begin with a time (version 7 of RFC 9562). A client that
//! writes none has its first turn of its own more than a moment after the file begins.

use chrono::{DateTime, TimeDelta, Utc};

/// Where in a file the history of the parent ends.
#[derive(Debug, Default)]
pub(super) enum Replay {
    /// The file has not said yet whose session it is.
    #[default]
    Unknown,
    /// In the history of the parent.
    Within {
        session_id: Box<str>,
        begun: Option<DateTime<Utc>>,
    },
    Over,
}

/// A response takes longer than copying a history does.
const MOMENT: TimeDelta = TimeDelta::seconds(2);

impl Replay {
    /// The session of the file, with whether it has a parent.
    pub(super) fn session(&mut self, id: Option<&str>, parent: Option<&str>, time: Option<DateTime<Utc>>) {
        if let Self::Unknown = self {
            *self = match (id, parent) {
                (Some(id), Some(_)) => Self::Within { session_id: id.into(), begun: time },
                _ => Self::Over,
            };
        }
    }

    /// A turn begins.
    pub(super) fn turn(&mut self, id: Option<&str>) {
        if let (Self::Within { session_id, .. }, Some(id)) = (&*self, id)
            && let (Some(session), Some(turn)) = (born(session_id), born(id))
            && turn >= session
        {
            *self = Self::Over;
        }
    }

    /// Whether a record of this time belongs to the history. The times of turns decide, where the
    /// session has one.
    pub(super) fn has(&self, time: Option<DateTime<Utc>>) -> bool {
        let Self::Within { session_id, begun } = self else { return false };
        if born(session_id).is_some() {
            return true;
        }
        begun.zip(time).is_none_or(|(begun, time)| time <= begun + MOMENT)
    }
}

/// Milliseconds since 1970 at which an id was made, if it tells.
fn born(id: &str) -> Option<u64> {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    let is_v7 = digits.len() == 32 && digits.as_bytes().get(12) == Some(&b'7');
    u64::from_str_radix(digits.get(..12).filter(|_| is_v7)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORK: &str = "019ed9f4-6510-7fc0-8643-6d434f193bd0";

    #[test]
    fn the_first_turn_that_is_younger_than_the_session_ends_the_history() {
        let mut replay = Replay::default();
        assert!(!replay.has(None));
        replay.session(Some(FORK), Some("parent"), None);
        replay.session(Some("parent"), None, None);
        assert!(replay.has(None), "the session of the parent is part of it");
        replay.turn(Some("019ed83b-43de-7370-a8b8-ea2fe6568f11"));
        replay.turn(Some("no uuid"));
        replay.turn(None);
        assert!(replay.has(None));
        replay.turn(Some("019ed9f4-c83b-7c52-8599-154be802d240"));
        assert!(!replay.has(None));
    }

    #[test]
    fn without_ids_that_tell_the_time_a_moment_does() {
        let time = |text: &str| Some(text.parse().unwrap());
        let mut replay = Replay::default();
        replay.session(Some("fork"), Some("parent"), time("2026-02-01T10:00:00Z"));
        assert!(replay.has(time("2026-01-31T10:00:00Z")) && replay.has(time("2026-02-01T10:00:02Z")));
        assert!(!replay.has(time("2026-02-01T10:00:02.001Z")));
    }
}
