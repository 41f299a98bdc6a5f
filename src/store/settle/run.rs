//! Runs a processor's `settle` over facts that come key by key.
//!
//! Facts arrive ordered by key hash and key, so the end of a key is where the next one begins. Two keys can
//! share a hash: they are two runs of facts, and each succeeds or fails by itself.

use sessionmill_contract::{FactRow, Failure, FailureClass, Inputs, Processor, Rows, Settlement, Value};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

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

/// Settles keys from facts that are handed over one by one.
pub(super) struct Run<'r> {
    processor: &'r dyn Processor,
    settlement: &'r Settlement,
    reviews: &'r [Vec<Value>],
    memo: &'r [Vec<Value>],
    /// Keys that are left alone.
    held: HashSet<&'r str>,
    /// Where a fact has its key.
    position: usize,
    facts: Vec<FactRow>,
    key_hash: i64,
    settled: Settled,
}

impl<'r> Run<'r> {
    pub(super) fn new(
        processor: &'r dyn Processor,
        settlement: &'r Settlement,
        reviews: &'r [Vec<Value>],
        memo: &'r [Vec<Value>],
    ) -> Self {
        let position = settlement.facts.position(settlement.key).unwrap_or_default();
        let (facts, settled) = (Vec::new(), Settled::default());
        let held = HashSet::new();
        Self { processor, settlement, reviews, memo, held, position, facts, key_hash: 0, settled }
    }

    /// Leaves keys alone: only those of a shared hash are meant, which come along with others.
    pub(super) fn leaving(self, held: HashSet<&'r str>) -> Self {
        Self { held, ..self }
    }

    /// Takes the next fact, and settles the key of those before it if that has ended.
    pub(super) fn push(&mut self, key_hash: i64, fact: FactRow) {
        let position = self.position;
        let is_next = self
            .facts
            .first()
            .is_some_and(|first| key_hash != self.key_hash || first.values.get(position) != fact.values.get(position));
        if is_next {
            self.settle();
        }
        self.key_hash = key_hash;
        self.facts.push(fact);
    }

    /// Settles the last key.
    pub(super) fn end(mut self) -> Settled {
        self.settle();
        self.settled
    }

    fn settle(&mut self) {
        let facts = std::mem::take(&mut self.facts);
        let key = facts.first().and_then(|fact| fact.values.get(self.position)).and_then(Value::as_str);
        let Some(key) = key.filter(|key| !self.held.contains(key)) else { return };
        let inputs = Inputs { facts: &facts, edges: &[], reviews: self.reviews, memo: self.memo };
        let mut entities = Rows::default();
        let settle = || self.processor.settle(self.settlement, key, inputs, &mut entities);
        // What a panic says is not repeated: it can quote the facts.
        let panicked = |_| Err(Failure::new(FailureClass::Panic, "the processor panicked"));
        match catch_unwind(AssertUnwindSafe(settle)).unwrap_or_else(panicked) {
            Ok(()) => self.settled.entities.append(entities),
            Err(failure) => {
                self.settled.failed.push(Unsettled { key_hash: self.key_hash, key: key.to_owned(), failure });
            }
        }
        // Capacity is kept for the next key.
        self.facts = facts;
        self.facts.clear();
    }
}
