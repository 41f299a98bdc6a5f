//! Finds claims by linguistic rules: deterministic, offline, and limited to what is said explicitly.
//!
//! A signal phrase is only the beginning. A correction or confirmation must be about a statement of the assistant, with
//! which it shares terms. All claims must use the language of a trade. Orders, guesses, wishes, questions, jokes and
//! remarks about the code at hand are excluded.
//!
//! | module | noun |
//! | --- | --- |
//! | [`lexicon`], [`sign`] | words and phrases, and what they are signs of |
//! | [`passage`] | the sentences that a person wrote, without code and quotations |
//! | [`sentence`] | a sentence as words that can be compared |
//! | [`lead`] | how a sentence responds to what was said before |
//! | [`answer`], [`comparison`] | corrections and confirmations of what the assistant said |
//! | [`definition`], [`class`], [`term`] | definitions that nobody asked for |
//! | [`exclusion`], [`order`], [`path`] | statements that are not knowledge |
//! | [`mood`] | whether a statement is meant as a rule, as news, as a report or as a proposal |
//! | [`worth`] | how much a statement reads like knowledge |
//! | [`feature`], [`model`] | the features of a sentence, and how likely they make it a claim |
//! | [`kind`] | why a person said it to the model, and for whom it holds |
//! | [`domain`], [`entity`], [`wording`], [`point`] | the field of work, the terms and the words of a claim |
//! | [`gist`] | whether another text already says the same |

mod answer;
mod class;
mod comparison;
mod definition;
mod domain;
mod entity;
mod exclusion;
mod feature;
mod gist;
mod kind;
#[cfg(test)]
mod labelled;
mod lead;
mod lexicon;
mod model;
mod mood;
mod order;
mod passage;
mod path;
mod phrase;
mod point;
mod sentence;
mod sign;
mod term;
mod word;
mod wording;
mod worth;

pub use gist::Gist;
pub use point::to_the_point;

use crate::{Claim, Detection, Detector, Domain, Role, Scope, Turn, View, Window};
use sentence::Sentence;
use sessionmill_contract::{Bound, Failure, SourceFile};
use sign::Sign;
use std::cell::OnceCell;
use std::ops::Range;
use word::Word;

/// The detector.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules;

impl Detector for Rules {
    fn name(&self) -> &str {
        "rules"
    }

    fn version(&self) -> u32 {
        14
    }

    fn bound(&self) -> Bound {
        Bound::Cpu
    }

    fn window(&self) -> Window {
        Window { turns: 16, overlap: 4 }
    }

    fn claims(&self, _: &SourceFile, view: &View<'_>) -> Result<Vec<Claim>, Failure> {
        let prompts = view.turns.iter().enumerate().skip(view.fresh).filter(|(_, turn)| turn.role == Role::Person);
        let claims = prompts.flat_map(|(at, prompt)| claims(at, prompt, &view.turns[..at]));
        Ok(claims.collect())
    }
}

/// A fact in a turn.
struct Fact<'a> {
    detection: Detection,
    /// The sentences that state it, from the one with the signal on.
    from: usize,
    to: usize,
    /// Its words, without the lead.
    words: &'a [Word],
    /// The statement that it answers.
    statement: Option<&'a Sentence<'a>>,
}

/// The points of worth that a fact needs if the model does not recognise it. Facts about software need more, since
/// nearly all training data is about software.
const TRADE: usize = 1;
const SOFTWARE: usize = 3;

/// The sign of a claim that asks to write down what the assistant said.
pub const NOTE: &str = "is to be written down";

/// What the model and the rules find out about a sentence.
struct Weighed {
    finding: model::Finding,
    kind: Detection,
    scope: Scope,
    /// It asks to write down what the assistant said.
    is_note: bool,
    /// It says explicitly that it holds from now on.
    is_standing: bool,
    /// It is about the work at hand, or was pasted.
    is_of_the_work: bool,
}

