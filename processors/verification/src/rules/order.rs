//! Orders and wishes: what somebody is asked to do.

use crate::rules::phrase::strip;
use crate::rules::sentence::has;
use crate::rules::sign::Sign;
use crate::rules::word::Word;

/// Whether somebody is asked to do something.
pub(super) fn is_order(words: &[Word]) -> bool {
    let rest = strip_before(words);
    begins_with_an_order(rest) || takes_an_object(rest) || has(words, Sign::Wish)
}

/// The words after those that may come before an order.
fn strip_before(words: &[Word]) -> &[Word] {
    let mut rest = words;
    while let Some(first) = rest.first() {
        let after = if first.is_mark() { rest.get(1..) } else { strip(rest, Sign::BeforeOrder) };
        let Some(after) = after else { break };
        rest = after;
    }
    rest
}

/// "Pick one of them", but not "pick rate is …".
fn begins_with_an_order(words: &[Word]) -> bool {
    let is_noun = match words {
        [_, is, ..] if is.is(Sign::Copula) => true,
        [_, noun, is, ..] => !noun.is_stop() && is.is(Sign::Copula),
        _ => false,
    };
    words.first().is_some_and(|first| first.is(Sign::Order)) && !is_noun
}

/// Whether the words begin as statements never do: with a verb, directly followed by its object.
fn takes_an_object(words: &[Word]) -> bool {
    const OBJECTS: [&str; 21] = [
        "the", "an", "it", "them", "this", "these", "those", "all", "my", "our", "your", "its", "their", "me", "us",
        "den", "das", "dem", "diese", "diesen", "dieses",
    ];
    let [first, second, ..] = words else { return false };
    let is_verb =
        first.lower.len() > 1 && !first.is_mark() && !first.is_stop() && !first.is_value() && !first.marks.is_term();
    is_verb && !first.is(Sign::Speech) && OBJECTS.contains(&&*second.lower)
}

/// Whether a later clause asks somebody to do something: "the bucket is full, empty it".
pub(super) fn ends_in_an_order(words: &[Word]) -> bool {
    const OBJECTS: [&str; 7] = ["it", "them", "that", "this", "these", "all", "again"];
    let clauses = words.split(|word| word.is_mark() || word.lower == "and" || word.lower == "so").skip(1);
    clauses
        .filter(|clause| clause.len() == 2 && !clause[0].is(Sign::BeforeOrder))
        .any(|clause| OBJECTS.contains(&&*clause[1].lower))
        || words.split(Word::is_mark).skip(1).any(is_plain_order)
        || words
            .split(Word::is_mark)
            .skip(1)
            .any(|clause| matches!(clause, [dont, _, it] if dont.lower == "don't" && OBJECTS.contains(&&*it.lower)))
        || words.split(|word| word.lower == ":").skip(1).any(is_order)
}

/// An order that is recognised by its first word alone. After a comma, such a word may be part of a list.
fn is_plain_order(words: &[Word]) -> bool {
    let rest = strip_before(words);
    rest.first().is_some_and(|first| first.is(Sign::Order))
        && rest.get(1).is_some_and(|next| {
            rest.len() == 2 && !next.is_stop()
                || next.is(Sign::Determiner)
                || matches!(&*next.lower, "whether" | "if" | "how" | "why" | "with")
        })
}
