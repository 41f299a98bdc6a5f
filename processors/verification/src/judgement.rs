//! Which corrections a judge is asked about, and with which items each is compared.
//!
//! A correction is judged once, by a single question, against at most [`MOST`] items that were not rejected. Preferred
//! are items that share the most entities with it, then those with the most similar texts, then the oldest. A pair of
//! corrections is compared when the later one is judged. A correction without any item to compare with is recorded as
//! judged without a question.

use crate::item::{ITEMS, ItemRow};
use crate::review::{Finding, ReviewRow, Reviews, Standing};
use crate::wording::{Wording, wordings};
use crate::{Detection, Judge, KNOWLEDGE};
use chrono::{DateTime, Utc};
use sessionmill_contract::{Failure, FailureClass, Inquiry, Row as _, Ruling, Value};
use std::cmp::Reverse;
use std::sync::Arc;

/// The most items with which a correction is compared.
const MOST: usize = 100;

/// An item that was not rejected.
struct Fact<'e> {
    id: &'e str,
    content: &'e str,
    is_correction: bool,
    /// In lower case.
    entities: Vec<String>,
    first_verified: Option<DateTime<Utc>>,
}

/// All facts, the oldest first.
struct Facts<'e> {
    facts: Vec<Fact<'e>>,
    wordings: Vec<Option<Wording>>,
    /// The positions of those that are to be judged, in ascending order.
    due: Vec<usize>,
}

/// The questions about all rows of [`ITEMS`], the oldest correction first.
///
/// # Errors
///
/// If a row is not an item or a review.
pub fn inquiries<'e>(
    judge: &'e dyn Judge,
    items: &'e [Vec<Value>],
    reviews: &[Vec<Value>],
    now: DateTime<Utc>,
) -> Result<Vec<Inquiry<'e>>, Failure> {
    let reviews = Reviews::new(reviews)?;
    let mut facts = Vec::new();
    for row in items {
        let item = ItemRow::read(row)?;
        if item.status != Standing::Rejected.name() {
            facts.push(Fact::new(&item)?);
        }
    }
    facts.sort_by_key(|fact| (fact.first_verified.is_none(), fact.first_verified, fact.id));
    let is_due = |fact: &Fact<'_>| fact.is_correction && reviews.is_due(fact.id, judge.name(), now);
    let due: Vec<_> = (0..facts.len()).filter(|position| is_due(&facts[*position])).collect();
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let wordings = wordings(facts.iter().map(|fact| fact.content));
    let facts = Arc::new(Facts { facts, wordings, due });
    let inquiry = |correction: &usize| -> Inquiry<'e> {
        let (facts, correction) = (Arc::clone(&facts), *correction);
        Box::new(move || facts.ask(correction, judge, now))
    };
    Ok(facts.due.iter().map(inquiry).collect())
}

impl<'e> Fact<'e> {
    fn new(item: &ItemRow<'e>) -> Result<Self, Failure> {
        let entities: Vec<String> = serde_json::from_str(item.entities).map_err(|_| ITEMS.unreadable())?;
        Ok(Self {
            id: item.item_id,
            content: item.content,
            is_correction: item.detection_type == Detection::Correction.name(),
            entities: entities.iter().map(|entity| entity.to_lowercase()).collect(),
            first_verified: item.first_verified,
        })
    }

    /// The number of entities that both facts name.
    fn shared(&self, other: &Self) -> usize {
        self.entities.iter().filter(|entity| other.entities.contains(entity)).count()
    }
}

