//! The lead of a sentence: the words of agreement, disagreement or politeness before its point.

use crate::rules::phrase::strip;
use crate::rules::sentence::{clause, has};
use crate::rules::sign::Sign;
use crate::rules::word::Word;

/// How a sentence responds to what was said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    No,
    Yes,
    /// Agrees to a part, or to nothing; an objection follows.
    But,
    Nothing,
}

/// The lead of a sentence, and the words after it.
pub(super) fn lead(words: &[Word]) -> (Lead, &[Word]) {
    let (mut lead, mut rest) = (Lead::Nothing, words);
    while let Some((said, after)) = next(rest) {
        lead = match (lead, said) {
            (Lead::No, _) | (_, Lead::No) => Lead::No,
            (_, Lead::But) | (Lead::But, _) => Lead::But,
            (Lead::Yes, _) | (_, Lead::Yes) => Lead::Yes,
            _ => Lead::Nothing,
        };
        rest = after;
    }
    (lead, rest)
}

/// The next part of the lead, and the words after it.
fn next(words: &[Word]) -> Option<(Lead, &[Word])> {
    let first = words.first()?;
    if first.is_mark() {
        return Some((Lead::Nothing, &words[1..]));
    }
    let verdict = || verdict(words);
    let says = |lead: Lead| move |after| (lead, after);
    None.or_else(verdict)
        .or_else(|| strip(words, Sign::No).map(says(Lead::No)))
        .or_else(|| no(words).map(says(Lead::No)))
        .or_else(|| strip(words, Sign::Yes).map(says(Lead::Yes)))
        .or_else(|| right(words).map(says(Lead::Yes)))
        .or_else(|| strip(words, Sign::But).map(says(Lead::But)))
        .or_else(|| {
            strip(words, Sign::Filler).filter(|_| strip(words, Sign::Announce).is_none()).map(says(Lead::Nothing))
        })
}

/// "No, …", or "No the …".
fn no(words: &[Word]) -> Option<&[Word]> {
    let follows = |after: &&[Word]| after.first().is_some_and(|next| next.is(Sign::AfterNo));
    let is_short = matches!(&*words.first()?.lower, "no" | "nah" | "nope");
    let plain = strip(words, Sign::NoThenMark).filter(|_| is_short).filter(follows);
    before_a_mark(words, Sign::NoThenMark).or(plain)
}

/// "Right, …", or "Right the …".
fn right(words: &[Word]) -> Option<&[Word]> {
    let follows = |after: &&[Word]| after.first().is_some_and(|next| next.is(Sign::AfterNo));
    let is_short = matches!(&*words.first()?.lower, "right" | "true");
    let plain = strip(words, Sign::YesThenMark).filter(|_| is_short).filter(follows);
    before_a_mark(words, Sign::YesThenMark).or(plain)
}

fn before_a_mark(words: &[Word], sign: Sign) -> Option<&[Word]> {
    strip(words, sign).filter(|after| after.first().is_none_or(|next| next.is_mark() && next.lower != "="))
}

/// A clause that only says whether something was right: "you understood that correctly", "that isn't how it works",
/// "they don't".
fn verdict(words: &[Word]) -> Option<(Lead, &[Word])> {
    const CLAUSE: usize = 8;
    let (clause, after) = clause(words);
    if clause.is_empty() || clause.len() > CLAUSE {
        return None;
    }
    let is_empty = |word: &Word| {
        [Sign::Stop, Sign::Speech, Sign::Right, Sign::Wrong, Sign::Negation, Sign::Filler, Sign::Pronoun]
            .into_iter()
            .any(|sign| word.is(sign))
    };
    let (denies, wrong) = (has(clause, Sign::Negation), has(clause, Sign::Wrong));
    let judges = wrong || clause.iter().any(|word| word.is(Sign::Right) && !word.is(Sign::Passing));
    let mut telling = clause.iter().filter(|word| word.is(Sign::How) || !is_empty(word));
    let tells_how = telling.next().is_some_and(|word| word.is(Sign::How));
    let agrees = match clause {
        _ if tells_how => !denies,
        [before @ .., pronoun, aux] if is_elliptic(pronoun, aux) && before.iter().all(is_empty) => !denies,
        [before @ .., pronoun, aux, not]
            if is_elliptic(pronoun, aux) && not.is(Sign::Negation) && before.iter().all(is_empty) =>
        {
            false
        }
        _ if judges && clause.len() > 1 && clause.iter().all(is_empty) => wrong == denies,
        _ => return None,
    };
    Some((if agrees { Lead::Yes } else { Lead::No }, after))
}

/// Whether a sentence begins with a short negation that stands for a statement: "they don't, …".
pub(super) fn denies_in_short(words: &[Word]) -> bool {
    match clause(words).0 {
        [pronoun, aux] => is_elliptic(pronoun, aux) && aux.is(Sign::Negation),
        [pronoun, aux, not] => is_elliptic(pronoun, aux) && not.is(Sign::Negation),
        _ => false,
    }
}

/// Whether a sentence begins with a short affirmation that stands for a statement: "they do, …".
pub(super) fn affirms_in_short(words: &[Word]) -> bool {
    matches!(clause(words).0, [pronoun, aux] if is_elliptic(pronoun, aux) && !aux.is(Sign::Negation))
}

/// Whether two words stand for a whole statement: "they do".
fn is_elliptic(pronoun: &Word, aux: &Word) -> bool {
    pronoun.is(Sign::Pronoun) && aux.is(Sign::Aux)
}

/// "Wednesdays at 10 is correct, …"
pub(super) fn calls_right(words: &[Word]) -> bool {
    const CLAUSE: usize = 12;
    let (clause, _) = clause(words);
    let is_right = |pair: &[Word]| pair[0].is(Sign::Copula) && pair[1].is(Sign::Right);
    let is_right_about = matches!(clause, [you, right, about, ..]
        if matches!(&*you.lower, "you're" | "you") && right.is(Sign::Right) && matches!(&*about.lower, "about" | "on" | "that"));
    !has(clause, Sign::Negation)
        && (is_right_about || clause.len() <= CLAUSE && clause.windows(2).skip(1).any(is_right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sentence::Sentence;

    #[test]
    fn clauses_that_say_whether_something_was_right_lead_up_to_the_point() {
        let said = |text: &str| {
            let sentence = Sentence::new(text, 0..text.len());
            let (lead, rest) = lead(&sentence.words);
            (lead, rest.first().map(|word| word.lower.to_string()).unwrap_or_default())
        };
        let expect = |text, lead, next: &str| assert_eq!(said(text), (lead, next.to_owned()), "{text}");
        expect("You read that correctly: rents are fixed", Lead::Yes, "rents");
        expect("They don't, rents are fixed", Lead::No, "rents");
        expect("I'm afraid that isn't how it works, rents are fixed", Lead::No, "rents");
        expect("Das ist nicht richtig, Mieten sind fest", Lead::No, "mieten");
        expect("Yes, but rents are fixed", Lead::But, "rents");
        expect("ok, rents are right", Lead::Nothing, "rents");
        expect("No rents are fixed", Lead::Nothing, "no");
    }

    #[test]
    fn short_answers_affirm_or_deny_a_statement() {
        let said = |text: &str| {
            let words = Sentence::new(text, 0..text.len()).words;
            [affirms_in_short(&words), denies_in_short(&words)]
        };
        assert_eq!(said("They do, rents are fixed"), [true, false]);
        assert_eq!(said("They don't, rents vary"), [false, true]);
        assert_eq!(said("They do not, rents vary"), [false, true]);
        assert_eq!(said("Rents do, as a rule"), [false, false]);
    }
}
