//! Corrections and confirmations: a person's answer to a statement of the assistant.

use crate::Detection;
use crate::rules::Fact;
use crate::rules::comparison::Comparison;
use crate::rules::definition::{self, after_preamble, after_reminder, after_talk};
use crate::rules::exclusion::{is_excluded, is_no_statement, point};
use crate::rules::lead::{Lead, affirms_in_short, calls_right, denies_in_short, lead};
use crate::rules::mood::{is_general, obliges};
use crate::rules::order::is_order;
use crate::rules::phrase::strip;
use crate::rules::sentence::{Sentence, has, has_stems, stems, values};
use crate::rules::sign::Sign;
use crate::rules::term::is_quoted;
use crate::rules::word::Word;
use crate::rules::worth::{FACT, worth};

/// The correction or confirmation that begins in a sentence.
pub(super) fn find<'a>(
    said: &'a [Sentence<'a>],
    at: usize,
    statements: &dyn Fn() -> &'a [Sentence<'a>],
) -> Option<Fact<'a>> {
    let sentence = said.get(at)?;
    let (lead, rest) = match (lead(&sentence.words), agreed(&sentence.words)) {
        ((Lead::Nothing, rest), Some(agreed)) => (Lead::Yes, &rest[..rest.len().min(agreed.len())]),
        ((Lead::Nothing, rest), None) if calls_right(rest) => (Lead::Yes, rest),
        ((Lead::Nothing, rest), None) if only_denies(rest) => (Lead::No, rest),
        ((Lead::Nothing, rest), None) if said.get(at + 1).is_some_and(only_agrees) => (Lead::Yes, rest),
        ((Lead::Nothing, rest), None) => {
            after_a_concession(rest).map_or((Lead::Nothing, rest), |after| (Lead::But, after))
        }
        (lead, _) => lead,
    };
    // "By the way, …", but not "for us …".
    let is_house = rest.first().is_some_and(|first| first.is(Sign::Local));
    let told = strip(rest, Sign::Announce).filter(|_| !is_house).or_else(|| after_reminder(rest));
    let rest = told.unwrap_or(rest);
    let rest = after_talk(rest).unwrap_or(rest);
    // "Both right. Prices are …. And fees are …"
    let goes_on_agreeing = at > 0 && lead == Lead::Nothing && agrees(said.first()?);
    // "That's wrong. Revenue is …": the fact is in the next sentence.
    let (to, words) = match said.get(at + 1) {
        Some(next)
            if lead != Lead::Nothing
                && (lead != Lead::Yes || values(rest).is_empty())
                && !has_stems(rest, FACT - 1)
                && !sentence.is_question
                && !is_order(rest) =>
        {
            (at + 1, lead_of_next(next))
        }
        _ => (at, rest),
    };
    let fact = said.get(to)?;
    // "I'd change one thing: …"
    [Some(words), after_preamble(words)].into_iter().flatten().find_map(|words| {
        let least = if lead == Lead::Yes { 1 } else { FACT - 1 };
        if !has_stems(words, least) || is_excluded(fact, if lead == Lead::Yes { point(words) } else { words }) {
            return None;
        }
        if lead == Lead::Nothing && !goes_on_agreeing && !is_general(words) && !obliges(words) {
            return None;
        }
        // A confirmation of something that both see at this moment: "yep, 40 seconds, I see it as well".
        if lead == Lead::Yes && words.iter().any(|word| word.lower == "i" && word.is(Sign::Perception)) {
            return None;
        }
        let statements = statements();
        let comparison = Comparison::of(words, statements)?;
        // A remark in passing, or about one kind of thing in this company, is mostly not an answer.
        let defines = coins(fact, words, comparison.statement)
            || told.is_some() && strip(words, Sign::WeDefine).is_some()
            || comparison.shared == 0 && at > 0 && definition::find(said, at).is_some()
            || strip(words, Sign::Article).is_some() && has(words, Sign::Local) && comparison.shared < 2;
        let is_firm = comparison.shared > 1 && comparison.differs();
        if lead == Lead::Nothing && (defines || told.is_some() && !is_firm) {
            return None;
        }
        let objects = comparison.objects(words);
        let lead = match lead {
            Lead::Nothing if goes_on_agreeing && !objects && comparison.shared > 1 => Lead::Yes,
            Lead::Nothing if goes_on_agreeing && !objects => return None,
            // "They don't", in answer to a statement that they do not.
            Lead::No if denies_in_short(&sentence.words) && has(&comparison.statement.words, Sign::Negation) => {
                Lead::Yes
            }
            // "They can", in answer to a statement that they cannot.
            Lead::Yes if affirms_in_short(&sentence.words) && has(&comparison.statement.words, Sign::Negation) => {
                Lead::No
            }
            lead => lead,
        };
        let detection = comparison.detection(lead, at, words)?;
        let goes_on = |next: &Sentence<'_>| {
            !coins(next, &next.words, comparison.statement) && comparison.goes_on(next, statements, detection)
        };
        let to = to + usize::from(said.get(to + 1).is_some_and(goes_on));
        Some(Fact { detection, from: at, to, words, statement: Some(comparison.statement) })
    })
}

