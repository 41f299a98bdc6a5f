//! Facts become entities, for the keys that passes have touched.
//!
//! A key is settled from all its facts, over all files, so that settling again changes nothing. A
//! crash before or after only delays: touched keys are on a list that is shortened in the transaction
//! that settles them.

use crate::error::Result;
use crate::fault;
use crate::store::Turns;
use sessionmill_contract::{FactRow, Processor, Rows, Settlement};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What settling came to, for one processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    pub keys: u64,
    /// Keys that failed and stay on the list.
    pub failed: u64,
}

/// Settles all touched keys of a processor.
///
/// # Errors
///
/// If the database cannot be read or written.
pub fn settle(store: &mut Turns, processor: &dyn Processor) -> Result<Settled> {
    let mut settled = Settled::default();
    let manifest = processor.manifest();
    for settlement in manifest.settlements {
        fault::point("before-settle", settlement.facts.name);
        for range in store.get()?.touched(manifest, settlement)? {
            let mut one = |key: &str, facts: &[FactRow], entities: &mut Rows| {
                settled.keys += 1;
                settle_key(processor, settlement, key, facts, entities)
            };
            settled.failed += store.get()?.settle(manifest, settlement, range, &mut one)?;
            store.pass_on()?;
        }
        fault::point("after-settle", settlement.facts.name);
    }
    Ok(settled)
}

/// Makes entities of all facts of one key; false if the processor fails, and nothing is added then.
pub fn settle_key(
    processor: &dyn Processor,
    settlement: &Settlement,
    key: &str,
    facts: &[FactRow],
    entities: &mut Rows,
) -> bool {
    let mut of_key = Rows::default();
    let settle = || processor.settle(settlement, key, facts, &mut of_key);
    let fine = matches!(catch_unwind(AssertUnwindSafe(settle)), Ok(Ok(())));
    if fine {
        entities.append(of_key);
    }
    fine
}
