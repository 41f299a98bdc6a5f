//! Sums by period of a time zone. The database adds up by quarter of an hour, and the zone is applied
//! here.

use crate::base::zone::Period;
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use std::collections::HashMap;

/// The key that a query groups times by.
pub(in crate::plugs) const QUARTER: &str = "epoch_us(time) // 900000000";
const QUARTER_MICROS: i64 = 900_000_000;

/// The day of a zone that a quarter of an hour falls on.
pub(in crate::plugs) fn day(quarter: i64, zone: Tz) -> Option<NaiveDate> {
    let time = DateTime::from_timestamp_micros(quarter.saturating_mul(QUARTER_MICROS))?;
    Some(time.with_timezone(&zone).date_naive())
}

/// The hour of a zone's day that a quarter of an hour falls into: `09`.
pub(super) fn hour(quarter: i64, zone: Tz) -> Option<String> {
    let time = DateTime::from_timestamp_micros(quarter.saturating_mul(QUARTER_MICROS))?;
    Some(time.with_timezone(&zone).format("%H").to_string())
}

/// The names of the periods that quarters of an hour fall into.
pub(super) struct Names {
    period: Period,
    zone: Tz,
    known: HashMap<i64, String>,
}

impl Names {
    pub(super) fn new(period: Period, zone: Tz) -> Self {
        Self { period, zone, known: HashMap::new() }
    }

    /// The period of a quarter; what has no time is in none.
    pub(super) fn of(&mut self, quarter: Option<i64>) -> Option<String> {
        let quarter = quarter?;
        let time = DateTime::from_timestamp_micros(quarter.saturating_mul(QUARTER_MICROS))?;
        Some(self.known.entry(quarter).or_insert_with(|| self.period.of(time, self.zone)).clone())
    }
}
