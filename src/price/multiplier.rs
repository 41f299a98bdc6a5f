//! Multipliers of the list price of a request: its speed, its service tier, and the region that serves it.

use serde::{Deserialize, Serialize, Serializer};

/// A multiplier of the list price, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Times(u64);

/// The multiplier 1.
pub const ONCE: Times = Times(1_000_000);

impl TryFrom<f64> for Times {
    type Error = &'static str;

    fn try_from(times: f64) -> Result<Self, Self::Error> {
        let millionths = (times * 1e6).round();
        if !(0.0..=1e9).contains(&millionths) {
            return Err("a multiplier is from 0 to a thousand");
        }
        if (times * 1e6 - millionths).abs() > 1e-3 {
            return Err("a multiplier has at most six decimals");
        }
        Ok(Self(millionths as u64))
    }
}

impl Serialize for Times {
    /// Writes a whole number without decimals: `6`, not `6.0`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % ONCE.0 {
            0 => serializer.serialize_u64(self.0 / ONCE.0),
            _ => serializer.serialize_f64(self.value()),
        }
    }
}

impl Times {
    /// The multiplier as a decimal number, to show it.
    pub fn value(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The multiplied rate, rounded to the nearest whole number.
    pub(super) fn of(self, rate: i128) -> i128 {
        (rate * i128::from(self.0) + i128::from(ONCE.0 / 2)) / i128::from(ONCE.0)
    }
}

/// The multipliers of a row of the price table. A request that needs a missing one has no price.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Multipliers {
    /// Fast mode (`speed` in Claude's usage).
    pub fast: Option<Times>,
    /// Inference in the US only (`inference_geo` in Claude's usage).
    pub us: Option<Times>,
    /// Regional endpoints and profiles of Bedrock and Vertex AI.
    pub regional: Option<Times>,
    /// Bedrock's regions for governments.
    pub government: Option<Times>,
    /// Service tiers.
    pub batch: Option<Times>,
    pub flex: Option<Times>,
    pub priority: Option<Times>,
    pub ultrafast: Option<Times>,
    /// Requests during [`PEAK_HOURS`]. Without it, the price is the same all day.
    pub peak: Option<Times>,
}

/// Hours (UTC, Monday to Friday) for which DeepSeek charges more since August 2026.
pub const PEAK_HOURS: [u32; 7] = [1, 2, 3, 6, 7, 8, 9];

/// What a log says about the billing of a request, besides its tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Terms {
    pub fast: bool,
    pub tier: Tier,
    pub geo: Geo,
    pub place: Residency,
    /// Whether the request was made during [`PEAK_HOURS`].
    pub peak: bool,
}

/// A service tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    #[default]
    Standard,
    Batch,
    Flex,
    Priority,
    Ultrafast,
    /// A tier without a known multiplier.
    Other(String),
}

/// Where inference may run, according to the response.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Geo {
    #[default]
    Global,
    Us,
    /// A region without a known multiplier.
    Other(String),
}

/// Where inference runs, according to the name of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Residency {
    /// A global endpoint, or none named.
    #[default]
    Global,
    Regional,
    Government,
}

impl Tier {
    /// The tier with this name in a log.
    pub fn of(name: Option<&str>) -> Self {
        let name = name.unwrap_or_default().trim().to_lowercase();
        match name.as_str() {
            "" | "standard" | "default" | "auto" => Self::Standard,
            "batch" => Self::Batch,
            "flex" => Self::Flex,
            // OpenAI renamed its priority tier, so both names mean the same.
            "priority" | "fast" => Self::Priority,
            "ultrafast" => Self::Ultrafast,
            _ => Self::Other(name),
        }
    }
}

impl Geo {
    /// The region that a response names. Models for which none can be chosen say `not_available`.
    pub fn of(name: Option<&str>) -> Self {
        let name = name.unwrap_or_default().trim().to_lowercase();
        match name.as_str() {
            "" | "global" | "not_available" => Self::Global,
            "us" => Self::Us,
            _ => Self::Other(name),
        }
    }
}

