//! What tokens cost: list prices by model and date. Rows of the configuration come before the built-in ones.
//!
//! Money is whole picodollars (10⁻¹² dollars), in which every rate is exact; a sum is rounded once, when it is shown. A
//! model without a row has no price: prices are never guessed.

mod bill;
mod model;
mod multiplier;
mod row;

pub use bill::{Bill, PicoUsd, Tokens, UnitCosts};
pub use model::{place, plain};
pub use multiplier::{Factor, Geo, Multipliers, ONCE, PEAK_HOURS, Residency, Terms, Tier, Times};
pub use row::{Long, Price, Rate, Rates};

use crate::base::error::{Error, Result};
use chrono::NaiveDate;
use serde::Deserialize;

/// The price table.
#[derive(Debug)]
pub struct Prices {
    /// The configured rows, then the built-in ones.
    rows: Vec<Price>,
    configured: usize,
}

/// A file of price rows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    price: Vec<Price>,
}

impl Prices {
    /// The configured rows, followed by the built-in ones.
    ///
    /// # Errors
    ///
    /// If the built-in table is invalid.
    pub fn new(configured: &[Price]) -> Result<Self> {
        let built_in: File = toml::from_str(include_str!("prices.toml"))
            .map_err(|error| Error::cannot("read", "the built-in prices", error.to_string()))?;
        Ok(Self { rows: [configured, &built_in.price].concat(), configured: configured.len() })
    }

    /// All rows; `true` for those of the configuration.
    pub fn rows(&self) -> impl Iterator<Item = (&Price, bool)> {
        self.rows.iter().enumerate().map(|(number, row)| (row, number < self.configured))
    }

    /// The price of a model, spelled as in a log, on a day (UTC). Without a day, only rows without a start date count.
    ///
    /// If several rows match, these win, in this order: a configured row over a built-in one; an exact name over a
    /// prefix; a longer prefix over a shorter one; a match of the log's spelling over one of the plain name; the latest
    /// start date.
    pub fn find(&self, model: &str, day: Option<NaiveDate>) -> Option<&Price> {
        let spelled = model.trim().to_lowercase();
        let plain = plain(model);
        let strength = |(row, configured): (&Price, bool)| Some((configured, row.fits(&spelled, &plain)?, row.from));
        let valid = self.rows().filter(|(row, _)| row.from.is_none_or(|from| Some(from) <= day));
        let found = valid.filter_map(|row| Some((strength(row)?, row.0))).max_by_key(|(strength, _)| *strength);
        found.map(|(_, row)| row)
    }

    /// The rows that match one of these models, as logs spell them. A smaller table makes queries about responses
    /// faster.
    #[must_use]
    pub fn of(&self, models: &[String]) -> Self {
        let spellings: Vec<_> = models.iter().map(|model| (model.trim().to_lowercase(), plain(model))).collect();
        let is_theirs =
            |(row, _): &(&Price, bool)| spellings.iter().any(|(spelled, plain)| row.fits(spelled, plain).is_some());
        let (configured, built_in): (Vec<_>, Vec<_>) = self.rows().filter(is_theirs).partition(|(_, own)| *own);
        let rows = configured.iter().chain(&built_in).map(|(row, _)| (*row).clone()).collect();
        Self { rows, configured: configured.len() }
    }

