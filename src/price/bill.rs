//! Sums of requests that have the same price, and what they cost.

use crate::price::{Price, Rate, Terms, Times};
use std::ops::AddAssign;

/// Money in picodollars: 10⁻¹² US dollars.
pub type PicoUsd = i128;

/// Tokens, summed over requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub input: i128,
    pub output: i128,
    /// Includes the 1-hour part.
    pub cache_write: i128,
    pub cache_write_1h: i128,
    pub cache_read: i128,
    /// A part of the output, billed at the same rate.
    pub reasoning: i128,
    /// Not tokens, but billed with them.
    pub web_searches: i128,
}

/// Requests to one model that are billed at the same rates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    pub tokens: Tokens,
    pub terms: Terms,
    /// The highest threshold of the price table that each request's prompt exceeds; 0 for none.
    pub above: u64,
}

impl Tokens {
    /// Input, output, cache write and cache read.
    pub fn total(&self) -> i128 {
        self.input + self.output + self.cache_write + self.cache_read
    }
}

impl AddAssign<&Self> for Tokens {
    fn add_assign(&mut self, other: &Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_write += other.cache_write;
        self.cache_write_1h += other.cache_write_1h;
        self.cache_read += other.cache_read;
        self.reasoning += other.reasoning;
        self.web_searches += other.web_searches;
    }
}

/// The cost of one token or one search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitCosts {
    pub input: PicoUsd,
    pub output: PicoUsd,
    pub cache_write_5m: PicoUsd,
    pub cache_write_1h: PicoUsd,
    pub cache_read: PicoUsd,
    pub web_search: PicoUsd,
}

impl Price {
    /// The costs of a unit under these terms, for prompts above `above` tokens. `None` if the row lacks a multiplier
    /// that the terms need.
    ///
    /// The multipliers apply to the rate of a single token, and that rate is rounded. So a sum does not depend on how
    /// requests are grouped.
    pub fn unit_costs(&self, terms: &Terms, above: u64) -> Option<UnitCosts> {
        let rates = self.band(above).map_or(&self.rates, |long| &long.rates);
        let times: Vec<Times> =
            self.factors(terms, above).into_iter().map(|factor| factor.times).collect::<Option<_>>()?;
        let rate = |rate: Rate| times.iter().fold(i128::from(rate.0), |rate, times| times.of(rate));
        Some(UnitCosts {
            input: rate(rates.input),
            output: rate(rates.output),
            cache_write_5m: rate(rates.cache_write_5m),
            cache_write_1h: rate(rates.cache_write_1h),
            cache_read: rate(rates.cache_read),
            web_search: 1000 * i128::from(self.web_search.0),
        })
    }

    /// The total of a bill. `None` as for [`unit_costs`](Self::unit_costs).
    pub fn cost(&self, bill: &Bill) -> Option<PicoUsd> {
        Some(self.unit_costs(&bill.terms, bill.above)?.of(&bill.tokens))
    }
}

