//! Finds the phrases of the lexicon in the words of a sentence.

use crate::rules::lexicon::{entry, stem};
use crate::rules::sign::Sign;
use crate::rules::word::Word;

/// Adds to each word the marks of the phrases that begin with it.
pub(super) fn mark_phrases(words: &mut [Word]) {
    for at in 0..words.len() {
        let Some(entry) = words[at].entry else { continue };
        let mut found = words[at].marks;
        let begin = entry.phrases.iter().filter(|(further, _)| begins(&words[at + 1..], further));
        begin.for_each(|(_, marks)| found.add(*marks));
        words[at].marks = found;
    }
}

fn begins(words: &[Word], phrase: &[&str]) -> bool {
    words.len() >= phrase.len() && words.iter().zip(phrase).all(|(word, expected)| word.lower == *expected)
}

/// The words after the longest phrase of that sign with which they begin. `None` if they begin with none.
pub(super) fn strip(words: &[Word], sign: Sign) -> Option<&[Word]> {
    let first = words.first().filter(|first| first.marks.has(sign))?;
    let entry = first.entry?;
    let further = entry.phrases.iter().filter(|(further, of)| of.has(sign) && begins(&words[1..], further));
    let longest = further.map(|(further, _)| further.len()).max();
    let length = longest.or_else(|| entry.marks.has(sign).then_some(0))?;
    words.get(length + 1..)
}

/// The words before and after the first phrase of this sign.
pub(super) fn split_at(words: &[Word], sign: Sign) -> Option<(&[Word], &[Word])> {
    (0..words.len()).find_map(|at| strip(&words[at..], sign).map(|rest| (&words[..at], rest)))
}

/// Whether one of the words is the opposite of one of the others.
pub(super) fn oppose(words: &[Word], others: &[Word]) -> bool {
    let has = |words: &[Word], other: &str| words.iter().any(|word| stem(&word.lower) == other);
    let known = words.iter().map(|word| stem(&word.lower));
    known.filter_map(|word| Some((word, entry(word)?))).any(|(word, entry)| {
        let mut opposites = entry.opposites.iter();
        opposites.any(|other| has(others, other) && !has(words, other) && !has(others, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposites_are_known_in_any_form() {
        let words = |text: &str| crate::rules::sentence::Sentence::new(text, 0..text.len()).words;
        assert!(oppose(&words("margin includes freight"), &words("I excluded freight")));
        assert!(!oppose(&words("margin includes freight"), &words("I included freight")));
    }
}
