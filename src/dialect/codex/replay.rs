//! Recognises the copied history at the beginning of a forked session. Its records are already in the parent's log, so
//! they must not be counted again.
//!
//! A fork, or the session of a subagent, can copy the records of its parent, either with their own times or with the
//! time of copying. The copy ends at the first of these:
//!
//! - a line with the ordinal that the header gives as the beginning of the session's own lines
//! - a record that names the session as its thread, because copies name the parent's thread
//! - a turn with an id that is younger than the session: ids of turns and sessions are UUIDs that begin with a time
//!   (version 7 in RFC 9562)
//! - a turn without such an id that begins more than two seconds after the file: copied turns have older times, or the
//!   time of copying

use super::record::Payload;
use chrono::{DateTime, TimeDelta, Utc};

/// Where a file is, relative to the parent's history.
#[derive(Debug, Default)]
pub(super) enum Replay {
    /// No header was seen yet.
    #[default]
    Unknown,
    /// In the parent's history, if there is one.
    Within(History),
    Over,
}

#[derive(Debug)]
pub(super) struct History {
    session_id: Box<str>,
    begun: Option<DateTime<Utc>>,
    /// The ordinal of the first line after the history.
    end: Option<u64>,
    /// The file says that it begins with another session's history, or has a turn of one.
    is_copied: bool,
    /// Sessions of this kind do not copy a history without saying so.
    is_aside: bool,
    /// The id of the latest turn shows that the turn began before the session.
    is_older: bool,
}

/// Copying a history takes less time than this, and a response takes longer.
const MOMENT: TimeDelta = TimeDelta::seconds(2);

impl Replay {
    /// A header. The file's own header comes first, those of its parents follow.
    pub(super) fn session(&mut self, header: &Payload<'_>, time: Option<DateTime<Utc>>) {
        let id = header.id.id();
        let forked_from = header.forked_from.id();
        match self {
            Self::Unknown => {
                *self = match id.filter(|_| forked_from.or(header.parent()).is_some()) {
                    Some(id) => Self::Within(History {
                        session_id: id.into(),
                        begun: time,
                        end: header.history_start.0,
                        is_copied: forked_from.is_some() || header.history_start.0.is_some(),
                        is_aside: header.is_aside() || born(id).is_some(),
                        is_older: false,
                    }),
                    None => Self::Over,
                }
            }
            Self::Within(history) => history.is_copied |= id.is_some_and(|id| *id != *history.session_id),
            Self::Over => {}
        }
    }

    /// A turn begins.
    pub(super) fn turn(&mut self, id: Option<&str>, time: Option<DateTime<Utc>>) {
        let Self::Within(history) = self else { return };
        let ids = born(&history.session_id).zip(id.and_then(born));
        let is_own = match ids {
            Some((session, turn)) => turn >= session,
            None => match history.begun.zip(time) {
                Some((begun, time)) if history.copies_nothing() => time >= begun,
                Some((begun, time)) => time > begun + MOMENT,
                None => false,
            },
        };
        if is_own {
            *self = Self::Over;
            return;
        }
        history.is_older = ids.is_some();
        history.is_copied |= history.is_older;
    }

    /// A record names a thread or has an ordinal.
    pub(super) fn follow(&mut self, thread: Option<&str>, ordinal: Option<u64>) {
        if let Self::Within(History { session_id, end, .. }) = &*self
            && (thread == Some(&**session_id) || end.zip(ordinal).is_some_and(|(end, ordinal)| ordinal >= end))
        {
            *self = Self::Over;
        }
    }

    /// Whether a record with this time and ordinal belongs to the history.
    pub(super) fn has(&self, time: Option<DateTime<Utc>>, ordinal: Option<u64>) -> bool {
        let Self::Within(history) = self else { return false };
        if history.is_older || history.end.zip(ordinal).is_some() {
            return true;
        }
        let times = history.begun.zip(time);
        if history.copies_nothing() {
            return times.is_some_and(|(begun, time)| time < begun);
        }
        times.is_none_or(|(begun, time)| time <= begun + MOMENT)
    }
}

impl History {
    fn copies_nothing(&self) -> bool {
        self.is_aside && !self.is_copied
    }
}

