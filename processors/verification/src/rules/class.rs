//! Statements that define a thing by its class: "A P0 is an outage that …".

use crate::rules::mood::is_general;
use crate::rules::phrase::{split_at, strip};
use crate::rules::sentence::{Sentence, clause, has, has_stems, stems};
use crate::rules::sign::Sign;
use crate::rules::term::{is_a_term, is_name, is_quoted};
use crate::rules::word::Word;
use crate::rules::worth::{MEANING, has_value, worth};

/// The most words of a term that is only recognised by its class.
const TERM: usize = 5;

/// Whether a statement puts a term into a class and distinguishes it from others of that class.
pub(super) fn is_class(sentence: &Sentence<'_>, words: &[Word]) -> bool {
    let words = strip_place(words).unwrap_or(words);
    if is_label(words) {
        return true;
    }
    let Some((term, meaning)) = split_at(words, Sign::Copula) else { return false };
    let meaning = strip(meaning, Sign::Announce).unwrap_or(meaning);
    let article = strip(term, Sign::Article);
    let bare = article.unwrap_or(term);
    let is_ours = has(clause(words).0, Sign::Ours);
    if !is_a_term(term)
        || bare.len() > TERM && !is_ours && article.is_none()
        || !has_stems(meaning, MEANING)
        || is_person(article, meaning)
    {
        return false;
    }
    let is_figure = strip(meaning, Sign::Relation).is_some_and(|of| has_stems(of, MEANING));
    let class = strip_article(meaning);
    let is_distinguished = class.is_some_and(is_distinguished);
    let is_name = bare.iter().any(|word| is_name(sentence, word));
    let is_indefinite = article.is_some() || is_name || is_bare(bare);
    is_figure
        || is_indefinite && is_distinguished
        || is_ours && class.is_some() && has_stems(meaning, MEANING + 1)
        || is_of_its_kind(bare, meaning)
        || is_status(bare, article, meaning)
}

/// "The one who knows is …": a person is not a term.
fn is_person(article: Option<&[Word]>, meaning: &[Word]) -> bool {
    let knows = meaning.iter().take(4).any(|word| word.lower == "who");
    article.is_none() && knows && meaning.first().is_some_and(|first| first.lower == "the")
}

/// A statement about all things of a kind, or about things in this company: "Paid pilots aren't revenue until they
/// convert".
pub(super) fn is_rule(sentence: &Sentence<'_>, words: &[Word], least: usize) -> bool {
    let Some((subject, predicate)) = split_at(words, Sign::Rules) else { return false };
    let article = strip(subject, Sign::Article);
    let is_each = subject.first().is_none_or(|first| matches!(&*first.lower, "each" | "every"));
    let is_kind = !is_each && article.is_some()
        || is_bare(subject)
        || subject.first().is_some_and(|first| {
            first.is(Sign::Ours)
                || first.lower.starts_with("any")
                || matches!(&*first.lower, "everything" | "everyone" | "all")
        })
        || is_numbered(sentence, subject);
    // "Grace period is 30 minutes": a name without an article, with a value.
    let is_named = has_value(predicate)
        && subject.len() < TERM - 1
        && !subject.iter().any(|word| {
            word.is_stop() || word.is_mark() || word.is_value() || word.is(Sign::Artifact) || word.lower.contains('_')
        });
    // "A "party" can be a person or a company".
    let is_coined = subject.iter().any(|word| is_quoted(sentence, word));
    let is_bound = has(words, Sign::Contrast)
        || has(words, Sign::Generic)
        || has(predicate, Sign::Condition)
        || has_value(predicate);
    let worth = worth(words) + usize::from(has(words, Sign::Local));
    // "The habit here is to …" asks somebody to do something.
    let is_advice = matches!(words.get(subject.len()..), Some([is, to, ..]) if is.is(Sign::Copula) && to.lower == "to");
    is_a_term(subject)
        && !is_advice
        && has_stems(predicate, MEANING)
        && is_general(words)
        && (has(words, Sign::Local) && worth > 3
            || is_coined && worth > 1
            || (is_kind || is_named) && is_bound && worth >= least)
}

/// "Class A", "ring 0": one of several that are named by a letter or a number.
fn is_numbered(sentence: &Sentence<'_>, term: &[Word]) -> bool {
    const LENGTH: usize = 2;
    let [name, .., last] = term else { return false };
    let exact = sentence.text.get(last.range.clone()).unwrap_or_default();
    let is_letter = exact.chars().count() == 1 && exact.starts_with(char::is_uppercase);
    !name.is_stop() && (is_letter || exact.len() <= LENGTH && last.is_value())
}

/// "In the warehouse a wave is …": the words after the place.
fn strip_place(words: &[Word]) -> Option<&[Word]> {
    const PLACES: [&str; 14] =
        ["in", "at", "for", "on", "to", "im", "en", "dans", "em", "no", "na", "per", "für", "in"];
    const PLACE: usize = 6;
    let first = words.first().filter(|first| PLACES.contains(&&*first.lower))?;
    let place = words.iter().take(PLACE).skip(2);
    let end = place.clone().position(|word| word.lower == ",").map(|at| at + 3);
    let end = end.or_else(|| place.clone().position(|word| word.is(Sign::Article)).map(|at| at + 2))?;
    (!first.is_mark()).then_some(words.get(end..)?)
}

