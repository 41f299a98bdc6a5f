//! Durations as people write them: `90s`, `10m`, `6h`, `2d`.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [("d", 86_400), ("h", 3600), ("min", 60), ("m", 60), ("s", 1)];

/// Parses a duration above zero: a whole number with a unit, or a number of seconds.
///
/// # Errors
///
/// The text says what was expected.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = "a time such as 150s, 5m or 1h";
    parse_wait(text).ok().filter(|time| !time.is_zero()).ok_or_else(|| wrong.to_owned())
}

/// Parses a duration that may also be zero: `0s`.
///
/// # Errors
///
/// The text says what was expected.
pub fn parse_wait(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = Some(&text[digits.len()..]).filter(|unit| !unit.is_empty()).unwrap_or("s");
    let seconds = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, seconds)| seconds);
    let time = digits.parse::<u64>().ok().zip(seconds).and_then(|(number, seconds)| number.checked_mul(*seconds));
    time.map(Duration::from_secs).ok_or_else(|| "a time such as 150s, 5m or 1h, or 0s for none".to_owned())
}

/// Writes a duration in the largest unit that gives a whole number: `90s`, `2h`.
pub fn text(time: Duration) -> String {
    let seconds = time.as_secs();
    let is_whole = |size: u64| seconds > 0 && seconds.is_multiple_of(size);
    let (unit, size) = UNITS.iter().find(|(_, size)| is_whole(*size)).unwrap_or(&("s", 1));
    let unit = if *unit == "min" { "m" } else { unit };
    format!("{}{unit}", seconds / size)
}

/// An elapsed time as people read it: `40 ms`, `1.5 s`, `2 min 5 s`.
pub fn elapsed(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds / 1000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        for (written, seconds, shortest) in [
            ("150s", 150, "150s"),
            ("150", 150, "150s"),
            ("300s", 300, "5m"),
            ("5min", 300, "5m"),
            ("60m", 3600, "1h"),
            ("36h", 129_600, "36h"),
            ("48h", 172_800, "2d"),
        ] {
            assert_eq!(parse(written), Ok(Duration::from_secs(seconds)));
            assert_eq!(text(Duration::from_secs(seconds)), shortest);
        }
        for wrong in ["", "0", "0s", "-1", "5w", "s", "1.5h", "5 m", "99999999999999999999h", "18446744073709551615d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
            assert_eq!(parse_wait(wrong), if wrong.starts_with('0') { Ok(Duration::ZERO) } else { parse_wait("") });
        }
        assert_eq!(text(Duration::ZERO), "0s");
    }
}
