//! A sentence of a turn, as words that can be compared.

use crate::rules::phrase::mark_phrases;
use crate::rules::sign::Sign;
use crate::rules::word::{Word, word};
use std::collections::BTreeSet;
use std::ops::Range;

/// A part of a text, with its words.
#[derive(Clone, Debug)]
pub(super) struct Sentence<'t> {
    pub(super) text: &'t str,
    /// Its place in the turn's text.
    pub(super) range: Range<usize>,
    pub(super) words: Vec<Word>,
    pub(super) is_question: bool,
}

impl<'t> Sentence<'t> {
    pub(super) fn new(text: &'t str, range: Range<usize>) -> Self {
        let part = &text[range.clone()];
        let mut words = words(part, range.start);
        mark_phrases(&mut words);
        Self { text, words, is_question: part.trim_end().ends_with('?'), range }
    }
}

/// Words and the punctuation between them. Punctuation inside a word, as in `us-east-1` or `don't`, belongs to the
/// word.
fn words(part: &str, offset: usize) -> Vec<Word> {
    const WORD: usize = 5;
    let mut words = Vec::with_capacity(part.len() / WORD + 1);
    let mut start = None;
    let mut before = None;
    let mut chars = part.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let is_letter = |c: char| c.is_alphanumeric() || c == '_';
        if is_letter(c) {
            start.get_or_insert(at);
            before = Some(c);
            continue;
        }
        let next = chars.peek().map(|(_, next)| *next);
        let inside = start.is_some() && next.is_some_and(is_letter);
        let binds = inside && matches!(c, '\'' | '’' | '-' | '.' | '/' | '&' | '@' | ':' | ',');
        // Within a number, as in `10:00` and `1,000`, these separate nothing.
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let divides = matches!(c, ':' | ',') && !(digit(before) && digit(next));
        let is_minus = c == '-' && start.is_none() && digit(next) && before.is_none_or(char::is_whitespace);
        before = Some(c);
        if (binds || is_minus) && !divides {
            start.get_or_insert(at);
            continue;
        }
        if let Some(start) = start.take() {
            words.push(word(part, start..at, offset));
        }
        if matches!(c, ',' | ':' | ';' | '(' | ')' | '—' | '–' | '-' | '%' | '=' | '!' | '.' | '?') {
            words.push(word(part, at..at + c.len_utf8(), offset));
        }
    }
    if let Some(start) = start {
        words.push(word(part, start..part.len(), offset));
    }
    words
}

pub(super) fn has(words: &[Word], sign: Sign) -> bool {
    words.iter().any(|word| word.is(sign))
}

/// The number of words that begin a phrase of this sign.
pub(super) fn count(words: &[Word], sign: Sign) -> usize {
    words.iter().filter(|word| word.is(sign)).count()
}

/// The words before the first punctuation mark, and the rest.
pub(super) fn clause(words: &[Word]) -> (&[Word], &[Word]) {
    words.split_at(words.iter().position(Word::is_mark).unwrap_or(words.len()))
}

pub(super) fn stems(words: &[Word]) -> BTreeSet<&str> {
    words.iter().filter_map(Word::stem).collect()
}

/// Whether there are at least this many different stems.
pub(super) fn has_stems(words: &[Word], count: usize) -> bool {
    let mut seen = Vec::with_capacity(count);
    for stem in words.iter().filter_map(Word::stem) {
        if !seen.contains(&stem) {
            seen.push(stem);
        }
        if seen.len() >= count {
            return true;
        }
    }
    count == 0
}

pub(super) fn values(words: &[Word]) -> BTreeSet<&str> {
    words.iter().filter(|word| word.is_value()).filter_map(Word::stem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_one_however_their_unit_is_bound_to_them() {
        let values = |text: &str| -> Vec<String> {
            let sentence = Sentence::new(text, 0..text.len());
            values(&sentence.words).into_iter().map(str::to_owned).collect()
        };
        assert_eq!(values("kept for 72h"), values("kept for 72 hours"));
        assert_eq!(values("stored at -80 degrees"), ["-80"]);
        assert_eq!(values("from 5-7 on"), ["5-7"]);
        assert_eq!(values("in eu-west-1"), ["eu-west-1"]);
    }

    #[test]
    fn stems_are_counted_once_each() {
        let text = "the invoice, invoices and invoiced";
        let sentence = Sentence::new(text, 0..text.len());
        assert!(has_stems(&sentence.words, 1) && !has_stems(&sentence.words, 2));
        assert!(has_stems(&[], 0));
    }

    #[test]
    fn an_abbreviation_is_the_same_word() {
        let sentence = Sentence::new("thats prod", 0..10);
        let words: Vec<_> = sentence.words.iter().map(|word| &*word.lower).collect();
        assert_eq!(words, ["that's", "production"]);
    }
}
