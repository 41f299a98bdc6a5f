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

/// The most words of a sentence that spells out an acronym in passing.
const SPELT_OUT: usize = 40;

/// The definition that a sentence holds.
pub(super) fn find<'a>(said: &'a [Sentence<'a>], at: usize) -> Option<Fact<'a>> {
    let sentence = said.get(at)?;
    let (_, rest) = lead(&sentence.words);
    let announced = announced(sentence, rest);
    let words = announced.unwrap_or(rest);
    let is_spelt_out = is_spelt_out(sentence, words);
    if is_spelt_out && !sentence.is_question && sentence.words.len() <= SPELT_OUT {
        return Some(definition(at, words));
    }
    if is_excluded(sentence, words) || stems(words).len() < MEANING + 1 {
        return None;
    }
    let defines = strip_any(words, &WE_DEFINE).is_some_and(|meaning| stems(meaning).len() >= MEANING)
        || is_split(words, &DEFINES)
        || means_by(words);
    let explains = announced.is_some() && (is_split(words, &COPULAS) || words.iter().any(|word| is_term(&word.lower)));
    let classifies = is_class(sentence, words);
    (defines || explains || classifies).then(|| definition(at, words))
}

fn definition<'a>(at: usize, words: &'a [Word]) -> Fact<'a> {
    Fact { detection: Detection::UnpromptedDefinition, from: at, to: at, words, statement: None }
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
    let words = strip_place(words).unwrap_or(words);
    if is_of_its_kind(words) || is_relation(words) || is_formula(words) {
        return true;
    }
    let Some((term, meaning)) = split_at_any(words, &KINDS) else { return false };
    if strip_any(meaning, &JUDGEMENTS).is_some() {
        return false;
    }
    let article = strip_any(term, &ARTICLES);
    let bare = article.unwrap_or(term);
    let is_named = bare.iter().filter(|word| !word.is_mark()).any(|word| {
        let exact = sentence.text.get(word.range.clone()).unwrap_or_default();
        is_term(&word.lower) || exact.chars().filter(|c| c.is_uppercase() || c.is_ascii_digit()).count() > 1
    });
    let is_general = article.is_some() || is_named;
    let speaks_of_trade = is_named || meaning.iter().any(|word| is_term(&word.lower));
    is_general && speaks_of_trade && is_a_term(bare) && bare.len() <= CLASS_TERM && stems(meaning).len() > MEANING
}

/// "In the warehouse a wave is …": the words after the place.
fn strip_place(words: &[Word]) -> Option<&[Word]> {
    const PLACES: [&str; 14] = [
        "in the",
        "in our",
        "at the",
        "at our",
        "for the",
        "for our",
        "im",
        "in der",
        "in unserem",
        "en el",
        "en la",
        "dans le",
        "dans la",
        "em nosso",
    ];
    let (_, rest) = strip_any(words, &PLACES)?.split_first()?;
    let rest = rest.split_first().filter(|(first, _)| first.is_mark()).map_or(rest, |(_, rest)| rest);
    strip_any(rest, &ARTICLES).map(|_| rest)
}

/// "Dormant accounts are accounts without …": the class is a word of the term.
fn is_of_its_kind(words: &[Word]) -> bool {
    let Some((term, meaning)) = split_at_any(words, &COPULAS) else { return false };
    let class = strip_any(meaning, &ARTICLES).unwrap_or(meaning);
    let class = stems(class.get(..1).unwrap_or_default());
    is_a_term(term)
        && term.len() <= CLASS_TERM
        && stems(term).len() > 1
        && !class.is_empty()
        && class.is_subset(&stems(term))
        && stems(meaning).len() > MEANING
}

/// "The coverage gap is the difference between …": a figure made of others.
fn is_relation(words: &[Word]) -> bool {
    const RELATIONS: [&str; 48] = [
        "the difference between",
        "the share of",
        "the ratio of",
        "the ratio between",
        "the sum of",
        "the number of",
        "the percentage of",
        "the proportion of",
        "the average of",
        "the total of",
        "the set of",
        "the time between",
        "the time from",
        "the date on which",
        "the day on which",
        "the period between",
        "the period in which",
        "the value of",
        "the amount of",
        "the product of",
        "the rate of",
        "the list of all",
        "any order that",
        "the quotient of",
        "die differenz",
        "der anteil",
        "die summe",
        "die anzahl",
        "der zeitraum",
        "das verhältnis",
        "der quotient",
        "la diferencia",
        "la suma",
        "la proporción",
        "el número de",
        "el porcentaje",
        "el período",
        "la différence",
        "la somme",
        "la part",
        "le nombre de",
        "le rapport entre",
        "la période",
        "a diferença",
        "a soma",
        "a proporção",
        "o número de",
        "o período em que",
    ];
    split_at_any(words, &COPULAS).is_some_and(|(term, meaning)| {
        is_a_term(term)
            && term.len() <= CLASS_TERM + 1
            && strip_any(meaning, &RELATIONS).is_some_and(|of| stems(of).len() >= MEANING)
            && words.iter().any(|word| is_term(&word.lower))
    })
}

/// "Take rate = commission / GMV".
fn is_formula(words: &[Word]) -> bool {
    let Some((term, meaning)) = split_at_any(words, &["="]) else { return false };
    let is_plain = |word: &Word| !word.lower.contains(|c: char| c.is_ascii_digit() || matches!(c, '_' | '.'));
    is_a_term(term)
        && term.len() <= CLASS_TERM
        && term.iter().all(is_plain)
        && stems(meaning).len() >= MEANING
        && words.iter().any(|word| is_term(&word.lower))
}

/// Classes that say only how somebody finds a thing.
const JUDGEMENTS: [&str; 18] = [
    "nice", "good", "great", "bad", "better", "best", "worse", "big", "huge", "real", "problem", "mess", "must", "one",
    "next", "same", "right", "wrong",
];

/// The most words of a term that nothing but its class announces.
const CLASS_TERM: usize = 4;

const ARTICLES: [&str; 14] =
    ["a", "an", "ein", "eine", "un", "una", "une", "um", "uma", "any", "every", "jeder", "cada", "chaque"];

const KINDS: [&str; 44] = [
    "is a",
    "is an",
    "is any",
    "is every",
    "is the",
    "is when",
    "is whatever",
    "is what",
    "are the",
    "are those",
    "are all",
    "are any",
    "=",
    "are our",
    "is our",
    "are what",
    "are copies",
    "ist ein",
    "ist eine",
    "ist der",
    "ist die",
    "ist das",
    "ist bei uns ein",
    "ist bei uns eine",
    "ist jeder",
    "sind alle",
    "es un",
    "es una",
    "es el",
    "es la",
    "es cada",
    "es todo",
    "est un",
    "est une",
    "est le",
    "est la",
    "c'est un",
    "c'est une",
    "c'est le",
    "é um",
    "é uma",
    "é o",
    "é a",
    "são os",
];

/// "RMA (return merchandise authorisation)": an acronym beside words that begin with its letters.
fn is_spelt_out(sentence: &Sentence<'_>, words: &[Word]) -> bool {
    words.windows(2).enumerate().any(|(at, pair)| {
        let exact = sentence.text.get(pair[0].range.clone()).unwrap_or_default();
        let letters: String = exact.chars().filter(|c| c.is_uppercase()).collect::<String>().to_lowercase();
        let after = words.get(at + 2..).unwrap_or_default();
        let initials: String = after.iter().take(letters.len()).filter_map(|word| word.lower.chars().next()).collect();
        pair[1].lower == "(" && letters.len() > 1 && letters == initials
    })
}
