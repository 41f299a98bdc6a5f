//! The table `[schedule]`: when the daemon runs which processor.

use crate::registry;
use crate::schedule::Schedule;
use chrono_tz::Tz;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// The schedules of all processors, and the zone that their times of day are of.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedules {
    pub timezone: Tz,
    /// By processor; `None` for one that the daemon leaves alone.
    processors: BTreeMap<&'static str, Option<Schedule>>,
}

const OFF: &str = "off";
const TIMEZONE: &str = "timezone";

impl Schedules {
    /// The schedule of a processor, unless it is off.
    pub fn of(&self, processor: &str) -> Option<&Schedule> {
        self.processors.get(processor)?.as_ref()
    }
}

impl Default for Schedules {
    /// Every processor at the cadence that it declares.
    fn default() -> Self {
        let schedule = |processor: &&dyn sessionmill_contract::Processor| {
            let manifest = processor.manifest();
            (manifest.name, Some(Schedule::Every(manifest.cadence)))
        };
        Self { timezone: Tz::UTC, processors: registry::processors().iter().map(schedule).collect() }
    }
}

impl Serialize for Schedules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |schedule: &Option<Schedule>| schedule.as_ref().map_or(OFF.to_owned(), ToString::to_string);
        let processors = self.processors.iter().map(|(name, schedule)| (*name, text(schedule)));
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
        while let Some(key) = map.next_key()? {
            match key {
                Key::Timezone => schedules.timezone = map.next_value::<Zone>()?.0,
                Key::Processor(name) => {
                    schedules.processors.insert(name, map.next_value::<Rhythm>()?.0);
                }
            }
        }
        Ok(schedules)
    }
}

enum Key {
    Timezone,
    Processor(&'static str),
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        let mut names = registry::processors().iter().map(|processor| processor.manifest().name);
        match names.clone().find(|name| *name == key) {
            _ if key == TIMEZONE => Ok(Self::Timezone),
            Some(name) => Ok(Self::Processor(name)),
            None => {
                let names = names.by_ref().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                Err(D::Error::custom(format!("unknown field `{key}`, expected one of `{TIMEZONE}`, {names}")))
            }
        }
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
            .map_err(|expected: String| D::Error::custom(format!("`{text}` is no schedule: {expected}, or `{OFF}`")))
    }
}
