//! Which tasks count, what holds them, and how long they are kept.

use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// The settings for settling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Types of tasks that are stored as facts but not shown. A type that ends with `*` stands for all types with that
    /// prefix.
    pub excluded: BTreeSet<String>,
    /// Types of tasks that are held when they end, each with the type that releases them.
    pub held: BTreeMap<String, String>,
    /// A held task closes this long after its end if nothing releases it.
    pub hold_max: TimeDelta,
    /// A task that has not ended counts as orphaned this long after its last event.
    pub orphan_after: TimeDelta,
    /// A task is purged this long after it was closed.
    pub retention: TimeDelta,
    /// The folders whose events count; all folders if this is empty.
    pub writers: BTreeSet<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            excluded: BTreeSet::from(["scraping".to_owned()]),
            held: BTreeMap::from([("scenario_generation".to_owned(), "save_scenario".to_owned())]),
            hold_max: TimeDelta::days(30),
            orphan_after: TimeDelta::hours(24),
            retention: TimeDelta::days(7),
            writers: BTreeSet::new(),
        }
    }
}

impl Policy {
    /// A text that identifies the policy; empty for the default one.
    pub fn text(&self) -> String {
        if *self == Self::default() { String::new() } else { format!("{self:?}") }
    }

    /// Whether tasks of a type are not shown.
    pub fn excludes(&self, task_type: &str) -> bool {
        self.excluded.iter().any(|excluded| match excluded.strip_suffix('*') {
            Some(beginning) => task_type.starts_with(beginning),
            None => excluded == task_type,
        })
    }

    /// Whether the events in a folder count.
    pub fn may_write(&self, username: &str) -> bool {
        self.writers.is_empty() || self.writers.contains(username)
    }

    /// The type that releases tasks of this type, if they are held.
    pub fn released_by(&self, task_type: &str) -> Option<&str> {
        self.held.get(task_type).map(String::as_str)
    }

    /// Whether tasks of a type release others.
    pub fn releases(&self, task_type: &str) -> bool {
        self.held.values().any(|releasing| releasing == task_type)
    }
}

/// The time plus a duration, limited to the latest possible time.
pub(crate) fn later(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_excluded_by_name_or_by_its_beginning() {
        let excluded = ["scraping", "subagent:*"].map(str::to_owned).into();
        let policy = Policy { excluded, ..Policy::default() };
        let excludes = ["scraping", "subagent:explore", "subagent:"].map(|name| policy.excludes(name));
        assert_eq!(excludes, [true; 3]);
        let keeps = ["scraping_html", "subagent", "Scraping", ""].map(|name| policy.excludes(name));
        assert_eq!(keeps, [false; 4]);
    }

    #[test]
    fn only_another_policy_has_a_text() {
        assert_eq!(Policy::default().text(), "");
        let longer = Policy { retention: TimeDelta::days(8), ..Policy::default() };
        let others = Policy { writers: BTreeSet::from(["ci".to_owned()]), ..Policy::default() };
        assert!(!longer.text().is_empty() && longer.text() != others.text());
    }
}
