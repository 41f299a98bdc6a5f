//! Runs a processor's `settle` over facts that come key by key. Two keys can share a hash: each succeeds or fails
//! by itself.

use super::groups::{self, Edges};
use super::islands::IslandCutter;
use super::reviews;
use crate::base::error::Result;
use crate::base::guard;
use crate::store::Transaction;
use sessionmill_contract::{FactRow, Failure, Inputs, Manifest, Processor, Rows, Settlement, Value};
use std::collections::HashSet;

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
    pub(super) entities: Rows,
    pub(super) failed: Vec<Unsettled>,
}

/// What keys are settled from, apart from their facts.
#[derive(Debug, Default)]
pub(super) struct OtherInputs {
    reviews: Vec<Vec<Value>>,
    edges: Edges,
    pub(super) memo: Vec<Vec<Value>>,
}

impl OtherInputs {
    /// Those of the keys of some hashes, without a memo.
    pub(super) fn of(
        transaction: &Transaction<'_>,
        manifest: &Manifest,
        settlement: &Settlement,
        hashes: &str,
    ) -> Result<Self> {
        let reviews = reviews(transaction, settlement)?;
        let edges = groups::edges(transaction, manifest, settlement, hashes)?;
        Ok(Self { reviews, edges, memo: Vec::new() })
    }

    /// Whether reviews and edges are the same. The memo is not compared: it must not change a result.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        (&self.reviews, &self.edges) == (&other.reviews, &other.edges)
    }
}

/// Settles keys from facts that are handed over one by one.
pub(super) struct Run<'r> {
    processor: &'r dyn Processor,
    settlement: &'r Settlement,
    others: &'r OtherInputs,
    cutter: Option<IslandCutter>,
    /// Keys that are left alone.
    held: HashSet<&'r str>,
    settled: Settled,
}

impl<'r> Run<'r> {
    pub(super) fn new(processor: &'r dyn Processor, settlement: &'r Settlement, others: &'r OtherInputs) -> Self {
        let cutter = IslandCutter::of(processor, settlement);
        Self { processor, settlement, others, cutter, held: HashSet::new(), settled: Settled::default() }
    }

    /// Leaves keys alone: only those of a shared hash are meant, which come along with others.
    pub(super) fn leaving(self, held: HashSet<&'r str>) -> Self {
        Self { held, ..self }
    }

    /// Settles a key from its facts.
    pub(super) fn settle(&mut self, key_hash: i64, key: &str, facts: &[FactRow<'_>]) {
        // Facts of one source file can be entities as they stand.
        let is_alone =
            self.settlement.alone.is_some() && facts.iter().all(|fact| fact.session_file == facts[0].session_file);
        if is_alone || self.held.contains(key) {
            return;
        }
        let mark = self.settled.entities.mark();
        if let Err(failure) = self.entities(key, facts) {
            self.settled.entities.truncate(&mark);
            self.settled.failed.push(Unsettled { key_hash, key: key.to_owned(), failure });
        }
    }

    /// The result of all keys.
    pub(super) fn end(self) -> Settled {
        self.settled
    }

    /// Adds the result of the facts of a key, with all their islands: where one fails, the key does.
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
        let OtherInputs { reviews, edges, memo } = self.others;
        let edges = edges.get(key).map_or(&[][..], Vec::as_slice);
        let inputs = Inputs { facts, edges, reviews, memo };
        let entities = &mut self.settled.entities;
        guard::processor("", || self.processor.settle(self.settlement, key, inputs, entities))
    }
}
