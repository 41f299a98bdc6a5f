//! Why a person said something to the model, and for whom it holds.

use crate::rules::feature::Unit;
use crate::rules::lead::Lead;
use crate::rules::order::is_order;
use crate::rules::phrase::strip;
use crate::rules::sentence::clause;
use crate::rules::sign::Sign;
use crate::{Detection, Scope};

/// An instruction, if the sentence says what to do. A correction, if it negates something or a tool call was declined.
/// A confirmation, if it agrees. Otherwise a definition.
pub(super) fn of(unit: &Unit<'_>, refuses: bool) -> Detection {
    let asks_for = [Sign::Taste, Sign::Ensure, Sign::Request, Sign::Memorize].into_iter().any(|sign| unit.has(sign));
    let denies = unit.lead == Lead::No || unit.has(Sign::Denies);
    let is_duty = unit.duty() && (unit.standing() || unit.begins(&["we", "you", "i"]));
    if is_note(unit) || !denies && (asks_for || unit.is_order || is_duty || orders_henceforth(unit)) {
        Detection::Instruction
    } else if denies || unit.lead == Lead::But || unit.has(Sign::Versus) || unit.changed() || refuses {
        Detection::Correction
    } else if unit.reply.is_some() && (unit.lead == Lead::Yes || unit.has(Sign::Purpose)) {
        Detection::Confirmation
    } else {
        Detection::UnpromptedDefinition
    }
}

/// For a person, if it is their own wish. Beyond the project, if it is about a trade and not about anything of ours.
pub(super) fn scope(unit: &Unit<'_>) -> Scope {
    let is_own = unit.has(Sign::Taste) && unit.has(Sign::Style) && !unit.has(Sign::Ours);
    let is_of_a_trade = unit.words.iter().filter(|word| word.marks.is_term()).count() > 1;
    if is_own {
        Scope::Person
    } else if is_of_a_trade && !unit.names() && !unit.has(Sign::Ours) && !unit.has(Sign::Artifact) {
        Scope::Domain
    } else {
        Scope::Project
    }
}

/// Whether it says explicitly that it holds from now on: "Next time, don't …", "Always …", "When you …, never …".
pub(super) fn is_standing(unit: &Unit<'_>) -> bool {
    const WORDS: std::ops::RangeInclusive<usize> = 4..=40;
    let asks_for = [Sign::Ban, Sign::Ensure, Sign::Taste, Sign::FirmDuty].into_iter().any(|sign| unit.has(sign));
    let is_order = unit.is_order || asks_for || unit.duty();
    let main = if unit.begins_with_a_case() { clause(unit.words).1.get(1..).unwrap_or_default() } else { unit.words };
    let begins = matches!(main, [ever, next, ..] if matches!(&*ever.lower, "always" | "never") && next.is(Sign::Order));
    let is_talk = unit.asks() || unit.is_long() || unit.has(Sign::Seen) || unit.has(Sign::Unsure);
    let is_said = begins || unit.has(Sign::Henceforth) && is_order;
    !is_talk && WORDS.contains(&unit.length) && (is_said && !unit.formal() || orders_henceforth(unit))
}

/// "From now on, write …", but not "in this project, run …", which can be meant for this moment only.
fn orders_henceforth(unit: &Unit<'_>) -> bool {
    let is_of_a_place = unit.words.get(1).is_some_and(|next| next.lower == "this");
    !is_of_a_place && strip(unit.words, Sign::Henceforth).is_some_and(is_order)
}

/// Whether it asks to write something down where agents look for rules: "Add this to CLAUDE.md".
pub(super) fn is_note(unit: &Unit<'_>) -> bool {
    const FILES: [&str; 5] = ["claude.md", "agents.md", "gemini.md", "copilot-instructions.md", "cursorrules"];
    const WORDS: usize = 20;
    // The last part of a link is not a file.
    let is_file = |word: &str| {
        word == "memory" || !word.contains("://") && word.rsplit('/').next().is_some_and(|name| FILES.contains(&name))
    };
    let mut words = unit.words.iter().map(|word| &*word.lower);
    let points = words.clone().any(|word| matches!(word, "this" | "that" | "it" | "these" | "note" | "rule"));
    unit.has(Sign::Enter) && points && unit.length <= WORDS && !unit.has(Sign::Negation) && words.any(is_file)
}
