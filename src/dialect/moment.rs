//! Times as logs write them: text or numbers in any common form, cut to microseconds.
//!
//! | form | example |
//! | --- | --- |
//! | RFC 3339, any offset, any number of digits | `2026-03-01T12:00:00.123456789+02:00` |
//! | the same without an offset, or with a blank for the `T`: UTC | `2026-03-01 12:00:00` |
//! | a date: midnight in UTC at its beginning | `2026-03-01` |
//! | a number below 1e11: seconds since 1970 | `1772366400.25` |
//! | below 1e14: milliseconds | `1772366400250` |
//! | below 1e17: microseconds | `1772366400250000` |
//! | any other: nanoseconds | `1772366400250000000` |
//!
//! Years are from 1 to 9999. No time is compared with the present.

use super::json::{Any, Lenient};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::de::{Deserialize, Deserializer};
use std::borrow::Cow;

/// A time; `None` if the value is not one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Option<DateTime<Utc>>);

/// A time since 1970; `None` if the value is not one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Time(pub(super) Option<DateTime<Utc>>);

/// The time that a text means.
pub(super) fn of_text(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Some(time) = usual(text) {
        return possible(time.and_utc().timestamp_micros());
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return possible(time.timestamp_micros());
    }
    let spelled = text.replacen(' ', "T", 1);
    let local = || NaiveDateTime::parse_from_str(&spelled, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|time| time.and_utc());
    // ISO 8601 allows an offset without a colon.
    let basic = || DateTime::parse_from_str(&spelled, "%Y-%m-%dT%H:%M:%S%.f%#z").ok().map(|time| time.to_utc());
    let date = || Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN).and_utc());
    possible(local().or_else(basic).or_else(date)?.timestamp_micros())
}

/// The most common form, `2026-03-01T12:00:00.123Z`, with up to nine digits for the fraction.
fn usual(text: &str) -> Option<NaiveDateTime> {
    let (whole, fraction) = text.strip_suffix('Z')?.as_bytes().split_at_checked(19)?;
    let number = |digits: &[u8]| {
        let digit = |sum: u32, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'));
        digits.iter().try_fold(0, digit)
    };
    let marks = [4, 7, 10, 13, 16].map(|at| whole[at]);
    let [year, month, day, hour, minute, second] =
        [&whole[..4], &whole[5..7], &whole[8..10], &whole[11..13], &whole[14..16], &whole[17..]].map(number);
    let nanos = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => number(digits)? * 10u32.pow(9 - digits.len() as u32),
        _ => return None,
    };
    let date = NaiveDate::from_ymd_opt(i32::try_from(year?).ok()?, month?, day?)?;
    (marks == *b"--T::").then(|| date.and_hms_nano_opt(hour?, minute?, second?, nanos))?
}

/// The time that a whole number means.
pub(super) fn of_integer(number: i64) -> Option<DateTime<Utc>> {
    match number.unsigned_abs() {
        0..100_000_000_000 => possible(number.checked_mul(1_000_000)?),
        100_000_000_000..100_000_000_000_000 => possible(number.checked_mul(1_000)?),
        100_000_000_000_000..100_000_000_000_000_000 => possible(number),
        _ => possible(number.div_euclid(1_000)),
    }
}

/// The time that a fraction means, to the nearest microsecond: a double is not more precise for present times.
pub(super) fn of_fraction(number: f64) -> Option<DateTime<Utc>> {
    let micros = match number.abs() {
        ..1e11 => number * 1e6,
        ..1e14 => number * 1e3,
        ..1e17 => number,
        _ => number / 1e3,
    };
    // A number out of range saturates, and then is not a valid date either.
    possible(micros.round() as i64)
}

/// A time within the supported years. An offset can lead out of them.
fn possible(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).filter(|time| (1..=9999).contains(&time.year()))
}

struct AMoment;

impl<'de> Lenient<'de> for AMoment {
    type Value = Moment;
    fn absent(self) -> Moment {
        Moment(None)
    }
    fn text(self, text: Cow<'de, str>) -> Moment {
        Moment(of_text(&text))
    }
    fn integer(self, number: i64) -> Moment {
        Moment(of_integer(number))
    }
    fn number(self, number: f64) -> Moment {
        Moment(of_fraction(number))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(AMoment))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Moment(time) = Moment::deserialize(deserializer)?;
        Ok(Self(time.filter(|time| *time >= DateTime::UNIX_EPOCH)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<String> {
        let Moment(time) = serde_json::from_str(json).unwrap();
        time.map(|time| time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string())
    }

    #[test]
    fn every_form_of_a_time_is_read() {
        for (json, time) in [
            (r#""2026-03-01T12:00:00Z""#, "2026-03-01T12:00:00.000000"),
            (r#""2026-03-01T12:00:00.123456999+02:00""#, "2026-03-01T10:00:00.123456"),
            (r#""2026-03-01t12:00:00-03:30""#, "2026-03-01T15:30:00.000000"),
            (r#""2026-03-01T12:00:00+0200""#, "2026-03-01T10:00:00.000000"),
            (r#"" 2026-03-01 12:00:00.5 ""#, "2026-03-01T12:00:00.500000"),
            (r#""2026-03-01""#, "2026-03-01T00:00:00.000000"),
            (r#""9999-12-31T23:59:59.999999999Z""#, "9999-12-31T23:59:59.999999"),
            (r#""0001-01-01T00:00:00Z""#, "0001-01-01T00:00:00.000000"),
            ("1772366400", "2026-03-01T12:00:00.000000"),
            ("1772366400.123456", "2026-03-01T12:00:00.123456"),
            ("1772366400123", "2026-03-01T12:00:00.123000"),
            ("1772366400123456", "2026-03-01T12:00:00.123456"),
            ("1772366400123456999", "2026-03-01T12:00:00.123456"),
            ("1.7723664e9", "2026-03-01T12:00:00.000000"),
            ("99999999999", "5138-11-16T09:46:39.000000"),
            ("100000000000", "1973-03-03T09:46:40.000000"),
            ("100000000000000", "1973-03-03T09:46:40.000000"),
            ("100000000000000000", "1973-03-03T09:46:40.000000"),
        ] {
            assert_eq!(read(json).as_deref(), Some(time), "{json}");
        }
    }

    #[test]
    fn an_invalid_time_is_absent() {
        for json in [
            "null",
            "true",
            "{}",
            "[1]",
            r#""""#,
            r#""today""#,
            r#""2026-02-30T00:00:00Z""#,
            r#""9999-12-31T23:30:00-01:00""#,
            r#""10000-01-01T00:00:00Z""#,
            "1e300",
            "-99999999999",
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }
    #[test]
    fn a_time_since_1970_is_read_however_it_is_written() {
        let time = |json: &str| serde_json::from_str::<Time>(json).unwrap().0.map(|t| t.to_rfc3339());
        let noon = Some("2026-02-01T12:00:00+00:00".to_owned());
        assert_eq!(time("\"2026-02-01T12:00:00Z\""), noon);
        assert_eq!(time("\"2026-02-01T13:00:00+01:00\""), noon);
        assert_eq!(time("\"2026-02-01 12:00:00\""), noon);
        assert_eq!(time("1769947200"), noon);
        assert_eq!(time("1769947200000"), noon);
        assert_eq!(time("\"2026-02-01T12:00:00.1234567Z\""), Some("2026-02-01T12:00:00.123456+00:00".to_owned()));
        for absent in
            ["null", "\"yesterday\"", "{}", "true", "-1", "8210266876799000000000", "\"1969-12-31T00:00:00Z\""]
        {
            assert_eq!(time(absent), None, "{absent}");
        }
    }
}
