//! Compares what a person says with what the assistant said: what they share, what differs, and whether that makes it a
//! correction or a confirmation.

use crate::Detection;
use crate::rules::exclusion::{is_about_the_code, is_excluded, point};
use crate::rules::lead::{Lead, calls_right, lead};
use crate::rules::mood::{is_general, is_past, is_report, obliges, proposes};
use crate::rules::phrase::{oppose, split_at, strip};
use crate::rules::sentence::{Sentence, clause, has, has_stems, stems, values};
use crate::rules::sign::Sign;
use crate::rules::term::is_a_term;
use crate::rules::word::Word;
use crate::rules::worth::{FACT, has_value, worth};
use std::collections::BTreeSet;

/// The words in which to look for something that a person sees rather than knows.
const PERCEPTION: usize = 7;

/// The points that make a correction of a statement that was not explicitly called wrong.
const SURE: usize = 7;

/// A fact, compared with the statement of the assistant that it is about.
pub(super) struct Comparison<'a> {
    /// The statement that shares the most terms with the fact; of equals, the last.
    pub(super) statement: &'a Sentence<'a>,
    /// Points for being about the same thing.
    topic: usize,
    /// Points for saying something different about it.
    difference: usize,
    /// The number of shared terms. A number counts twice.
    pub(super) shared: usize,
    /// The number of terms that only the fact has.
    new: usize,
    /// The fact has numbers or codes that the statement lacks, and the statement has others.
    conflicts: bool,
    /// As `conflicts`, with numbers of the same unit or times of day.
    conflicts_in_kind: bool,
    /// The fact says something else about the same subject.
    replaces: bool,
    /// The fact says where it holds.
    is_local: bool,
    /// Both contain the same number or code.
    repeats_value: bool,
    /// Exactly one of the two is negated.
    denies: bool,
    /// Only the fact has a certain number or code.
    adds_value: bool,
    /// The assistant asks a question, or says that it is guessing.
    is_hedged: bool,
    /// The fact negates or limits something, or contains the opposite of a word.
    contrasts: bool,
    /// Both begin with the same thing.
    is_of_subject: bool,
    /// The subject is a pronoun for what the assistant spoke about.
    points: bool,
    /// Both use words of the same field.
    is_kin: bool,
    /// The assistant said so little that it is clear what an answer is about.
    is_brief: bool,
    /// The assistant said hardly anything else.
    is_sole: bool,
}