/// One reason why a request does not cost the list price.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// For example `fast mode`.
    pub name: String,
    /// `None` if the row lacks it.
    pub times: Option<Times>,
}

impl Multipliers {
    /// The factors that apply under these terms, in a fixed order.
    pub fn factors(&self, terms: &Terms) -> Vec<Factor> {
        let mut factors = Vec::new();
        let mut add = |name: &str, times| factors.push(Factor { name: name.to_owned(), times });
        if terms.fast {
            add("fast mode", self.fast);
        }
        match &terms.tier {
            Tier::Standard => {}
            Tier::Batch => add("batch tier", self.batch),
            Tier::Flex => add("flex tier", self.flex),
            Tier::Priority => add("priority tier", self.priority),
            Tier::Ultrafast => add("ultrafast tier", self.ultrafast),
            Tier::Other(name) => add(&format!("{name} tier"), None),
        }
        match &terms.geo {
            Geo::Global => {}
            Geo::Us => add("US inference", self.us),
            Geo::Other(name) => add(&format!("{name} inference"), None),
        }
        match terms.place {
            Residency::Global => {}
            Residency::Regional => add("regional endpoint", self.regional),
            Residency::Government => add("government region", self.government),
        }
        if terms.peak && self.peak.is_some() {
            add("peak hours", self.peak);
        }
        factors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_and_places_are_known_by_all_their_names() {
        for (name, tier) in [
            (None, Tier::Standard),
            (Some(""), Tier::Standard),
            (Some("default"), Tier::Standard),
            (Some("Auto"), Tier::Standard),
            (Some("fast"), Tier::Priority),
            (Some("priority"), Tier::Priority),
            (Some("flex"), Tier::Flex),
            (Some("batch"), Tier::Batch),
            (Some("ultrafast"), Tier::Ultrafast),
            (Some("Scale"), Tier::Other("scale".to_owned())),
        ] {
            assert_eq!(Tier::of(name), tier, "{name:?}");
        }
        for (name, geo) in [
            (None, Geo::Global),
            (Some("not_available"), Geo::Global),
            (Some("US"), Geo::Us),
            (Some("mars"), Geo::Other("mars".to_owned())),
        ] {
            assert_eq!(Geo::of(name), geo, "{name:?}");
        }
    }

    #[test]
    fn a_multiplier_is_exact_and_has_bounds() {
        let times = |value: f64| Times::try_from(value);
        assert_eq!(times(1.1).unwrap().of(5_000_000), 5_500_000);
        assert_eq!(times(0.5).unwrap().of(1), 1);
        assert_eq!((times(1.1).unwrap().value(), times(1.0).unwrap()), (1.1, ONCE));
        assert_eq!(times(-0.1), Err("a multiplier is from 0 to a thousand"));
        assert_eq!(times(1000.1), Err("a multiplier is from 0 to a thousand"));
        assert_eq!(times(f64::NAN), Err("a multiplier is from 0 to a thousand"));
        assert_eq!(times(1.000_000_1), Err("a multiplier has at most six decimals"));
        let texts = [1.1, 6.0].map(|value| serde_json::to_string(&times(value).unwrap()).unwrap());
        assert_eq!(texts, ["1.1", "6"]);
    }

    #[test]
    fn every_reason_that_applies_is_named() {
        let terms = Terms {
            fast: true,
            tier: Tier::Other("scale".to_owned()),
            geo: Geo::Other("mars".to_owned()),
            place: Residency::Government,
            peak: true,
        };
        let names: Vec<_> = Multipliers::default().factors(&terms).into_iter().map(|factor| factor.name).collect();
        assert_eq!(names, ["fast mode", "scale tier", "mars inference", "government region"]);
        let peak = Terms { peak: true, ..Terms::default() };
        assert_eq!(Multipliers::default().factors(&peak), [], "most prices are the same all day");
        let twice = Times::try_from(2.0).unwrap();
        let factors = Multipliers { peak: Some(twice), ..Multipliers::default() }.factors(&peak);
        assert_eq!(factors, [Factor { name: "peak hours".to_owned(), times: Some(twice) }]);
        assert_eq!(Multipliers::default().factors(&Terms::default()), []);
    }
}
