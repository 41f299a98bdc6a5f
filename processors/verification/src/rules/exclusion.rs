//! Statements that are not knowledge: questions, wishes, orders, guesses, jokes, opinions, facts about this moment or
//! about the code at hand, words of other people, and locations of files.

use crate::rules::order::{ends_in_an_order, is_order};
use crate::rules::path::is_path;
use crate::rules::phrase::strip;
use crate::rules::sentence::{Sentence, clause, has, has_stems};
use crate::rules::sign::Sign;
use crate::rules::word::Word;

/// Whether a statement, given without the words that lead up to it, cannot be knowledge.
pub(super) fn is_excluded(sentence: &Sentence<'_>, fact: &[Word]) -> bool {
    let fact = before_a_reason(fact);
    is_no_statement(sentence, fact) || is_personal(fact) || is_of_the_moment(point(fact))
}

/// The clause that makes the point. Later clauses may give reasons or consequences.
pub(super) fn point(fact: &[Word]) -> &[Word] {
    const POINT: usize = 2;
    let ends = fact.iter().enumerate().filter(|(_, word)| word.is_mark()).map(|(at, _)| &fact[..at]);
    ends.into_iter().find(|clause| has_stems(clause, POINT)).unwrap_or(fact)
}

/// The words without the reason for mentioning a rule: "…, that's why yours are off".
fn before_a_reason(fact: &[Word]) -> &[Word] {
    const REASONS: [&str; 12] =
        ["you'll", "that's", "which", "because", "hence", "so", "just", "please", "je", "darum", "deshalb", "daher"];
    let begins = |pair: &[Word]| pair[0].is_mark() && REASONS.contains(&&*pair[1].lower);
    fact.windows(2).position(begins).map_or(fact, |at| &fact[..at])
}

/// Whether the words ask, order, guess, joke or suppose, or are words of another person.
pub(super) fn is_no_statement(sentence: &Sentence<'_>, fact: &[Word]) -> bool {
    sentence.is_question
        || asks(fact)
        || is_cited(sentence)
        || is_order(fact)
        || ends_in_an_order(fact)
        || has(&sentence.words, Sign::Guess)
        || has(&sentence.words, Sign::Joke)
        || strip(&sentence.words, Sign::Supposition).is_some()
        || strip(fact, Sign::Supposition).is_some()
        || fact.iter().any(|word| is_path(&sentence.text[word.range.clone()]))
}

/// Whether the words are about the speaker, about this moment, about somebody's opinion, or about the code.
fn is_of_the_moment(fact: &[Word]) -> bool {
    fact.first().is_some_and(|first| matches!(&*first.lower, "you" | "still" | "he" | "she"))
        || is_under_way(fact)
        || has(fact, Sign::Passing)
        || judges(fact)
        || is_about_the_code(fact)
}

/// "Replica 2 is still syncing": something that is going on at this moment.
fn is_under_way(fact: &[Word]) -> bool {
    const SHORTEST: usize = 6;
    let is_doing = |word: &Word| {
        !word.is_stop() && word.lower.ends_with("ing") && word.lower.len() >= SHORTEST && !word.marks.is_term()
    };
    fact.windows(3).any(|three| {
        let verb = if matches!(&*three[1].lower, "still" | "just" | "now" | "already" | "currently") {
            &three[2]
        } else {
            &three[1]
        };
        let verb = if three[1].lower == "been" { &three[2] } else { verb };
        let is_done_to = three[1].lower == "being" && three[2].lower.ends_with("ed");
        matches!(&*three[0].lower, "is" | "are" | "it's" | "they're") && (is_doing(verb) || is_done_to)
    })
}

