//! Times as text, all in UTC: one form for each kind of reader.
//!
//! Programs get RFC 3339, with the precision they need. People get a day and a time, followed by `UTC`.

use chrono::{DateTime, SecondsFormat, Utc};

/// `2026-02-01T10:00:00Z`: for programs, to the second.
pub fn seconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `2026-02-01T10:00:00.250Z`: always to the millisecond, as JavaScript writes dates.
pub fn milliseconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// `2026-02-01T10:00:00.250000Z`: to the microsecond, as the database stores times.
pub fn microseconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// `2026-02-01T10:00:00Z`, with milliseconds or microseconds only if they are not zero.
pub fn shortest(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// `2026-02-01 10:00 UTC`, for people.
pub fn minute(time: DateTime<Utc>) -> String {
    format!("{} UTC", minute_of_column(time))
}

/// `2026-02-01 10:00`, for a column whose heading says UTC.
pub fn minute_of_column(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

/// `2026-02-01 10:00:00 UTC`, for people, to the second.
pub fn second(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `10:00:00 UTC`, for a time of today.
pub fn second_of_day(time: DateTime<Utc>) -> String {
    time.format("%H:%M:%S UTC").to_string()
}

/// `20260201T100000250000`: letters and digits only, for file names that sort by time.
pub fn name(time: DateTime<Utc>) -> String {
    time.format("%Y%m%dT%H%M%S%6f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_gets_its_form() {
        let time = DateTime::from_timestamp_micros(1_769_940_000_250_000).unwrap_or_default();
        assert_eq!(seconds(time), "2026-02-01T10:00:00Z");
        assert_eq!(milliseconds(time), "2026-02-01T10:00:00.250Z");
        assert_eq!(microseconds(time), "2026-02-01T10:00:00.250000Z");
        assert_eq!(shortest(time), "2026-02-01T10:00:00.250Z");
        assert_eq!(shortest(DateTime::UNIX_EPOCH), "1970-01-01T00:00:00Z");
        assert_eq!(minute(time), "2026-02-01 10:00 UTC");
        assert_eq!(minute_of_column(time), "2026-02-01 10:00");
        assert_eq!(second(time), "2026-02-01 10:00:00 UTC");
        assert_eq!(second_of_day(time), "10:00:00 UTC");
        assert_eq!(name(time), "20260201T100000250000");
    }
}
