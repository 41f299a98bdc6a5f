//! Calls a processor's `settle` with the facts of each key. Two keys can share a hash: each succeeds or fails by
//! itself.

use super::groups::{self, Edges};
use super::islands::IslandCutter;
use super::reviews;
use crate::base::error::Result;
use crate::base::guard;
use crate::store::Transaction;
use sessionmill_contract::{
    FactRow, Failure, Inputs, Manifest, Mark, Processor, RowRef, Rows, Settlement, Table, Value,
};
use std::collections::HashSet;
use std::iter::once;

/// A key that a processor could not settle.
#[derive(Debug)]
pub(super) struct Unsettled {
    pub(super) key_hash: i64,
    pub(super) key: String,
    pub(super) failure: Failure,
}

/// The result of settling some keys.
#[derive(Debug, Default)]
pub(super) struct Settled {
    entities: Rows,
    /// The hash of each key, and the number of entities before its own.
    keys: Vec<(i64, Mark)>,
    pub(super) failed: Vec<Unsettled>,
}

impl Settled {
    /// The entities of one table, each with the hash of its key.
    pub(super) fn entities(&self, table: &Table) -> impl Iterator<Item = (i64, RowRef<'_>)> {
        let ends = self.keys.iter().skip(1).map(|(_, mark)| self.entities.before(mark, table));
        let ends: Vec<_> = ends.chain(once(usize::MAX)).collect();
        let mut key = 0;
        self.entities.of(table).enumerate().map(move |(row, entity)| {
            while ends[key] <= row {
                key += 1;
            }
            (self.keys[key].0, entity)
        })
    }
}

/// The inputs of settling other than facts: reviews and edges.
#[derive(Debug, Default)]
pub(super) struct OtherInputs {
    reviews: Vec<Vec<Value>>,
    edges: Edges,
}

impl OtherInputs {
    /// The inputs of the keys with some hashes.
    pub(super) fn of(
        transaction: &Transaction<'_>,
        manifest: &Manifest,
        settlement: &Settlement,
        hashes: &str,
    ) -> Result<Self> {
        let reviews = reviews(transaction, settlement)?;
        let edges = groups::edges(transaction, manifest, settlement, hashes)?;
        Ok(Self { reviews, edges })
    }
}

/// Settles keys whose facts are passed to it one key at a time.
pub(super) struct Run<'r> {
    processor: &'r dyn Processor,
    settlement: &'r Settlement,
    others: &'r OtherInputs,
    cutter: Option<IslandCutter>,
    /// Keys to leave alone.
    held: HashSet<(i64, &'r str)>,
    settled: Settled,
}

impl<'r> Run<'r> {
    pub(super) fn new(processor: &'r dyn Processor, settlement: &'r Settlement, others: &'r OtherInputs) -> Self {
        let cutter = IslandCutter::of(processor, settlement);
        Self { processor, settlement, others, cutter, held: HashSet::new(), settled: Settled::default() }
    }

    /// Sets the keys to leave alone: they come along only because they share a hash with a key that is due.
    pub(super) fn leaving(self, held: HashSet<(i64, &'r str)>) -> Self {
        Self { held, ..self }
    }

    /// Settles a key from its facts.
    pub(super) fn settle(&mut self, key_hash: i64, key: &str, facts: &[FactRow<'_>]) {
        // Facts of only one source file are entities themselves if the settlement declares `alone`.
        let is_alone =
            self.settlement.alone.is_some() && facts.iter().all(|fact| fact.session_file == facts[0].session_file);
        if is_alone || self.held.contains(&(key_hash, key)) {
            return;
        }
        let mark = self.settled.entities.mark();
        if let Err(failure) = self.entities(key, facts) {
            self.settled.entities.truncate(&mark);
            self.settled.failed.push(Unsettled { key_hash, key: key.to_owned(), failure });
        }
        self.settled.keys.push((key_hash, mark));
    }

    /// The result of all keys.
    pub(super) fn end(self) -> Settled {
        self.settled
    }

    /// Adds the entities of a key, island by island. If one island fails, the whole key fails.
    fn entities(&mut self, key: &str, facts: &[FactRow<'_>]) -> std::result::Result<(), Failure> {
        let Some(cutter) = self.cutter else { return self.part(key, facts) };
        for (extent, facts) in cutter.cut(facts) {
            let mark = self.settled.entities.mark();
            self.part(key, &facts)?;
            for table in self.settlement.entities {
                cutter.check(extent, table, self.settled.entities.since(&mark, table))?;
            }
        }
        Ok(())
    }

    fn part(&mut self, key: &str, facts: &[FactRow<'_>]) -> std::result::Result<(), Failure> {
        let OtherInputs { reviews, edges } = self.others;
        let edges = edges.get(key).map_or(&[][..], Vec::as_slice);
        let inputs = Inputs { facts, edges, reviews };
        let entities = &mut self.settled.entities;
        guard::processor("", || self.processor.settle(self.settlement, key, inputs, entities))
    }
}