/// Whether the speaker talks about what they did themselves. Some of the words for that have other meanings in another
/// language, which is recognised by its most frequent words.
fn is_personal(fact: &[Word]) -> bool {
    const OTHERS: [(&str, [&str; 9]); 2] = [
        ("i", ["il", "di", "sono", "è", "della", "delle", "gli", "non", "nel"]),
        ("je", ["und", "bei", "wird", "der", "die", "das", "ist", "nach", "werden"]),
    ];
    let is_other = |word: &Word| {
        let others = OTHERS.iter().find(|(own, _)| *own == word.lower).map(|(_, others)| others);
        others.is_some_and(|others| fact.iter().any(|word| others.contains(&&*word.lower)))
    };
    let is_done = |pair: &[Word]| pair[0].lower == "you" && !pair[1].is_stop() && pair[1].lower.ends_with("ed");
    fact.iter().any(|word| word.is(Sign::Personal) && !is_other(word)) || fact.windows(2).any(is_done)
}

/// Whether a clause asks a question without a question mark: "it worked before, is it the cache".
fn asks(fact: &[Word]) -> bool {
    const ASKS: [&str; 17] = [
        "who", "why", "how", "does", "did", "is", "are", "can", "warum", "wieso", "wer", "pourquoi", "qui", "por",
        "perché", "chi", "waarom",
    ];
    let is_inverted = |clause: &[Word]| match clause {
        [verb, subject, ..] => verb.is(Sign::Aux) && subject.is(Sign::Pronoun),
        _ => false,
    };
    fact.split(Word::is_mark).any(is_inverted) || fact.first().is_some_and(|first| ASKS.contains(&&*first.lower))
}

/// Whether words of another person are repeated: they are announced, or several stand in quotation marks.
fn is_cited(sentence: &Sentence<'_>) -> bool {
    const WORDS: usize = 4;
    let text = sentence.text.get(sentence.range.clone()).unwrap_or_default();
    let between = |marks: &[char]| text.split(marks).skip(1).step_by(2).any(|part| part.split(' ').count() >= WORDS);
    has(&sentence.words, Sign::Cited)
        || text.contains('"') && between(&['"'])
        || !text.is_ascii() && (between(&['“', '”', '„']) || between(&['«', '»']))
}

/// Whether somebody gives an opinion: "that is far too slow", "Lovely, …".
pub(super) fn judges(fact: &[Word]) -> bool {
    const ADVERBS: usize = 2;
    let (first, rest) = clause(fact);
    let is_exclaimed = matches!(first, [word] if word.is(Sign::Judgement)) && !rest.is_empty();
    let predicates = fact.iter().enumerate().filter(|(_, word)| word.is(Sign::Copula) && word.lower != "=");
    let mut judged = predicates.filter_map(|(at, _)| {
        let mut after = fact[at + 1..].iter().enumerate();
        after.find(|(count, word)| *count >= ADVERBS || !word.is_stop()).map(|(_, word)| word)
    });
    // "… is what makes it slow"
    let end = fact.iter().rposition(|word| !word.is_mark()).filter(|end| *end > 0 && !fact[end - 1].is_mark());
    let is_complement = has(fact, Sign::Copula) && end.is_some_and(|end| fact[end].is(Sign::Judgement));
    // "One minute is enough for an appearance" says how much is required.
    let is_measure = || fact.windows(2).any(|pair| pair[0].lower == "enough" && pair[1].lower == "for");
    let is_excess = first.windows(2).any(|pair| pair[0].lower == "too");
    is_exclaimed || is_complement || is_excess || judged.any(|word| word.is(Sign::Judgement)) && !is_measure()
}

/// Whether the subject is a part of the program or of its development, or something that a person points at.
pub(super) fn is_about_the_code(fact: &[Word]) -> bool {
    const SUBJECT: usize = 4;
    // "total() returns net"
    if fact.windows(2).any(|pair| pair[0].lower == "(" && pair[1].lower == ")") {
        return true;
    }
    if let [this, noun, ..] = fact
        && this.is(Sign::This)
        && !noun.is_mark()
        && (!noun.marks.is_term() || noun.is(Sign::Common))
    {
        return true;
    }
    let subject =
        fact.iter().take_while(|word| !word.is(Sign::Copula) && !word.is(Sign::Pointer) && !word.is(Sign::Rules));
    subject.filter(|word| !word.is_mark()).take(SUBJECT).any(|word| word.is(Sign::Artifact))
}
