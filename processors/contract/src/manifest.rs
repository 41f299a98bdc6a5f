//! What a processor declares about itself.
//!
//! A [`Settlement`] takes one table of facts, which no other settlement takes, and settles a key, which is one
//! column of it, from all its facts. Kinds of settlements that are planned extend this as follows; `settle` of
//! a processor stays as it is.
//!
//! - *Joined keys*: rows of another table say that two ids are one. `key` becomes a column with or without such
//!   a table. The store keeps the smallest id of each group and hands that on as the key. An id that moves
//!   to another group touches both.
//! - *Islands*: the facts of a key fall into parts wherever nothing happens for long enough, and each part is
//!   settled by itself. A settlement names the column with the time, and a method of the processor with a
//!   default says how long is long enough. `order` already has the facts come in the order of time.
//! - *Chained settlements*: `facts` names a table of entities of a settlement that comes earlier in the list.
//!   Settlements already run in the order of the list, and the store already knows which entities differ:
//!   their keys are touched, as those of facts are.
//! - *Expiry*: a settlement names the column of its entities with the time from which a row is gone. A sweep
//!   that is given the time of the pass removes such rows; `settle` sees no clock.

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
    /// The column of `facts` and of the entities that holds the key: text, never null.
    pub key: &'static str,
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
    /// One of the entities' tables, whose rows a settlement of the same key may get back. Keys of so many
    /// facts that others would wait for them do.
    pub memo: Option<&'static Table>,
}

impl Manifest {
    /// The settlement that a table of facts feeds.
    pub fn settlement_of(&self, facts: &Table) -> Option<&'static Settlement> {
        self.settlements.iter().find(|settlement| settlement.facts.name == facts.name)
    }
}