/// The time in an id, in milliseconds since 1970, if the id has one.
fn born(id: &str) -> Option<u64> {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    let is_v7 = digits.len() == 32 && digits.as_bytes().get(12) == Some(&b'7');
    u64::from_str_radix(digits.get(..12).filter(|_| is_v7)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORK: &str = "019ed9f4-6510-7fc0-8643-6d434f193bd0";
    const BEGUN: &str = "2026-02-01T10:00:00Z";

    fn time(text: &str) -> Option<DateTime<Utc>> {
        Some(text.parse().unwrap())
    }

    /// A file with these headers, all at the time `BEGUN`.
    fn replay(headers: &[&str]) -> Replay {
        let mut replay = Replay::default();
        for header in headers {
            let header: crate::dialect::json::Object<Payload<'_>> = serde_json::from_str(header).unwrap();
            replay.session(&header.0.unwrap(), time(BEGUN));
        }
        replay
    }

    fn fork(id: &str) -> Replay {
        replay(&[&format!(r#"{{"id":"{id}","forked_from_id":"parent"}}"#), r#"{"id":"parent"}"#])
    }

    #[test]
    fn the_first_turn_that_is_younger_than_the_session_ends_the_history() {
        assert!(!Replay::default().has(None, None));
        let mut replay = fork(FORK);
        assert!(replay.has(None, None), "the session of the parent is part of it");
        replay.turn(Some("019ed83b-43de-7370-a8b8-ea2fe6568f11"), None);
        assert!(replay.has(time("2026-02-01T10:00:09Z"), None), "copying a long history can take longer than a moment");
        replay.turn(Some("no uuid"), time("2026-02-01T10:00:02Z"));
        replay.turn(None, time("2026-01-02T10:00:00Z"));
        assert!(replay.has(time("2026-02-01T10:00:02Z"), None));
        replay.turn(Some("019ed9f4-c83b-7c52-8599-154be802d240"), None);
        assert!(!replay.has(None, None));
    }

    #[test]
    fn turns_of_its_own_can_lack_the_ids_that_those_of_the_history_have() {
        for own in [None, Some("no uuid"), Some("7d44b2c1-09a5-4c7e-9d1f-6b1f5f6f0a11")] {
            for begun in ["2026-02-01T10:00:09Z", "2026-02-01T10:00:01Z"] {
                let mut replay = fork(FORK);
                replay.turn(Some("019ed83b-43de-7370-a8b8-ea2fe6568f11"), time(BEGUN));
                replay.turn(own, time(begun));
                assert!(!replay.has(time("2026-02-01T10:00:10Z"), None), "{own:?} {begun}");
            }
        }
    }

    #[test]
    fn without_ids_that_contain_a_time_a_gap_of_two_seconds_decides() {
        for id in ["fork", FORK] {
            let mut replay = fork(id);
            replay.turn(None, time("2026-01-31T10:00:00Z"));
            replay.turn(None, time("2026-02-01T10:00:02Z"));
            assert!(replay.has(time("2026-01-31T10:00:00Z"), None) && replay.has(time("2026-02-01T10:00:02Z"), None));
            assert!(!replay.has(time("2026-02-01T10:00:02.001Z"), None), "{id}");
            replay.turn(None, time("2026-02-01T10:00:03Z"));
            assert!(!replay.has(None, None), "{id}");
        }
    }

    #[test]
    fn a_session_that_copies_nothing_has_its_first_turn_at_once() {
        let guardian = |id: &str| format!(r#"{{"id":"{id}","parent_thread_id":"reviewed"}}"#);
        for (headers, is_replayed) in [
            (&[&*guardian(FORK)][..], false),
            (&[&guardian(FORK), r#"{"id":"reviewed"}"#], true),
            (&[&guardian("of an older client")], true),
            (&[r#"{"id":"c","parent_thread_id":"p","source":{"subagent":{"other":"guardian"}}}"#], false),
            (&[r#"{"id":"c","parent_thread_id":"p","source":{"internal":"guardian"}}"#], false),
            (&[r#"{"id":"c","parent_thread_id":"p","source":{"subagent":"review"}}"#], false),
            (&[r#"{"id":"c","source":{"subagent":{"review":{"parent_thread_id":"p"}}}}"#], false),
            (&[r#"{"id":"c","parent_thread_id":"p","source":"cli"}"#], false),
            (&[r#"{"id":"c","parent_thread_id":"p","source":{"subagent":"review"}}"#, r#"{"id":"p"}"#], true),
            (&[r#"{"id":"c","forked_from_id":"p","source":{"subagent":"review"}}"#], true),
            (&[r#"{"id":"c","source":{"subagent":{"thread_spawn":{"parent_thread_id":"p"}}}}"#], true),
        ] {
            for has_turn in [true, false] {
                let mut replay = replay(headers);
                if has_turn {
                    replay.turn(None, time(BEGUN));
                }
                assert_eq!(replay.has(time(BEGUN), None), is_replayed, "{headers:?} {has_turn}");
                let is_earlier_replayed = is_replayed || !has_turn;
                assert_eq!(replay.has(time("2026-02-01T09:59:59Z"), None), is_earlier_replayed, "{headers:?}");
            }
        }
        let mut of_a_parent = replay(&[&guardian(FORK)]);
        of_a_parent.turn(Some("019ed83b-43de-7370-a8b8-ea2fe6568f11"), time(BEGUN));
        of_a_parent.turn(None, time(BEGUN));
        assert!(of_a_parent.has(time(BEGUN), None), "an older turn is copied, whatever the header says");
    }

    #[test]
    fn ordinals_and_names_end_the_history() {
        let header = r#"{"id":"child","parent_thread_id":"parent","subagent_history_start_ordinal":3}"#;
        let mut by_ordinal = replay(&[header]);
        by_ordinal.follow(Some("parent"), Some(2));
        assert!(by_ordinal.has(time("2026-02-01T11:00:00Z"), Some(2)));
        by_ordinal.follow(None, Some(3));
        assert!(!by_ordinal.has(None, None));
        let mut by_name = replay(&[header]);
        by_name.follow(Some("child"), Some(1));
        assert!(!by_name.has(None, Some(1)), "a migrated file counts its own lines before its end, too");
    }
}
