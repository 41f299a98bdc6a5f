//! Days in a time zone. The database stores UTC and groups by quarter of an hour. In every zone a day is made of whole
//! quarters, so the zone can be applied to the groups here.

use crate::base::error::{Error, Result, Status};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

/// The zone with an IANA name; without a name, the system's.
///
/// # Errors
///
/// If the name is unknown.
pub fn zone(name: Option<&str>) -> Result<Tz> {
    let Some(name) = name else {
        let system = iana_time_zone::get_timezone().ok();
        return Ok(system.and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC));
    };
    name.parse().map_err(|_| Error::new(Status::Usage, format!("unknown time zone `{name}`")).hint(hint(name)))
}

/// A hint for an unknown name: what to write instead.
fn hint(name: &str) -> String {
    let (letters, offset) = offset(name);
    match (nearest(if offset.is_some() { letters } else { name }), offset) {
        (_, Some(hours)) if ["", "utc", "gmt"].contains(&&*letters.to_lowercase()) => match hours {
            Some(hours @ 1..=12) => format!(
                "IANA names, such as `Etc/GMT-{hours}` for {hours} h ahead of UTC and `Etc/GMT+{hours}` for {hours} h behind"
            ),
            _ => format!("IANA names, such as {EXAMPLES}"),
        },
        (near, Some(_)) => {
            let example = near.map_or(EXAMPLES.to_owned(), |near| format!("`{near}`"));
            format!(
                "a rule of POSIX does not say when the clock was changed in earlier years: IANA names, such as {example}"
            )
        }
        (Some(near), None) => format!("IANA names, such as `{near}`"),
        (None, None) => format!("IANA names, such as {EXAMPLES}; `timedatectl list-timezones` shows all"),
    }
}

const EXAMPLES: &str = "`Europe/Berlin` or `UTC`";

/// Splits a POSIX rule (`CET-1CEST`) or an offset (`UTC+2`, `+02:00`) into its letters and the first whole hours after
/// them. The hours are `None` if the text has no offset.
fn offset(name: &str) -> (&str, Option<Option<u32>>) {
    let end = name.find(|c: char| c.is_ascii_digit() || "+-".contains(c)).unwrap_or(name.len());
    let (letters, offset) = name.split_at(end);
    let digits = offset.trim_start_matches(['+', '-']);
    let is_rule = digits.starts_with(|c: char| c.is_ascii_digit()) && offset.len() - digits.len() <= 1;
    let letters_only = letters.trim_start_matches('<').chars().all(|c| c.is_ascii_alphabetic());
    if !is_rule || !letters_only {
        return (name, None);
    }
    let hours = digits.split(|c: char| !c.is_ascii_digit()).next().and_then(|hours| hours.parse().ok());
    (letters, Some(hours))
}

/// Common abbreviations, each with a zone that uses it.
const ABBREVIATIONS: [(&str, &str); 32] = [
    ("ACST", "Australia/Adelaide"),
    ("AEDT", "Australia/Sydney"),
    ("AEST", "Australia/Sydney"),
    ("AWST", "Australia/Perth"),
    ("BRT", "America/Sao_Paulo"),
    ("BST", "Europe/London"),
    ("CDT", "America/Chicago"),
    ("CEST", "Europe/Berlin"),
    ("CET", "Europe/Berlin"),
    ("CST", "America/Chicago"),
    ("EDT", "America/New_York"),
    ("EEST", "Europe/Athens"),
    ("EET", "Europe/Athens"),
    ("EST", "America/New_York"),
    ("HKT", "Asia/Hong_Kong"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("KST", "Asia/Seoul"),
    ("MDT", "America/Denver"),
    ("MESZ", "Europe/Berlin"),
    ("MEZ", "Europe/Berlin"),
    ("MSK", "Europe/Moscow"),
    ("MST", "America/Denver"),
    ("NZDT", "Pacific/Auckland"),
    ("NZST", "Pacific/Auckland"),
    ("PDT", "America/Los_Angeles"),
    ("PKT", "Asia/Karachi"),
    ("PST", "America/Los_Angeles"),
    ("SGT", "Asia/Singapore"),
    ("WEST", "Europe/Lisbon"),
    ("WET", "Europe/Lisbon"),
    ("Z", "UTC"),
];

/// The zone that was probably meant: by an abbreviation, or by a place name with almost the same letters. A place that
/// is only vaguely similar is not suggested.
fn nearest(name: &str) -> Option<&'static str> {
    let abbreviation = ABBREVIATIONS.iter().find(|(short, _)| short.eq_ignore_ascii_case(name));
    if let Some((_, zone)) = abbreviation {
        return Some(zone);
    }
    // `America/New_York` gives `america` and `newyork`.
    let parts = |name: &str| {
        let name = name.to_lowercase();
        let (region, place) = name.rsplit_once('/').unwrap_or(("", &name));
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        (letters(region), letters(place))
    };
    let (region, place) = parts(name);
    // One letter in four may be wrong, and none of fewer than four.
    let most = if place.len() < 4 { 0 } else { (place.len() / 4).max(1) };
    let distance = |zone: &&str| {
        let (own_region, own_place) = parts(zone);
        let wrong = strsim::osa_distance(&own_place, &place);
        // Names with the region of a place are preferred to country names and other old names.
        let is_old = !REGIONS.iter().any(|region| own_region.starts_with(region));
        (wrong <= most).then(|| (wrong, strsim::osa_distance(&own_region, &region), is_old))
    };
    let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    zones.filter_map(|zone| Some((distance(&zone)?, zone))).min().map(|(_, zone)| zone)
}

