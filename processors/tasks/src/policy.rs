//! Which tasks count, what holds them, and how long they are kept.

use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// What settling needs to know of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Types of tasks that are kept as facts and are in no answer. One that ends with `*` stands for all types that
    /// begin so.
    pub excluded: BTreeSet<String>,
    /// Types of tasks that are held when they end, each with the type that releases them.
    pub held: BTreeMap<String, String>,
    /// A held task closes this long after its end if nothing releases it.
    pub hold_max: TimeDelta,
    /// A task that has not ended counts as orphaned this long after its last event.
    pub orphan_after: TimeDelta,
    /// A task is purged this long after it was closed.
    pub retention: TimeDelta,
    /// The folders that decide about tasks; all of them if there are none.
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
    /// A text that is another one for another policy; empty for the default.
    pub fn text(&self) -> String {
        if *self == Self::default() { String::new() } else { format!("{self:?}") }
    }

    /// Whether tasks of a type are in no answer.
    pub fn excludes(&self, task_type: &str) -> bool {
        self.excluded.iter().any(|excluded| match excluded.strip_suffix('*') {
            Some(beginning) => task_type.starts_with(beginning),
            None => excluded == task_type,
        })
    }

    /// Whether the lines of a folder decide about tasks.
    pub fn may_write(&self, username: &str) -> bool {
        self.writers.is_empty() || self.writers.contains(username)
    }

    /// The type that releases tasks of a type, if these are held.
    pub fn released_by(&self, task_type: &str) -> Option<&str> {
        self.held.get(task_type).map(String::as_str)
    }

    /// Whether tasks of a type release others.
    pub fn releases(&self, task_type: &str) -> bool {
        self.held.values().any(|releasing| releasing == task_type)
    }
}

/// The time so much later, or the last one that there is.
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
