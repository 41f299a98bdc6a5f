//! Finds claims by rules of language: deterministic, offline, and blind to what is not said in so many
//! words.
//!
//! A signal phrase is only the start. A correction or a confirmation must be about a statement of the
//! assistant, with which it shares terms; all must speak the language of a trade; and orders, guesses,
//! wishes, questions, jokes and remarks about the code at hand are left out.
//!
//! | module | noun |
//! | --- | --- |
//! | [`lexicon`], [`sign`] | words and phrases, and what they are signs of |
//! | [`passage`] | the sentences that somebody wrote, without code and quotations |
//! | [`sentence`] | a sentence as words that can be compared |
//! | [`lead`] | what a sentence says to what was said before |
//! | [`answer`], [`comparison`] | corrections and confirmations of what the assistant said |
//! | [`definition`], [`class`], [`term`] | definitions that nobody asked for |
//! | [`exclusion`], [`order`], [`path`] | statements that are no knowledge |
//! | [`mood`] | whether a statement is meant as a rule, as news, as a report, as a proposal |
//! | [`worth`] | how much a statement reads like knowledge |
//! | [`domain`], [`entity`], [`wording`] | a claim's field of work, its terms, its words |

mod answer;
mod class;
mod comparison;
mod definition;
mod domain;
mod entity;
mod exclusion;
#[cfg(test)]
mod labelled;
mod lead;
mod lexicon;
mod mood;
mod order;
mod passage;
mod path;
mod sentence;
mod sign;
mod term;
mod wording;
mod worth;

use crate::{Claim, Detection, Detector, Role, Turn, View, Window};
use sentence::{Sentence, Word};
use sessionmill_contract::{Bound, Failure, SourceFile};
use sign::Sign;
use std::cell::OnceCell;

/// The detector.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules;

impl Detector for Rules {
    fn name(&self) -> &str {
        "rules"
    }

    fn version(&self) -> u32 {
        7
    }

    fn bound(&self) -> Bound {
        Bound::Cpu
    }

    fn window(&self) -> Window {
        Window { turns: 16, overlap: 4 }
    }

    fn claims(&self, _: &SourceFile, view: &View<'_>) -> Result<Vec<Claim>, Failure> {
        let prompts = view.turns.iter().enumerate().skip(view.fresh).filter(|(_, turn)| turn.role == Role::Person);
        let claims = prompts.flat_map(|(at, prompt)| {
            let reply = view.turns[..at].iter().rev().find(|turn| turn.role == Role::Assistant);
            claims(at, prompt, reply)
        });
        Ok(claims.collect())
    }
}

/// A fact in a turn.
struct Fact<'a> {
    detection: Detection,
    /// The sentences that say it, from the signal on.
    from: usize,
    to: usize,
    /// Its words, without those that lead up to it.
    words: &'a [Word],
    /// What it answers.
    statement: Option<&'a Sentence<'a>>,
}

fn claims(turn: usize, prompt: &Turn, reply: Option<&Turn>) -> Vec<Claim> {
    let said = passage::sentences(&prompt.text);
    if said.first().is_some_and(|first| lexicon::strip(&first.words, Sign::RolePlay).is_some()) {
        return Vec::new();
    }
    // Most prompts say nothing that a reply need be read for.
    let cell = OnceCell::new();
    let read = || reply.map(|reply| passage::sentences(&reply.text)).unwrap_or_default();
    let statements = || cell.get_or_init(read).as_slice();
    let mut facts: Vec<Fact<'_>> = Vec::new();
    let mut at = 0;
    while at < said.len() {
        let answer = answer::find(&said, at, &statements).map(|answer| {
            let is_free = facts.last().is_none_or(|last| last.to + 1 < at);
            if is_free { answer::with_preface(answer, &said) } else { answer }
        });
        // What follows from a fact is none by itself.
        let is_fact = |fact: &Fact<'_>| {
            fact.from < at || fact.detection == Detection::Confirmation || !answer::concludes(&said[at])
        };
        let defined = || definition::find(&said, at).map(|fact| answer::of_what_was_said(fact, &said, at, &statements));
        let fact = answer.or_else(defined).filter(is_fact);
        at = fact.as_ref().map_or(at, |fact| fact.to) + 1;
        facts.extend(fact);
    }
    facts.iter().filter_map(|fact| claim(turn, &prompt.text, &said, fact)).collect()
}

/// The claim of a fact; nothing for one that is longer than a quote may be.
fn claim(turn: usize, text: &str, said: &[Sentence<'_>], fact: &Fact<'_>) -> Option<Claim> {
    let quote = text.get(said.get(fact.from)?.range.start..said.get(fact.to)?.range.end)?;
    let exact = text.get(fact.words.first()?.range.start..said.get(fact.to)?.range.end)?;
    let statement = fact.statement.and_then(|statement| statement.text.get(statement.range.clone()));
    if quote.chars().count() > Claim::QUOTE {
        return None;
    }
    let content = wording::content(exact, fact.words, statement);
    Some(Claim {
        turn,
        detection: fact.detection,
        title: wording::title(&content),
        content,
        quote: quote.to_owned(),
        domain: domain::domain_of(fact.words, fact.statement.map_or(&[], |statement| &statement.words)),
        entities: entity::entities(text, fact.words),
    })
}
