//! The `[tasks]` table of the configuration: which tasks are listed, when tasks are held, and how long they are kept.

use crate::config::section;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sessionmill_tasks::Policy;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The longest duration in the table: 100 years.
const LONGEST: Duration = Duration::from_secs(36_500 * 86_400);

/// Unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Types of tasks that are never shown. `*` at the end matches any ending.
    pub excluded: BTreeSet<String>,
    /// Types of tasks that are held when they end, each with the type that releases them.
    pub held: BTreeMap<String, String>,
    /// The longest time that a task is held.
    #[serde(with = "crate::config::time")]
    pub hold_max: Duration,
    /// How long after its last event a task without an end becomes orphaned.
    #[serde(with = "crate::config::time")]
    pub orphan_after: Duration,
    /// How long a closed task is kept.
    #[serde(with = "crate::config::time")]
    pub retention: Duration,
    /// The folders whose events count. If empty, all folders count.
    pub writers: BTreeSet<String>,
    /// Short ids that users are warned about.
    pub reserved: BTreeSet<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let Policy { excluded, held, hold_max, orphan_after, retention, writers } = Policy::default();
        let time = |time: TimeDelta| time.to_std().unwrap_or(LONGEST);
        Self {
            excluded,
            held,
            hold_max: time(hold_max),
            orphan_after: time(orphan_after),
            retention: time(retention),
            writers,
            reserved: ["task", "user"].map(str::to_owned).into(),
        }
    }
}

impl section::Settings for Settings {
    fn check(&self) -> Result<(), String> {
        for (name, time) in
            [("hold_max", self.hold_max), ("orphan_after", self.orphan_after), ("retention", self.retention)]
        {
            if time > LONGEST {
                return Err(format!("`{name}` is longer than 36500d"));
            }
        }
        match self.held.iter().find(|(held, by)| held == by) {
            Some((held, _)) => Err(format!("`held` has `{held}` released by itself")),
            None => Ok(()),
        }
    }
}

impl Settings {
    /// The policy for the processor.
    pub fn policy(&self) -> Policy {
        let time = |time: Duration| TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
        Policy {
            excluded: self.excluded.clone(),
            held: self.held.clone(),
            hold_max: time(self.hold_max),
            orphan_after: time(self.orphan_after),
            retention: time(self.retention),
            writers: self.writers.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::section::Settings as _;

    fn read(text: &str) -> Result<Settings, String> {
        let settings: Settings = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        settings.check().map(|()| settings)
    }

    #[test]
    fn an_empty_table_is_the_default_policy() {
        assert_eq!(read("").unwrap().policy(), Policy::default());
        assert_eq!(read("").unwrap(), Settings::default());
    }

    #[test]
    fn every_key_is_read() {
        let settings = read(
            "excluded = []\nheld = { render = \"publish\" }\nhold_max = \"2d\"\norphan_after = \"90s\"\n\
             retention = \"1h\"\nwriters = [\"ci\"]\nreserved = []",
        );
        let policy = settings.unwrap().policy();
        assert_eq!(policy.released_by("render"), Some("publish"));
        assert_eq!(policy.released_by("scenario_generation"), None);
        assert_eq!((policy.hold_max, policy.orphan_after), (TimeDelta::days(2), TimeDelta::seconds(90)));
        assert_eq!(policy.retention, TimeDelta::hours(1));
        assert!(!policy.excludes("scraping") && policy.may_write("ci") && !policy.may_write("ada"));
    }

    #[test]
    fn a_mistake_is_explained() {
        for (text, wrong) in [
            ("retention = \"0s\"", "`0s` is not a time such as 150s, 5m or 1h"),
            ("retention = \"36501d\"", "`retention` is longer than 36500d"),
            ("held = { a = \"a\" }", "`held` has `a` released by itself"),
        ] {
            assert_eq!(read(text).unwrap_err(), wrong, "{text}");
        }
        assert!(read("orphans = \"1d\"").unwrap_err().contains("unknown field `orphans`"));
    }
}
