//! How far an item can be trusted, computed from its evidence and its age. It is computed when the item is read, so
//! that it is always up to date.

use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The least confidence of items that are shown by default. In sessions that were not used for training, about seven in
/// ten items that one person said once are right at this confidence.
pub const SHOWN: f64 = 0.70;

/// The weights of evidence: shares from 0 to 1, except the half-life.
///
/// The built-in detector gives a likelihood with each claim. For a detector that does not, the weight of the claim's
/// kind is used instead. Each further session and person reduces the remaining doubt by a share.
///
/// For example, at a likelihood of 0.6 the doubt is 0.4. With `per_session = 0.3`, a second session reduces the doubt to
/// 0.28, so the confidence is 0.72.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// The weight of a correction.
    #[serde(deserialize_with = "share")]
    pub correction: f64,
    /// The weight of a definition that nobody asked for.
    #[serde(deserialize_with = "share")]
    pub definition: f64,
    /// The weight of an instruction on how to work.
    #[serde(deserialize_with = "share")]
    pub instruction: f64,
    /// The weight of an item that was only confirmed.
    #[serde(deserialize_with = "share")]
    pub confirmation: f64,
    /// The share by which each session after the first one reduces the doubt.
    #[serde(deserialize_with = "share")]
    pub per_session: f64,
    /// The share by which each person after the first one reduces the doubt.
    #[serde(deserialize_with = "share")]
    pub per_verifier: f64,
    /// The share by which each contradicting correction reduces the confidence.
    #[serde(deserialize_with = "share")]
    pub per_contradiction: f64,
    /// The number of months after which confidence has halved.
    #[serde(deserialize_with = "months")]
    pub half_life_months: f64,
    /// Confidence does not decay below this share of its initial value.
    #[serde(deserialize_with = "share")]
    pub floor: f64,
    #[serde(deserialize_with = "share")]
    pub cap: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            correction: 0.60,
            definition: 0.60,
            instruction: 0.60,
            confirmation: 0.40,
            per_session: 0.30,
            per_verifier: 0.30,
            per_contradiction: 0.30,
            half_life_months: 36.0,
            floor: 0.90,
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
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    pub corrections: u64,
    pub confirmations: u64,
    pub definitions: u64,
    pub instructions: u64,
    pub sessions: u64,
    pub verifiers: u64,
    /// Corrections that contradict the item.
    pub contradictions: u64,
    /// The likelihood of the likeliest piece, if the detector gives one.
    pub likelihood: Option<f64>,
    pub last_verified: Option<DateTime<Utc>>,
}

/// An average month, in seconds.
const MONTH: f64 = 365.25 / 12.0 * 86_400.0;

impl Weights {
    /// The confidence in an item, from 0 to 1. Evidence without a time does not decay, because its age is unknown.
    pub fn confidence(&self, evidence: &Evidence, now: DateTime<Utc>) -> f64 {
        let kinds = [
            (evidence.corrections, self.correction),
            (evidence.definitions, self.definition),
            (evidence.instructions, self.instruction),
            (evidence.confirmations, self.confirmation),
        ];
        let of_kinds = kinds.into_iter().filter(|(count, _)| *count > 0).map(|(_, base)| base).fold(0.0, f64::max);
        let once = evidence.likelihood.unwrap_or(of_kinds);
        let doubt =
            (1.0 - once) * left(self.per_session, evidence.sessions) * left(self.per_verifier, evidence.verifiers);
        let upheld = (1.0 - doubt).min(self.cap) * left(self.per_contradiction, evidence.contradictions + 1);
        let age = evidence.last_verified.map_or(0.0, |last| (now - last).as_seconds_f64().max(0.0));
        upheld * 0.5_f64.powf(age / (self.half_life_months * MONTH)).max(self.floor)
    }
}

/// What is left after each one except the first has taken its share.
fn left(share: f64, count: u64) -> f64 {
    let further = i32::try_from(count.saturating_sub(1)).unwrap_or(i32::MAX);
    (1.0 - share).powi(further)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn confidence(evidence: Evidence, months: f64) -> f64 {
        let last_verified = Some(NOW - TimeDelta::seconds((months * MONTH) as i64));
        let evidence = Evidence { last_verified, ..evidence };
        (Weights::default().confidence(&evidence, NOW) * 1e4).round() / 1e4
    }

    const ONCE: Evidence = Evidence {
        corrections: 1,
        confirmations: 0,
        definitions: 0,
        instructions: 0,
        sessions: 1,
        verifiers: 1,
        contradictions: 0,
        likelihood: None,
        last_verified: None,
    };

    #[test]
    fn the_likelihood_counts_and_without_one_the_strongest_kind() {
        assert_eq!(confidence(ONCE, 0.0), 0.60);
        assert_eq!(confidence(Evidence { corrections: 0, confirmations: 5, ..ONCE }, 0.0), 0.40);
        assert_eq!(confidence(Evidence { instructions: 1, confirmations: 5, corrections: 0, ..ONCE }, 0.0), 0.60);
        assert_eq!(confidence(Evidence { likelihood: Some(0.45), ..ONCE }, 0.0), 0.45);
    }

    #[test]
    fn sessions_and_people_take_doubt_away_and_contradictions_confidence() {
        assert_eq!(confidence(Evidence { sessions: 2, ..ONCE }, 0.0), 0.72);
        assert_eq!(confidence(Evidence { sessions: 2, verifiers: 2, ..ONCE }, 0.0), 0.804);
        assert_eq!(confidence(Evidence { sessions: 9, verifiers: 9, ..ONCE }, 0.0), 0.9987);
        assert_eq!(confidence(Evidence { contradictions: 1, ..ONCE }, 0.0), 0.42);
    }

    #[test]
    fn age_counts_last() {
        assert_eq!(confidence(ONCE, 3.0), 0.5663);
        assert_eq!(confidence(ONCE, 120.0), 0.54);
        assert_eq!(confidence(ONCE, -1.0), 0.60, "a clock that was ahead");
        assert_eq!(Weights::default().confidence(&ONCE, NOW), 0.60, "an unknown time");
    }
}
