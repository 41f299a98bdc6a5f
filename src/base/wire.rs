//! Parts of JSON files that one process of ours writes and another reads: times, and named counters.

use serde::de::{Deserialize, Deserializer, Error};

/// JSON that people can read too, with a final line feed.
pub fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// The names of all counters. A name that is read becomes one of these static strings.
const NAMES: [&str; 9] =
    ["dead", "deferred", "dropped", "failed", "processed", "rejected", "retry", "skipped", "unchanged"];

/// Reads exactly N named counters.
///
/// # Errors
///
/// If their number differs.
pub(crate) fn numbers<'de, D, T, const N: usize>(deserializer: D) -> Result<[(&'static str, T); N], D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let numbers = Vec::<(String, T)>::deserialize(deserializer)?;
    let named = |(name, number): (String, T)| NAMES.iter().find(|known| **known == name).map(|known| (*known, number));
    let numbers: Vec<_> = numbers.into_iter().filter_map(named).collect();
    numbers.try_into().map_err(|_| D::Error::custom("other numbers than expected"))
}

/// A time, to the microsecond.
pub(crate) mod time {
    use crate::base::utc;
    use chrono::{DateTime, Utc};
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&utc::microseconds(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|_| D::Error::custom("no time"))
    }
}

/// A time that can be missing.
pub(crate) mod time_or_none {
    use crate::base::utc;
    use chrono::{DateTime, Utc};
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_some(&utc::microseconds(*time)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(|_| D::Error::custom("no time"))).transpose()
    }
}
