//! How much a statement reads like knowledge, rather than like talk about the work at hand.

use crate::rules::sentence::{count, has};
use crate::rules::sign::Sign;
use crate::rules::word::Word;

/// The fewest meaningful words of a fact.
pub(super) const FACT: usize = 3;

/// The fewest meaningful words that explain a term.
pub(super) const MEANING: usize = 2;

/// Points for the language of a trade, for values, and for signs of a rule; fewer for talk about the program.
pub(super) fn worth(words: &[Word]) -> usize {
    let terms = words.iter().filter(|word| word.marks.is_term());
    let trade: usize = terms.map(|word| if word.is(Sign::Common) { 1 } else { 2 }).sum();
    let rule = count(words, Sign::Generic).min(2);
    let value = usize::from(has_value(words));
    let ours = usize::from(has(words, Sign::Ours) || has(words, Sign::Local));
    let figure = usize::from(has(words, Sign::Relation));
    let code = 2 * count(words, Sign::Artifact);
    (trade.min(4) + rule + value + ours + figure).saturating_sub(code)
}

/// Whether there is a number with its unit, a day, a month or a time of day.
pub(super) fn has_value(words: &[Word]) -> bool {
    let has_unit = words.windows(2).any(|pair| pair[0].is_value() && pair[1].is(Sign::Unit));
    // "day 61", "the 1st"
    let is_numbered = words.windows(2).any(|pair| pair[0].is(Sign::Unit) && pair[1].is_value());
    let is_ordinal = |word: &Word| {
        if !word.is_value() {
            return false;
        }
        let digits = word.lower.trim_end_matches(char::is_alphabetic);
        let ending = &word.lower[digits.len()..];
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && !ending.is_empty() && ending.len() <= 3
    };
    has_unit
        || is_numbered
        || words.iter().any(is_ordinal)
        || words.iter().any(|word| word.is_value() && (word.is(Sign::Unit) || word.lower.contains(':')))
}