const REGIONS: [&str; 10] =
    ["africa", "america", "antarctica", "arctic", "asia", "atlantic", "australia", "europe", "indian", "pacific"];

/// The zone of the process: that of `TZ`, else the system's.
///
/// `TZ` is an IANA name, or the path of such a file below a folder `zoneinfo`. Either can start with the colon of
/// tzset(3). A POSIX rule (`CET-1CEST`) is refused, because it does not say when the clock changed in earlier years.
///
/// # Errors
///
/// If `TZ` names no zone.
pub fn local(variable: Option<&str>) -> Result<Tz> {
    let file = variable.map(|text| text.strip_prefix(':').unwrap_or(text));
    let Some(file) = file.filter(|file| *file != "/etc/localtime") else { return zone(None) };
    let name = file.split_once("/zoneinfo/").map_or(file, |(_, name)| name);
    zone(Some(name)).map_err(|error| {
        let hint = error.hint.unwrap_or_default();
        let error = Error { status: Status::Config, ..Error::cannot("use", "TZ", error.what) };
        error.hint(format!("{hint}; --timezone and `timezone` in the configuration count more"))
    })
}

/// The first instant of a day. Where midnight does not exist because the clock goes forward, that is the end of the
/// gap.
pub fn begin(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    let quarters = (0..=96).map(|quarter| midnight + TimeDelta::minutes(15 * quarter));
    let first = quarters.into_iter().find_map(|local| zone.from_local_datetime(&local).earliest());
    first.map_or_else(|| midnight.and_utc(), |local| local.to_utc())
}

/// The first instant after a day.
pub fn end(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    begin(day.checked_add_days(Days::new(1)).unwrap_or(day), zone)
}

/// A unit of time by which figures are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    /// Named after its Monday.
    Week,
    /// Named after its Sunday, on which it begins.
    SundayWeek,
    Month,
}

impl Period {
    /// The word for one: `day`, `week` or `month`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week | Self::SundayWeek => "week",
            Self::Month => "month",
        }
    }

    /// The name of the period that a time falls into: `2026-02-01`, or `2026-02` for a month.
    pub fn of(self, time: DateTime<Utc>, zone: Tz) -> String {
        self.of_day(time.with_timezone(&zone).date_naive())
    }

    /// The name of the period that a day falls into.
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
        assert_eq!(
            (error.status, &*error.to_string()),
            (Status::Config, "cannot use `TZ`: unknown time zone `CET-1CEST`")
        );
    }

    #[test]
    fn an_unknown_zone_is_reported_with_a_similar_one() {
        let error = zone(Some("europe/berlni")).unwrap_err();
        assert_eq!(error.status, Status::Usage);
        for (name, near) in [
            ("europe/berlni", "Europe/Berlin"),
            ("Berlin", "Europe/Berlin"),
            ("Germany/Berlin", "Europe/Berlin"),
            ("America/Berlin", "Europe/Berlin"),
            ("New York", "America/New_York"),
            ("america/newyork", "America/New_York"),
            ("los angles", "America/Los_Angeles"),
            ("Ameirca/Chicago", "America/Chicago"),
            ("US/Pacifc", "US/Pacific"),
            ("Buenos Aires", "America/Buenos_Aires"),
            ("Kalkutta", "Asia/Calcutta"),
            ("utc ", "UTC"),
            ("CEST", "Europe/Berlin"),
            ("pdt", "America/Los_Angeles"),
            ("IST", "Asia/Kolkata"),
        ] {
            let hint = zone(Some(name)).unwrap_err().hint.unwrap();
            assert_eq!(hint, format!("IANA names, such as `{near}`"), "{name}");
        }
        for name in ["Munich", "Europe/Munich", "xyz", "Germany", "", "/", "Köln", "local"] {
            let hint = zone(Some(name)).unwrap_err().hint.unwrap();
            let expected = "IANA names, such as `Europe/Berlin` or `UTC`; `timedatectl list-timezones` shows all";
            assert_eq!(hint, expected, "nothing is made up for {name}");
        }
    }

    #[test]
    fn rules_and_offsets_are_explained() {
        let rule = "a rule of POSIX does not say when the clock was changed in earlier years: IANA names, such as";
        for (name, near) in [
            ("CET-1CEST", "`Europe/Berlin`"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "`Europe/Berlin`"),
            ("PST8PDT7", "`America/Los_Angeles`"),
            ("JST-9", "`Asia/Tokyo`"),
            ("FOO3BAR", "`Europe/Berlin` or `UTC`"),
            ("<-03>3", "`Europe/Berlin` or `UTC`"),
        ] {
            assert_eq!(zone(Some(name)).unwrap_err().hint.unwrap(), format!("{rule} {near}"), "{name}");
        }
        let fixed = "IANA names, such as `Etc/GMT-2` for 2 h ahead of UTC and `Etc/GMT+2` for 2 h behind";
        for name in ["UTC+2", "gmt-2", "+02:00", "-2", "UTC2"] {
            assert_eq!(zone(Some(name)).unwrap_err().hint.unwrap(), fixed, "{name}");
        }
        assert_eq!(zone(Some("Etc/GMT-2")).unwrap(), Tz::Etc__GMTMinus2);
    }
}
