//! Corrections and confirmations: what a person says to a statement of the assistant.

use crate::rules::Fact;
use crate::rules::domain::is_term;
use crate::rules::exclusion::{is_excluded, is_order};
use crate::rules::lead::{Lead, lead};
use crate::rules::phrase::CONTRASTS;
use crate::rules::sentence::{Sentence, Word, has_any, stems, strip_any, values};
use sessionmill_contract::Detection;

/// The fewest words of meaning that make a fact.
const FACT: usize = 3;

/// The correction or confirmation that begins in a sentence.
pub(super) fn find<'a>(said: &'a [Sentence<'a>], at: usize, statements: &'a [Sentence<'a>]) -> Option<Fact<'a>> {
    let sentence = said.get(at)?;
    let (lead, rest) = lead(&sentence.words);
    // "That's wrong. Revenue is …": the fact is the next sentence.
    let (to, words) = match said.get(at + 1) {
        Some(next) if lead != Lead::Nothing && stems(rest).len() < FACT && !sentence.is_question && !is_order(rest) => {
            (at + 1, lead_of_next(next))
        }
        _ => (at, rest),
    };
    let fact = said.get(to)?;
    if stems(words).len() < FACT - 1 || is_excluded(fact, words) {
        return None;
    }
    let (statement, shared) = answered(words, statements)?;
    let differs = !values(words).is_subset(&values(&statement.words));
    let conflicts = differs && !values(&statement.words).is_empty();
    let contrast = has_any(words, &CONTRASTS);
    let detection = match lead {
        Lead::No => shared > 0,
        Lead::But => shared > 1 && (contrast || conflicts) || shared > 0 && conflicts,
        Lead::Yes if !differs || shared > 2 => {
            return confirmed(
                shared,
                words,
                Fact { detection: Detection::Confirmation, from: at, to, words, statement: Some(statement) },
            );
        }
        Lead::Yes => false,
        Lead::Nothing => (contrast && (shared > 1 || conflicts)) || conflicts && shared > 1,
    };
    let speaks_of_trade = words.iter().chain(&statement.words).any(|word| is_term(&word.lower));
    (detection && speaks_of_trade).then_some(Fact {
        detection: Detection::Correction,
        from: at,
        to,
        words,
        statement: Some(statement),
    })
}

fn lead_of_next<'a>(next: &'a Sentence<'_>) -> &'a [Word] {
    lead(&next.words).1
}

fn confirmed<'a>(shared: usize, words: &[Word], fact: Fact<'a>) -> Option<Fact<'a>> {
    let is_of_trade = words.iter().any(|word| is_term(&word.lower)) || !values(words).is_empty();
    (shared > 1 && is_of_trade).then_some(fact)
}

/// The statement that the words are about: the one that shares most terms, the later of equals.
fn answered<'a>(words: &[Word], statements: &'a [Sentence<'a>]) -> Option<(&'a Sentence<'a>, usize)> {
    let terms = stems(words);
    let shared = |statement: &Sentence<'_>| stems(&statement.words).intersection(&terms).count();
    let candidates = statements.iter().filter(|statement| !is_offer(statement));
    candidates.map(|statement| (statement, shared(statement))).filter(|(_, shared)| *shared > 0).max_by_key(|(_, s)| *s)
}

/// Whether the assistant asks what to do, or for something it does not know.
fn is_offer(statement: &Sentence<'_>) -> bool {
    const QUESTIONS: [&str; 32] = [
        "shall",
        "should",
        "do you",
        "would you",
        "could you",
        "can you",
        "can i",
        "may i",
        "which",
        "what",
        "how",
        "where",
        "when",
        "who",
        "why",
        "want",
        "anything",
        "would it",
        "soll",
        "möchtest",
        "welche",
        "wie",
        "was",
        "quieres",
        "debo",
        "qué",
        "voulez",
        "dois",
        "quel",
        "quelle",
        "devo",
        "quer",
    ];
    statement.is_question && strip_any(lead(&statement.words).1, &QUESTIONS).is_some()
}
