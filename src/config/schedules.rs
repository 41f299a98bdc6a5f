//! The table `[schedule]`: when the daemon runs which processor.

use crate::base::schedule::Schedule;
use crate::config::Declaration;
use chrono_tz::Tz;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// The schedules of all processors, and the time zone of their times of day.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedules {
    pub timezone: Tz,
    /// By processor; `None` for one that the daemon does not run.
    processors: BTreeMap<String, Option<Schedule>>,
}

const OFF: &str = "off";
pub(super) const TIMEZONE: &str = "timezone";

impl Schedules {
    /// The default: every processor at its declared cadence.
    pub fn of(processors: &[Declaration]) -> Self {
        let mut schedules = Self::default();
        schedules.complete(processors);
        schedules
    }

    /// Sets the declared cadence for processors that the file does not name.
    pub(super) fn complete(&mut self, processors: &[Declaration]) {
        for Declaration { name, cadence, .. } in processors {
            let own = self.processors.entry((*name).to_owned());
            own.or_insert(Some(Schedule::Every(*cadence)));
        }
    }

    /// The schedule of a processor; `None` if the daemon does not run it.
    pub fn get(&self, processor: &str) -> Option<&Schedule> {
        self.processors.get(processor)?.as_ref()
    }
}

impl Default for Schedules {
    /// No processors.
    fn default() -> Self {
        Self { timezone: Tz::UTC, processors: BTreeMap::new() }
    }
}

impl Serialize for Schedules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |schedule: &Option<Schedule>| schedule.as_ref().map_or(OFF.to_owned(), ToString::to_string);
        let processors = self.processors.iter().map(|(name, schedule)| (name.as_str(), text(schedule)));
        serializer.collect_map([(TIMEZONE, self.timezone.name().to_owned())].into_iter().chain(processors))
    }
}

impl<'de> Deserialize<'de> for Schedules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Schedules;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of schedules")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Schedules, A::Error> {
        let mut schedules = Schedules::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == TIMEZONE {
                schedules.timezone = map.next_value::<Zone>()?.0;
            } else {
                schedules.processors.insert(key, map.next_value::<Rhythm>()?.0);
            }
        }
        Ok(schedules)
    }
}

struct Zone(Tz);

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::zone(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

struct Rhythm(Option<Schedule>);

impl<'de> Deserialize<'de> for Rhythm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == OFF {
            return Ok(Self(None));
        }
        let schedule = text.parse().map(|schedule| Self(Some(schedule)));
        schedule
            .map_err(|expected: String| D::Error::custom(format!("`{text}` is not a schedule: {expected}, or `{OFF}`")))
    }
}
