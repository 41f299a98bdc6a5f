//! Statements that are no knowledge: questions, wishes, orders, guesses, jokes, opinions, what is so only
//! now, what is about the code at hand, somebody else's words, and where files are.

use crate::rules::lexicon::strip;
use crate::rules::order::{ends_in_an_order, is_order};
use crate::rules::path::is_path;
use crate::rules::sentence::{Sentence, Word, clause, has};
use crate::rules::sign::Sign;

/// Whether a statement, without the words that lead up to it, cannot be knowledge.
pub(super) fn is_excluded(sentence: &Sentence<'_>, fact: &[Word]) -> bool {
    sentence.is_question
        || asks(fact)
        || is_cited(sentence)
        || is_order(fact)
        || ends_in_an_order(fact)
        || has(fact, Sign::Personal)
        || fact.first().is_some_and(|first| first.lower == "you")
        || has(fact, Sign::Passing)
        || has(&sentence.words, Sign::Guess)
        || has(&sentence.words, Sign::Joke)
        || strip(&sentence.words, Sign::Supposition).is_some()
        || strip(fact, Sign::Supposition).is_some()
        || judges(fact)
        || is_about_the_code(fact)
        || fact.iter().any(|word| is_path(&sentence.text[word.range.clone()]))
}

/// Whether a clause asks, although no mark says so: "it worked before, is it the cache".
fn asks(fact: &[Word]) -> bool {
    let is_inverted = |clause: &[Word]| match clause {
        [verb, subject, ..] => verb.is(Sign::Aux) && subject.is(Sign::Pronoun),
        _ => false,
    };
    fact.split(Word::is_mark).any(is_inverted)
}

/// Whether somebody else's words are repeated: announced, or several of them between quotation marks.
fn is_cited(sentence: &Sentence<'_>) -> bool {
    const WORDS: usize = 4;
    let text = sentence.text.get(sentence.range.clone()).unwrap_or_default();
    let between = |marks: &[char]| text.split(marks).skip(1).step_by(2).any(|part| part.split(' ').count() >= WORDS);
    has(&sentence.words, Sign::Cited) || between(&['"']) || between(&['“', '”', '„']) || between(&['«', '»'])
}

/// Whether somebody tells how they find a thing: "that is far too slow", "Lovely, …".
fn judges(fact: &[Word]) -> bool {
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
    let is_excess = first.windows(2).any(|pair| pair[0].lower == "too");
    is_exclaimed || is_complement || is_excess || judged.any(|word| word.is(Sign::Judgement))
}

/// Whether the subject is a part of the program or of its making, or what somebody points at.
fn is_about_the_code(fact: &[Word]) -> bool {
    const SUBJECT: usize = 4;
    if let [this, noun, ..] = fact
        && this.is(Sign::This)
        && !noun.is_mark()
        && !noun.marks.is_term()
    {
        return true;
    }
    let subject = fact.iter().take_while(|word| !word.is(Sign::Copula) && !word.is(Sign::Pointer));
    subject.filter(|word| !word.is_mark()).take(SUBJECT).any(|word| word.is(Sign::Artifact))
}
