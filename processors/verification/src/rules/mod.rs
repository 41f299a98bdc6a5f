//! Finds claims by rules of language: deterministic, offline, and blind to what is not said in so many
//! words.
//!
//! A signal phrase is only the start. A correction or a confirmation must be about a statement of the
//! assistant, with which it shares terms; all must speak the language of a trade; and orders, guesses,
//! wishes, questions, jokes and remarks about the code at hand are left out.
//!
//! | module | noun |
//! | --- | --- |
//! | [`passage`] | the sentences that somebody wrote, without code and quotations |
//! | [`sentence`] | a sentence as words that can be compared |
//! | [`phrase`] | the phrases of agreement, disagreement and definition |
//! | [`lead`] | what a sentence says to what was said before |
//! | [`answer`] | corrections and confirmations of what the assistant said |
//! | [`definition`] | definitions that nobody asked for |
//! | [`exclusion`] | statements that are no knowledge |
//! | [`domain`], [`entity`], [`wording`] | a claim's field of work, its terms, its words |

mod answer;
mod definition;
mod domain;
mod entity;
mod exclusion;
#[cfg(test)]
mod labelled;
mod lead;
mod passage;
mod phrase;
mod sentence;
mod wording;

use sentence::{Sentence, Word};
use sessionmill_contract::{Bound, Claim, Detection, Detector, Failure, Role, SourceFile, Turn, View, Window};

/// The detector.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules;

impl Detector for Rules {
    fn name(&self) -> &str {
        "rules"
    }

    fn version(&self) -> u32 {
        2
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
    let statements = reply.map(|reply| passage::sentences(&reply.text)).unwrap_or_default();
    let mut facts: Vec<Fact<'_>> = Vec::new();
    let mut at = 0;
    while at < said.len() {
        let fact = answer::find(&said, at, &statements).or_else(|| definition::find(&said, at));
        at = fact.as_ref().map_or(at, |fact| fact.to) + 1;
        facts.extend(fact);
    }
    facts.iter().filter_map(|fact| claim(turn, &prompt.text, &said, fact)).collect()
}

/// The claim of a fact; nothing for one that is of no field of work, or longer than a quote may be.
fn claim(turn: usize, text: &str, said: &[Sentence<'_>], fact: &Fact<'_>) -> Option<Claim> {
    let quote = text.get(said.get(fact.from)?.range.start..said.get(fact.to)?.range.end)?;
    let exact = text.get(fact.words.first()?.range.start..said.get(fact.to)?.range.end)?;
    let statement = fact.statement.and_then(|statement| statement.text.get(statement.range.clone()));
    let domain = domain::domain_of(fact.words, fact.statement.map_or(&[], |statement| &statement.words))?;
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
        domain,
        entities: entity::entities(text, fact.words),
    })
}
