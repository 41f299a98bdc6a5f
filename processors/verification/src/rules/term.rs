//! Words that name a thing.

use crate::rules::sentence::{Sentence, has};
use crate::rules::sign::Sign;
use crate::rules::word::Word;

/// The most words of a term.
const TERM: usize = 7;

/// Whether the words can name a thing: they are few, are not only pronouns, and do not form a sentence.
pub(super) fn is_a_term(words: &[Word]) -> bool {
    const POINTERS: [&str; 14] =
        ["this", "that", "it", "which", "what", "there", "these", "those", "they", "das", "eso", "ça", "he", "she"];
    let named = words.iter().filter(|word| !word.is_mark());
    let points = words.first().is_none_or(|first| POINTERS.contains(&&*first.lower));
    let count = named.clone().count();
    // "Including both means …": an action is not a thing.
    let acts = words.first().is_some_and(|first| {
        first.lower.ends_with("ing") && !first.marks.is_term() && !first.is(Sign::Generic) && count > 2
    });
    count > 0
        && count <= TERM
        && !points
        && !acts
        && !has(words, Sign::Aux)
        && named.clone().any(|word| !word.is_stop())
}

/// Whether the word follows a quotation mark.
pub(super) fn is_quoted(sentence: &Sentence<'_>, word: &Word) -> bool {
    const MARKS: [char; 8] = ['"', '\'', '`', '“', '„', '«', '‘', '”'];
    let before = sentence.text.get(..word.range.start).unwrap_or_default();
    before.ends_with(MARKS)
}

/// Whether a word is written like a name: `ARR`, `P1`, `blue-room`, `is_active`.
pub(super) fn is_name(sentence: &Sentence<'_>, word: &Word) -> bool {
    let exact = sentence.text.get(word.range.clone()).unwrap_or_default();
    let is_number = exact.starts_with(|c: char| c.is_ascii_digit());
    is_quoted(sentence, word)
        || exact.contains('_')
        || !is_number && exact.chars().filter(|c| c.is_uppercase() || c.is_ascii_digit()).count() > 1
}