impl<'a> Comparison<'a> {
    pub(super) fn of(words: &[Word], statements: &'a [Sentence<'a>]) -> Option<Self> {
        /// The most sentences of a reply for which it is clear what an answer is about.
        const BRIEF: usize = 4;
        /// The words in which to look for the subject.
        const SUBJECT: usize = 6;
        let terms = stems(words);
        // A shared value weighs as much as two words.
        let shared = |statement: &Sentence<'_>| {
            if !statement.words.iter().filter_map(Word::stem).any(|stem| terms.contains(stem)) {
                return 0;
            }
            let theirs = stems(&statement.words);
            let common = theirs.intersection(&terms);
            common.map(|stem| 1 + usize::from(stem.contains(|c: char| c.is_ascii_digit()))).sum::<usize>()
        };
        let candidates = statements.iter().filter(|statement| !is_offer(statement));
        let (statement, shared) =
            candidates.map(|statement| (statement, shared(statement))).max_by_key(|(_, shared)| *shared)?;
        let (ours, theirs) = (values(words), values(&statement.words));
        let adds_value = ours.iter().any(|value| !theirs.contains(value) && !is_year(value));
        let conflicts = !theirs.is_empty() && adds_value;
        let conflicts_in_kind = conflicts && !kinds(words).is_disjoint(&kinds(&statement.words));
        let is_hedged = statement.is_question || has(&statement.words, Sign::Hedge);
        let limits = !is_hedged && has(&statement.words, Sign::Contrast);
        let contrasts = has(words, Sign::Contrast) || limits || oppose(words, &statement.words);
        let their_terms = stems(&statement.words);
        let new = terms.difference(&their_terms).count();
        let replaces = split_at(words, Sign::Rules).is_some_and(|(subject, predicate)| {
            let (subject, predicate) = (stems(subject), stems(clause(predicate).0));
            !subject.is_empty()
                && subject.is_subset(&their_terms)
                && !predicate.is_empty()
                && predicate.is_disjoint(&their_terms)
        });
        let is_local = has(words, Sign::Local) || words.first().is_some_and(|first| first.is(Sign::Ours));
        let is_kin = words.iter().any(|word| {
            let others = statement.words.iter().filter(|other| !other.is(Sign::Common));
            !word.is(Sign::Common) && others.into_iter().any(|other| other.marks.is_kin(word.marks))
        });
        let subject = |words: &[Word]| words.iter().find_map(|word| word.stem().map(str::to_owned));
        let is_of_subject = subject(words) == subject(&statement.words);
        let begins = words.iter().take(if words.first().is_some_and(Word::is_stop) { SUBJECT } else { 1 });
        let is_elided = words
            .first()
            .is_some_and(|first| first.is(Sign::Copula) || first.is(Sign::Rules) && first.lower.ends_with('s'))
            || words.iter().take(3).any(|word| word.lower == "ones");
        let points = is_elided || begins.into_iter().any(|word| word.is(Sign::Pointer));
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
                + 2 * usize::from(replaces)
                + usize::from(is_local)
                + usize::from(new > 1)
                + usize::from(has_value(words)),
            shared,
            new,
            conflicts,
            conflicts_in_kind,
            replaces,
            is_local,
            repeats_value: !ours.is_disjoint(&theirs),
            denies: has(words, Sign::Negation) != has(&statement.words, Sign::Negation),
            adds_value,
            is_hedged,
            contrasts,
            is_of_subject,
            points,
            is_kin,
            is_brief,
            is_sole: statements.len() < 3,
        })
    }

    /// Whether a sentence continues about the same statement: "Net 30 is for others only."
    pub(super) fn goes_on(&self, next: &Sentence<'_>, statements: &[Sentence<'_>], detection: Detection) -> bool {
        let (lead, words) = lead(&next.words);
        let is_more = lead == Lead::Nothing
            && !calls_right(words)
            && words.len() == next.words.len()
            && has_stems(words, FACT - 1);
        let is_near = || match Comparison::of(words, statements) {
            // "Three days is right. They are counted from … though."
            Some(other) if detection == Detection::Confirmation && other.shared > 1 && other.objects(words) => false,
            Some(other) if other.statement.range == self.statement.range && other.shared > 0 => true,
            Some(other) if other.shared > 1 => false,
            _ => worth(words) > 1 || has(words, Sign::Contrast),
        };
        is_more && is_general(words) && !is_excluded(next, words) && is_near()
    }

    /// Whether words after an agreement take part of it back.
    pub(super) fn objects(&self, words: &[Word]) -> bool {
        self.conflicts || has(words, Sign::Contrast)
    }

    /// Whether the fact and the statement cannot both be true.
    pub(super) fn differs(&self) -> bool {
        self.contrasts || self.conflicts || self.replaces
    }

    /// Whether a definition is about a thing of which the statement says something else.
    pub(super) fn sets_right(&self, at: usize, words: &[Word]) -> bool {
        let theirs = stems(&self.statement.words);
        let subject = split_at(words, Sign::Rules).map(|(subject, _)| subject).filter(|subject| is_a_term(subject));
        let subject = stems(subject.unwrap_or_default());
        let is_one = words.first().is_some_and(|first| first.is(Sign::Article) && first.is(Sign::Determiner));
        let coins = is_one
            || has(words, Sign::Defines)
            || has(words, Sign::WeDefine)
            || words.iter().any(|word| word.is(Sign::Announce) && !word.is(Sign::Local))
            || words.iter().any(|word| word.lower == "=");
        let is_of_it = if coins {
            !subject.is_empty() && subject.is_subset(&theirs)
        } else {
            !subject.is_disjoint(&theirs) || self.is_brief && (self.is_kin || self.conflicts && at == 0)
        };
        at < 2 && is_of_it && self.differs() && !is_report(self.statement)
    }

    /// "October 1st.": another value and little else, in answer to a statement that was the whole reply.
    fn answers_shortly(&self, at: usize, words: &[Word]) -> bool {
        const SHORT: usize = 14;
        let begins = words.iter().find(|word| !word.is_stop() || word.is_value()).is_some_and(Word::is_value);
        let is_of_it = self.shared > 0 || self.is_kin || self.conflicts_in_kind || has_value(clause(words).0);
        at == 0 && self.is_sole && self.conflicts && is_of_it && begins && words.len() <= SHORT
    }

    /// Whether the first clause has only values of the statement: "three weeks in our team, two in others".
    fn echoes(&self, words: &[Word]) -> bool {
        let (ours, theirs) = (values(clause(words).0), values(&self.statement.words));
        !ours.is_empty() && ours.is_subset(&theirs)
    }

    pub(super) fn detection(&self, lead: Lead, at: usize, words: &[Word]) -> Option<Detection> {
        let Self { topic, difference, shared, new, .. } = *self;
        // A fact about a thing of a trade belongs to that trade.
        let worth = worth(words) + if self.points || self.replaces { worth(&self.statement.words).min(2) } else { 0 };
        let is_of_work = is_report(self.statement);
        let is_told = self.statement.words.first().is_some_and(|first| first.is(Sign::Personal));
        let is_of_code = !self.is_hedged && !is_told && is_about_the_code(&self.statement.words);
        let is_of_a_case = is_of_code || is_past(&self.statement.words) && !self.is_local && !self.contrasts;
        let corrects = match lead {
            Lead::No => topic >= 2 && worth > 0 && !(self.points && is_of_code),
            Lead::But => topic >= 3 && difference >= 2 && worth > 0,
            Lead::Yes => false,
            Lead::Nothing => {
                let is_seen = has(words.get(1..PERCEPTION).unwrap_or(words), Sign::Perception);
                let is_short = self.answers_shortly(at, words) && worth > 0 && !is_of_work;
                let is_near = topic > 2
                    || self.points && difference > 1
                    || self.conflicts_in_kind && self.is_brief && at == 0
                    || self.is_kin && self.is_brief && (self.contrasts || self.conflicts) && worth > 3;
                let is_other = self.differs()
                    || self.is_local && new > 0 && !self.is_hedged
                    || !self.is_hedged
                        && new > 1
                        && (self.is_of_subject || self.points || shared > 1 && worth > 2 || obliges(words))
                    || !self.is_hedged && new > 0 && self.is_of_subject && shared > 1;
                let is_long = (at < 2 || topic > 4 || at < 5 && topic > 2 && self.differs())
                    && (at == 0 || shared > 0)
                    && is_near
                    && is_other
                    && (worth > 0 || topic > 4 && new > 1)
                    && topic + difference + worth >= SURE
                    && (!has(words, Sign::Artifact) || shared > 1)
                    && (!is_of_work || shared > 1 && worth > 3 && self.differs());
                (is_short || is_long) && !is_seen && (is_general(words) || obliges(words)) && !is_of_a_case
            }
        };
        let confirms = match lead {
            Lead::Yes => {
                let is_sole = self.is_sole && worth > 1 && new + shared >= FACT;
                // Agreement to statements about the code or to a plan is only in passing.
                let is_fact = !is_of_code || has(point(words), Sign::Rules);
                let is_plan = !self.is_hedged && proposes(&self.statement.words) && !has(words, Sign::Generic);
                (topic >= 3 && shared > 0 && (worth > 0 || shared > 1 || new == 0 && self.is_hedged) || is_sole)
                    && is_fact
                    && !is_plan
                    && !(self.conflicts_in_kind && !self.repeats_value && shared < 2)
                    && !is_of_work
            }
            Lead::Nothing => {
                let is_same = new < 2 || new + 1 < shared && self.repeats_value && !self.adds_value && !self.replaces;
                let is_repeated = shared > 3 && is_same && !self.contrasts;
                let is_asked_for = self.is_hedged
                    && shared > 1
                    && (!self.replaces || self.repeats_value)
                    && !self.adds_value
                    && !self.denies;
                let is_echo = self.is_hedged && shared > 1 && !self.replaces && self.echoes(words);
                at < 2
                    && (is_echo || (is_repeated || is_asked_for) && !self.conflicts)
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

/// Whether a number is a year rather than an amount.
fn is_year(value: &str) -> bool {
    value.len() == 4 && (value.starts_with("19") || value.starts_with("20"))
}

/// The kinds of the numbers: their units; a colon for times of day.
fn kinds(words: &[Word]) -> BTreeSet<&str> {
    let units = words.windows(2).filter(|pair| pair[0].is_value()).filter_map(|pair| pair[1].stem());
    let times = words.iter().filter(|word| word.is_value() && word.lower.contains(':')).map(|_| ":");
    let days = words.iter().filter(|word| word.is_value() && word.is(Sign::Unit)).map(|_| "day by its name");
    units.filter(|unit| !unit.contains([',', '.', '-', ')'])).chain(times).chain(days).collect()
}

/// Whether the assistant asks what to do, or for something that it does not know.
fn is_offer(statement: &Sentence<'_>) -> bool {
    statement.is_question && strip(lead(&statement.words).1, Sign::Question).is_some()
}
