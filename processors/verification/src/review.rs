//! What people decided about items: an input beside the claims, which no reprocessing touches.
//!
//! A review names statements by their id, so it holds as long as somebody states the same, and again
//! when somebody does after a while. One about a statement that nobody makes any more changes nothing
//! and is kept.

use sessionmill_contract::{Failure, FailureClass, Table, Value};
use std::collections::HashMap;

/// One row per decision, in the order in which they were made; of the same kind the last one holds.
pub static REVIEWS: Table = Table {
    name: "knowledge_reviews",
    columns: &["review_id", "item_id", "action", "other_id", "reviewer", "reviewed_at"],
};

/// A decision.
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
    const ALL: [Self; 4] = [Self::Approve, Self::Reject, Self::Merge, Self::Split];

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
}

/// The last word on an item.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'r> {
    pub standing: Standing,
    pub reviewer: &'r Value,
    pub reviewed_at: &'r Value,
}

#[derive(Clone, Copy, Debug)]
enum Place<'r> {
    Into(&'r str),
    OwnNot(&'r str),
}

impl<'r> Reviews<'r> {
    /// Reads rows of [`REVIEWS`].
    ///
    /// # Errors
    ///
    /// If a row is none of a review.
    pub fn new(rows: &'r [Vec<Value>]) -> Result<Self, Failure> {
        let mut reviews = Self::default();
        for row in rows {
            reviews.read(row).ok_or_else(|| {
                Failure::new(FailureClass::Permanent, format!("unreadable row of `{}`", REVIEWS.name))
            })?;
        }
        Ok(reviews)
    }

    fn read(&mut self, row: &'r [Value]) -> Option<()> {
        let [_, item, action, other, reviewer, reviewed_at] = row else { return None };
        let item = item.as_str()?;
        let action = Action::ALL.into_iter().find(|known| action.as_str() == Some(known.name()))?;
        let mut judge = |standing| {
            self.verdicts.insert(item, Verdict { standing, reviewer, reviewed_at });
        };
        match action {
            Action::Approve => judge(Standing::Approved),
            Action::Reject => judge(Standing::Rejected),
            Action::Merge => {
                self.places.insert(item, Place::Into(other.as_str()?));
            }
            Action::Split => {
                self.places.insert(item, Place::OwnNot(other.as_str()?));
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

    /// Whether the statement was split off: it joins no item by itself.
    pub fn is_own(&self, id: &str) -> bool {
        matches!(self.places.get(id), Some(Place::OwnNot(_)))
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
