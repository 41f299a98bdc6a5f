//! The course of a number over the days of a report: the sparkline in a row of a table.

use crate::base::days::Days;
use crate::base::zone;
use crate::report::grid::BAR;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

/// Steps of whole days, at most as many as a bar has columns. A single day has no steps.
#[derive(Debug, Default)]
pub struct Steps(Vec<DateTime<Utc>>);

/// Numbers by step.
#[derive(Clone, Debug, Default)]
pub struct Trend(Vec<i128>);

impl Steps {
    /// Divides the days into steps. If the days have no start or end, the first or last time with data is used.
    pub fn of(days: Days, [first, last]: [Option<DateTime<Utc>>; 2], zone: Tz) -> Self {
        let day = |time: DateTime<Utc>| time.with_timezone(&zone).date_naive();
        let ends = days.since.or(first.map(day)).zip(days.until.or(last.map(day)));
        let Some((since, until)) = ends.filter(|(since, until)| since <= until) else { return Self::default() };
        let days = (until - since).num_days() + 1;
        let steps = days.min(BAR as i64);
        Self::from((1..steps).map(|step| since + TimeDelta::days(step * days / steps)), zone)
    }

    /// Steps with these days as limits: each day begins a step. The days must be sorted.
    pub fn from(days: impl IntoIterator<Item = NaiveDate>, zone: Tz) -> Self {
        Self(days.into_iter().map(|day| zone::begin(day, zone)).collect())
    }

    /// The index of the step that a time is in.
    pub fn at(&self, time: DateTime<Utc>) -> usize {
        self.0.partition_point(|begin| *begin <= time)
    }

    /// SQL for the index of the step that a column is in; NULL without a time.
    pub fn sql(&self, column: &str) -> String {
        if self.0.is_empty() {
            return "NULL::BIGINT".to_owned();
        }
        let cases = self.0.iter().enumerate().map(|(step, begin)| {
            let begin = begin.format("%F %T");
            format!(" WHEN {column} < TIMESTAMP '{begin}' THEN {step}")
        });
        format!("CASE{} WHEN {column} IS NOT NULL THEN {} END", cases.collect::<String>(), self.0.len())
    }

    /// The numbers to draw for a row; empty if there are no steps.
    pub fn numbers(&self, trend: &Trend) -> Vec<i128> {
        let all = if self.0.is_empty() { 0 } else { self.0.len() + 1 };
        (0..all).map(|step| trend.0.get(step).copied().unwrap_or_default()).collect()
    }
}

impl Trend {
    pub fn add(&mut self, step: usize, number: i128) {
        if self.0.len() <= step {
            self.0.resize(step + 1, 0);
        }
        self.0[step] += number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(since: &str, until: &str) -> Steps {
        let days = Days { since: since.parse().ok(), until: until.parse().ok() };
        Steps::of(days, [None; 2], Tz::Europe__Berlin)
    }

    #[test]
    fn steps_are_of_whole_days_of_the_zone() {
        let month = steps("2026-03-01", "2026-03-30");
        assert_eq!(month.0.len(), 9);
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        // Daylight saving time begins on the 29th.
        let times = ["2026-02-28T22:59:59Z", "2026-03-03T22:59:59Z", "2026-03-03T23:00:00Z", "2026-03-30T21:59:59Z"];
        assert_eq!(times.map(|text| month.at(time(text))), [0, 0, 1, 9]);
        assert_eq!(
            steps("2026-03-29", "2026-03-30").sql("t"),
            "CASE WHEN t < TIMESTAMP '2026-03-29 22:00:00' THEN 0 WHEN t IS NOT NULL THEN 1 END"
        );
        assert!(steps("2026-03-29", "2026-03-29").0.is_empty());
    }

    #[test]
    fn a_row_has_a_number_for_each_step() {
        let mut trend = Trend::default();
        trend.add(1, 5);
        trend.add(1, 2);
        assert_eq!(steps("2026-03-01", "2026-03-03").numbers(&trend), [0, 7, 0]);
        assert_eq!(steps("2026-03-01", "2026-03-01").numbers(&trend), [0; 0]);
    }
}
