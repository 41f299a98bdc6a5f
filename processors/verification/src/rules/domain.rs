//! The field of work of a statement, by its words.

use crate::Domain;
use crate::rules::sign::Sign;
use crate::rules::word::Word;

/// Whether a domain belongs to business rather than to software.
pub(super) fn is_of_a_trade(domain: Domain) -> bool {
    matches!(domain, Domain::Finance | Domain::Product | Domain::Operations)
}

/// The domain with the most words in a quote, where each counts twice, and in the statement that it answers. Of equals,
/// the domain whose word comes first in the quote, then the first in the list of domains. The general domain if there
/// is no such word.
pub(super) fn domain_of(quote: &[Word], statement: &[Word]) -> Domain {
    let score = |domain: Domain| {
        let weight = |word: &Word| if word.is(Sign::Common) { 1 } else { 2 };
        // Names of columns and tables are written with underscores.
        let is_of = |word: &&Word| word.marks.is_of(domain) || domain == Domain::Data && word.lower.contains('_');
        let terms = |words: &[Word]| words.iter().filter(is_of).map(weight).sum::<usize>();
        2 * terms(quote) + terms(statement)
    };
    let first = |domain: Domain| quote.iter().position(|word| word.marks.is_of(domain)).unwrap_or(usize::MAX);
    let best = Domain::ALL
        .into_iter()
        .enumerate()
        .max_by_key(|(order, domain)| (score(*domain), std::cmp::Reverse(first(*domain)), std::cmp::Reverse(*order)));
    best.map(|(_, domain)| domain).filter(|domain| score(*domain) > 0).unwrap_or(Domain::General)
}
