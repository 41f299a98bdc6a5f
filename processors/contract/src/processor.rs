//! The hooks of a processor: fold a source file, and settle a key. A network-bound processor can also ask questions
//! about settled entities.

use crate::{Event, FactRow, Failure, Inquiry, Manifest, RowRef, Rows, Settlement, SourceFile, Value};
use chrono::{DateTime, Utc};
use std::collections::HashSet;
use std::time::Duration;

/// A processor, which answers one question about logs.
///
/// Fold and settle are pure: their result depends only on their arguments. So the content of a database is a function
/// of the bytes from which it was made. They run in parallel; a panic fails only the file or key at hand.
pub trait Processor: Send + Sync {
    fn manifest(&self) -> &Manifest;

    /// Whether the processor ignores a person's files. What it extracted from them before is erased.
    fn excludes(&self, _username: &str) -> bool {
        false
    }

    /// Starts a source file.
    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's>;

    /// The settings that affect settling, as text. If the text changes, every key is settled again.
    fn settings(&self, _settlement: &Settlement) -> String {
        String::new()
    }

    /// The longest time between two facts of the same part, for a settlement with [islands](crate::Islands). Like the
    /// settings, a change of it makes every key be settled again.
    fn gap(&self, _settlement: &Settlement) -> Duration {
        Duration::ZERO
    }

    /// Groups related facts, for a settlement with [clusters](crate::Settlement::clusters). The result for one cluster
    /// must not depend on which other clusters are grouped at the same time.
    ///
    /// # Errors
    ///
    /// After a failure, all facts form one cluster.
    fn clusters(
        &self,
        _settlement: &Settlement,
        facts: &[Member<'_>],
        _reviews: &[Vec<Value>],
    ) -> Result<Clusters, Failure> {
        Ok(Clusters { of: vec![0; facts.len()], due: HashSet::new() })
    }

    /// Makes entities from all facts of one key, of all files, and from people's decisions about them.
    ///
    /// # Errors
    ///
    /// After a failure, the entities of the key stay as they were. The class of the failure determines when the next
    /// attempt is made.
    fn settle(
        &self,
        settlement: &Settlement,
        key: &str,
        inputs: Inputs<'_>,
        entities: &mut Rows,
    ) -> Result<(), Failure>;

    /// The questions that are still open about settled entities, the most important first. `_entities` are all rows of
    /// the first entity table of a settlement that has reviews. Only a pass of a network-bound processor asks. A
    /// question that it has no time for, or that fails without a review, is returned again in the next pass.
    ///
    /// # Errors
    ///
    /// If a row is not an entity or a review.
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
    /// The cells of the columns that the settlement declares for clustering.
    pub values: RowRef<'m>,
    /// The cluster to which it belonged before, provided that nothing in that cluster has changed. Then all facts of
    /// that cluster have this number.
    pub cluster: Option<i64>,
}

/// The clusters of facts.
#[derive(Debug)]
pub struct Clusters {
    /// The number of each fact's cluster. It depends only on the facts of the cluster, and two clusters have the same
    /// number only by coincidence.
    pub of: Vec<i64>,
    /// Clusters that must be settled again even if their facts are unchanged, because reviews are about them.
    pub due: HashSet<i64>,
}

/// What a key is settled from. Rows follow the columns of their table.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'i> {
    /// All facts of the key, sorted as the settlement declares; with [islands](crate::Islands), those of one part; with
    /// clusters, those of one cluster. Facts that sort equal come in any order, and the outcome must not depend on it.
    pub facts: &'i [FactRow<'i>],
    /// The rows that join the ids of the key; empty for a settlement without [edges](crate::Edges).
    pub edges: &'i [Vec<Value>],
    /// The reviews, the oldest first; empty for a settlement without reviews.
    pub reviews: &'i [Vec<Value>],
}

/// The state of one processor over one source file. It gets the file's events in the order of lines.
pub trait Fold {
    fn event(&mut self, event: &Event<'_>);

    /// The number of facts that it holds so far. If this reaches the runner's limit, the file is rejected, so that
    /// memory does not grow with the file.
    fn held(&self) -> usize;

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// After a failure, the file gets no new facts of this processor; those of an earlier pass stay.
    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure>;
}
