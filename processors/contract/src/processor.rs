//! The two hooks of a processor: fold a source file, settle a key. One that waits for a network can
//! ask about what was settled.

use crate::{Event, FactRow, Failure, Inquiry, Manifest, RowRef, Rows, Settlement, SourceFile, Value};
use chrono::{DateTime, Utc};
use std::collections::HashSet;
use std::time::Duration;

/// Answers one question about logs.
///
/// Fold and settle are pure: what they say depends on their arguments only, so that a database is a
/// function of the bytes it was made from. They run in parallel; a panic costs only the file it was
/// about.
pub trait Processor: Send + Sync {
    fn manifest(&self) -> &Manifest;

    /// Whether a person's files are kept from it. What it said of them before is erased.
    fn excludes(&self, _username: &str) -> bool {
        false
    }

    /// Begins a source file.
    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's>;

    /// The settings that settling depends on, as text. If the text changes, every key is settled again.
    fn settings(&self, _settlement: &Settlement) -> String {
        String::new()
    }

    /// The longest time between two facts of one part, for a settlement with [islands](crate::Islands). Part of
    /// its settings: a change makes every key be settled again.
    fn gap(&self, _settlement: &Settlement) -> Duration {
        Duration::ZERO
    }

    /// Finds the facts that have to do with each other, for a settlement with [clusters](crate::Settlement::clusters).
    /// A cluster must be settled to the same whatever other clusters are settled with it.
    ///
    /// # Errors
    ///
    /// After a failure, all facts are one cluster.
    fn clusters(
        &self,
        _settlement: &Settlement,
        facts: &[Member<'_>],
        _reviews: &[Vec<Value>],
    ) -> Result<Clusters, Failure> {
        Ok(Clusters { of: vec![0; facts.len()], due: HashSet::new() })
    }

    /// Makes entities of all facts of one key, over all files, and of what people decided about them.
    ///
    /// # Errors
    ///
    /// A failure leaves the entities of the key as they were. Its class says when a later pass tries again.
    fn settle(
        &self,
        settlement: &Settlement,
        key: &str,
        inputs: Inputs<'_>,
        entities: &mut Rows,
    ) -> Result<(), Failure>;

    /// What is still to be asked about settled entities, first things first: all rows of the first table
    /// of a settlement that has reviews. Only a pass that waits for a network asks; what it has no time
    /// for, and what fails without a review, is among the inquiries of the next one.
    ///
    /// # Errors
    ///
    /// If a row is none of an entity or of a review.
    fn inquiries<'p>(
        &'p self,
        _settlement: &Settlement,
        _entities: &'p [Vec<Value>],
        _reviews: &[Vec<Value>],
        _now: DateTime<Utc>,
    ) -> Result<Vec<Inquiry<'p>>, Failure> {
        Ok(Vec::new())
    }
}

/// A fact that is to be put into a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Member<'m> {
    /// Its cells in the columns that the settlement names for this.
    pub values: RowRef<'m>,
    /// The cluster that it was found to be in, if nothing of that has changed since. All facts of such a cluster
    /// have it.
    pub cluster: Option<i64>,
}

/// The clusters that facts are in.
#[derive(Debug)]
pub struct Clusters {
    /// The number of each fact's cluster. It depends on the facts of the cluster alone, and no two clusters have the
    /// same one but by chance.
    pub of: Vec<i64>,
    /// Clusters that are to be settled again, whether their facts have changed or not, because reviews are about them.
    pub due: HashSet<i64>,
}

/// What a key is settled from. Rows follow the columns of their table.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'i> {
    /// All facts of the key, or of one part of it for a settlement with [islands](crate::Islands), or of a cluster. In the
    /// order that the settlement declares. Facts that are equal in it come in any order, and the outcome must not
    /// depend on that.
    pub facts: &'i [FactRow<'i>],
    /// The rows that join the ids of the key; none for a settlement without [edges](crate::Edges).
    pub edges: &'i [Vec<Value>],
    /// The oldest first; none for a settlement without reviews.
    pub reviews: &'i [Vec<Value>],
}

/// The state of one processor over one source file, which sees the file's events in line order.
pub trait Fold {
    fn event(&mut self, event: &Event<'_>);

    /// How many facts it holds so far. A file that reaches the runner's cap is rejected, so that
    /// memory does not grow with the file.
    fn held(&self) -> usize;

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// A failure costs the file's facts of this processor; those of an earlier pass stay.
    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure>;
}