impl UnitCosts {
    /// The cost of tokens and searches.
    pub fn of(&self, tokens: &Tokens) -> PicoUsd {
        let Tokens { input, output, cache_write, cache_write_1h, cache_read, web_searches, .. } = tokens;
        input * self.input
            + output * self.output
            + (cache_write - cache_write_1h) * self.cache_write_5m
            + cache_write_1h * self.cache_write_1h
            + cache_read * self.cache_read
            + web_searches * self.web_search
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{Geo, Prices, Residency, Tier};

    fn cost(model: &str, tokens: Tokens, fast: bool, above: u64) -> Option<PicoUsd> {
        cost_under(model, tokens, Terms { fast, ..Terms::default() }, above)
    }

    fn cost_under(model: &str, tokens: Tokens, terms: Terms, above: u64) -> Option<PicoUsd> {
        let day = Some("2026-11-01".parse().unwrap());
        Prices::new(&[]).unwrap().find(model, day).unwrap().cost(&Bill { tokens, terms, above })
    }

    const MICRO: PicoUsd = 1_000_000;

    /// The worked examples of COUNTING.md.
    #[test]
    fn the_worked_figures() {
        let none = Tokens::default();
        let tokens = Tokens { input: 10, output: 100, cache_write: 1000, cache_read: 5000, ..none };
        assert_eq!(cost("claude-sonnet-4-5", tokens, false, 0), Some(6_780 * MICRO));
        let tokens = Tokens { cache_write: 30_000, cache_write_1h: 20_000, ..none };
        assert_eq!(cost("claude-sonnet-4-5", tokens, false, 0), Some(157_500 * MICRO));
        let tokens = Tokens { input: 300_000, output: 1000, ..none };
        assert_eq!(cost("claude-sonnet-4", tokens, false, 272_000), Some(1_822_500 * MICRO));
        let tokens = Tokens { input: 10, output: 1000, cache_read: 250_000, ..none };
        assert_eq!(cost("claude-sonnet-4-5", tokens, false, 200_000), Some(172_560 * MICRO));
        assert_eq!(cost("claude-opus-4-6", tokens, false, 200_000), Some(150_050 * MICRO));
        let tokens = Tokens { input: 1000, output: 1000, ..none };
        assert_eq!(cost("claude-opus-4-6", tokens, true, 0), Some(180_000 * MICRO));
        assert_eq!(cost("claude-opus-5", tokens, true, 0), Some(60_000 * MICRO));
        assert_eq!(cost("claude-opus-4-5", tokens, true, 0), None);
    }

    #[test]
    fn searches_cost_a_cent_in_fast_mode_too() {
        let tokens = Tokens { web_searches: 3, ..Tokens::default() };
        for fast in [false, true] {
            assert_eq!(cost("claude-opus-4-6", tokens, fast, 0), Some(30_000 * MICRO));
        }
    }

    #[test]
    fn a_threshold_of_another_model_changes_nothing() {
        let tokens = Tokens { input: 150_000, ..Tokens::default() };
        assert_eq!(cost("claude-sonnet-4-5", tokens, false, 100_000), Some(450_000 * MICRO));
        assert_eq!(cost("claude-haiku-5-5", tokens, false, 100_000), Some(75_000 * MICRO));
    }

    /// A million input tokens, so that the cost equals the rate.
    #[test]
    fn multipliers_apply_together_to_tokens_and_not_to_searches() {
        let terms = |fast, tier, geo, place| Terms { fast, tier, geo, place, peak: false };
        let standard = || Tier::Standard;
        let tokens = Tokens { input: 1_000_000, web_searches: 1, ..Tokens::default() };
        let cost = |model, terms| cost_under(model, tokens, terms, 0).map(|cost| cost / MICRO - 10_000);
        let global = Residency::Global;
        assert_eq!(cost("claude-opus-4-6", terms(false, standard(), Geo::Us, global)), Some(5_500_000));
        assert_eq!(cost("claude-opus-4-6", terms(true, standard(), Geo::Us, global)), Some(33_000_000));
        assert_eq!(cost("claude-opus-4-6", terms(false, Tier::Batch, Geo::Us, global)), Some(2_750_000));
        assert_eq!(
            cost("claude-opus-4-6", terms(false, standard(), Geo::Global, Residency::Regional)),
            Some(5_500_000)
        );
        assert_eq!(cost("claude-opus-4-5", terms(false, standard(), Geo::Us, global)), Some(5_000_000));
        assert_eq!(
            cost("claude-sonnet-4", terms(false, standard(), Geo::Global, Residency::Regional)),
            Some(3_000_000)
        );
        assert_eq!(cost("gpt-5.6-terra", terms(false, Tier::Priority, Geo::Global, global)), Some(4_000_000));
        assert_eq!(cost("gpt-5.5", terms(false, Tier::Priority, Geo::Global, global)), Some(12_500_000));
        assert_eq!(cost("gpt-5.6-terra", terms(false, Tier::Flex, Geo::Global, global)), Some(1_000_000));
        assert_eq!(cost("gpt-5.6-terra", terms(false, standard(), Geo::Global, Residency::Regional)), Some(2_200_000));
        for (model, tier) in [
            ("claude-opus-4-6", Tier::Priority),
            ("claude-opus-4-6", Tier::Other("scale".to_owned())),
            ("gpt-5-codex", Tier::Flex),
            ("gpt-5.6-terra", Tier::Ultrafast),
        ] {
            assert_eq!(cost(model, terms(false, tier, Geo::Global, global)), None, "{model}");
        }
    }

    #[test]
    fn a_multiplied_rate_is_rounded_once_for_a_token() {
        let row = "model = 'm'\ninput = 0.000003\noutput = 1\nbatch = 0.5";
        let price: Price = toml::from_str(row).unwrap();
        let bill = |input| Bill {
            tokens: Tokens { input, ..Tokens::default() },
            terms: Terms { tier: Tier::Batch, ..Terms::default() },
            above: 0,
        };
        assert_eq!([1, 1000].map(|input| price.cost(&bill(input))), [Some(2), Some(2000)]);
    }
}
