//! Runs a processor's `settle` over facts that come key by key.
//!
//! Facts arrive ordered by key hash and key, so the end of a key is where the next one begins. Two keys can
//! share a hash: they are two runs of facts, and each succeeds or fails by itself.

use super::groups::{self, Edges};
use super::islands::Knife;
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

/// What settling some keys came to.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) entities: Rows,
    pub(super) failed: Vec<Unsettled>,
}

/// What keys are settled from beside their facts.
#[derive(Debug, Default)]
pub(super) struct Beside {
    reviews: Vec<Vec<Value>>,
    edges: Edges,
    pub(super) memo: Vec<Vec<Value>>,
}

impl Beside {
    /// What there is beside the facts of the keys of some hashes, without a memo.
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

    /// Whether keys settle to the same beside other facts or these, whatever their memo.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        (&self.reviews, &self.edges) == (&other.reviews, &other.edges)
    }
}

/// Settles keys from facts that are handed over one by one.
pub(super) struct Run<'r> {
    processor: &'r dyn Processor,
    settlement: &'r Settlement,
    beside: &'r Beside,
    knife: Option<Knife>,
    /// Keys that are left alone.
    held: HashSet<&'r str>,
    /// Of one key.
    facts: Vec<FactRow>,
    key_hash: i64,
    key: String,
    settled: Settled,
}

impl<'r> Run<'r> {
    pub(super) fn new(processor: &'r dyn Processor, settlement: &'r Settlement, beside: &'r Beside) -> Self {
        let knife = Knife::of(processor, settlement);
        let (held, facts, key, settled) = (HashSet::new(), Vec::new(), String::new(), Settled::default());
        Self { processor, settlement, beside, knife, held, facts, key_hash: 0, key, settled }
    }

    /// Leaves keys alone: only those of a shared hash are meant, which come along with others.
    pub(super) fn leaving(self, held: HashSet<&'r str>) -> Self {
        Self { held, ..self }
    }

    /// Takes the next fact, and settles the key of those before it if that has ended.
    pub(super) fn push(&mut self, key_hash: i64, key: &str, fact: FactRow) {
        if key_hash != self.key_hash || key != self.key {
            self.settle();
            self.key_hash = key_hash;
            key.clone_into(&mut self.key);
        }
        self.facts.push(fact);
    }

    /// Settles the last key.
    pub(super) fn end(mut self) -> Settled {
        self.settle();
        self.settled
    }

    fn settle(&mut self) {
        let facts = std::mem::take(&mut self.facts);
        if facts.is_empty() || self.held.contains(&*self.key) {
            return;
        }
        match self.entities(facts) {
            Ok(entities) => self.settled.entities.append(entities),
            Err(failure) => {
                let (key_hash, key) = (self.key_hash, self.key.clone());
                self.settled.failed.push(Unsettled { key_hash, key, failure });
            }
        }
    }

    /// What the facts of the key come to, all of their islands: where one fails, the key does.
    fn entities(&self, facts: Vec<FactRow>) -> std::result::Result<Rows, Failure> {
        let Some(knife) = self.knife else { return self.part(&facts) };
        let mut entities = Rows::default();
        for (extent, facts) in knife.cut(facts) {
            let part = self.part(&facts)?;
            for table in self.settlement.entities {
                knife.check(extent, table, part.of(table))?;
            }
            entities.append(part);
        }
        Ok(entities)
    }

    fn part(&self, facts: &[FactRow]) -> std::result::Result<Rows, Failure> {
        let Beside { reviews, edges, memo } = self.beside;
        let edges = edges.get(&self.key).map_or(&[][..], Vec::as_slice);
        let inputs = Inputs { facts, edges, reviews, memo };
        let mut entities = Rows::default();
        let settle = || self.processor.settle(self.settlement, &self.key, inputs, &mut entities);
        guard::processor("", settle)?;
        Ok(entities)
    }
}