    /// The days on which a price starts, in order. Between two of them, no price changes.
    pub fn days(&self) -> Vec<NaiveDate> {
        let mut days: Vec<_> = self.rows.iter().filter_map(|row| row.from).collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    /// The prompt lengths above which a price rises, in tokens, in order.
    pub fn thresholds(&self) -> Vec<u64> {
        let mut thresholds: Vec<_> = self.rows.iter().filter_map(|row| Some(row.long.as_ref()?.above)).collect();
        thresholds.sort_unstable();
        thresholds.dedup();
        thresholds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Option<NaiveDate> {
        Some(text.parse().unwrap())
    }

    fn input(prices: &Prices, model: &str, at: Option<NaiveDate>) -> Option<u64> {
        prices.find(model, at).map(|price| price.rates.input.0 / 1000)
    }

    #[test]
    fn a_price_is_that_of_the_day() {
        let prices = Prices::new(&[]).unwrap();
        assert_eq!(input(&prices, "o3", None), Some(10_000));
        assert_eq!(input(&prices, "o3", day("2025-06-09")), Some(10_000));
        assert_eq!(input(&prices, "o3-2025-04-16", day("2025-06-10")), Some(2_000));
        assert_eq!(input(&prices, "claude-opus-4-5-20251101", None), Some(5_000));
        for unknown in ["claude-opus-4-99", "claude", "", "o", "gpt-5.4-turbo", "claude-opus-4-5x"] {
            assert_eq!(input(&prices, unknown, day("2026-01-01")), None, "{unknown}");
        }
    }

    #[test]
    fn configured_rows_are_stronger_and_the_longest_pattern_wins() {
        let rows = "price = [
            { model = 'claude-*', input = 1, output = 2 },
            { model = 'claude-opus-*', from = 2026-07-01, input = 2, output = 2 },
            { model = 'claude-opus-4-6', from = 2026-08-01, input = 3, output = 2 },
            { model = 'eu.anthropic.claude-*', input = 4, output = 2 },
        ]";
        let prices = Prices::new(&toml::from_str::<File>(rows).unwrap().price).unwrap();
        let found = |model, at| input(&prices, model, day(at));
        assert_eq!(found("claude-opus-4-6", "2026-06-30"), Some(1_000));
        assert_eq!(found("claude-opus-4-6", "2026-07-01"), Some(2_000));
        assert_eq!(found("claude-opus-4-6", "2026-08-01"), Some(3_000));
        assert_eq!(found("claude-sonnet-4-5", "2026-08-01"), Some(1_000));
        assert_eq!(found("EU.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-08-01"), Some(4_000));
        assert_eq!(found("gpt-5", "2026-08-01"), Some(1_250));
        let built_in = Prices::new(&[]).unwrap().days();
        assert_eq!(prices.days().iter().filter(|day| !built_in.contains(day)).count(), 2);
    }

    #[test]
    fn the_prices_of_some_models_are_theirs_on_each_day() {
        let rows = "price = [{ model = 'o3*', from = 2025-07-01, input = 1, output = 2 }, { model = 'x', input = 3, output = 2 }]";
        let prices = Prices::new(&toml::from_str::<File>(rows).unwrap().price).unwrap();
        let models = ["O3-2025-04-16", "unknown"].map(str::to_owned);
        let own = prices.of(&models);
        assert_eq!(own.days(), ["2025-06-10", "2025-07-01"].map(|text| day(text).unwrap()));
        assert_eq!((own.thresholds(), own.configured), (vec![], 1));
        for at in [None, day("2025-06-09"), day("2025-06-10"), day("2025-06-30"), day("2026-07-01")] {
            // The result for a day holds until the next one.
            let begun = own.days().into_iter().rfind(|begins| Some(*begins) <= at);
            assert_eq!(input(&prices, &models[0], at), input(&prices, &models[0], begun), "{at:?}");
        }
    }

    #[test]
    fn the_built_in_table_names_nothing_twice_and_only_plain_names() {
        let prices = Prices::new(&[]).unwrap();
        let mut keys: Vec<_> = prices.rows().map(|(row, _)| (row.model.clone(), row.from)).collect();
        // The plain name `gpt-4o` moved from one snapshot to another, so both snapshots have rows of their own.
        let is_snapshot = |model: &str| ["gpt-4o-2024-05-13", "gpt-4o-2024-08-06"].contains(&model);
        let is_plain = |model: &str| plain(model) == model && !model.contains('*');
        assert!(keys.iter().all(|(model, _)| is_plain(model) || is_snapshot(model)), "{keys:?}");
        let before = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), before);
        assert_eq!(prices.thresholds(), [100_000, 128_000, 200_000, 272_000, 512_000]);
    }

    /// COUNTING.md: a 5-minute cache write costs 1.25 × input, a 1-hour one 2 ×.
    #[test]
    fn the_built_in_table_is_what_counting_lists() {
        let prices = Prices::new(&[]).unwrap();
        let rows = prices.rows().filter(|(row, _)| row.model.starts_with("claude-") && row.model != "claude-3-haiku");
        for rates in rows.flat_map(|(row, _)| std::iter::once(&row.rates).chain(row.long.as_ref().map(|l| &l.rates))) {
            let Rates { input, cache_write_5m, cache_write_1h, .. } = rates;
            assert_eq!((cache_write_5m.0 * 4, cache_write_1h.0), (input.0 * 5, input.0 * 2), "{rates:?}");
        }
        for (models, input, output) in [
            (&["fable-5"][..], 10, 50),
            (&["opus-5", "opus-4-8", "opus-4-7", "opus-4-6", "opus-4-5"], 5, 25),
            (&["opus-4-1", "opus-4"], 15, 75),
            (&["sonnet-4", "sonnet-4-5", "sonnet-4-6"], 3, 15),
            (&["haiku-4-5"], 1, 5),
        ] {
            for model in models {
                let rates = &prices.find(&format!("claude-{model}"), None).unwrap().rates;
                assert_eq!((rates.input.0, rates.output.0), (input * 1_000_000, output * 1_000_000), "{model}");
            }
        }
    }
}
