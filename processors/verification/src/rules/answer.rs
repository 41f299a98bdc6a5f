//! Corrections and confirmations: what a person says to a statement of the assistant.

use crate::rules::Fact;
use crate::rules::definition::after_preamble;
use crate::rules::exclusion::is_excluded;
use crate::rules::lead::{Lead, lead};
use crate::rules::lexicon::{oppose, strip};
use crate::rules::order::is_order;
use crate::rules::sentence::{Sentence, Word, has, stems, values};
use crate::rules::sign::Sign;
use crate::rules::worth::{has_value, worth};
use sessionmill_contract::Detection;

/// The fewest words of meaning that make a fact.
const FACT: usize = 3;

/// The words that hold the verb of a simple sentence.
const HEAD: usize = 5;

/// The points that make a correction of what nobody has called wrong.
const SURE: usize = 7;

/// The correction or confirmation that begins in a sentence.
pub(super) fn find<'a>(
    said: &'a [Sentence<'a>],
    at: usize,
    statements: &dyn Fn() -> &'a [Sentence<'a>],
) -> Option<Fact<'a>> {
    let sentence = said.get(at)?;
    let (lead, rest) = match (lead(&sentence.words), agreed(&sentence.words)) {
        ((Lead::Nothing, rest), Some(agreed)) => (Lead::Yes, &rest[..rest.len().min(agreed.len())]),
        (lead, _) => lead,
    };
    // "That's wrong. Revenue is …": the fact is the next sentence.
    let (to, words) = match said.get(at + 1) {
        Some(next)
            if lead != Lead::Nothing && stems(rest).len() < FACT - 1 && !sentence.is_question && !is_order(rest) =>
        {
            (at + 1, lead_of_next(next))
        }
        _ => (at, rest),
    };
    let fact = said.get(to)?;
    // "I'd change one thing: …"
    [Some(words), after_preamble(words)].into_iter().flatten().find_map(|words| {
        if stems(words).len() < FACT - 1 || is_excluded(fact, words) {
            return None;
        }
        let statements = statements();
        let comparison = Comparison::of(words, statements)?;
        let detection = comparison.detection(lead, at, words)?;
        let to = to + usize::from(said.get(to + 1).is_some_and(|next| comparison.goes_on(next, statements)));
        Some(Fact { detection, from: at, to, words, statement: Some(comparison.statement) })
    })
}

/// "Ten days, yes.": the words before the agreement that a sentence ends in.
fn agreed(words: &[Word]) -> Option<&[Word]> {
    let end = words.iter().rposition(|word| !word.is_mark())?;
    let says = words[end].is(Sign::Yes) || words[end].is(Sign::YesThenMark);
    let before = words.get(..end.checked_sub(1)?)?;
    (says && words[end - 1].is_mark() && !before.is_empty()).then_some(before)
}

fn lead_of_next<'a>(next: &'a Sentence<'_>) -> &'a [Word] {
    lead(&next.words).1
}

/// A fact beside the statement of the assistant that it is about.
struct Comparison<'a> {
    /// The one that shares most terms with the fact, the later of equals.
    statement: &'a Sentence<'a>,
    /// Points for being about the same thing.
    topic: usize,
    /// Points for saying something else of it.
    difference: usize,
    shared: usize,
    /// Terms of the fact that the statement does not have.
    new: usize,
    /// Numbers and codes of the fact that the statement does not have, where it has others.
    conflicts: bool,
    /// The fact denies or limits something, or says the opposite of a word.
    contrasts: bool,
    /// Both begin with the same thing.
    is_of_subject: bool,
    /// The subject is a word that stands for what the assistant spoke of.
    points: bool,
    /// Both use words of the same field.
    is_kin: bool,
    /// The assistant said so little that it is clear what an answer is about.
    is_brief: bool,
}

