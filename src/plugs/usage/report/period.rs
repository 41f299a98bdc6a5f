//! Sums by periods of a time zone. The database groups by quarter of an hour in UTC, and the time zone is applied here:
//! since 1972, all offsets are multiples of a quarter of an hour. For example, 14:30 to 14:45 UTC is in the hour
//! `20` in Kathmandu (UTC+5:45).

use crate::base::zone::Period;
use chrono::{DateTime, NaiveDate, NaiveTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use std::collections::HashMap;

/// SQL for the quarter of an hour of a time: its number since 1970, each of [`QUARTER_MICROS`].
pub(in crate::plugs) const QUARTER: &str = "epoch_us(time) // 900000000";
/// SQL for the first quarter of the hour.
pub(super) const HOUR: &str = "epoch_us(time) // 3600000000 * 4";

/// SQL for the first quarter of the day.
pub(super) const DAY: &str = "(time::DATE - DATE '1970-01-01') * 96";

const SECONDS_OF_HOUR: i32 = 3600;
const SECONDS_OF_DAY: i32 = 86_400;

/// The SQL that a query groups times by. In zones with whole-hour offsets it is the hour, which makes fewer groups.
pub(in crate::plugs) fn quarter(zone: Tz) -> &'static [&'static str; 1] {
    if has_whole_hours(zone) { &[HOUR] } else { &[QUARTER] }
}

/// Whether the offsets of a zone are whole hours.
pub(super) fn has_whole_hours(zone: Tz) -> bool {
    is_whole(zone, SECONDS_OF_HOUR)
}

/// The same for reports that show nothing shorter than a day. In zones with the days of UTC it is the day.
pub(in crate::plugs) fn quarter_of_day(zone: Tz) -> &'static [&'static str; 1] {
    if has_whole_days(zone) { &[DAY] } else { quarter(zone) }
}

/// Whether the days of a zone are those of UTC.
pub(super) fn has_whole_days(zone: Tz) -> bool {
    is_whole(zone, SECONDS_OF_DAY)
}

/// Whether all offsets of a zone are multiples of this many seconds, from 1970 to 2100.
fn is_whole(zone: Tz, seconds: i32) -> bool {
    // An offset lasts longer than two weeks, so two days of a month are enough.
    let days = (1970..2100).flat_map(|year| (1..=12).flat_map(move |month| [1, 15].map(|day| (year, month, day))));
    let mut days = days.filter_map(|(year, month, day)| NaiveDate::from_ymd_opt(year, month, day));
    days.all(|day| zone.offset_from_utc_datetime(&day.and_time(NaiveTime::MIN)).fix().local_minus_utc() % seconds == 0)
}

pub(in crate::plugs) const QUARTER_MICROS: i64 = 900_000_000;

/// The day in a time zone that a quarter of an hour is in.
pub(in crate::plugs) fn day(quarter: i64, zone: Tz) -> Option<NaiveDate> {
    let time = DateTime::from_timestamp_micros(quarter.saturating_mul(QUARTER_MICROS))?;
    Some(time.with_timezone(&zone).date_naive())
}

/// The hour of the day in a time zone that a quarter of an hour is in, such as `09`.
pub(super) fn hour(quarter: i64, zone: Tz) -> Option<String> {
    let time = DateTime::from_timestamp_micros(quarter.saturating_mul(QUARTER_MICROS))?;
    Some(time.with_timezone(&zone).format("%H").to_string())
}

/// The names of periods, by quarter of an hour.
pub(super) struct Names {
    period: Period,
    zone: Tz,
    known: HashMap<i64, String>,
}

impl Names {
    pub(super) fn new(period: Period, zone: Tz) -> Self {
        Self { period, zone, known: HashMap::new() }
    }

    /// The period of a quarter; `None` without a time.
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
        // Half an hour: today, in summer, and until 1986.
        let others = [Tz::Asia__Kolkata, Tz::Australia__Lord_Howe, Tz::Asia__Kathmandu];
        assert!(others.into_iter().all(|zone| quarter_of_day(zone) == &[QUARTER]));
        // London has the days of UTC only in winter.
        let days = [Tz::UTC, Tz::Etc__UTC, Tz::Europe__London, Tz::Europe__Berlin].map(quarter_of_day);
        assert_eq!(days, [&[DAY], &[DAY], &[HOUR], &[HOUR]]);
    }
}
