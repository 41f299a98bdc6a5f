//! Checks a model's answer against the conversation: a claim counts only if its quote is literally in a turn of the
//! person. The model is not asked how certain it is.

use crate::plugs::verification::llm::prompt::cut;
use serde::Deserialize;
use serde_json::Value;
use sessionmill_verification::{Claim, Detection, Domain, Role, Scope, View};

/// The valid claims of an answer, and the number of invalid ones.
#[derive(Debug, Default, PartialEq)]
pub struct Findings {
    pub claims: Vec<Claim>,
    /// Claims without the requested form, or with a quote that is not in the conversation.
    pub dropped: u64,
}

#[derive(Deserialize)]
struct RawClaim {
    turn: usize,
    detection_type: String,
    title: String,
    content: String,
    quote: String,
    domain: String,
    /// Absent in answers that older versions stored.
    #[serde(default)]
    scope: String,
    entities: Vec<String>,
}

/// The most entities of a claim that are kept, and the most characters of each.
const ENTITIES: usize = 12;
const ENTITY: usize = 80;

/// Whether an answer has the requested form. An answer with claims of which none has the form is invalid; it does not
/// count as an answer without claims.
pub fn is_answer(answer: &Value) -> bool {
    let claims = answer["claims"].as_array();
    claims.is_some_and(|claims| claims.is_empty() || claims.iter().any(|claim| raw_claim(claim).is_some()))
}

/// The findings of an answer about a window.
pub fn findings(answer: &Value, view: &View<'_>) -> Findings {
    let mut findings = Findings::default();
    for claim in answer["claims"].as_array().into_iter().flatten() {
        match raw_claim(claim).and_then(|raw| raw.claim(view)) {
            Some(claim) if findings.claims.iter().any(|known| is_same(known, &claim)) => {}
            Some(claim) => findings.claims.push(claim),
            None => findings.dropped += 1,
        }
    }
    findings
}

fn raw_claim(claim: &Value) -> Option<RawClaim> {
    RawClaim::deserialize(claim).ok()
}

fn is_same(a: &Claim, b: &Claim) -> bool {
    (a.turn, a.detection, &a.quote) == (b.turn, b.detection, &b.quote)
}

impl RawClaim {
    fn claim(self, view: &View<'_>) -> Option<Claim> {
        let quote = cut(self.quote.trim(), Claim::QUOTE).trim_end();
        let says = |turn: &usize| {
            let turn = view.turns.get(*turn).filter(|_| *turn >= view.fresh);
            !quote.is_empty() && turn.is_some_and(|turn| turn.role == Role::Person && turn.text.contains(quote))
        };
        // Models often get the number of the turn wrong, but not the words, so other new turns are searched for the
        // quote.
        let turn = Some(self.turn).filter(says).or_else(|| (view.fresh..view.turns.len()).find(says))?;
        let title = cut(self.title.trim(), Claim::TITLE).trim_end();
        let content = cut(self.content.trim(), Claim::CONTENT).trim_end();
        let entities = self.entities.iter().map(|entity| cut(entity.trim(), ENTITY).to_owned());
        let detection = Detection::ALL.into_iter().find(|detection| detection.name() == self.detection_type)?;
        let domain = Domain::ALL.into_iter().find(|domain| domain.name() == self.domain)?;
        let scope = Scope::ALL.into_iter().find(|scope| scope.name() == self.scope).unwrap_or(Scope::Project);
        (!title.is_empty() && !content.is_empty()).then(|| Claim {
            turn,
            detection,
            title: title.to_owned(),
            content: content.to_owned(),
            quote: quote.to_owned(),
            domain,
            scope,
            entities: entities.filter(|entity| !entity.is_empty()).take(ENTITIES).collect(),
            likelihood: None,
            signs: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugs::verification::llm::prompt::tests::turn;
    use serde_json::json;

    fn claim(number: i64, quote: &str) -> Value {
        json!({"turn": number, "detection_type": "correction", "title": "Fiscal year", "content": "It begins in April.",
               "quote": quote, "domain": "finance", "scope": "project", "entities": ["fiscal year", ""], "confidence": 0.99})
    }

    #[test]
    fn a_claim_counts_if_the_person_said_it() {
        let turns = [
            turn(Role::Person, 1, "our year begins in April"),
            turn(Role::Assistant, 2, "It begins in January."),
            turn(Role::Person, 3, "No, it begins in April."),
        ];
        let view = View { turns: &turns, fresh: 1 };
        let answer = json!({"claims": [
            claim(2, "it begins in April."),
            claim(2, "it begins in April."),
            claim(1, " No, it begins "),
            claim(2, "it starts in April"),
            claim(2, "It begins in January."),
            claim(0, "our year begins in April"),
            claim(-1, "it begins in April."),
            claim(2, ""),
        ]});
        let findings = findings(&answer, &view);
        let found: Vec<_> = findings.claims.iter().map(|claim| (claim.turn, &*claim.quote)).collect();
        assert_eq!(found, [(2, "it begins in April."), (2, "No, it begins")], "told twice, and in the wrong turn");
        assert_eq!(findings.dropped, 5);
        assert_eq!(findings.claims[0].entities, ["fiscal year"]);
    }

    #[test]
    fn long_texts_are_cut_to_their_form() {
        let text = "ä".repeat(2000);
        let turns = [turn(Role::Person, 1, &text)];
        let mut long = claim(0, &text);
        (long["title"], long["content"]) = (json!(text), json!(text));
        let findings = findings(&json!({"claims": [long]}), &View { turns: &turns, fresh: 0 });
        let Claim { title, content, quote, .. } = &findings.claims[0];
        assert_eq!([title, content, quote].map(|text| text.chars().count()), [60, 500, 1000]);
    }

    #[test]
    fn an_answer_in_which_nothing_has_the_form_is_none() {
        assert!(is_answer(&json!({"claims": []})));
        assert!(is_answer(&json!({"claims": [claim(0, "x"), 1]})));
        for wrong in [json!({}), json!([]), json!({"claims": "none"}), json!({"claims": [{"turn": 0}]})] {
            assert!(!is_answer(&wrong), "{wrong}");
        }
    }
}
