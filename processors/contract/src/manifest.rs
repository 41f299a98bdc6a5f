//! What a processor declares about itself.
//!
//! A [`Settlement`] takes one table of facts, which no other settlement takes, and settles a key, which is one
//! column of it, from all its facts. Five things can make it more than that:
//!
//! - *Joined keys*: rows of another table, [`Edges`], say that two ids are one. The key is then the smallest id of
//!   all that are joined. For example, edges `a–b` and `b–c` make the facts of `a`, `b` and `c` one key, `a`. An id
//!   without edges is a key of its own.
//! - *Islands*: the facts of a key fall into parts wherever nothing happens for long enough, and each part is
//!   settled by itself. A fact that arrives or leaves has the parts around it settled again, and no others.
//! - *Clusters*: instead of a key, the processor says which facts have to do with each other, and each such cluster is
//!   settled by itself. A fact that arrives or leaves has its own cluster settled again, and those that it joins.
//! - *Chained settlements*: `facts` names a table of entities of a settlement that comes earlier in the list. The
//!   rows that differ touch the keys of the later settlement, in the same transaction.
//! - *Expiry*: a column of the entities says from when on a row is gone. A sweep at the end of a pass, which is
//!   given the time, deletes such rows; `settle` sees no clock.
//!
//! And one thing makes it less: where the facts of a key's only source file are its entities, they are stored once, and
//! only keys of several files are settled. See [`Alone`].

use crate::Table;
use std::time::Duration;

/// A processor's name, version and tables. A new database gets the tables as they are declared, an older one
/// by migrations; a test of the runner holds both against each other.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Name on the command line and in the ledger.
    pub name: &'static str,
    /// A higher version makes every file due again.
    pub version: u32,
    /// How often it runs, unless the configuration says otherwise.
    pub cadence: Duration,
    pub bound: Bound,
    /// Tables of facts, in schema `facts`. The store adds `session_file` and `username`.
    pub facts: &'static [&'static Table],
    /// How facts become entities, one entry per key space.
    pub settlements: &'static [Settlement],
}

/// What a processor spends its time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Computing: it shares the read of a file with others.
    Cpu,
    /// Waiting for a network: it runs in passes of its own.
    Network,
}

/// Facts of one table that share a key become entities of others.
#[derive(Debug)]
pub struct Settlement {
    /// Name under which its version is stored.
    pub name: &'static str,
    /// A higher version makes every key be settled again. The first one is 1.
    pub version: u32,
    /// The facts; their rows count as the items that the processor extracted.
    pub facts: &'static Table,
    /// The column of `facts` and of the entities that holds the key: text, never null. None where facts fall into
    /// clusters: the key of each is then called like the settlement.
    pub key: Option<&'static str>,
    /// What makes several ids one key. The entities hold the key of all of them.
    pub edges: Option<&'static Edges>,
    /// How the facts of a key fall into parts.
    pub islands: Option<&'static Islands>,
    /// The columns of `facts` that [`Processor::clusters`](crate::Processor::clusters) needs, as a table of their own,
    /// where facts fall into clusters.
    pub clusters: Option<&'static Table>,
    /// Columns of `facts` that order the facts of one key, so that `settle` gets them in the order that it
    /// needs. `session_file` and `username` can be among them.
    pub order: &'static [&'static str],
    /// What people decided about entities, and what inquiries came to, in a table that the runner only
    /// ever adds to. It is an input beside the facts: every settlement sees all of it, in the order of
    /// its first column.
    pub reviews: Option<&'static Table>,
    /// Where the entities go, in schema `facts`; the first table has one row for each. What a settlement
    /// of a key now says is all it says.
    pub entities: &'static [&'static Table],
    /// The column of the first table of entities with the time from which on a row is gone; null is never. That
    /// table feeds no other settlement.
    pub expires: Option<&'static str>,
    /// What makes an entity of each fact of a key that only one source file knows.
    pub alone: Option<Alone>,
}

/// Facts that are entities as they stand: those of a key that only one source file knows, which nearly all keys are.
/// They are stored once and not settled; the view of the entities shows them beside those that were settled.
///
/// Settling such facts must give one entity for each of them, in the only table of entities that gets any, with these
/// values. The settlement has no edges, islands, clusters, reviews or expiry, and it is not chained. Its version says nothing
/// about these entities: they change with the version of the processor, whose fold makes them.
#[derive(Debug)]
pub struct Alone {
    /// The columns of the entity that the fact does not have, or has with another value, each as SQL over the columns
    /// of the fact, `session_file` and `username` among them.
    pub columns: &'static [(&'static str, &'static str)],
}

/// Rows that say that two ids of a key column are one.
#[derive(Debug)]
pub struct Edges {
    /// Entities of a settlement that comes earlier in the list.
    pub table: &'static Table,
    /// The columns with the two ids.
    pub ids: [&'static str; 2],
}

/// How the facts of a key fall into parts: wherever there are no two of them, one on each side, that are at most a
/// [gap](crate::Processor::gap) apart.
#[derive(Debug)]
pub struct Islands {
    /// The column of the facts with their time, never null.
    pub at: &'static str,
    /// The column of the facts with a name that is never torn apart, where it is not null: all facts between
    /// the first and the last one of that name are one part.
    pub span: &'static str,
    /// The column of each table of entities with a time inside of the part that the row was settled from.
    pub start: &'static str,
}

impl Manifest {
    /// The settlement that a table of facts feeds.
    pub fn settlement_of(&self, facts: &Table) -> Option<&'static Settlement> {
        self.settlements.iter().find(|settlement| settlement.facts.name == facts.name)
    }

    /// Whether the facts of a settlement are the entities of an earlier one.
    pub fn is_chained(&self, settlement: &Settlement) -> bool {
        self.facts.iter().all(|facts| facts.name != settlement.facts.name)
    }
}