fn claims(turn: usize, prompt: &Turn, before: &[Turn]) -> Vec<Claim> {
    let reply = before.iter().rev().find(|turn| turn.role == Role::Assistant);
    let said = passage::sentences(&prompt.text);
    if said.first().is_some_and(|first| phrase::strip(&first.words, Sign::RolePlay).is_some()) {
        return Vec::new();
    }
    // The reply is parsed only if it is needed; for most prompts it is not.
    let cell = OnceCell::new();
    let read = || reply.map(|reply| passage::sentences(&reply.text)).unwrap_or_default();
    let statements = || cell.get_or_init(read).as_slice();
    let ruled = ruled(&said, &statements);
    let weighed =
        units(&prompt.text, reply.map(|reply| &*reply.text), &said, &ruled, |unit| weigh(unit, prompt.refuses));
    let likelihood =
        |fact: &Fact<'_>| weighed[fact.from..=fact.to].iter().map(|of| of.finding.likelihood).fold(0.0, f64::max);
    let is_of_a_trade = |fact: &Fact<'_>| {
        let is_talk = weighed[fact.from..=fact.to].iter().any(|of| of.is_of_the_work);
        let least = if domain::is_of_a_trade(domain_of(fact)) { TRADE } else { SOFTWARE };
        !is_talk && worth::worth(fact.words) >= least
    };
    let is_kept = |fact: &Fact<'_>| likelihood(fact) >= model::RULED || is_of_a_trade(fact);
    let mut facts: Vec<Fact<'_>> = ruled.into_iter().filter(is_kept).collect();
    let mut at = 0;
    while at < said.len() {
        let is_heard = |at: usize| {
            let is_free = !facts.iter().any(|fact| (fact.from..=fact.to).contains(&at));
            weighed
                .get(at)
                .is_some_and(|of| is_free && (of.is_note || of.is_standing || of.finding.likelihood >= model::CLAIM))
        };
        if !is_heard(at) {
            at += 1;
            continue;
        }
        // Neighbouring sentences that are recognised form one claim.
        let to = (at..).take_while(|next| is_heard(*next)).last().unwrap_or(at);
        let lead = lead::lead(&said[at].words).1;
        let words = if lead.is_empty() { &said[at].words } else { lead };
        // The thing to write down is what the person has just said, or else what the assistant said last.
        let own = || at.checked_sub(1).map(|before| &said[before]).filter(|before| is_statement(before));
        let last = || own().or_else(|| statements().iter().rev().find(|statement| is_statement(statement)));
        let statement = if weighed[at].is_note { last() } else { answered(words, statements()) };
        facts.push(Fact { detection: weighed[at].kind, from: at, to, words, statement });
        at = to + 1;
    }
    facts.sort_by_key(|fact| fact.from);
    facts.retain(|fact| !is_echo(&prompt.text[said[fact.from].range.start..said[fact.to].range.end], before));
    facts.iter().filter_map(|fact| claim(turn, &prompt.text, &said, fact, &weighed)).collect()
}

/// Whether the assistant said the same words before, so that the person pasted them.
fn is_echo(quote: &str, before: &[Turn]) -> bool {
    const SHORTEST: usize = 24;
    quote.len() >= SHORTEST && before.iter().any(|turn| turn.role == Role::Assistant && turn.text.contains(quote))
}

