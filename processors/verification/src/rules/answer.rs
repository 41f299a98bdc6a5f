//! Corrections and confirmations: what a person says to a statement of the assistant.

use crate::rules::Fact;
use crate::rules::domain::is_term;
use crate::rules::exclusion::{is_excluded, is_order, speaks_of_code};
use crate::rules::lead::{Lead, lead};
use crate::rules::phrase::CONTRASTS;
use crate::rules::sentence::{Sentence, Word, has_any, stems, strip_any, values};
use sessionmill_contract::Detection;

/// The fewest words of meaning that make a fact.
const FACT: usize = 3;

/// The most sentences of a brief reply.
const BRIEF: usize = 4;

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
    let comparison = Comparison::of(words, statements)?;
    let detection = comparison.detection(lead, at, words)?;
    let to = to + usize::from(said.get(to + 1).is_some_and(|next| goes_on(next, comparison.statement)));
    Some(Fact { detection, from: at, to, words, statement: Some(comparison.statement) })
}

/// Whether a sentence goes on about the same statement: "Net 30 is for others only."
fn goes_on(next: &Sentence<'_>, statement: &Sentence<'_>) -> bool {
    let (lead, words) = lead(&next.words);
    let is_more = lead == Lead::Nothing && words.len() == next.words.len() && stems(words).len() >= FACT;
    let shared = stems(words).intersection(&stems(&statement.words)).count();
    is_more && shared > 0 && is_general(words) && !is_excluded(next, words)
}

fn lead_of_next<'a>(next: &'a Sentence<'_>) -> &'a [Word] {
    lead(&next.words).1
}

/// A fact beside the statement of the assistant that it is about.
struct Comparison<'a> {
    /// The one that shares most terms with the fact, the later of equals.
    statement: &'a Sentence<'a>,
    shared: usize,
    /// The assistant said so little that it is clear what an answer is about.
    is_brief: bool,
    /// Terms of the fact that the statement does not have.
    new: usize,
    /// Numbers and codes of the fact that the statement does not have, where it has others.
    conflicts: bool,
    contrasts: bool,
    /// The fact speaks the language of a trade, or points to a statement that does.
    is_of_trade: bool,
}

impl<'a> Comparison<'a> {
    fn of(words: &[Word], statements: &'a [Sentence<'a>]) -> Option<Self> {
        let terms = stems(words);
        let shared = |statement: &Sentence<'_>| stems(&statement.words).intersection(&terms).count();
        let candidates = statements.iter().filter(|statement| !is_offer(statement));
        let (statement, shared) =
            candidates.map(|statement| (statement, shared(statement))).max_by_key(|(_, shared)| *shared)?;
        let theirs = values(&statement.words);
        let of_trade = |words: &[Word]| words.iter().any(|word| is_term(&word.lower));
        Some(Self {
            statement,
            shared,
            is_brief: statements.len() <= BRIEF,
            new: terms.len() - shared,
            conflicts: !theirs.is_empty() && !values(words).is_subset(&theirs),
            contrasts: has_any(words, &CONTRASTS) != has_any(&statement.words, &CONTRASTS),
            is_of_trade: of_trade(words) || points(words) && of_trade(&statement.words),
        })
    }

    fn detection(&self, lead: Lead, at: usize, words: &[Word]) -> Option<Detection> {
        let Self { shared, new, .. } = *self;
        let differs = self.conflicts || self.contrasts;
        let refers = shared > 1 || shared > 0 && (points(words) || self.is_brief);
        let corrects = match lead {
            Lead::No => shared > 0,
            Lead::But => shared > 0 && differs,
            Lead::Yes => false,
            Lead::Nothing if differs => refers && (is_general(words) || has_any(words, &["never", "has to"])),
            // Nothing but the facts, as an answer to other facts.
            Lead::Nothing => {
                at < 2 && refers && new > 0 && is_general(words) && !speaks_of_code(words) && !is_report(self.statement)
            }
        };
        let confirms = match lead {
            Lead::Yes => shared > 1 && !(self.conflicts && shared < 3),
            Lead::Nothing => at == 0 && shared > 3 && new < 2 && !differs && is_general(words),
            _ => false,
        };
        match (self.is_of_trade || confirms && !values(words).is_empty(), corrects, confirms) {
            (true, _, true) => Some(Detection::Confirmation),
            (true, true, _) => Some(Detection::Correction),
            _ => None,
        }
    }
}

/// Whether the subject is a word that stands for what the assistant spoke of.
fn points(words: &[Word]) -> bool {
    const POINTERS: [&str; 13] =
        ["it", "it's", "they", "they're", "those", "these", "there", "that's", "that", "es", "sie", "elle", "ils"];
    words.first().is_some_and(|first| POINTERS.contains(&first.lower.as_str()))
}

/// Whether the words say how things are, rather than how they were or are wished to be.
fn is_general(words: &[Word]) -> bool {
    const PARTICULAR: [&str; 26] = [
        "was", "were", "did", "took", "went", "fell", "rose", "dropped", "got", "had", "must", "should", "shall",
        "needs", "need", "would", "will", "could", "can't", "cannot", "war", "waren", "soll", "muss", "debe", "doit",
    ];
    !has_any(words, &PARTICULAR)
}

/// Whether the assistant tells what it has done: an answer to that is about the work.
fn is_report(statement: &Sentence<'_>) -> bool {
    const DONE: [&str; 44] = [
        "added",
        "moved",
        "renamed",
        "removed",
        "created",
        "fixed",
        "updated",
        "changed",
        "wrote",
        "set",
        "put",
        "pushed",
        "committed",
        "called",
        "pulled",
        "used",
        "edited",
        "deleted",
        "refactored",
        "replaced",
        "built",
        "made",
        "ran",
        "installed",
        "implemented",
        "indented",
        "hidden",
        "kept",
        "cleaned",
        "merged",
        "reverted",
        "done",
        "ready",
        "generated",
        "inserted",
        "extracted",
        "configured",
        "tested",
        "checked",
        "passes",
        "pass",
        "i'll",
        "i'd",
        "let me",
    ];
    const HEAD: usize = 5;
    has_any(statement.words.get(..HEAD).unwrap_or(&statement.words), &DONE)
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
