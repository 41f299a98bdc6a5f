//! Ways to cut activity into sessions, as sets of switches. Some have a name.
//!
//! A preset is only data. A way that would need code of its own has no preset, for example the cut-off time that can be
//! configured in RudderStack's clients.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// The switches of one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switches {
    /// The longest time without activity within a session.
    pub idle: TimeDelta,
    /// How that time is measured.
    pub measure: Measure,
    /// The longest time from the start of a session to the time of an event in it.
    pub max_length: Option<TimeDelta>,
    /// Which changes of campaign begin a new session.
    pub campaign: Campaigns,
    /// Whether a change of the external referrer begins a new session.
    pub splits_on_referrer: bool,
    pub passive: Reach,
    pub ping: Reach,
    pub recording: Reach,
    pub identity: Reach,
    /// Whether a new calendar day begins a new session.
    pub splits_on_day: bool,
    /// The most views and events of a session.
    pub max_actions: Option<u64>,
    pub bounce: Bounce,
    /// Whether pings extend the duration of a session.
    pub ping_lasts: bool,
}

/// How the time without activity is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// To the microsecond: one more than the limit is too long.
    Exact,
    /// Times are cut to whole seconds, and a pause of exactly the limit is too long.
    WholeSeconds,
    /// The pause is cut to whole minutes, and one minute more than the limit is too long.
    WholeMinutes,
}

/// Which campaigns are distinguished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Campaigns {
    /// None: a campaign never begins a session.
    Ignored,
    /// Those that differ in any value or click id. A session without a campaign adopts one until its first view.
    ByAll,
    /// Those that differ in name (or source, or medium) or term. A session without a campaign adopts one at any time.
    ByName,
}

/// The effect of an event that is neither a view nor a normal event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It belongs to the running session and changes nothing.
    Attaches,
    /// It also keeps the session alive.
    Extends,
    /// It also opens a session, as a normal event does.
    Opens,
}

/// What counts as a bounce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounce {
    /// A single view or click, and a short stay.
    Views,
    /// A single view or event of any kind.
    Events,
}

const DEFAULT: Switches = Switches {
    idle: TimeDelta::minutes(30),
    measure: Measure::Exact,
    max_length: Some(TimeDelta::hours(24)),
    campaign: Campaigns::ByAll,
    splits_on_referrer: true,
    passive: Reach::Attaches,
    ping: Reach::Attaches,
    recording: Reach::Attaches,
    identity: Reach::Attaches,
    splits_on_day: false,
    max_actions: None,
    bounce: Bounce::Views,
    ping_lasts: true,
};

/// Only time ends a session.
const BY_TIME: Switches =
    Switches { campaign: Campaigns::Ignored, splits_on_referrer: false, max_length: None, ..DEFAULT };

/// The ways that have a name.
pub const PRESETS: [(&str, Switches); 6] = [
    ("default", DEFAULT),
    (
        "posthog",
        Switches {
            max_length: Some(TimeDelta::hours(24)),
            passive: Reach::Opens,
            ping: Reach::Opens,
            identity: Reach::Opens,
            ..BY_TIME
        },
    ),
    ("ga4", BY_TIME),
    (
        "matomo",
        Switches {
            measure: Measure::WholeSeconds,
            campaign: Campaigns::ByName,
            ping: Reach::Extends,
            splits_on_day: true,
            max_actions: Some(10_000),
            ..BY_TIME
        },
    ),
    (
        "plausible",
        Switches {
            measure: Measure::WholeMinutes,
            ping: Reach::Extends,
            bounce: Bounce::Events,
            ping_lasts: false,
            ..BY_TIME
        },
    ),
    (
        "rudderstack",
        Switches {
            passive: Reach::Opens,
            ping: Reach::Opens,
            recording: Reach::Opens,
            identity: Reach::Opens,
            ..BY_TIME
        },
    ),
];

impl Switches {
    /// The switches with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        PRESETS.iter().find(|(preset, _)| *preset == name).map(|(_, switches)| switches.clone())
    }

    /// The last moment at which a session with activity at `last` still runs.
    pub fn runs_until(&self, last: DateTime<Utc>) -> DateTime<Utc> {
        let (last, more) = match self.measure {
            Measure::Exact => (last, TimeDelta::zero()),
            Measure::WholeSeconds => (last.trunc_subsecs(0), TimeDelta::microseconds(-1)),
            Measure::WholeMinutes => (last, TimeDelta::microseconds(59_999_999)),
        };
        last.checked_add_signed(self.idle + more).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The longest possible time between two neighbouring events of one session.
    pub fn gap(&self) -> TimeDelta {
        match self.measure {
            Measure::Exact | Measure::WholeSeconds => self.idle,
            Measure::WholeMinutes => self.idle + TimeDelta::minutes(1),
        }
    }
}

impl Default for Switches {
    fn default() -> Self {
        DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a session that was active at 10:00:00 plus `last` microseconds still runs at 10:00:00 plus `at`.
    fn runs(preset: &str, last: i64, at: i64) -> bool {
        let ten = "2026-03-02T10:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let moment = |micros| ten + TimeDelta::microseconds(micros);
        moment(at) <= Switches::by_name(preset).unwrap().runs_until(moment(last))
    }

    #[test]
    fn the_limit_is_measured_as_each_way_measures_it() {
        const HALF_AN_HOUR: i64 = 1_800_000_000;
        for preset in ["default", "posthog", "ga4", "rudderstack"] {
            assert!(runs(preset, 0, HALF_AN_HOUR), "{preset}");
            assert!(!runs(preset, 0, HALF_AN_HOUR + 1), "{preset}");
        }
        assert!(runs("matomo", 0, HALF_AN_HOUR - 1));
        assert!(!runs("matomo", 0, HALF_AN_HOUR));
        assert!(!runs("matomo", 999_999, HALF_AN_HOUR), "times are whole seconds");
        assert!(runs("plausible", 0, HALF_AN_HOUR + 59_999_999));
        assert!(!runs("plausible", 0, HALF_AN_HOUR + 60_000_000));
    }

    #[test]
    fn no_two_events_of_a_session_are_further_apart_than_the_gap() {
        for (name, switches) in PRESETS {
            for micros in [0, 1, 500_000, 999_999] {
                let last = DateTime::UNIX_EPOCH + TimeDelta::microseconds(micros);
                assert!(switches.runs_until(last) - last <= switches.gap(), "{name}");
            }
        }
    }
}
