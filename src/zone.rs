//! Days of a time zone. The database has UTC; it groups by quarter of an hour, which every zone's
//! days are made of, and the zone is applied here.

use crate::error::{Error, Result, Status};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

/// The zone of an IANA name; without a name, the system's.
///
/// # Errors
///
/// If there is no such zone.
pub fn zone(name: Option<&str>) -> Result<Tz> {
    let Some(name) = name else {
        let system = iana_time_zone::get_timezone().ok();
        return Ok(system.and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC));
    };
    name.parse().map_err(|_| {
        let nearest = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let nearest = nearest.max_by(|a, b| {
            let likeness = |zone: &str| strsim::jaro_winkler(&zone.to_lowercase(), &name.to_lowercase());
            likeness(a).total_cmp(&likeness(b))
        });
        let error = Error::new(Status::Usage, format!("unknown time zone `{name}`"));
        error.hint(format!("IANA names, such as `{}`", nearest.unwrap_or("UTC")))
    })
}

/// The zone of the process: that of `TZ`, else the system's.
///
/// `TZ` is an IANA name, or a file of such a name below a folder `zoneinfo`, with or without the colon of
/// tzset(3). Rules that are spelled out in it (`CET-1CEST`) have no history, and are not taken.
///
/// # Errors
///
/// If it names no zone.
pub fn local(variable: Option<&str>) -> Result<Tz> {
    let file = variable.map(|text| text.strip_prefix(':').unwrap_or(text));
    let Some(file) = file.filter(|file| *file != "/etc/localtime") else { return zone(None) };
    let name = file.split_once("/zoneinfo/").map_or(file, |(_, name)| name);
    zone(Some(name)).map_err(|error| {
        let hint = error.hint.unwrap_or_default();
        let error = Error { status: Status::Config, ..Error::cannot("use", "TZ", error.message) };
        error.hint(format!("{hint}; --timezone and `timezone` in the configuration count more"))
    })
}

/// The first instant of a day. Where midnight does not exist, the day begins with the first hour
/// that does.
pub fn begin(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    let quarters = (0..=96).map(|quarter| midnight + TimeDelta::minutes(15 * quarter));
    let first = quarters.into_iter().find_map(|local| zone.from_local_datetime(&local).earliest());
    first.map_or_else(|| midnight.and_utc(), |local| local.to_utc())
}

/// The instant after the last one of a day.
pub fn end(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    begin(day.checked_add_days(Days::new(1)).unwrap_or(day), zone)
}

/// What a time is grouped into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    /// Told by its Monday.
    Week,
    /// Told by its Sunday, which it begins with.
    SundayWeek,
    Month,
}

impl Period {
    /// `2026-02-01`, or `2026-02` for a month.
    pub fn of(self, time: DateTime<Utc>, zone: Tz) -> String {
        self.of_day(time.with_timezone(&zone).date_naive())
    }

    /// The period that a day belongs to.
    pub fn of_day(self, day: NaiveDate) -> String {
        match self {
            Self::Day => day.to_string(),
            Self::Week => day.week(Weekday::Mon).checked_first_day().unwrap_or(day).to_string(),
            Self::SundayWeek => day.week(Weekday::Sun).checked_first_day().unwrap_or(day).to_string(),
            Self::Month => format!("{:04}-{:02}", day.year(), day.month()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn days_follow_the_zone_over_both_changes_of_the_clock() {
        let berlin = zone(Some("Europe/Berlin")).unwrap();
        let day = |text: &str| begin(text.parse().unwrap(), berlin).to_rfc3339();
        assert_eq!(day("2026-03-29"), "2026-03-28T23:00:00+00:00");
        assert_eq!(day("2026-03-30"), "2026-03-29T22:00:00+00:00");
        assert_eq!(day("2026-10-26"), "2026-10-25T23:00:00+00:00");
        assert_eq!(Period::Day.of(time("2026-03-28T23:00:00Z"), berlin), "2026-03-29");
        assert_eq!(Period::Day.of(time("2026-03-28T22:59:59Z"), berlin), "2026-03-28");
    }

    #[test]
    fn a_day_without_midnight_begins_at_its_first_hour() {
        let cairo = zone(Some("Africa/Cairo")).unwrap();
        let day = "2024-04-26".parse().unwrap();
        assert_eq!(begin(day, cairo).to_rfc3339(), "2024-04-25T22:00:00+00:00");
        assert_eq!(Period::Day.of(begin(day, cairo), cairo), "2024-04-26");
    }

    #[test]
    fn odd_offsets_are_quarters_of_an_hour() {
        let nepal = zone(Some("Asia/Kathmandu")).unwrap();
        assert_eq!(begin("2026-01-01".parse().unwrap(), nepal).to_rfc3339(), "2025-12-31T18:15:00+00:00");
    }

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(Period::Week.of(time("2026-03-01T12:00:00Z"), Tz::UTC), "2026-02-23");
        assert_eq!(Period::Week.of(time("2026-03-02T00:00:00Z"), Tz::UTC), "2026-03-02");
        assert_eq!(Period::SundayWeek.of(time("2026-03-01T12:00:00Z"), Tz::UTC), "2026-03-01");
        assert_eq!(Period::SundayWeek.of(time("2026-02-28T12:00:00Z"), Tz::UTC), "2026-02-22");
        assert_eq!(Period::Month.of(time("2026-03-02T00:00:00Z"), Tz::UTC), "2026-03");
    }

    #[test]
    fn the_variable_names_a_zone_or_its_file() {
        let names =
            ["Europe/Berlin", ":Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin", ":/etc/zoneinfo/Europe/Berlin"];
        for name in names {
            assert_eq!(local(Some(name)).unwrap(), Tz::Europe__Berlin, "{name}");
        }
        for system in [None, Some(":/etc/localtime")] {
            assert_eq!(local(system).unwrap(), zone(None).unwrap());
        }
        let error = local(Some("CET-1CEST")).unwrap_err();
        assert_eq!((error.status, &*error.message), (Status::Config, "cannot use `TZ`: unknown time zone `CET-1CEST`"));
    }

    #[test]
    fn an_unknown_zone_is_told_with_a_near_one() {
        let error = zone(Some("europe/berlni")).unwrap_err();
        assert_eq!(error.status, Status::Usage);
        assert_eq!(error.hint.as_deref(), Some("IANA names, such as `Europe/Berlin`"));
    }
}
