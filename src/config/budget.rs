//! The tables `[[budget]]`: what may be spent in a calendar month.

use serde::{Deserialize, Deserializer, Serialize};

/// A limit for the costs that match all given keys. A budget without `team`, `project` and `person` is for all costs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    pub name: String,
    /// US dollars, at list prices.
    #[serde(deserialize_with = "dollars")]
    pub month: f64,
    #[serde(default)]
    pub team: Option<String>,
    #[serde(default)]
    pub project: Option<String>,
    /// A person's name or e-mail address, or a folder.
    #[serde(default)]
    pub person: Option<String>,
    /// The part of the budget from which on a warning is shown.
    #[serde(default = "most", deserialize_with = "part")]
    pub warn: f64,
}

fn most() -> f64 {
    0.8
}

fn dollars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let dollars = f64::deserialize(deserializer)?;
    let is_some = (0.01..=1e9).contains(&dollars);
    if is_some { Ok(dollars) } else { Err(serde::de::Error::custom("a budget is from a cent to a billion dollars")) }
}

fn part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let part = f64::deserialize(deserializer)?;
    let is_part = part > 0.0 && part <= 1.0;
    if is_part { Ok(part) } else { Err(serde::de::Error::custom("a part of a budget is above 0 and at most 1")) }
}
