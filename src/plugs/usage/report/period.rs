//! Sums by period of a time zone. The database adds up by quarter of an hour, and the zone is applied
//! here.

use crate::base::zone::Period;
use chrono::{DateTime, NaiveDate, NaiveTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use std::collections::HashMap;

/// The quarter of an hour of a time, as a query groups by it: its number since 1970, of [`QUARTER_MICROS`] each.
pub(in crate::plugs) const QUARTER: &str = "epoch_us(time) // 900000000";
/// The first quarter of its hour.
pub(super) const HOUR: &str = "epoch_us(time) // 3600000000 * 4";

/// The first quarter of its day.
pub(super) const DAY: &str = "(time::DATE - DATE '1970-01-01') * 96";

const SECONDS_OF_HOUR: i32 = 3600;
const SECONDS_OF_DAY: i32 = 86_400;

/// The key that a query groups times by, for a zone: by hours where these are whole in it, which makes fewer groups.
pub(in crate::plugs) fn quarter(zone: Tz) -> &'static [&'static str; 1] {
    if has_whole_hours(zone) { &[HOUR] } else { &[QUARTER] }
}

/// Whether the days of a zone begin with hours of UTC.
pub(super) fn has_whole_hours(zone: Tz) -> bool {
    is_whole(zone, SECONDS_OF_HOUR)
}

/// The same where nothing shorter than a day is told: by days where these are those of UTC.
pub(in crate::plugs) fn quarter_of_day(zone: Tz) -> &'static [&'static str; 1] {
    if has_whole_days(zone) { &[DAY] } else { quarter(zone) }
}

/// Whether the days of a zone are those of UTC.
pub(super) fn has_whole_days(zone: Tz) -> bool {
    is_whole(zone, SECONDS_OF_DAY)
}

/// Whether days have begun with an hour or a day of UTC in a zone since 1970, and will.
fn is_whole(zone: Tz, seconds: i32) -> bool {
    // A rule holds for longer than two weeks.
    let days = (1970..2100).flat_map(|year| (1..=12).flat_map(move |month| [1, 15].map(|day| (year, month, day))));
    let mut days = days.filter_map(|(year, month, day)| NaiveDate::from_ymd_opt(year, month, day));
    days.all(|day| zone.offset_from_utc_datetime(&day.and_time(NaiveTime::MIN)).fix().local_minus_utc() % seconds == 0)
}

pub(in crate::plugs) const QUARTER_MICROS: i64 = 900_000_000;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_whole_in_most_zones_and_days_in_utc() {
        let whole = [Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Tokyo];
        assert!(whole.into_iter().all(|zone| quarter(zone) == &[HOUR]));
        // Half an hour today, in summer, and until 1986.
        let others = [Tz::Asia__Kolkata, Tz::Australia__Lord_Howe, Tz::Asia__Kathmandu];
        assert!(others.into_iter().all(|zone| quarter_of_day(zone) == &[QUARTER]));
        // At night, London has the days of UTC only in winter.
        let days = [Tz::UTC, Tz::Etc__UTC, Tz::Europe__London, Tz::Europe__Berlin].map(quarter_of_day);
        assert_eq!(days, [&[DAY], &[DAY], &[HOUR], &[HOUR]]);
    }
}
