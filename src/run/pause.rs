//! How long a processor sends no requests after its server asked it to wait (HTTP 429 and the like). Pure.

use crate::base::utc;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sessionmill_contract::Failure;

/// A time during which a processor sends no requests to its server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Pause {
    #[serde(with = "crate::base::wire::time")]
    pub until: DateTime<Utc>,
    /// Number of pauses in a row.
    pub strikes: u32,
    /// What the server said.
    pub reason: String,
    /// Which server, and with which key. Another server, or the same one with another key, may be asked.
    pub server: String,
}

/// The first pause if the server names no time. Each further one is twice as long.
const FIRST: TimeDelta = TimeDelta::minutes(1);
const LONGEST: TimeDelta = TimeDelta::hours(1);

/// The longest pause, even if the server asks for more.
const MOST: TimeDelta = TimeDelta::days(1);

impl Pause {
    /// The pause after a failure of class `throttled`. `last` is the last pause because of the same server.
    fn after(last: Option<&Self>, failure: &Failure, server: &str, now: DateTime<Utc>) -> Self {
        let strikes = last.map_or(0, |last| last.strikes).saturating_add(1);
        let doubled = FIRST * (1 << strikes.saturating_sub(1).min(6));
        let asked = failure.retry_after.map(|wait| TimeDelta::from_std(wait).unwrap_or(MOST).min(MOST));
        let until = now + asked.unwrap_or(doubled.min(LONGEST));
        Self { until, strikes, reason: failure.message.clone(), server: server.to_owned() }
    }

    /// The pause after a pass. `last` is the pause before it, because of the same server, if any. A pass without a
    /// `throttled` failure does not shorten a pause that still lasts.
    pub fn next(last: Option<&Self>, failure: Option<&Failure>, server: &str, now: DateTime<Utc>) -> Option<Self> {
        match failure {
            Some(failure) => Some(Self::after(last, failure, server, now)),
            None => last.filter(|last| last.holds(now)).cloned(),
        }
    }

    /// The pause as a sentence.
    pub fn words(&self, processor: &str) -> String {
        let Self { until, reason, .. } = self;
        format!("`{processor}` is paused until {}: {reason}", utc::second(*until))
    }

    /// Whether the pause still lasts. One that ends later than the longest pause could was stored with a wrong clock,
    /// and is ignored.
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        now < self.until && self.until <= now + MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sessionmill_contract::FailureClass;
    use std::time::Duration;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn minutes(last: Option<&Pause>, retry_after: Option<u64>) -> i64 {
        (pause(last, retry_after).until - NOW).num_minutes()
    }

    fn pause(last: Option<&Pause>, retry_after: Option<u64>) -> Pause {
        let retry_after = retry_after.map(Duration::from_secs);
        Pause::after(last, &Failure { retry_after, ..Failure::new(FailureClass::Throttled, "429") }, "", NOW)
    }

    #[test]
    fn without_a_hint_it_doubles_up_to_an_hour() {
        let mut last = None;
        let mut course = Vec::new();
        for _ in 0..9 {
            course.push(minutes(last.as_ref(), None));
            last = Some(pause(last.as_ref(), None));
        }
        assert_eq!(course, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_hint_counts_up_to_a_day() {
        assert_eq!(minutes(None, Some(600)), 10);
        for seconds in [86_401, u64::MAX / 2, u64::MAX] {
            assert_eq!(minutes(None, Some(seconds)), 1440, "{seconds}");
        }
        assert!(!pause(None, Some(0)).holds(NOW));
    }

    #[test]
    fn a_pause_ends_with_its_time_and_with_a_clock_that_is_set_back() {
        let pause = pause(None, Some(86_400));
        assert!(pause.holds(NOW) && pause.holds(NOW + TimeDelta::hours(23)));
        assert!(!pause.holds(NOW + TimeDelta::days(1)) && !pause.holds(NOW - TimeDelta::seconds(1)));
    }
}
