//! The entities of a statement: identifiers, names, acronyms, numbers with their units, terms of a trade.

use crate::rules::word::Word;
use std::collections::BTreeSet;

/// The most entities of one claim.
const ENTITIES: usize = 12;

/// The beginnings of units.
const UNITS: [&str; 30] = [
    "%", "day", "hour", "minute", "second", "week", "month", "year", "ms", "gb", "mb", "tb", "euro", "dollar", "cent",
    "eur", "usd", "tag", "stunde", "monat", "jahr", "woche", "día", "mes", "hora", "jour", "mois", "heure", "dia",
    "user",
];

/// The entities of a statement: words of the text, in order, each once.
pub(super) fn entities(text: &str, words: &[Word]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let taken = entity(text, words, at);
        let (entity, length) = taken.unwrap_or_default();
        at += length.max(1);
        let is_new = !entity.is_empty() && !word.is_mark() && seen.insert(entity.to_lowercase());
        if is_new && found.len() < ENTITIES {
            found.push(entity);
        }
    }
    found
}

/// The entity that begins at a word, and its number of words.
fn entity(text: &str, words: &[Word], at: usize) -> Option<(String, usize)> {
    let word = words.get(at)?;
    let exact = text.get(word.range.clone())?;
    let next = words.get(at + 1);
    if exact.starts_with(|c: char| c.is_ascii_digit()) {
        let unit = next.filter(|next| UNITS.iter().any(|unit| next.lower.starts_with(unit)))?;
        return Some((format!("{exact} {}", unit.lower), 2));
    }
    let is_quoted = text[..word.range.start].ends_with('`') && text[word.range.end..].starts_with('`');
    if is_quoted || is_identifier(exact) {
        return Some((exact.to_owned(), 1));
    }
    if word.is_stop() {
        return None;
    }
    let begins_sentence = at == 0 || words.get(at - 1).is_some_and(|before| before.lower == ":");
    if is_capitalised(exact) && (!begins_sentence || next.is_some_and(|next| follows(text, word, next))) {
        let mut last = at;
        while let Some(next) = words.get(last + 1).filter(|next| follows(text, &words[last], next)) {
            if next.is_stop() {
                break;
            }
            last += 1;
        }
        let name = text.get(word.range.start..words.get(last)?.range.end)?;
        return Some((name.to_owned(), last + 1 - at));
    }
    word.marks.is_term().then(|| (word.lower.to_string(), 1))
}

/// Whether the next word continues a name: `Argo CD`.
fn follows(text: &str, word: &Word, next: &Word) -> bool {
    let between = text.get(word.range.end..next.range.start);
    between == Some(" ") && text.get(next.range.clone()).is_some_and(|next| is_capitalised(next) && !next.contains('_'))
}

fn is_capitalised(word: &str) -> bool {
    word.chars().count() > 1 && word.starts_with(char::is_uppercase)
}

/// `snake_case`, `camelCase`, `us-east-1`, `ARR`, `P1`.
fn is_identifier(word: &str) -> bool {
    let upper = word.chars().filter(|c| c.is_uppercase()).count();
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let digits = word.chars().any(|c| c.is_ascii_digit());
    let is_acronym = upper >= 2 && upper * 2 > letters;
    let is_camel = word.starts_with(char::is_lowercase) && upper > 0 && !word.contains('\'');
    is_acronym || is_camel || word.contains('_') || digits && letters > 0
}
