//! How far an item can be trusted: from its evidence, and by how long ago it was. It is computed when
//! an item is read, so that it is always that of the moment.

use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// What evidence weighs: shares from 0 to 1, but for the half-life.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// Of an item that came up as a correction.
    #[serde(deserialize_with = "share")]
    pub correction: f64,
    /// Of one that somebody defined unasked.
    #[serde(deserialize_with = "share")]
    pub definition: f64,
    /// Of one that was only ever confirmed.
    #[serde(deserialize_with = "share")]
    pub confirmation: f64,
    /// For every person after the first one.
    #[serde(deserialize_with = "share")]
    pub per_verifier: f64,
    /// Confidence halves in so many months.
    #[serde(deserialize_with = "months")]
    pub half_life_months: f64,
    /// It does not decay below this.
    #[serde(deserialize_with = "share")]
    pub floor: f64,
    #[serde(deserialize_with = "share")]
    pub cap: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            correction: 0.90,
            definition: 0.90,
            confirmation: 0.60,
            per_verifier: 0.05,
            half_life_months: 12.0,
            floor: 0.40,
            cap: 1.00,
        }
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(D::Error::custom("not from 0 to 1")) }
}

fn months<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let months = f64::deserialize(deserializer)?;
    if months > 0.0 && months.is_finite() { Ok(months) } else { Err(D::Error::custom("not more than 0 months")) }
}

/// The evidence of an item, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub corrections: u64,
    pub confirmations: u64,
    pub definitions: u64,
    pub verifiers: u64,
    pub last_verified: Option<DateTime<Utc>>,
}

/// A mean one, in seconds.
const MONTH: f64 = 365.25 / 12.0 * 86_400.0;

impl Weights {
    /// The confidence in an item, from 0 to 1. Evidence without a time does not decay: nobody knows how
    /// old it is.
    pub fn confidence(&self, evidence: &Evidence, now: DateTime<Utc>) -> f64 {
        let kinds = [
            (evidence.corrections, self.correction),
            (evidence.definitions, self.definition),
            (evidence.confirmations, self.confirmation),
        ];
        let base = kinds.into_iter().filter(|(count, _)| *count > 0).map(|(_, base)| base).fold(0.0, f64::max);
        let fresh = (base + self.per_verifier * evidence.verifiers.saturating_sub(1) as f64).min(self.cap);
        let age = evidence.last_verified.map_or(0.0, |last| (now - last).as_seconds_f64().max(0.0));
        let decayed = fresh * 0.5_f64.powf(age / (self.half_life_months * MONTH));
        decayed.max(self.floor.min(fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn confidence(counts: [u64; 4], months: f64) -> f64 {
        let [corrections, confirmations, definitions, verifiers] = counts;
        let last_verified = Some(NOW - TimeDelta::seconds((months * MONTH) as i64));
        let evidence = Evidence { corrections, confirmations, definitions, verifiers, last_verified };
        (Weights::default().confidence(&evidence, NOW) * 10_000.0).round() / 10_000.0
    }

    #[test]
    fn the_strongest_kind_counts_and_every_further_person() {
        assert_eq!(confidence([1, 0, 0, 1], 0.0), 0.90);
        assert_eq!(confidence([0, 0, 1, 1], 0.0), 0.90);
        assert_eq!(confidence([0, 5, 0, 1], 0.0), 0.60);
        assert_eq!(confidence([0, 5, 0, 3], 0.0), 0.70);
        assert_eq!(confidence([1, 5, 0, 2], 0.0), 0.95);
        assert_eq!(confidence([1, 5, 0, 9], 0.0), 1.00);
    }

    #[test]
    fn it_halves_in_a_year_down_to_the_floor() {
        assert_eq!(confidence([1, 0, 0, 1], 12.0), 0.45);
        assert_eq!(confidence([1, 0, 0, 1], 6.0), 0.6364);
        assert_eq!(confidence([1, 0, 0, 1], 24.0), 0.40);
        assert_eq!(confidence([1, 0, 0, 9], 12.0), 0.50);
        assert_eq!(confidence([0, 1, 0, 1], -1.0), 0.60, "a clock that was ahead");
        let evidence = Evidence { corrections: 1, confirmations: 0, definitions: 0, verifiers: 1, last_verified: None };
        assert_eq!(Weights::default().confidence(&evidence, NOW), 0.90);
        let low = Weights { confirmation: 0.30, ..Weights::default() };
        let weak = Evidence { corrections: 0, confirmations: 1, ..evidence };
        assert_eq!(low.confidence(&weak, NOW), 0.30, "the floor lifts nothing");
    }
}
