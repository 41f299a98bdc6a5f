//! Figures about tasks by type, status, user or day: the number of tasks and of failures, and durations.

use crate::base::error::Result;
use crate::plugs::tasks::report::filter::Filter;
use crate::plugs::tasks::report::session::{self, Order, TaskSession};
use crate::report::trend::{Steps, Trend};
use crate::report::{Column, Row, Sheet, freshness};
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use sessionmill_tasks::NAME;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What a row of the report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    Type,
    Status,
    /// Person whose folder has the task's first event; without identities a folder.
    #[value(alias = "person")]
    User,
    /// Day on which the task was created, in the report's time zone.
    Day,
}

const COLUMNS: [Column; 6] = [
    Column::count("tasks", "Tasks"),
    Column::count("active", "Active").rank(1),
    Column::failures("failures", "Failures"),
    Column::milliseconds("p50_ms", "p50").rank(2),
    Column::milliseconds("p95_ms", "p95").rank(3),
    Column::milliseconds("oldest_active_ms", "Oldest active").rank(4),
];

/// The tasks of a row.
#[derive(Default)]
struct Group {
    tasks: i128,
    active: i128,
    failures: i128,
    /// Durations in milliseconds of the tasks with a recorded end.
    durations: Vec<i64>,
    /// The creation of the oldest task that has not ended.
    oldest: Option<DateTime<Utc>>,
    /// When each task was created.
    created: Vec<DateTime<Utc>>,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Status => "status",
            Self::User => "user",
            Self::Day => "day",
        }
    }

    /// The name of the row that a task is in.
    fn key(self, task: &TaskSession, filter: &Filter) -> Option<String> {
        match self {
            Self::Type => task.task_type.clone(),
            Self::Status => Some(task.status.clone()),
            Self::User => match &task.username {
                Some(folder) => Some(filter.identities.label(folder).to_owned()),
                None => task.user_id.clone(),
            },
            Self::Day => Some(task.created_at.with_timezone(&filter.zone).date_naive().to_string()),
        }
    }
}

impl Group {
    fn add(&mut self, task: &TaskSession) {
        self.tasks += 1;
        self.created.push(task.created_at);
        self.failures += i128::from(task.status == "failed");
        if task.status == "active" {
            self.active += 1;
            self.oldest = Some(self.oldest.map_or(task.created_at, |oldest| oldest.min(task.created_at)));
        }
        self.durations.extend(task.ended_at.map(|ended_at| (ended_at - task.created_at).num_milliseconds().max(0)));
    }

    /// The number of tasks created in each step.
    fn trend(&self, steps: &Steps) -> Vec<i128> {
        let mut trend = Trend::default();
        self.created.iter().for_each(|time| trend.add(steps.at(*time), 1));
        steps.numbers(&trend)
    }

    /// The numbers in the order of [`COLUMNS`].
    fn numbers(mut self, now: DateTime<Utc>) -> Vec<Option<i128>> {
        self.durations.sort_unstable();
        let oldest = self.oldest.map(|oldest| (now - oldest).num_milliseconds().max(0).into());
        let durations = [50, 95].map(|percent| percentile(&self.durations, percent));
        vec![Some(self.tasks), Some(self.active), Some(self.failures), durations[0], durations[1], oldest]
    }
}

/// A percentile by the nearest rank: the smallest value that at least this percentage of the values do not exceed.
fn percentile(sorted: &[i64], percent: usize) -> Option<i128> {
    let rank = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
    sorted.get(rank).map(|value| (*value).into())
}

/// Makes the report. Days are sorted by time, other rows by the number of tasks.
///
/// # Errors
///
/// If the database cannot be read.
pub fn figures(reader: Reader<'_>, by: By, filter: &Filter) -> Result<Sheet> {
    let mut groups: BTreeMap<Option<String>, Group> = BTreeMap::new();
    let mut total = Group::default();
    session::read(reader, filter, Order::Date, None, |task| {
        groups.entry(by.key(&task, filter)).or_default().add(&task);
        total.add(&task);
    })?;
    let mut groups: Vec<_> = groups.into_iter().collect();
    let mut steps = Steps::default();
    if by != By::Day {
        groups.sort_by_key(|(_, group)| Reverse(group.tasks));
        let ends = [total.created.iter().min(), total.created.iter().max()].map(Option::<&_>::copied);
        steps = Steps::of(filter.days, ends, filter.zone);
    }
    let row = |(key, group): (Option<String>, Group)| {
        let trend = group.trend(&steps);
        Row { trend, ..Row::new(key, group.numbers(filter.now)) }
    };
    let (as_of, pending) = freshness(reader, NAME)?;
    Ok(Sheet {
        by: by.name(),
        columns: COLUMNS.as_slice().into(),
        rows: groups.into_iter().map(row).collect(),
        totals: total.numbers(filter.now),
        as_of,
        pending,
        ..Sheet::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_is_there() {
        let of = |values: &[i64]| [50, 95].map(|percent| percentile(values, percent));
        assert_eq!(of(&[]), [None, None]);
        assert_eq!(of(&[7]), [Some(7), Some(7)]);
        assert_eq!(of(&[1, 2]), [Some(1), Some(2)]);
        let hundred: Vec<_> = (1..=100).collect();
        assert_eq!(of(&hundred), [Some(50), Some(95)]);
    }
}