impl<'a> Comparison<'a> {
    fn of(words: &[Word], statements: &'a [Sentence<'a>]) -> Option<Self> {
        /// The most sentences of a reply of which it is clear what an answer is about.
        const BRIEF: usize = 4;
        /// The words among which the subject is.
        const SUBJECT: usize = 6;
        let terms = stems(words);
        let shared = |statement: &Sentence<'_>| stems(&statement.words).intersection(&terms).count();
        let candidates = statements.iter().filter(|statement| !is_offer(statement));
        let (statement, shared) =
            candidates.map(|statement| (statement, shared(statement))).max_by_key(|(_, shared)| *shared)?;
        let theirs = values(&statement.words);
        let conflicts = !theirs.is_empty() && !values(words).is_subset(&theirs);
        let contrasts =
            has(words, Sign::Contrast) || has(&statement.words, Sign::Contrast) || oppose(words, &statement.words);
        let new = terms.len() - shared;
        let is_kin = words.iter().any(|word| {
            let others = statement.words.iter().filter(|other| !other.is(Sign::Common));
            !word.is(Sign::Common) && others.into_iter().any(|other| other.marks.is_kin(word.marks))
        });
        let subject = |words: &[Word]| words.iter().find_map(|word| word.stem().map(str::to_owned));
        let is_of_subject = subject(words) == subject(&statement.words);
        let begins = words.iter().take(if words.first().is_some_and(Word::is_stop) { SUBJECT } else { 1 });
        let points = begins.into_iter().any(|word| word.is(Sign::Pointer));
        let is_brief = statements.len() <= BRIEF;
        Some(Self {
            statement,
            topic: 2 * shared.min(2)
                + usize::from(points)
                + usize::from(is_kin)
                + usize::from(is_brief)
                + usize::from(is_of_subject),
            difference: 2 * usize::from(conflicts)
                + 2 * usize::from(contrasts)
                + usize::from(new > 1)
                + usize::from(has_value(words)),
            shared,
            new,
            conflicts,
            contrasts,
            is_of_subject,
            points,
            is_kin,
            is_brief,
        })
    }

    /// Whether a sentence goes on about the same statement: "Net 30 is for others only."
    fn goes_on(&self, next: &Sentence<'_>, statements: &[Sentence<'_>]) -> bool {
        let (lead, words) = lead(&next.words);
        let is_more = lead == Lead::Nothing && words.len() == next.words.len() && stems(words).len() >= FACT - 1;
        let is_near = || match Comparison::of(words, statements) {
            Some(other) if other.shared > 0 => other.statement.range == self.statement.range,
            _ => worth(words) > 2 || has(words, Sign::Contrast),
        };
        is_more && is_general(words) && !is_excluded(next, words) && is_near()
    }

    fn detection(&self, lead: Lead, at: usize, words: &[Word]) -> Option<Detection> {
        let Self { topic, difference, shared, new, .. } = *self;
        // What is said of a thing of the trade is of the trade.
        let worth = worth(words) + if self.points { worth(&self.statement.words).min(2) } else { 0 };
        let is_of_work = is_report(self.statement);
        let corrects = match lead {
            Lead::No => topic >= 2 && worth > 0,
            Lead::But => topic >= 3 && difference >= 2 && worth > 0,
            Lead::Yes => false,
            Lead::Nothing => {
                let is_near = topic > 2
                    || self.points && difference > 1
                    || self.is_kin && self.is_brief && (self.contrasts || self.conflicts) && worth > 3;
                let is_other = difference > 0 || new > 0 && (self.is_of_subject || self.points || worth > 2);
                (at < 2 || topic > 4)
                    && is_near
                    && is_other
                    && topic + difference + worth >= SURE
                    && is_general(words)
                    && !has(words.get(..HEAD).unwrap_or(words), Sign::Perception)
                    && !has(words, Sign::Artifact)
                    && (!is_of_work || shared > 1 && worth > 3 && (self.contrasts || self.conflicts))
            }
        };
        let confirms = match lead {
            Lead::Yes => {
                topic >= 3 && shared > 0 && (worth > 0 || shared > 2) && !(self.conflicts && shared < 3) && !is_of_work
            }
            Lead::Nothing => {
                at == 0
                    && shared > 3
                    && new < 2
                    && !self.conflicts
                    && !self.contrasts
                    && is_general(words)
                    && !is_of_work
            }
            _ => false,
        };
        match (corrects, confirms) {
            (_, true) => Some(Detection::Confirmation),
            (true, _) => Some(Detection::Correction),
            _ => None,
        }
    }
}

/// Whether the words say how things are, rather than how they were or are wished to be.
fn is_general(words: &[Word]) -> bool {
    const RULES: [&str; 2] = ["never", "always"];
    let is_rule = words.iter().any(|word| RULES.contains(&word.lower.as_str()))
        || words.windows(2).any(|pair| matches!(&*pair[0].lower, "has" | "have") && pair[1].lower == "to");
    let main = words.split(Word::is_mark).find(|clause| clause.len() >= FACT).unwrap_or(words);
    is_rule || !has(main, Sign::Particular)
}

/// Whether the assistant tells what it has done or will do: an answer to that is about the work.
fn is_report(statement: &Sentence<'_>) -> bool {
    let head = statement.words.get(..HEAD).unwrap_or(&statement.words);
    // "Backups are kept …" is no work of the assistant.
    let is_passive = |at: usize| at.checked_sub(1).is_some_and(|before| is_be(&head[before]));
    has(head, Sign::Plan)
        || head.iter().enumerate().any(|(at, word)| {
            word.is(Sign::Done) && at < 3 && !is_passive(at) || word.is(Sign::Finished) && (at == 0 || is_passive(at))
        })
}

fn is_be(word: &Word) -> bool {
    word.is(Sign::Copula) || word.is(Sign::Aux)
}

/// Whether the assistant asks what to do, or for something it does not know.
fn is_offer(statement: &Sentence<'_>) -> bool {
    statement.is_question && strip(lead(&statement.words).1, Sign::Question).is_some()
}
