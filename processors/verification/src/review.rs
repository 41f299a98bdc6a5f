//! Decisions of people about items, and findings of models: an input besides the claims, which processing files again
//! does not change.
//!
//! A review names statements by id. So it applies as long as somebody makes that statement, and again when somebody
//! makes it later. If other rules word the same fact differently, it applies to the new words: see
//! [`heir`](crate::heir). A review about a statement that nobody makes any more has no effect, but is kept.

use chrono::{DateTime, TimeDelta, Utc};
use sessionmill_contract::{Failure, Row as _, Value, table};
use std::collections::{BTreeMap, HashMap, HashSet};

table! {
    /// one row per decision of a person, and per finding of a language model; of the same kind about the same item
    /// the last one holds
    pub static REVIEWS: Table = "knowledge_reviews", Public;

    /// A decision or a finding, in the order of creation. Of several of the same kind, the last one counts.
    #[derive(Clone, Debug)]
    pub struct ReviewRow<'a> {
        /// decisions are applied in this order
        review_id: i64,
        /// what was decided about: it need not exist for now
        item_id: &'a str,
        /// of a person: approve, reject, merge (into other_id) or split (off other_id); of a model: judged,
        /// contradicts (other_id) or unjudged, where it did not answer as it should
        action: &'a str,
        /// item that a merge, a split or a contradiction names; else null
        other_id: Option<&'a str>,
        /// who decided; <detector>:<model> of a model
        reviewer: &'a str,
        /// UTC
        reviewed_at: DateTime<Utc>,
        /// what a person decided on: digests of records and of quoted words, by which the decision holds for an item that
        /// is worded otherwise later
        grounds: Option<&'a str> as quote,
        /// the same of other_id
        other_grounds: Option<&'a str> as quote,
    }
}

impl<'a> ReviewRow<'a> {
    /// A review without grounds. The store assigns its number.
    pub fn new(
        item_id: &'a str,
        action: &'a str,
        other_id: Option<&'a str>,
        reviewer: &'a str,
        reviewed_at: DateTime<Utc>,
    ) -> Self {
        let (grounds, other_grounds) = (None, None);
        Self { review_id: 0, item_id, action, other_id, reviewer, reviewed_at, grounds, other_grounds }
    }
}

/// A decision of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The item is true.
    Approve,
    /// The item is not true, and neither is what repeats it.
    Reject,
    /// The item says the same as another one, which gets its evidence.
    Merge,
    /// The statement is not evidence of another item, but an item of its own.
    Split,
}

impl Action {
    pub const ALL: [Self; 4] = [Self::Approve, Self::Reject, Self::Merge, Self::Split];

    /// The name under which it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Merge => "merge",
            Self::Split => "split",
        }
    }
}

/// A finding of a model about a correction. It is stored like a decision but is not one: people decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The correction was compared with other items. Rows for the contradicted ones follow.
    Judged,
    /// The correction and another item cannot both be true.
    Contradicts,
    /// The model did not give a valid answer.
    Unjudged,
}

impl Finding {
    pub const ALL: [Self; 3] = [Self::Judged, Self::Contradicts, Self::Unjudged];

    /// The name under which it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Judged => "judged",
            Self::Contradicts => "contradicts",
            Self::Unjudged => "unjudged",
        }
    }
}

/// The state of an item. A statement joins an item with an earlier one of these states first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Approved,
    #[default]
    Pending,
    Rejected,
}

impl Standing {
    pub const ALL: [Self; 3] = [Self::Approved, Self::Pending, Self::Rejected];

    /// The name under which it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Pending => "pending",
            Self::Rejected => "rejected",
        }
    }
}

/// The reviews that count, by id.
#[derive(Debug, Default)]
pub struct Reviews<'r> {
    verdicts: HashMap<&'r str, Verdict<'r>>,
    assignments: HashMap<&'r str, Assignment<'r>>,
    /// The items that others were merged into.
    targets: HashSet<&'r str>,
    judgements: BTreeMap<&'r str, Judgement<'r>>,
    tries: HashMap<&'r str, Tries<'r>>,
}

/// The last decision about an item.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'r> {
    pub standing: Standing,
    pub reviewer: &'r str,
    pub reviewed_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug)]
