//! What people decided about items, and what a model said of them: an input beside the claims, which no
//! reprocessing touches.
//!
//! A review names statements by their id, so it holds as long as somebody states the same, and again
//! when somebody does after a while. Where other rules word the same otherwise, it holds for their words: see
//! [`heir`](crate::heir). One about a statement that nobody makes any more changes nothing and is kept.

use chrono::{DateTime, TimeDelta, Utc};
use sessionmill_contract::{Failure, Row as _, Value, table};
use std::collections::{BTreeMap, HashMap, HashSet};

table! {
    /// one row per decision of a person, and per finding of a language model; of the same kind about the same item
    /// the last one holds
    pub static REVIEWS: Table = "knowledge_reviews", Public;

    /// A decision or finding, in the order in which they were made; of the same kind the last one holds.
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
    /// One without grounds, which the store numbers.
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
    /// The item holds.
    Approve,
    /// The item does not hold, and what repeats it does not either.
    Reject,
    /// The item says the same as another: what speaks for it speaks for that one.
    Merge,
    /// The statement is no evidence of another's item, but one of its own.
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

/// What a model said of a correction. It stands where a decision does, and is none: people decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It was held against other items; what it contradicts follows.
    Judged,
    /// It and another item cannot both hold.
    Contradicts,
    /// The model did not answer as it should.
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

/// What became of an item. An earlier one takes in what says the same before a later one does.
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

/// The reviews that hold, by id.
#[derive(Debug, Default)]
pub struct Reviews<'r> {
    verdicts: HashMap<&'r str, Verdict<'r>>,
    places: HashMap<&'r str, Place<'r>>,
    /// What others were merged into.
    targets: HashSet<&'r str>,
    judgements: BTreeMap<&'r str, Judgement<'r>>,
    tries: HashMap<&'r str, Tries<'r>>,
}

/// The last word on an item.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'r> {
    pub standing: Standing,
    pub reviewer: &'r str,
    pub reviewed_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug)]
enum Place<'r> {
    Into(&'r str),
    OwnNot(&'r str),
}

/// What the last judge of a correction said.
#[derive(Debug, PartialEq, Eq)]
pub struct Judgement<'r> {
    pub judge: &'r str,
    /// Ids.
    pub contradicted: Vec<&'r str>,
}

/// How often a judge did not answer as it should.
#[derive(Debug)]
struct Tries<'r> {
    judge: &'r str,
    count: u32,
    last: DateTime<Utc>,
}

/// A judge that fails on a correction is asked again after a day, and this many times in all.
const TRIES: u32 = 3;
const PAUSE: TimeDelta = TimeDelta::days(1);

impl<'r> Reviews<'r> {
    /// Reads rows of [`REVIEWS`].
    ///
    /// # Errors
    ///
    /// If a row is none of a review.
    pub fn new(rows: &'r [Vec<Value>]) -> Result<Self, Failure> {
        let mut reviews = Self::default();
        for row in rows {
            reviews.take(ReviewRow::read(row)?).ok_or_else(|| REVIEWS.unreadable())?;
        }
        let into = |place: &Place<'r>| if let Place::Into(target) = place { Some(*target) } else { None };
        reviews.targets = reviews.places.values().filter_map(into).collect();
        Ok(reviews)
    }

    /// Takes in the next one, or nothing if it says too little.
    fn take(&mut self, row: ReviewRow<'r>) -> Option<()> {
        let ReviewRow { item_id: item, action, other_id: other, reviewer, reviewed_at, .. } = row;
        if let Some(finding) = Finding::ALL.into_iter().find(|known| action == known.name()) {
            return self.find(finding, item, other, reviewer, reviewed_at);
        }
        // What a newer program can decide is nothing to this one.
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
                self.places.insert(item, Place::Into(other?));
            }
            Action::Split => {
                self.places.insert(item, Place::OwnNot(other?));
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
                // Another judge judges anew; the same one goes on, about the item in another domain.
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

    /// What was said of corrections, by their id.
    pub fn judgements(&self) -> &BTreeMap<&'r str, Judgement<'r>> {
        &self.judgements
    }

    /// Whether a judge is to be asked about a correction.
    pub fn is_due(&self, id: &str, judge: &str, now: DateTime<Utc>) -> bool {
        let is_judged = self.judgements.get(id).is_some_and(|judgement| judgement.judge == judge);
        let tries = self.tries.get(id).filter(|tries| tries.judge == judge);
        let waits = |tries: &Tries<'_>| {
            // A time to come is one of a clock that was wrong.
            tries.count >= TRIES || tries.last <= now && now < tries.last + PAUSE
        };
        !is_judged && !tries.is_some_and(waits)
    }

    /// Whether people decided about the statement: it joins no item by itself, or else an older one that
    /// says the same would undo what they decided.
    pub fn is_own(&self, id: &str) -> bool {
        self.verdicts.contains_key(id) || self.places.contains_key(id) || self.targets.contains(id)
    }

    /// Whether somebody decided that the two are not the same.
    pub fn are_apart(&self, one: &str, other: &str) -> bool {
        let apart = |from: &str, to: &str| matches!(self.places.get(from), Some(Place::OwnNot(not)) if *not == to);
        apart(one, other) || apart(other, one)
    }

    /// The item that one was merged into, over as many steps as there are; the last of them that
    /// exists, or none. Items that were merged in a circle stay where they are.
    pub fn target(&self, id: &'r str, exists: impl Fn(&str) -> bool) -> Option<&'r str> {
        let (mut at, mut found) = (id, None);
        for _ in 0..=self.places.len() {
            match self.places.get(at) {
                Some(Place::Into(next)) if *next == id => return None,
                Some(Place::Into(next)) => at = next,
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
    fn what_a_newer_program_decides_is_nothing_to_this_one() {
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
