//! Presence by weekday and hour: the time of each session, from its start to its last event, spread over the hours of
//! the week.

use crate::plugs::tracking::report::visits::Visit;
use chrono::{DateTime, Datelike, TimeDelta, Timelike};
use chrono_tz::Tz;
use std::collections::HashMap;

/// In seconds. In every time zone, hours begin at a quarter of an hour in UTC.
const QUARTER: i64 = 900;

/// At most this much of a session counts. A client can keep a session open for days.
const LONGEST: TimeDelta = TimeDelta::hours(24);

/// Seconds by weekday, beginning with Monday, and by hour.
#[derive(Debug)]
pub(super) struct Rhythm {
    pub(super) seconds: [[i128; 24]; 7],
    zone: Tz,
    /// The weekday and hour of quarters of an hour.
    known: HashMap<i64, (usize, usize)>,
}

impl Rhythm {
    pub(super) fn new(zone: Tz) -> Self {
        Self { seconds: [[0; 24]; 7], zone, known: HashMap::new() }
    }

    /// Adds the time from the start of a session to its last event, at most 24 hours.
    pub(super) fn add(&mut self, visit: &Visit) {
        let until = visit.until.min(visit.started + LONGEST);
        let (mut from, until) = (visit.started.timestamp(), until.timestamp());
        while from < until {
            let quarter = from.div_euclid(QUARTER);
            let next = ((quarter + 1) * QUARTER).min(until);
            let zone = self.zone;
            let (day, hour) = *self.known.entry(quarter).or_insert_with(|| {
                let local = DateTime::from_timestamp(quarter * QUARTER, 0).unwrap_or_default().with_timezone(&zone);
                (local.weekday().num_days_from_monday() as usize, local.hour() as usize)
            });
            self.seconds[day][hour] += i128::from(next - from);
            from = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;

    fn visit(started: &str, until: &str) -> Visit {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        Visit {
            session_id: String::new(),
            is_agent: false,
            username: String::new(),
            person_id: String::new(),
            started: time(started),
            until: time(until),
            duration_seconds: 0,
            active_seconds: 0,
            parallel: 1,
            views: 0,
            is_bounce: None,
            is_engaged: false,
            is_bot: false,
            names: Vec::new(),
        }
    }

    #[test]
    fn time_falls_into_the_hours_of_the_zone() {
        let mut rhythm = Rhythm::new(Tz::Asia__Kolkata);
        // Sunday 2026-03-01, 23:20 to 00:40 in Kolkata.
        rhythm.add(&visit("2026-03-01T17:50:00Z", "2026-03-01T19:10:00Z"));
        assert_eq!((rhythm.seconds[6][23], rhythm.seconds[0][0]), (2400, 2400));
        assert_eq!(rhythm.seconds.iter().flatten().sum::<i128>(), 4800);
    }

    #[test]
    fn a_session_without_an_end_counts_one_day() {
        let mut rhythm = Rhythm::new(Tz::UTC);
        rhythm.add(&visit("2026-03-02T12:30:00Z", "2099-03-02T12:30:00Z"));
        assert_eq!(rhythm.seconds.iter().flatten().sum::<i128>(), 86_400);
        assert_eq!((rhythm.seconds[0][12], rhythm.seconds[1][12]), (1800, 1800));
        rhythm.add(&visit("2026-03-02T12:30:00Z", "2026-03-02T12:30:00Z"));
        assert_eq!(rhythm.seconds[0][12], 1800);
    }
}