impl Facts<'_> {
    /// The facts with which a correction is compared, the nearest first.
    fn candidates(&self, correction: usize) -> Vec<usize> {
        // Corrections that are judged later will be compared with this one then.
        let comes_later = |fact: usize| fact > correction && self.due.binary_search(&fact).is_ok();
        let likeness = |fact: usize| match (&self.wordings[correction], &self.wordings[fact]) {
            (Some(one), Some(other)) => one.likeness(other),
            _ => 0,
        };
        let nearness = |fact: usize| (self.facts[correction].shared(&self.facts[fact]), likeness(fact));
        let others = (0..self.facts.len()).filter(|fact| *fact != correction && !comes_later(*fact));
        let mut candidates: Vec<_> = others.collect();
        candidates.sort_by_cached_key(|fact| (Reverse(nearness(*fact)), *fact));
        candidates.truncate(MOST);
        candidates
    }

    fn ask(&self, correction: usize, judge: &dyn Judge, now: DateTime<Utc>) -> Ruling {
        let candidates: Vec<_> = self.candidates(correction).into_iter().map(|fact| &self.facts[fact]).collect();
        let Fact { id, content, .. } = self.facts[correction];
        let said = match candidates.is_empty() {
            true => Ok(Vec::new()),
            false => judge.contradicted(content, &candidates.iter().map(|fact| fact.content).collect::<Vec<_>>()),
        };
        let row = |finding: Finding, other_id: Option<&str>| {
            let (action, reviewer) = (finding.name(), judge.name());
            ReviewRow::new(id, action, other_id, reviewer, now).values()
        };
        let (reviews, failure) = match said {
            Ok(contradicted) => {
                let others = contradicted.into_iter().filter_map(|position| candidates.get(position));
                let contradictions = others.map(|other| row(Finding::Contradicts, Some(other.id)));
                (std::iter::once(row(Finding::Judged, None)).chain(contradictions).collect(), None)
            }
            Err(failure) if counts(failure.class) => (vec![row(Finding::Unjudged, None)], Some(failure)),
            Err(failure) => (Vec::new(), Some(failure)),
        };
        Ruling { entity: id.into(), key: KNOWLEDGE.into(), reviews, failure }
    }
}

