//! Requests of one price, added up, and what they cost.

use crate::price::Price;
use std::ops::AddAssign;

/// Money in millionths of a millionth of a US dollar.
pub type PicoUsd = i128;

/// Sums over requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub input: i128,
    pub output: i128,
    /// The 1-hour part included.
    pub cache_write: i128,
    pub cache_write_1h: i128,
    pub cache_read: i128,
    /// Inside the output, and billed as such.
    pub reasoning: i128,
    /// No tokens, but billed beside them.
    pub web_searches: i128,
}

/// Requests of one model that are billed alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    pub tokens: Tokens,
    /// In fast mode.
    pub fast: bool,
    /// The highest of the table's thresholds that the prompt of each request is above; 0 for none.
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

impl Price {
    /// What a bill comes to, or `None` for fast mode where the model has no such price.
    pub fn cost(&self, bill: &Bill) -> Option<PicoUsd> {
        let long = self.long.as_ref().filter(|long| bill.above >= long.above);
        let rates = long.map_or(&self.rates, |long| &long.rates);
        let times = if bill.fast { self.fast? } else { 1 };
        let Tokens { input, output, cache_write, cache_write_1h, cache_read, web_searches, .. } = bill.tokens;
        let sum = input * i128::from(rates.input.0)
            + output * i128::from(rates.output.0)
            + (cache_write - cache_write_1h) * i128::from(rates.cache_write_5m.0)
            + cache_write_1h * i128::from(rates.cache_write_1h.0)
            + cache_read * i128::from(rates.cache_read.0);
        Some(sum * i128::from(times) + web_searches * 1000 * i128::from(self.web_search.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::Prices;

    fn cost(model: &str, tokens: Tokens, fast: bool, above: u64) -> Option<PicoUsd> {
        Prices::new(&[]).unwrap().find(model, None).unwrap().cost(&Bill { tokens, fast, above })
    }

    const MICRO: PicoUsd = 1_000_000;

    /// The worked figures of COUNTING.
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
}
