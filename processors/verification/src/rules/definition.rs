//! Definitions that nobody asked for.

use crate::Detection;
use crate::rules::Fact;
use crate::rules::class::{is_class, is_formula, is_rule};
use crate::rules::exclusion::{is_excluded, judges};
use crate::rules::lead::{Lead, lead};
use crate::rules::mood::is_general;
use crate::rules::order::is_order;
use crate::rules::phrase::{split_at, strip};
use crate::rules::sentence::{Sentence, clause, has, has_stems, stems};
use crate::rules::sign::Sign;
use crate::rules::term::is_a_term;
use crate::rules::word::Word;
use crate::rules::worth::{MEANING, has_value, worth};

/// The points that make a rule of a statement that nobody asked for.
const RULE: usize = 4;

/// The points that are enough next to a request.
const BESIDE: usize = 2;

/// The most words of a sentence that explains a term in passing.
const PASSING: usize = 40;

/// The definition in a sentence, together with the next sentence if that continues about its terms.
pub(super) fn find<'a>(said: &'a [Sentence<'a>], at: usize) -> Option<Fact<'a>> {
    let found = of(said, at)?;
    let terms = stems(found.words);
    let is_near = said.get(at + 1).is_some_and(|next| !stems(&next.words).is_disjoint(&terms));
    let goes_on = is_near && of(said, at + 1).is_some();
    Some(Fact { to: at + usize::from(goes_on), ..found })
}

fn of<'a>(said: &'a [Sentence<'a>], at: usize) -> Option<Fact<'a>> {
    let sentence = said.get(at)?;
    let (lead, rest) = lead(&sentence.words);
    let announced = announced(sentence, rest);
    let words = announced.unwrap_or(rest);
    let words = after_talk(words).unwrap_or(words);
    let is_brief = sentence.words.len() <= PASSING && !sentence.is_question;
    let is_in_passing = is_brief
        && (is_spelt_out(sentence, words)
            || is_gloss(words)
            || means_when_said(words)
            || is_formula(words) && (worth(words) > 1 || strip(words, Sign::Article).is_some()));
    if is_in_passing {
        return Some(definition(at, words));
    }
    let defines = |words: &[Word]| {
        is_split(words, Sign::Defines) && is_general(words)
            || strip(words, Sign::WeDefine).is_some_and(|meaning| has_stems(meaning, MEANING))
            || we_say(words)
            || means_by(words)
            || is_local(words)
            || is_habit(words)
    };
    let classifies = |words: &[Word]| {
        is_class(sentence, words)
            || covers(words)
            || lead == Lead::Nothing && is_rule(sentence, words, BESIDE) && is_rule(sentence, words, least(said, at))
    };
    let of = |words: &[Word]| (defines(words) || classifies(words)) && worth(words) > 0;
    if is_excluded(sentence, words) || !has_stems(words, MEANING + 1) {
        let told = after_preamble(words).filter(|words| !is_excluded(sentence, words) && of(words));
        return told.map(|words| definition(at, words)).or_else(|| later(sentence, at));
    }
    let explains = announced.is_some() && (has(words, Sign::Copula) && worth(words) > 0 || worth(words) > 1);
    if explains || of(words) {
        return Some(definition(at, words));
    }
    after_preamble(words).filter(|words| of(words)).map(|words| definition(at, words))
}

/// The points that make a rule. Fewer are needed next to an order or a question, because the rule explains it: "List
/// all contracts that end in May. Evergreen contracts have no end."
fn least(said: &[Sentence<'_>], at: usize) -> usize {
    let mut beside = [at.checked_sub(1), Some(at + 1)].into_iter().flatten().filter_map(|at| said.get(at));
    if beside.any(|beside| beside.is_question || is_order(lead(&beside.words).1)) { BESIDE } else { RULE }
}

/// "One thing you can't know, tenant 0 is …", "… since it is everywhere, 'shadow order' is …": a definition in a later
/// clause, which must be clear.
fn later<'a>(sentence: &'a Sentence<'a>, at: usize) -> Option<Fact<'a>> {
    const HEAD: usize = 18;
    const WORTH: usize = 3;
    let head = clause(&sentence.words).0;
    if has(head, Sign::Passing) || judges(head) {
        return None;
    }
    let marks =
        sentence.words.iter().enumerate().take(HEAD).filter(|(_, word)| matches!(&*word.lower, "," | ":" | "-" | "–"));
    let mut clauses = marks.filter_map(|(at, _)| sentence.words.get(at + 1..));
    let words = clauses.find(|words| {
        let is_plain = is_class(sentence, words) || is_split(words, Sign::Defines) || is_rule(sentence, words, RULE);
        is_plain && worth(words) >= WORTH && has_stems(words, MEANING + 1) && !is_excluded(sentence, words)
    })?;
    Some(definition(at, words))
}

/// "One thing about returns: …": the words after the colon.
pub(super) fn after_preamble(words: &[Word]) -> Option<&[Word]> {
    const PREAMBLE: usize = 12;
    let colon = words.iter().take(PREAMBLE).position(|word| word.lower == ":")?;
    let is_plain = ![Sign::Copula, Sign::Guess, Sign::Wish].into_iter().any(|sign| has(&words[..colon], sign));
    (is_plain && !is_order(&words[..colon])).then_some(words.get(colon + 1..)?)
}

/// "I was sure I'd written it down: …", "While you're at it: …": the words after a colon that follows such talk.
pub(super) fn after_talk(words: &[Word]) -> Option<&[Word]> {
    const TALK: usize = 20;
    let colon = words.iter().take(TALK).position(|word| word.lower == ":")?;
    let is_talk =
        |word: &Word| word.is(Sign::Personal) || matches!(&*word.lower, "you" | "you're" | "du" | "vous" | "tu");
    let is_made_up = has(&words[..colon], Sign::Guess);
    (!is_made_up && words[..colon].iter().any(is_talk)).then_some(words.get(colon + 1..)?)
}

fn definition<'a>(at: usize, words: &'a [Word]) -> Fact<'a> {
    Fact { detection: Detection::UnpromptedDefinition, from: at, to: at, words, statement: None }
}

/// The words after an announcement.
pub(super) fn announced<'a>(sentence: &Sentence<'_>, words: &'a [Word]) -> Option<&'a [Word]> {
    let mut rest =
        strip(words, Sign::Announce).or_else(|| at_a_company(sentence, words)).or_else(|| after_reminder(words))?;
    loop {
        let next = rest.split_first().filter(|(first, _)| first.is_mark() || first.lower == "that");
        match next.map(|(_, rest)| rest).or_else(|| strip(rest, Sign::Announce)) {
            Some(next) => rest = next,
            None => return Some(rest),
        }
    }
}

/// "For next month remember partial outages …": the words after the reminder.
pub(super) fn after_reminder(words: &[Word]) -> Option<&[Word]> {
    const HEAD: usize = 8;
    let reminds = |pair: &[Word]| match &*pair[0].lower {
        "remember" => true,
        "mind" | "note" | "know" => pair[1].lower == "that",
        _ => false,
    };
    let at = words.windows(2).take(HEAD).position(reminds)?;
    words.get(at + 1..)
}

/// "At Acme a shipment is late when …".
fn at_a_company<'a>(sentence: &Sentence<'_>, words: &'a [Word]) -> Option<&'a [Word]> {
    let (name, rest) = words.split_first().filter(|(first, _)| first.lower == "at")?.1.split_first()?;
    sentence.text.get(name.range.clone())?.starts_with(char::is_uppercase).then_some(rest)
}

/// Whether a phrase of this sign stands between a term and its meaning.
fn is_split(words: &[Word], sign: Sign) -> bool {
    split_at(words, sign).is_some_and(|(term, meaning)| is_a_term(term) && has_stems(meaning, MEANING))
}

/// "By settlement we mean …", "Unter Deckungsbeitrag verstehen wir …".
fn means_by(words: &[Word]) -> bool {
    strip(words, Sign::By).is_some_and(|rest| is_split(rest, Sign::Mean))
}

/// "When we say region, we mean …".
fn means_when_said(words: &[Word]) -> bool {
    strip(words, Sign::WhenSaid)
        .and_then(|rest| split_at(rest, Sign::Mean))
        .is_some_and(|(term, meaning)| !term.is_empty() && has_stems(meaning, 1) && !has(meaning, Sign::Wish))
}

/// "We consider a player a whale once they have spent …".
fn we_say(words: &[Word]) -> bool {
    let Some(rest) = strip(words, Sign::WeSay) else { return false };
    let is_bound =
        rest.iter().any(|word| word.is(Sign::Condition) || matches!(&*word.lower, "as" | "als" | "como" | "comme"));
    is_bound && has_stems(rest, MEANING + 1)
}

/// "… first-pass yield, i.e. units that …".
fn is_gloss(words: &[Word]) -> bool {
    let Some((term, meaning)) = split_at(words, Sign::Gloss) else { return false };
    let follows_a_mark =
        term.last().is_some_and(|last| last.is_mark() || last.is(Sign::Relative) || last.is(Sign::Copula));
    let mut of_term = term.iter().rev().filter(|word| !word.is_mark()).take(3);
    follows_a_mark
        && of_term.any(|word| !word.is_stop())
        && has_stems(meaning, MEANING + 1)
        && has(meaning, Sign::Relative)
        && worth(words) > 1
}

/// "We only deploy on Tuesdays".
fn is_habit(words: &[Word]) -> bool {
    const WORTH: usize = 4;
    const HABITS: [&str; 8] = ["only", "never", "always", "nur", "nie", "immer", "solo", "sempre"];
    const HAVING: [&str; 8] = ["have", "get", "see", "look", "need", "want", "had", "can"];
    let [we, habit, ..] = words else { return false };
    let is_firm = HABITS.contains(&&*habit.lower)
        || has_value(words) && has(words, Sign::Generic) && !HAVING.contains(&&*habit.lower);
    we.is(Sign::Ours)
        && we.is(Sign::Stop)
        && is_firm
        && has_stems(words, MEANING + 1)
        && worth(words) >= WORTH
        && is_general(words)
}

/// "MTTR for us runs from …".
fn is_local(words: &[Word]) -> bool {
    const TERM: usize = 3;
    split_at(words, Sign::Announce).is_some_and(|(term, meaning)| {
        let place = &words[term.len()..words.len() - meaning.len()];
        is_a_term(term) && term.len() <= TERM && has(place, Sign::Ours) && has_stems(meaning, MEANING)
    })
}

/// "Shrinkage covers theft, damage and miscounts."
fn covers(words: &[Word]) -> bool {
    const TERM: usize = 3;
    split_at(words, Sign::Covers).is_some_and(|(term, parts)| {
        let is_list = parts.iter().any(|word| matches!(&*word.lower, "," | "and" | "und" | "y" | "et" | "e"));
        let is_bare = term.first().is_some_and(|first| !first.is(Sign::Determiner) && !first.is_stop());
        is_bare && term.len() <= TERM && is_list && has_stems(parts, MEANING)
    })
}

/// "RMA (return merchandise authorisation)": an acronym next to words that begin with its letters.
fn is_spelt_out(sentence: &Sentence<'_>, words: &[Word]) -> bool {
    let exact = |word: &Word| sentence.text.get(word.range.clone()).unwrap_or_default();
    let letters = |word: &Word| exact(word).chars().filter(|c| c.is_uppercase()).collect::<String>().to_lowercase();
    let initials = |words: &[Word]| words.iter().filter_map(|word| word.lower.chars().next()).collect::<String>();
    words.iter().enumerate().filter(|(_, word)| word.lower == "(").any(|(at, _)| {
        let (before, after) = (&words[..at], &words[at + 1..]);
        let spells = |acronym: Option<&Word>, words: &dyn Fn(usize) -> Option<String>| {
            let letters = acronym.map(letters).unwrap_or_default();
            letters.len() > 1 && words(letters.len()).is_some_and(|initials| initials == letters)
        };
        before.iter().rev().take(2).any(|word| spells(Some(word), &|count| after.get(..count).map(initials)))
            || spells(after.first(), &|count| before.len().checked_sub(count).map(|from| initials(&before[from..])))
    })
}