/// Whether a failure can be caused by the question itself. After any other failure, the next pass asks again.
fn counts(class: FailureClass) -> bool {
    matches!(class, FailureClass::Permanent | FailureClass::Transient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    type Answer = fn(&[&str]) -> Result<Vec<usize>, Failure>;

    /// A judge that gives a fixed answer and remembers the questions.
    struct Told(Answer, Mutex<Vec<(String, Vec<String>)>>);

    impl Told {
        fn new(answer: Answer) -> Self {
            Self(answer, Mutex::default())
        }

        fn asked(&self) -> Vec<(String, Vec<String>)> {
            std::mem::take(&mut self.1.lock().unwrap())
        }
    }

    impl Judge for Told {
        fn name(&self) -> &str {
            "told:m-1"
        }

        fn contradicted(&self, correction: &str, facts: &[&str]) -> Result<Vec<usize>, Failure> {
            let facts_asked = facts.iter().map(|fact| (*fact).to_owned()).collect();
            self.1.lock().unwrap().push((correction.to_owned(), facts_asked));
            (self.0)(facts)
        }
    }

    /// An item whose content is its title.
    fn item(content: &str, kind: Detection, entities: &str, status: Standing, day: i64) -> Vec<Value> {
        let time = DateTime::from_timestamp(86_400 * day, 0).unwrap();
        ItemRow {
            domain: "finance",
            item_id: content,
            title: content,
            content,
            detection_type: kind.name(),
            entities,
            status: status.name(),
            corrections: 0,
            confirmations: 0,
            definitions: 0,
            verifiers: 0,
            first_verified: Some(time),
            last_verified: None,
            reviewer: None,
            reviewed_at: None,
            instructions: 0,
            sessions: 1,
            scope: None,
            project: None,
            likelihood: None,
            signs: None,
        }
        .values()
    }

    /// Asks all open questions, and numbers the resulting rows.
    fn asked(judge: &Told, items: &[Vec<Value>], reviews: &mut Vec<Vec<Value>>, hour: i64) -> Vec<String> {
        let now = DateTime::from_timestamp(3600 * hour, 0).unwrap();
        let rulings: Vec<_> = inquiries(judge, items, reviews, now).unwrap().into_iter().map(|ask| ask()).collect();
        let mut told = Vec::new();
        for Ruling { entity, key, reviews: rows, failure } in rulings {
            for row in rows {
                let ReviewRow { item_id, action, other_id, reviewer, .. } = ReviewRow::read(&row).unwrap();
                assert_eq!((&*entity, reviewer, &*key), (item_id, "told:m-1", "knowledge"));
                told.push(format!("{item_id} {action} {}", other_id.unwrap_or("-")));
                reviews.push(row);
            }
            told.extend(failure.map(|failure| format!("{entity} {failure}")));
        }
        told
    }

    use Detection::{Confirmation, Correction};
    use Standing::{Approved, Pending, Rejected};

    #[test]
    fn a_correction_is_held_once_against_what_was_not_rejected() {
        let judge = Told::new(|_| Ok(vec![0, 7]));
        let mut items = vec![
            item("old", Confirmation, "[]", Approved, 1),
            item("wrong", Confirmation, "[]", Rejected, 1),
            item("second", Correction, "[]", Pending, 3),
            item("first", Correction, "[]", Pending, 2),
        ];
        let mut reviews = Vec::new();
        let expected = ["first judged -", "first contradicts old", "second judged -", "second contradicts old"];
        assert_eq!(asked(&judge, &items, &mut reviews, 0), expected);
        let said =
            |correction: &str, facts: &[&str]| (correction.to_owned(), facts.iter().map(|f| (*f).to_owned()).collect());
        assert_eq!(judge.asked(), [said("first", &["old"]), said("second", &["old", "first"])]);
        assert_eq!(asked(&judge, &items, &mut reviews, 1), [""; 0]);
        items.push(item("third", Correction, "[]", Pending, 0));
        assert_eq!(asked(&judge, &items, &mut reviews, 2), ["third judged -", "third contradicts old"]);
        assert_eq!(judge.asked(), [said("third", &["old", "first", "second"])]);
    }

    #[test]
    fn the_nearest_are_those_of_most_entities_then_of_likest_texts() {
        let judge = Told::new(|_| Ok(Vec::new()));
        let text = |days: &str| format!("The refund window of the consumer plan is {days} in all of Europe");
        let fact = |content: &str, entities: &str, day: i64| item(content, Confirmation, entities, Pending, day);
        let mut items = vec![
            fact("short", "[]", 1),
            fact(&text("a fortnight"), "[]", 9),
            fact("two", r#"["Refund", "plan"]"#, 8),
            fact("one", r#"["PLAN"]"#, 7),
            item(&text("30 days"), Correction, r#"["refund", "Plan"]"#, Pending, 5),
        ];
        items.extend((0..150).map(|number| fact(&format!("other {number:03}"), "[]", 10)));
        asked(&judge, &items, &mut Vec::new(), 0);
        let [(_, facts)] = &judge.asked()[..] else { panic!() };
        let first: Vec<_> = facts.iter().take(5).map(String::as_str).collect();
        assert_eq!(first, ["two", "one", &text("a fortnight"), "short", "other 000"]);
        assert_eq!((facts.len(), &*facts[99]), (100, "other 095"));
    }

    #[test]
    fn an_error_is_no_answer() {
        let items = [item("old", Confirmation, "[]", Pending, 1), item("new", Correction, "[]", Pending, 2)];
        let mut reviews = Vec::new();
        for answer in [
            (|_| Err(Failure::new(FailureClass::Throttled, "429"))) as Answer,
            |_| Err(Failure::new(FailureClass::Budget, "no calls")),
            |_| Err(Failure::new(FailureClass::Environment, "401")),
        ] {
            let told = asked(&Told::new(answer), &items, &mut reviews, 0);
            assert!(told.len() == 1 && told[0].starts_with("new ") && reviews.is_empty(), "{told:?}");
        }
        let judge = Told::new(|_| Err(Failure::new(FailureClass::Permanent, "refused")));
        for hour in [0, 1, 24, 25, 48, 49, 1000] {
            asked(&judge, &items, &mut reviews, hour);
        }
        let marks: Vec<_> = reviews.iter().map(|row| row[2].as_str().unwrap()).collect();
        assert_eq!((marks, judge.asked().len()), (vec!["unjudged"; 3], 3));
    }
}
