//! How a statement is meant: as a rule, as news, as a report of work, or as a proposal.

use crate::rules::sentence::{Sentence, clause, has};
use crate::rules::sign::Sign;
use crate::rules::word::Word;
use crate::rules::worth::FACT;
use crate::rules::worth::worth;

/// The words in which to look for the verb of a simple sentence.
const HEAD: usize = 5;

/// Whether the words say how things are in general, rather than how they were or should be.
pub(super) fn is_general(words: &[Word]) -> bool {
    const RULES: [&str; 2] = ["never", "always"];
    let is_rule = words.iter().any(|word| RULES.contains(&&*word.lower))
        || words.windows(2).any(|pair| matches!(&*pair[0].lower, "has" | "have") && pair[1].lower == "to");
    let main = words.split(Word::is_mark).find(|clause| clause.len() >= FACT).unwrap_or(words);
    // "… as long as it was announced": the condition of a rule can be in the past tense.
    let condition =
        main.iter().skip(1).position(|word| word.is(Sign::Condition) || word.lower == "so").map(|at| at + 1);
    let main = &main[..condition.unwrap_or(main.len())];
    is_rule
        || !has_active(main, Sign::Particular)
            && !has_active(main, Sign::Past)
            && !counts(main)
            && !happened(main)
            && !is_level(words)
}

/// "Each replicate must be within the limits": a duty of things, rather than of a person or of what the assistant
/// should make.
pub(super) fn obliges(words: &[Word]) -> bool {
    const MODALS: [&str; 2] = ["should", "must"];
    const PRODUCTS: [&str; 6] = ["report", "reports", "dashboard", "view", "table", "export"];
    const STATES: [&str; 8] = ["be", "stay", "go", "count", "never", "only", "always", "not"];
    let Some(at) =
        words.windows(2).position(|pair| MODALS.contains(&&*pair[0].lower) && STATES.contains(&&*pair[1].lower))
    else {
        return false;
    };
    let points = |word: &Word| word.is(Sign::Pointer) || word.is(Sign::Personal) || word.is(Sign::This);
    let is_made = |word: &Word| word.is(Sign::Artifact) || PRODUCTS.contains(&&*word.lower);
    at > 0 && !words[..at].iter().any(points) && !words.iter().any(is_made) && worth(words) > 1
}

/// "The disk is at 40 %", "cpu at 5 %": a level at this moment.
fn is_level(words: &[Word]) -> bool {
    let is_at = |three: &[Word]| three[0].lower == "at" && three[1].is_value() && three[2].lower == "%";
    words.split(Word::is_mark).any(|clause| {
        let at = clause.windows(3).position(is_at);
        at.is_some_and(|at| at > 0 && clause[at - 1].is(Sign::Copula) || at == 1 && clause.len() == at + 3)
    })
}

/// "They extended it": something that somebody did once.
fn happened(words: &[Word]) -> bool {
    let words: Vec<_> = words.iter().filter(|word| word.lower != "also").take(2).collect();
    matches!(words[..], [who, did] if matches!(&*who.lower, "they" | "he" | "she" | "someone" | "somebody")
        && did.lower.ends_with("ed") && !did.marks.is_term())
}

/// "Only 3 are entered twice": how many of the things at hand are so.
fn counts(words: &[Word]) -> bool {
    const SEVERAL: [&str; 7] = ["are", "aren't", "have", "sind", "son", "sont", "são"];
    if matches!(words, [number, of, them, ..] if number.is_value() && of.lower == "of" && them.is(Sign::Determiner)) {
        return true;
    }
    let Some(at) = words.iter().position(|word| SEVERAL.contains(&&*word.lower)) else { return false };
    matches!(&words[..at], [number] | [_, number] if number.is_value() && !number.is(Sign::Unit))
}

/// Whether the words say what happened: "the job ran at two", but not "is asked after each purchase".
pub(super) fn is_past(words: &[Word]) -> bool {
    has_active(clause(words).0, Sign::Past)
}

/// Whether a word has this sign and does not follow a form of "be": "dropped", but not "are dropped".
fn has_active(words: &[Word], sign: Sign) -> bool {
    let is_passive = |at: usize| at.checked_sub(1).is_some_and(|before| is_be(&words[before]));
    words.iter().enumerate().any(|(at, word)| word.is(sign) && !is_passive(at))
}

/// Whether the assistant says what it has done or will do. An answer to that is about the work.
pub(super) fn is_report(statement: &Sentence<'_>) -> bool {
    const SHORT: usize = 7;
    // A German participle, and the punctuation after it.
    const TAIL: usize = 2;
    let head = statement.words.get(..HEAD).unwrap_or(&statement.words);
    // How something was calculated is a statement of fact.
    let tail = &statement.words[statement.words.len().saturating_sub(TAIL)..];
    let reckons =
        || has(head, Sign::Reckon) || has(tail, Sign::Reckon) || statement.words.iter().any(|word| word.lower == "=");
    if reckons() && worth(&statement.words) > 0 {
        return false;
    }
    // "Backups are kept …" is not work of the assistant.
    let is_passive = |at: usize| at.checked_sub(1).is_some_and(|before| is_be(&head[before]));
    // "Ids are generated in the browser, …" says more than that something is done.
    let is_short = statement.words.len() <= SHORT;
    let is_headed = |name: &Word| matches!(&*name.lower, "plan" | "steps" | "proposal");
    matches!(head, [name, colon, ..] if is_headed(name) && colon.lower == ":")
        || matches!(head, [the, plan, ..] if the.lower == "the" && plan.lower == "plan")
        || has(head, Sign::Plan) && !has(head, Sign::Hedge)
        || head.iter().enumerate().any(|(at, word)| {
            word.is(Sign::Done) && at < 3 && !is_passive(at)
                || is_short && word.is(Sign::Finished) && (at == 0 || is_passive(at))
        })
}

/// Whether the assistant says how it would do something, rather than how it is.
pub(super) fn proposes(words: &[Word]) -> bool {
    const PROPOSALS: [&str; 8] = ["should", "shall", "let's", "sollte", "debería", "devrait", "deveria", "dovrebbe"];
    words.iter().any(|word| PROPOSALS.contains(&&*word.lower))
}

fn is_be(word: &Word) -> bool {
    word.is(Sign::Copula) || word.is(Sign::Aux)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_have_duties_and_what_is_made_has_looks() {
        let obliges = |text: &str| obliges(&Sentence::new(text, 0..text.len()).words);
        assert!(obliges("Annual invoices should be spread over 12 months") && obliges("Each dose must be signed"));
        assert!(!obliges("It should be monthly revenue") && !obliges("Net revenue should be in the report"));
    }

    #[test]
    fn news_are_no_rules_and_what_is_done_is() {
        let words = |text: &str| Sentence::new(text, 0..text.len()).words;
        assert!(is_past(&words("The job ran at two")) && !is_past(&words("NPS is asked after each purchase")));
        assert!(!is_general(&words("Revenue fell in May")) && is_general(&words("Late events are dropped")));
        for case in ["They extended it", "Only 3 are entered twice", "29 of them are tests", "The disk is at 40 %"] {
            assert!(!is_general(&words(case)), "{case}");
        }
        assert!(is_general(&words("Fees are capped at 5 %")) && is_general(&words("3 is for reopened claims")));
        assert!(proposes(&words("The chart should be stacked")) && !proposes(&words("Charts are stacked")));
    }
}
