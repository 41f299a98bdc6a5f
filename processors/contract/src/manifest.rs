//! What a processor declares about itself.
//!
//! A [`Settlement`] takes one table of facts, which no other settlement takes. It settles one key at a time, that is,
//! all facts with the same value in one column. Five extensions change what is settled together:
//!
//! - *Joined keys*: rows of another table, [`Edges`], say that two ids belong together. The key is then the smallest id
//!   of all that are joined. For example, the edges `a–b` and `b–c` join the facts of `a`, `b` and `c` to one key, `a`.
//!   An id without edges is a key of its own.
//! - *Islands*: the facts of a key are split into parts wherever nothing happens for long enough, and each part is
//!   settled by itself. When a fact is added or removed, only the parts around it are settled again. For example, the
//!   events of a visitor are split into sessions at pauses of more than 30 minutes.
//! - *Clusters*: instead of using a key, the processor groups facts that are related, and each such cluster is settled
//!   by itself. When a fact is added or removed, its own cluster and those that it joins are settled again.
//! - *Chained settlements*: `facts` names an entity table of an earlier settlement. When entities change there, the
//!   keys of the later settlement that contain them are settled again in the same transaction.
//! - *Expiry*: a column of the entities contains the time from which on a row is obsolete. A sweep at the end of a
//!   pass, which gets the present time, deletes such rows; `settle` sees no clock.
//!
//! One simplification: if all facts of a key come from a single source file, they can serve as entities directly. Then
//! they are stored once, and only keys with facts from several files are settled. See [`Alone`].
//! only keys of several files are settled. See [`Alone`].

use crate::Table;
use std::time::Duration;

/// The name, version and tables of a processor. A new database gets the tables as declared here, an older one by
/// migrations; a test compares the two.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The name on the command line and in the ledger.
    pub name: &'static str,
    /// If the version is higher than the stored one, every file is processed again.
    pub version: u32,
    /// How often the processor runs by default.
    pub cadence: Duration,
    pub bound: Bound,
    /// The tables of facts, in the schema `facts`. The store adds the columns `session_file` and `username`.
    pub facts: &'static [&'static Table],
    /// How facts become entities, one entry per kind of key.
    pub settlements: &'static [Settlement],
}

/// What a processor spends its time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Computing. Such processors share one read of each file.
    Cpu,
    /// Waiting for a network. Such a processor runs in a pass of its own.
    Network,
}

/// Turns the facts of one table that share a key into entities.
#[derive(Debug)]
pub struct Settlement {
    /// The name under which its version is stored.
    pub name: &'static str,
    /// If the version is higher than the stored one, every key is settled again. The first version is 1.
    pub version: u32,
    /// The table of facts. Its rows are counted as the items that the processor extracted.
    pub facts: &'static Table,
    /// The column of `facts` and of the entities that holds the key; its values are text and never null. `None` if
    /// facts are grouped in clusters: each cluster is then settled under the settlement's name.
    pub key: Option<&'static str>,
    /// Joins several ids to one key. The entities hold the joined key.
    pub edges: Option<&'static Edges>,
    /// Splits the facts of a key into parts.
    pub islands: Option<&'static Islands>,
    /// If facts are grouped in clusters: the columns of `facts` that
    /// [`Processor::clusters`](crate::Processor::clusters) needs, as a table of their own.
    pub clusters: Option<&'static Table>,
    /// The columns by which the facts of a key are sorted before `settle` gets them. `session_file` and `username` are
    /// allowed.
    pub order: &'static [&'static str],
    /// The table of decisions that people made about entities, and of answers to inquiries. The runner only ever adds
    /// rows. Every settling gets all of them, in the order of the first column.
    pub reviews: Option<&'static Table>,
    /// The entity tables, in the schema `facts`. The first one has one row per entity. When a key is settled, its new
    /// rows replace all earlier ones.
    pub entities: &'static [&'static Table],
    /// The column of the first entity table with the time from which on a row is obsolete; null for never. That table
    /// feeds no other settlement.
    pub expires: Option<&'static str>,
    /// Makes facts serve as entities if their key is known from one source file only.
    pub alone: Option<Alone>,
}

/// Facts that serve as entities unchanged: those of a key that is known from one source file only, which is true for
/// nearly all keys. They are stored once and not settled. The view of the entities shows them together with the settled
/// ones.
///
/// Settling such facts would have to give the same: one entity per fact with these values, all in the same table. The
/// settlement must not have edges, islands, clusters, reviews or expiry, and must not be chained. Its version does not
/// cover these entities: they change with the version of the processor, since its fold makes them.
#[derive(Debug)]
pub struct Alone {
    /// The columns of the entity that the fact lacks or that differ, each as SQL over the fact's columns, including
    /// `session_file` and `username`.
    pub columns: &'static [(&'static str, &'static str)],
}

/// A table whose rows join two ids of a key column.
#[derive(Debug)]
pub struct Edges {
    /// An entity table of an earlier settlement.
    pub table: &'static Table,
    /// The columns with the two ids.
    pub ids: [&'static str; 2],
}

/// Splits the facts of a key into parts, wherever the time between neighbouring facts exceeds the
/// [gap](crate::Processor::gap).
#[derive(Debug)]
pub struct Islands {
    /// The column of the facts with their time, which is never null.
    pub at: &'static str,
    /// The column of the facts with the name of a span. All facts between the first and the last one with the same name
    /// stay in one part, whatever the gaps. Null for none.
    pub span: &'static str,
    /// The column of each entity table with a time inside of the part from which the row was settled.
    pub start: &'static str,
}

impl Manifest {
    /// The settlement that takes a table of facts.
    pub fn settlement_of(&self, facts: &Table) -> Option<&'static Settlement> {
        self.settlements.iter().find(|settlement| settlement.facts.name == facts.name)
    }

    /// Whether the facts of a settlement are entities of an earlier one.
    pub fn is_chained(&self, settlement: &Settlement) -> bool {
        self.facts.iter().all(|facts| facts.name != settlement.facts.name)
    }
}