enum Assignment<'r> {
    Into(&'r str),
    OwnNot(&'r str),
}

/// The findings of the last judge of a correction.
#[derive(Debug, PartialEq, Eq)]
pub struct Judgement<'r> {
    pub judge: &'r str,
    /// Ids.
    pub contradicted: Vec<&'r str>,
}

/// The number of invalid answers of a judge.
#[derive(Debug)]
struct Tries<'r> {
    judge: &'r str,
    count: u32,
    last: DateTime<Utc>,
}

/// After an invalid answer, the judge is asked again a day later, and at most this many times in total.
const TRIES: u32 = 3;
const PAUSE: TimeDelta = TimeDelta::days(1);

impl<'r> Reviews<'r> {
    /// Reads rows of [`REVIEWS`].
    ///
    /// # Errors
    ///
    /// If a row is not a review.
    pub fn new(rows: &'r [Vec<Value>]) -> Result<Self, Failure> {
        let mut reviews = Self::default();
        for row in rows {
            reviews.take(ReviewRow::read(row)?).ok_or_else(|| REVIEWS.unreadable())?;
        }
        let into =
            |assignment: &Assignment<'r>| if let Assignment::Into(target) = assignment { Some(*target) } else { None };
        reviews.targets = reviews.assignments.values().filter_map(into).collect();
        Ok(reviews)
    }

    /// Takes the next review. `None` if it lacks something.
    fn take(&mut self, row: ReviewRow<'r>) -> Option<()> {
        let ReviewRow { item_id: item, action, other_id: other, reviewer, reviewed_at, .. } = row;
        if let Some(finding) = Finding::ALL.into_iter().find(|known| action == known.name()) {
            return self.find(finding, item, other, reviewer, reviewed_at);
        }
        // Decisions of a kind that only a newer version knows are ignored.
        let Some(action) = Action::ALL.into_iter().find(|known| action == known.name()) else {
            return Some(());
        };
        let mut judge = |standing| {
            self.verdicts.insert(item, Verdict { standing, reviewer, reviewed_at });
        };
        match action {
            Action::Approve => judge(Standing::Approved),
            Action::Reject => judge(Standing::Rejected),
            Action::Merge => {
                self.assignments.insert(item, Assignment::Into(other?));
            }
            Action::Split => {
                self.assignments.insert(item, Assignment::OwnNot(other?));
            }
        }
        Some(())
    }

    fn find(
        &mut self,
        finding: Finding,
        item: &'r str,
        other: Option<&'r str>,
        judge: &'r str,
        at: DateTime<Utc>,
    ) -> Option<()> {
        match finding {
            Finding::Judged | Finding::Contradicts => {
                let judgement =
                    self.judgements.entry(item).or_insert_with(|| Judgement { judge, contradicted: Vec::new() });
                // Another judge starts anew. The same judge continues, for the item in another domain.
                if judgement.judge != judge {
                    *judgement = Judgement { judge, contradicted: Vec::new() };
                }
                if finding == Finding::Contradicts {
                    judgement.contradicted.push(other?);
                }
            }
            Finding::Unjudged => {
                let tries = self.tries.entry(item).or_insert(Tries { judge, count: 0, last: at });
                let before = if tries.judge == judge { tries.count } else { 0 };
                *tries = Tries { judge, count: before + 1, last: at };
            }
        }
        Some(())
    }

