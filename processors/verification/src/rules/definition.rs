//! Definitions that nobody asked for.

use crate::rules::Fact;
use crate::rules::domain::is_term;
use crate::rules::exclusion::is_excluded;
use crate::rules::lead::lead;
use crate::rules::phrase::{ANNOUNCEMENTS, COPULAS, DEFINES, WE_DEFINE};
use crate::rules::sentence::{Sentence, Word, is_stop_word, split_at_any, stems, strip, strip_any};
use sessionmill_contract::Detection;

/// The most words that a term has.
const TERM: usize = 7;

/// The fewest words of meaning that explain one.
const MEANING: usize = 2;

/// The definition that a sentence holds.
pub(super) fn find<'a>(said: &'a [Sentence<'a>], at: usize) -> Option<Fact<'a>> {
    let sentence = said.get(at)?;
    let (_, rest) = lead(&sentence.words);
    let announced = announced(sentence, rest);
    let words = announced.unwrap_or(rest);
    if is_excluded(sentence, words) || stems(words).len() < MEANING + 1 {
        return None;
    }
    let defines = strip_any(words, &WE_DEFINE).is_some_and(|meaning| stems(meaning).len() >= MEANING)
        || is_split(words, &DEFINES)
        || means_by(words);
    let explains = announced.is_some() && (is_split(words, &COPULAS) || words.iter().any(|word| is_term(&word.lower)));
    let classifies = is_class(sentence, words);
    (defines || explains || classifies).then_some(Fact {
        detection: Detection::UnpromptedDefinition,
        from: at,
        to: at,
        words,
        statement: None,
    })
}

/// The words after an announcement.
fn announced<'a>(sentence: &Sentence<'_>, words: &'a [Word]) -> Option<&'a [Word]> {
    let mut rest = strip_any(words, &ANNOUNCEMENTS).or_else(|| at_a_company(sentence, words))?;
    loop {
        let next = rest.split_first().filter(|(first, _)| first.is_mark()).map(|(_, rest)| rest);
        match next.or_else(|| strip_any(rest, &ANNOUNCEMENTS)).or_else(|| strip_any(rest, &["that", "when people say"]))
        {
            Some(next) => rest = next,
            None => return Some(rest),
        }
    }
}

/// "At Acme a shipment is late when …".
fn at_a_company<'a>(sentence: &Sentence<'_>, words: &'a [Word]) -> Option<&'a [Word]> {
    let (name, rest) = strip(words, "at")?.split_first()?;
    sentence.text.get(name.range.clone())?.starts_with(char::is_uppercase).then_some(rest)
}

/// Whether one of the phrases stands between a term and its meaning.
fn is_split(words: &[Word], phrases: &[&str]) -> bool {
    split_at_any(words, phrases).is_some_and(|(term, meaning)| is_a_term(term) && stems(meaning).len() >= MEANING)
}

/// "By settlement we mean …", "Unter Deckungsbeitrag verstehen wir …".
fn means_by(words: &[Word]) -> bool {
    const BY: [&str; 5] = ["by", "with", "unter", "mit", "por"];
    const MEAN: [&str; 8] = [
        "we mean",
        "they mean",
        "we understand",
        "verstehen wir",
        "meinen wir",
        "bezeichnen wir",
        "entendemos",
        "entendemos por",
    ];
    let Some(rest) = strip_any(words, &BY) else { return false };
    is_split(rest, &MEAN)
}

/// Whether the words can name a thing: few of them, and not only ones that point to something.
fn is_a_term(words: &[Word]) -> bool {
    const POINTERS: [&str; 12] =
        ["this", "that", "it", "which", "what", "there", "these", "those", "they", "das", "eso", "ça"];
    let named = words.iter().filter(|word| !word.is_mark());
    let points = words.first().is_none_or(|first| POINTERS.contains(&first.lower.as_str()));
    let count = named.clone().count();
    count > 0 && count <= TERM && !points && named.clone().any(|word| !is_stop_word(&word.lower))
}

/// "A P0 is an outage that …": a name or a term of the trade, and the class that it belongs to.
fn is_class(sentence: &Sentence<'_>, words: &[Word]) -> bool {
    const KINDS: [&str; 8] = ["is a", "is an", "is any", "is every", "is the", "are the", "are those", "are all"];
    const WHICH: [&str; 8] = ["that", "which", "who", "whose", "where", "with", "without", "divided"];
    let Some((term, meaning)) = split_at_any(words, &KINDS) else { return false };
    let is_named = term.iter().filter(|word| !word.is_mark()).any(|word| {
        let exact = sentence.text.get(word.range.clone()).unwrap_or_default();
        exact.chars().filter(|c| c.is_uppercase() || c.is_ascii_digit()).count() > 1
            || exact.contains('-') && is_term(&word.lower)
    });
    is_named && is_a_term(term) && term.len() <= 4 && split_at_any(meaning, &WHICH).is_some()
}