/// The facts that the rules find in a prompt.
fn ruled<'a>(said: &'a [Sentence<'a>], statements: &dyn Fn() -> &'a [Sentence<'a>]) -> Vec<Fact<'a>> {
    let mut facts: Vec<Fact<'_>> = Vec::new();
    let mut at = 0;
    while at < said.len() {
        let answer = answer::find(said, at, statements).map(|answer| {
            let is_free = facts.last().is_none_or(|last| last.to + 1 < at);
            if is_free { answer::with_preface(answer, said) } else { answer }
        });
        // A conclusion from a fact is not a fact by itself.
        let is_fact = |fact: &Fact<'_>| {
            fact.from < at || fact.detection == Detection::Confirmation || !answer::concludes(&said[at])
        };
        let defined = || definition::find(said, at).map(|fact| answer::of_what_was_said(fact, said, at, statements));
        let fact = answer.or_else(defined).filter(is_fact);
        at = fact.as_ref().map_or(at, |fact| fact.to) + 1;
        facts.extend(fact);
    }
    facts
}

/// Applies `see` to each sentence of a prompt after a reply. Training and detection both use this, so that they see the
/// same features.
fn units<T>(
    prompt: &str,
    reply: Option<&str>,
    said: &[Sentence<'_>],
    ruled: &[Fact<'_>],
    see: impl Fn(&feature::Unit<'_>) -> T,
) -> Vec<T> {
    let reply = reply.map(tail);
    let end = reply.map(|reply| Sentence::new(reply, 0..reply.len()));
    let mut stems: Vec<_> = end.iter().flat_map(|end| end.words.iter().filter_map(Word::stem)).collect();
    stems.sort_unstable();
    let context = feature::Context { prompt, reply, stems: &stems };
    (0..said.len()).map(|at| see(&feature::Unit::new(said, at, &context, detection(ruled, at)))).collect()
}

/// What the model finds out about a sentence.
fn weigh(unit: &feature::Unit<'_>, refuses: bool) -> Weighed {
    Weighed {
        finding: model::find(unit.features()),
        kind: kind::of(unit, refuses),
        scope: kind::scope(unit),
        is_note: kind::is_note(unit),
        is_standing: kind::is_standing(unit),
        is_of_the_work: unit.is_of_the_work(),
    }
}

/// The detection that the rules make of a sentence.
fn detection(ruled: &[Fact<'_>], at: usize) -> Option<Detection> {
    ruled.iter().find(|fact| (fact.from..=fact.to).contains(&at)).map(|fact| fact.detection)
}

/// Whether a sentence states something, other than what to do or what is about to happen.
fn is_statement(sentence: &Sentence<'_>) -> bool {
    const WORDS: usize = 4;
    sentence.words.len() >= WORDS && !sentence.is_question && !announces(sentence)
}

/// Whether it asks somebody to do something, or says that somebody will: "Reply with a number", "Let me look".
fn announces(sentence: &Sentence<'_>) -> bool {
    const BEGINNINGS: [&str; 10] =
        ["reply", "choose", "pick", "select", "enter", "press", "tell", "let", "let's", "i'll"];
    let first = sentence.words.iter().find(|word| !word.is_mark() && !matches!(&*word.lower, "now" | "ok" | "then"));
    first.is_some_and(|first| BEGINNINGS.contains(&&*first.lower)) || order::is_order(&sentence.words)
}

/// The assistant's statement that shares the most meaningful words with an answer; of equals, the last.
fn answered<'a>(words: &[Word], statements: &'a [Sentence<'a>]) -> Option<&'a Sentence<'a>> {
    let terms = sentence::stems(words);
    let shared = |statement: &Sentence<'_>| sentence::stems(&statement.words).intersection(&terms).count();
    statements.iter().max_by_key(|statement| shared(statement)).filter(|statement| shared(statement) > 0)
}

/// The claim of a fact; `None` if the quote would be too long.
fn claim(turn: usize, text: &str, said: &[Sentence<'_>], fact: &Fact<'_>, weighed: &[Weighed]) -> Option<Claim> {
    let quote = text.get(said.get(fact.from)?.range.start..said.get(fact.to)?.range.end)?;
    // A quotation mark or a bracket before the first word belongs to it.
    let before =
        text.get(..fact.words.first()?.range.start)?.trim_end_matches(['"', '“', '„', '«', '(', '`', '*', '_']);
    let exact = text.get(before.len().max(said.get(fact.from)?.range.start)..said.get(fact.to)?.range.end)?;
    let statement = fact.statement.filter(|statement| !announces(statement));
    let statement = statement.and_then(|statement| statement.text.get(statement.range.clone()));
    if quote.chars().count() > Claim::QUOTE {
        return None;
    }
    let of = weighed.get(fact.from..=fact.to)?;
    let best = of.iter().max_by(|a, b| a.finding.likelihood.total_cmp(&b.finding.likelihood))?;
    let likelihood = best.finding.likelihood;
    let is_any = |what: fn(&Weighed) -> bool| of.iter().any(what);
    let note = is_any(|of| of.is_note).then_some(NOTE);
    let standing = is_any(|of| of.is_standing).then_some("from now on");
    let explicit: Vec<_> = note.into_iter().chain(standing).collect();
    let content = wording::content(exact, statement, best.is_note);
    Some(Claim {
        turn,
        detection: fact.detection,
        title: wording::title(&content),
        content,
        quote: quote.to_owned(),
        domain: domain_of(fact),
        scope: best.scope,
        entities: entity::entities(text, fact.words),
        // The model knows too little about the language of trades.
        likelihood: match explicit[..] {
            [] if likelihood < model::RULED => None,
            [] => Some(likelihood),
            _ => Some(likelihood.max(model::EXPLICIT)),
        },
        signs: explicit.into_iter().chain(best.finding.signs.iter().copied()).map(str::to_owned).collect(),
    })
}

fn domain_of(fact: &Fact<'_>) -> Domain {
    domain::domain_of(fact.words, fact.statement.map_or(&[], |statement| &statement.words))
}

/// The end of a reply, which is what a person answers.
fn tail(text: &str) -> &str {
    const TAIL: usize = 500;
    &text[text.ceil_char_boundary(text.len().saturating_sub(TAIL))..]
}

/// A sentence of a prompt with its features: training data for the weights.
#[derive(Debug)]
pub struct Seen {
    /// Its place in the turn's text.
    pub range: Range<usize>,
    pub features: Vec<&'static str>,
}

/// The names of all features, and the group of each: refusal, construction or cue.
pub fn features() -> impl Iterator<Item = (&'static str, &'static str)> {
    let kind = |feature: feature::Feature| match feature {
        _ if feature.is_refusal() => "refusal",
        _ if feature.is_construction() => "construction",
        _ => "cue",
    };
    feature::Feature::all().map(move |feature| (feature.name(), kind(feature)))
}

/// The sentences of a prompt after a reply.
pub fn seen(prompt: &str, reply: Option<&str>) -> Vec<Seen> {
    let said = passage::sentences(prompt);
    let statements = reply.map(passage::sentences).unwrap_or_default();
    let ruled = ruled(&said, &|| statements.as_slice());
    let features = units(prompt, reply, &said, &ruled, |unit| unit.features().map(feature::Feature::name).collect());
    said.iter().zip(features).map(|(said, features)| Seen { range: said.range.clone(), features }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(replies: &[&str], prompt: &str) -> Vec<Claim> {
        let turn = |role: Role, text: &str| Turn {
            role,
            text: text.to_owned(),
            line: 1,
            uuid: None,
            time: None,
            session_id: "s".into(),
            project: None,
            refuses: false,
            printed: Vec::new(),
        };
        let before: Vec<_> = replies.iter().map(|reply| turn(Role::Assistant, reply)).collect();
        claims(before.len(), &turn(Role::Person, prompt), &before)
    }

    #[test]
    fn a_note_is_about_what_was_said_last() {
        let reply = "Tests failed. Paths are built from the root of the repository. Want me to commit that?";
        let claims = heard(&[reply], "Can you add this to CLAUDE.md?");
        let [claim] = &claims[..] else { panic!("{claims:?}") };
        assert!(claim.signs.iter().any(|sign| sign == NOTE), "{:?}", claim.signs);
        let said_of = "Add this to CLAUDE.md. Said of: Paths are built from the root of the repository.";
        assert_eq!(claim.content, said_of);
    }

    const DONE: &str = "I moved the helper into `src/util.ts` and ran the tests. What is next?";

    #[test]
    fn people_say_how_to_work_and_what_is_so() {
        let expect = |prompt, kind| {
            let claims = heard(&[DONE], prompt);
            let found: Vec<_> = claims.iter().map(|claim| claim.detection).collect();
            assert_eq!(found, [kind], "{prompt}");
            assert!(claims[0].likelihood.is_some_and(|likelihood| likelihood > model::RULED), "{prompt}");
            assert!(!claims[0].signs.is_empty(), "{prompt}");
        };
        expect(
            "from now on always make sure that we use the logger everywhere instead of print",
            Detection::Instruction,
        );
        expect("no, we dropped the retry helper on purpose", Detection::Correction);
        expect("that is not correct, we don't store any tokens in the browser", Detection::Correction);
        expect("the idea is that a worker never talks to the queue directly", Detection::UnpromptedDefinition);
    }

    #[test]
    fn standing_orders_are_kept() {
        let expect = |prompt, kinds: &[Detection]| {
            let found: Vec<_> = heard(&[DONE], prompt).iter().map(|claim| claim.detection).collect();
            assert_eq!(found, kinds, "{prompt}");
        };
        for prompt in [
            "From now on, always write amounts in cents.",
            "From now on, write amounts in cents.",
            "going forward use the fiscal calendar in every report",
            "Always write amounts in cents.",
            "From now on, please don't touch the generated files.",
        ] {
            expect(prompt, &[Detection::Instruction]);
        }
        expect("in this repo fix the failing test", &[]);
        expect("From now on the report is built at noon", &[]);
    }

    #[test]
    fn plain_statements_of_a_trade_are_kept() {
        let counted = "I computed GMV including refunds.";
        let expect = |prompt, kind| {
            let claims = heard(&[counted], prompt);
            assert_eq!(claims.iter().map(|claim| claim.detection).collect::<Vec<_>>(), [kind], "{prompt}");
        };
        expect("No, GMV excludes refunds.", Detection::Correction);
        expect("By the way, GMV means gross merchandise value.", Detection::UnpromptedDefinition);
        expect("Exactly, GMV includes refunds.", Detection::Confirmation);
    }

    #[test]
    fn a_note_can_be_about_what_the_assistant_said() {
        let claims = heard(
            &["The build fails offline. Paths are relative to the workspace root."],
            "Can you add this to CLAUDE.md?",
        );
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].detection, Detection::Instruction);
        let content = "Add this to CLAUDE.md. Said of: Paths are relative to the workspace root.";
        assert_eq!(claims[0].content, content);
        let claims = heard(&[DONE], "Tests run against the staging API. You can make a note of this in CLAUDE.md");
        let content = "You can make a note of this in CLAUDE.md. Said of: Tests run against the staging API.";
        assert_eq!(claims.last().map(|claim| &*claim.content), Some(content));
    }

    #[test]
    fn talk_about_the_work_is_not_kept() {
        for prompt in [
            "commit this and push",
            "why does the test still fail?",
            "can you rename the column and add a button to the header",
            "ok, the login page shows an error again",
            "yes please",
            "The parseRow function ignores its second argument. This leads to wrong totals in the report.",
            "I think we could maybe try the other approach",
        ] {
            assert_eq!(heard(&[DONE], prompt), [], "{prompt}");
        }
    }

    #[test]
    fn guesses_and_what_holds_for_now_are_refused() {
        let said = "no, we removed the session commands on purpose";
        let quotes = |prompt: &str| heard(&[DONE], prompt).into_iter().map(|claim| claim.quote).collect::<Vec<_>>();
        assert_eq!(quotes(said), [said]);
        for refused in ["probably removed", "removed for now"] {
            assert_eq!(quotes(&said.replace("removed", refused)), [""; 0], "{refused}");
        }
        assert_eq!(quotes(&format!("main.rs:12 {said}")), [""; 0]);
        assert_eq!(quotes(&format!("{said} at 15:00")), [format!("{said} at 15:00")], "no line of a file");
    }

    #[test]
    fn a_single_case_is_refused_unless_it_holds_for_all_times() {
        let said = "we removed the session commands on purpose";
        assert_eq!(heard(&[DONE], &format!("no, in the end {said}")).len(), 1);
        for case in ["if I run it again", "now when I run it again"] {
            assert_eq!(heard(&[DONE], &format!("no, {case} {said}")), [], "{case}");
        }
        for rule in [
            "when you add a migration, always run make schema",
            "when we write docs or comments please make sure that we're always using US English spelling everywhere",
        ] {
            assert_eq!(heard(&[DONE], rule).len(), 1, "{rule}");
        }
    }

    #[test]
    fn an_entry_of_a_list_is_heard_without_its_number() {
        let said = "no, we removed the session commands on purpose";
        for entry in ["2. ", "b) ", "- "] {
            let claims = heard(&[DONE], &format!("{entry}{said}"));
            let [claim] = &claims[..] else { panic!("{entry}: {claims:?}") };
            assert_eq!((&*claim.quote, &*claim.content), (said, "We removed the session commands on purpose."));
        }
        assert_eq!(
            heard(&[DONE], "Update @prompts/plan.md so that rules are like this: https://docs.example/memory"),
            []
        );
    }

    #[test]
    fn an_order_of_the_assistant_is_nothing_that_an_answer_is_said_of() {
        let said = "no, that is not correct, it should always be a full checkpoint";
        let of = |reply: &str| heard(&[reply], said).into_iter().next().unwrap().content;
        assert!(of("The checkpoint is always partial.").ends_with(" Said of: The checkpoint is always partial."));
        assert!(!of("Reply with a number to make a partial checkpoint.").contains("Said of"));
    }

    #[test]
    fn words_of_the_assistant_are_pasted() {
        let said = "no, we dropped the retry helper on purpose";
        assert_eq!(heard(&[DONE], said).len(), 1);
        assert_eq!(heard(&[said, DONE], said), []);
    }
}