    pub fn verdict(&self, id: &str) -> Option<Verdict<'r>> {
        self.verdicts.get(id).copied()
    }

    pub fn standing(&self, id: &str) -> Standing {
        self.verdict(id).map(|verdict| verdict.standing).unwrap_or_default()
    }

    /// The judgements about corrections, by id.
    pub fn judgements(&self) -> &BTreeMap<&'r str, Judgement<'r>> {
        &self.judgements
    }

    /// Whether a judge must be asked about a correction.
    pub fn is_due(&self, id: &str, judge: &str, now: DateTime<Utc>) -> bool {
        let is_judged = self.judgements.get(id).is_some_and(|judgement| judgement.judge == judge);
        let tries = self.tries.get(id).filter(|tries| tries.judge == judge);
        let waits = |tries: &Tries<'_>| {
            // A time in the future was stored with a wrong clock.
            tries.count >= TRIES || tries.last <= now && now < tries.last + PAUSE
        };
        !is_judged && !tries.is_some_and(waits)
    }

    /// Whether people decided about the statement. Then it does not join another item by itself: otherwise, an older
    /// statement that says the same could undo the decision.
    pub fn is_own(&self, id: &str) -> bool {
        self.verdicts.contains_key(id) || self.assignments.contains_key(id) || self.targets.contains(id)
    }

    /// Whether somebody decided that the two are different.
    pub fn are_apart(&self, one: &str, other: &str) -> bool {
        let apart =
            |from: &str, to: &str| matches!(self.assignments.get(from), Some(Assignment::OwnNot(not)) if *not == to);
        apart(one, other) || apart(other, one)
    }

    /// The item that this one was merged into, over any number of steps: the last one that exists, or `None`. Items
    /// that were merged in a circle stay separate.
    pub fn target(&self, id: &'r str, exists: impl Fn(&str) -> bool) -> Option<&'r str> {
        let (mut at, mut found) = (id, None);
        for _ in 0..=self.assignments.len() {
            match self.assignments.get(at) {
                Some(Assignment::Into(next)) if *next == id => return None,
                Some(Assignment::Into(next)) => at = next,
                _ => return found,
            }
            found = Some(at).filter(|at| exists(at)).or(found);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(item: &str, finding: Finding, other: Option<&str>, judge: &str, hour: i64) -> Vec<Value> {
        let at = DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
        let action = finding.name();
        ReviewRow { review_id: hour, ..ReviewRow::new(item, action, other, judge, at) }.values()
    }

    #[test]
    fn the_last_judge_of_a_correction_counts_and_is_not_asked_again() {
        use Finding::{Contradicts, Judged};
        let mut rows = vec![row("a", Judged, None, "m-1", 0), row("a", Contradicts, Some("b"), "m-1", 0)];
        // The same words in another domain.
        rows.extend([row("a", Judged, None, "m-1", 1), row("a", Contradicts, Some("c"), "m-1", 1)]);
        let said = |rows: &[Vec<Value>], judge: &str, contradicted: &[&str]| {
            let reviews = Reviews::new(rows).unwrap();
            assert_eq!(reviews.judgements()["a"], Judgement { judge, contradicted: contradicted.to_vec() });
            ["m-1", "m-2"].map(|judge| reviews.is_due("a", judge, DateTime::UNIX_EPOCH))
        };
        assert_eq!(said(&rows, "m-1", &["b", "c"]), [false, true]);
        rows.push(row("a", Judged, None, "m-2", 2));
        assert_eq!(said(&rows, "m-2", &[]), [true, false]);
    }

    #[test]
    fn decisions_of_a_newer_version_are_ignored() {
        let mut unknown = row("a", Finding::Judged, None, "eve", 0);
        unknown[2] = "annul".into();
        assert!(!Reviews::new(&[unknown.clone()]).unwrap().is_own("a"));
        unknown.pop();
        assert!(Reviews::new(&[unknown]).is_err());
    }

    #[test]
    fn a_judge_that_fails_is_asked_again_after_a_day_and_three_times_in_all() {
        let mut rows = Vec::new();
        let due = |hour: i64, rows: &mut Vec<Vec<Value>>, fails: bool| {
            rows.extend(fails.then(|| row("a", Finding::Unjudged, None, "m-1", hour)));
            let reviews = Reviews::new(rows).unwrap();
            let now = DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
            (reviews.is_due("a", "m-1", now), reviews.is_due("a", "m-2", now), reviews.judgements().is_empty())
        };
        assert_eq!(due(0, &mut rows, false), (true, true, true));
        assert_eq!(due(0, &mut rows, true), (false, true, true), "a failure says nothing of the item");
        assert_eq!(due(23, &mut rows, false), (false, true, true));
        assert_eq!(due(-1, &mut rows, false), (true, true, true), "the clock was set back");
        assert_eq!(due(24, &mut rows, false), (true, true, true));
        assert_eq!(due(24, &mut rows, true), (false, true, true));
        assert_eq!(due(48, &mut rows, false), (true, true, true));
        assert_eq!(due(48, &mut rows, true), (false, true, true));
        assert_eq!(due(1000, &mut rows, false), (false, true, true));
    }
}
