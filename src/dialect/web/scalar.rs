//! Single values as SDKs and exports write them: ids as numbers, `"null"` for nothing, times in several forms.

use crate::dialect::json::{Any, Id, Lenient, is_id};
use crate::dialect::moment;
use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer};
use std::borrow::Cow;

/// A text or a number, as text without surrounding white space. Empty text, `"null"` and values of other types are
/// absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Scalar<'de>(pub(super) Option<Cow<'de, str>>);

/// A time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stamp {
    #[default]
    Absent,
    /// There is a value, but it is not a valid time.
    Wrong,
    At(DateTime<Utc>),
}

/// A number, possibly in quotes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number(pub(super) Option<f64>);

impl Scalar<'_> {
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text as an id. `None` if it is too long.
    pub(super) fn id(&self) -> Option<&str> {
        self.get().filter(|id| is_id(id))
    }
}

impl Stamp {
    pub(super) fn time(self) -> Option<DateTime<Utc>> {
        if let Self::At(time) = self { Some(time) } else { None }
    }

    /// This time, or the other one if this one is absent.
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Absent { other } else { self }
    }

    /// The time that a text means.
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("null") {
            return Self::Absent;
        }
        // Warehouses export `2026-03-01 12:00:00.5 UTC`, and numbers as text.
        let plain = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" Z")).unwrap_or(text);
        let integer = || plain.parse().ok().and_then(moment::of_integer);
        let fraction = || plain.parse().ok().filter(|number: &f64| number.is_finite()).and_then(moment::of_fraction);
        moment::of_text(plain).or_else(integer).or_else(fraction).map_or(Self::Wrong, Self::At)
    }
}

/// The text without surrounding white space; `None` if nothing is left or it means nothing.
pub(super) fn present(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let trimmed = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if trimmed.is_empty() || trimmed.eq_ignore_ascii_case("null") {
        return None;
    }
    if trimmed.len() == text.len() {
        return Some(text);
    }
    Some(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(|c: char| c.is_whitespace() || c == '\0')),
        Cow::Owned(_) => Cow::Owned(trimmed.to_owned()),
    })
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Id(text) = Id::deserialize(deserializer)?;
        Ok(Self(text.and_then(present)))
    }
}

struct AStamp;

impl<'de> Lenient<'de> for AStamp {
    type Value = Stamp;
    fn absent(self) -> Stamp {
        Stamp::Absent
    }
    fn flag(self, _flag: bool) -> Stamp {
        Stamp::Wrong
    }
    fn text(self, text: Cow<'de, str>) -> Stamp {
        Stamp::of(&text)
    }
    fn integer(self, number: i64) -> Stamp {
        moment::of_integer(number).map_or(Stamp::Wrong, Stamp::At)
    }
    fn number(self, number: f64) -> Stamp {
        moment::of_fraction(number).map_or(Stamp::Wrong, Stamp::At)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(AStamp))
    }
}

struct ANumber;

impl<'de> Lenient<'de> for ANumber {
    type Value = Number;
    fn absent(self) -> Number {
        Number(None)
    }
    fn text(self, text: Cow<'de, str>) -> Number {
        Number(text.trim().parse().ok().filter(|number: &f64| number.is_finite()))
    }
    fn number(self, number: f64) -> Number {
        Number(Some(number))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(ANumber))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(json: &str) -> Option<String> {
        serde_json::from_str::<Scalar<'_>>(json).unwrap().0.map(Cow::into_owned)
    }

    #[test]
    fn a_value_is_trimmed_text() {
        for (json, text) in [
            (r#"" u-7 ""#, "u-7"),
            (r#""\u0000u-7\t""#, "u-7"),
            ("34806809", "34806809"),
            ("18446744073709551615", "18446744073709551615"),
            (r#""u\ud83d\u00e9""#, "u\u{fffd}\u{e9}"),
            ("103.5", "103.5"),
            (r#""NaN""#, "NaN"),
        ] {
            assert_eq!(scalar(json).as_deref(), Some(text), "{json}");
        }
        for absent in [r#""""#, r#""  ""#, "null", r#""null""#, r#"" NULL ""#, "true", "[1]", r#"{"a":1}"#] {
            assert_eq!(scalar(absent), None, "{absent}");
        }
    }

    #[test]
    fn an_invalid_time_is_distinguished_from_a_missing_one() {
        let stamp = |json: &str| serde_json::from_str::<Stamp>(json).unwrap();
        let noon = Stamp::of("2026-03-01T12:00:00Z");
        assert!(matches!(noon, Stamp::At(_)));
        for json in [
            r#""2026-03-01 12:00:00 UTC""#,
            r#""2026-03-01 12:00:00.000 Z""#,
            r#""1772366400""#,
            r#""1772366400.0""#,
            "1772366400000",
        ] {
            assert_eq!(stamp(json), noon, "{json}");
        }
        for absent in ["null", r#""""#, r#"" null ""#] {
            assert_eq!(stamp(absent), Stamp::Absent, "{absent}");
        }
        for wrong in [r#""soon""#, r#""NaN""#, "true", "1e300", r#""2026-02-30""#] {
            assert_eq!(stamp(wrong), Stamp::Wrong, "{wrong}");
        }
    }
}