/// The words after an article, or after "those", "all", "any": the beginning of a class.
fn strip_article(meaning: &[Word]) -> Option<&[Word]> {
    const PLURAL: usize = 2;
    let first = meaning.first()?;
    let begins = first.is(Sign::Article) || first.is(Sign::Determiner) || first.is(Sign::Ours) || first.lower == "one";
    // "accounts without …", "dormant accounts": a class in the plural has no article.
    let is_plural =
        meaning.iter().take(PLURAL).any(|word| !word.is_stop() && word.lower.ends_with('s') && word.lower.len() > 3);
    if begins {
        meaning.get(1..)
    } else if is_plural || first.is_value() {
        Some(meaning)
    } else {
        None
    }
}

/// Whether a class is followed by what distinguishes its members.
fn is_distinguished(class: &[Word]) -> bool {
    const HEAD: usize = 5;
    let mut head = class.iter().take(HEAD);
    !class.first().is_some_and(|first| first.is(Sign::Judgement))
        && (head.any(|word| word.is(Sign::Relative) || word.is_mark()) || class.iter().any(Word::is_value))
}

/// "Dormant accounts are accounts without …": the class is a word of the term.
fn is_of_its_kind(term: &[Word], meaning: &[Word]) -> bool {
    let class = strip(meaning, Sign::Article).unwrap_or(meaning);
    let class = stems(class.get(..1).unwrap_or_default());
    let is_number = term.first().is_some_and(Word::is_value);
    !is_number
        && has_stems(term, 2)
        && !class.is_empty()
        && class.is_subset(&stems(term))
        && has_stems(meaning, MEANING + 1)
}

/// "A feed is stale if nothing has arrived …".
fn is_status(term: &[Word], article: Option<&[Word]>, meaning: &[Word]) -> bool {
    let is_condition = meaning.get(1..4).unwrap_or_default().iter().any(|word| word.is(Sign::Condition));
    let is_quality = meaning.first().is_some_and(|first| !first.is_stop() && !first.is(Sign::Judgement));
    (article.is_some() || is_bare(term)) && is_condition && is_quality && has_stems(meaning, MEANING + 1)
}

/// Whether a term needs no article: a plural, or a word of a trade.
fn is_bare(term: &[Word]) -> bool {
    let is_plural = |word: Option<&Word>| word.is_some_and(|word| !word.is_stop() && word.lower.ends_with('s'));
    let is_number = |word: &Word| word.is_value() && !word.lower.starts_with(char::is_alphabetic);
    let begins = term.first().is_some_and(|first| !first.is(Sign::Determiner) && !first.is_stop() && !is_number(first));
    begins && (is_plural(term.first()) || is_plural(term.last()) || term.iter().any(|word| word.marks.is_term()))
}

/// "Dwell time: minutes between gate-in and gate-out".
fn is_label(words: &[Word]) -> bool {
    const LABEL: usize = 4;
    const MEANS: [&str; 14] = [
        "between", "minus", "plus", "divided", "per", "without", "zwischen", "minus", "entre", "sans", "sin", "sem",
        "senza", "times",
    ];
    let Some(at) = words.iter().position(|word| word.lower == ":") else { return false };
    let (term, meaning) = (&words[..at], &words[at + 1..]);
    let is_list =
        term.first().is_some_and(|first| first.is(Sign::Ours)) && meaning.split(Word::is_mark).count() > LABEL - 1;
    let relates = is_list
        || has(term, Sign::Local)
        || strip(meaning, Sign::Relation).is_some()
        || meaning.iter().take(5).any(|word| MEANS.contains(&&*word.lower));
    let is_plain = term.iter().all(|word| !word.is(Sign::Artifact) && !word.is(Sign::Copula));
    is_a_term(term) && term.len() <= LABEL && is_plain && relates && has_stems(meaning, MEANING)
}

/// "Take rate = commission / GMV".
pub(super) fn is_formula(words: &[Word]) -> bool {
    let Some(at) = words.iter().position(|word| word.lower == "=") else { return false };
    let (term, meaning) = (&words[..at], &words[at + 1..]);
    let is_plain = |word: &Word| !word.lower.contains(['_', '.']);
    let is_named = term.first().is_some_and(|first| {
        !first.is_value() && !first.lower.contains(|c: char| c.is_ascii_digit()) || term.len() > 1 && !first.is_value()
    });
    is_a_term(term)
        && term.len() <= TERM
        && is_named
        && term.iter().all(|word| is_plain(word) && !word.is_mark())
        && !meaning.iter().any(|word| word.lower.contains(['.', '_']) && !word.is_value() && !word.is_mark())
        && has_stems(meaning, MEANING)
}