/// "96 rows. Settlement has gone by the quarter hour …": an answer together with the statement before it.
pub(super) fn with_preface<'a>(answer: Fact<'a>, said: &'a [Sentence<'a>]) -> Fact<'a> {
    const PREFACE: usize = 30;
    let is_led = said.get(answer.from).is_some_and(|sentence| lead(&sentence.words).0 != Lead::Nothing);
    let before = answer.from.checked_sub(1).and_then(|at| said.get(at));
    let before = before.filter(|before| !is_led && before.words.len() <= PREFACE);
    let theirs = answer.statement.map(|statement| stems(&statement.words)).unwrap_or_default();
    let preface = before.filter(|before| {
        let (lead, words) = lead(&before.words);
        // It is about the same subject, whoever says it: "I just checked, a sev2 is …".
        let is_of_it = stems(words).intersection(&theirs).count() > 1;
        if lead == Lead::Nothing && is_of_it && !is_no_statement(before, words) {
            return true;
        }
        let says = worth(words) > 0 || !values(words).is_empty();
        lead == Lead::Nothing && says && is_general(words) && !is_excluded(before, words)
    });
    match preface {
        Some(preface) => Fact { from: answer.from - 1, words: &preface.words, ..answer },
        None => answer,
    }
}

/// Whether a sentence draws a conclusion from the previous ones.
pub(super) fn concludes(sentence: &Sentence<'_>) -> bool {
    const SO: [&str; 5] = ["so", "donc", "entonces", "então", "quindi"];
    sentence.words.first().is_some_and(|first| SO.contains(&&*first.lower))
}

/// Whether the subject is in quotation marks or before an equals sign, and is not in the statement: a new term.
fn coins(fact: &Sentence<'_>, words: &[Word], statement: &Sentence<'_>) -> bool {
    const SHORT: usize = 2;
    let theirs = stems(&statement.words);
    let is_new = |word: &Word| word.stem().is_some_and(|stem| !theirs.contains(stem));
    let end = words.iter().position(|word| word.is(Sign::Copula)).unwrap_or(words.len());
    let equals = end <= SHORT && words.get(end).is_some_and(|word| word.lower == "=");
    words[..end].iter().any(|word| (equals || is_quoted(fact, word)) && is_new(word))
}

/// The definition itself; or a correction, if the assistant has just said something else about it.
pub(super) fn of_what_was_said<'a>(
    definition: Fact<'a>,
    said: &[Sentence<'_>],
    at: usize,
    statements: &dyn Fn() -> &'a [Sentence<'a>],
) -> Fact<'a> {
    let sentence = &said[at];
    if definition::announced(sentence, lead(&sentence.words).1).is_some() {
        return definition;
    }
    let sets_right = |comparison: &Comparison<'_>| {
        comparison.sets_right(at, definition.words) && !coins(sentence, definition.words, comparison.statement)
    };
    match Comparison::of(definition.words, statements()).filter(sets_right) {
        Some(Comparison { statement, .. }) => {
            Fact { detection: Detection::Correction, statement: Some(statement), ..definition }
        }
        None => definition,
    }
}

/// "Ten days, yes, …": the words without the agreement, if the clause ends with it.
fn agreed(words: &[Word]) -> Option<&[Word]> {
    const YES: [&str; 8] = ["yes", "yep", "yeah", "ja", "sí", "oui", "sim", "sì"];
    let is_clause = |at: usize| {
        words[at - 1].is_mark()
            || at > VERDICT && !words[..at].iter().any(Word::is_mark) && YES.contains(&&*words[at].lower)
    };
    let ends_a_clause = |after: &[Word]| after.first().is_none_or(Word::is_mark);
    let says =
        |words: &[Word]| strip(words, Sign::Yes).or_else(|| strip(words, Sign::YesThenMark)).is_some_and(ends_a_clause);
    const VERDICT: usize = 4;
    let ends_in_it = |at: &usize| words[*at - 1].is_mark() && matches!(lead(&words[*at..]), (Lead::Yes, []));
    if let Some(at) = (words.len().saturating_sub(VERDICT).max(2)..words.len()).find(ends_in_it) {
        return Some(&words[..at - 1]);
    }
    let at = (2..words.len()).find(|at| is_clause(*at) && says(&words[*at..]))?;
    let is_last = words[at + 1..].iter().all(Word::is_mark);
    Some(if is_last { &words[..at - 1] } else { words })
}

/// "Idle is fine but machines in changeover don't count": the words after "but".
fn after_a_concession(words: &[Word]) -> Option<&[Word]> {
    let at = words.iter().position(|word| word.is(Sign::But)).filter(|at| *at > 1)?;
    let concedes = |pair: &[Word]| pair[0].is(Sign::Copula) && (pair[1].is(Sign::Right) || pair[1].is(Sign::Judgement));
    words[..at].windows(2).any(concedes).then_some(&words[at + 1..])
}

/// "Not on shipment."
fn only_denies(words: &[Word]) -> bool {
    words.first().is_some_and(|first| matches!(&*first.lower, "not" | "nicht" | "pas" | "non" | "niet"))
        && !has_stems(words, FACT - 1)
}

/// Whether a sentence says only that something was right.
fn only_agrees(sentence: &Sentence<'_>) -> bool {
    let (lead, rest) = lead(&sentence.words);
    lead == Lead::Yes && rest.is_empty() && !sentence.is_question
}

fn agrees(sentence: &Sentence<'_>) -> bool {
    lead(&sentence.words).0 == Lead::Yes || calls_right(&sentence.words)
}

fn lead_of_next<'a>(next: &'a Sentence<'_>) -> &'a [Word] {
    lead(&next.words).1
}
