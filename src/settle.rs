//! Facts become entities, for the keys that passes have touched.
//!
//! A key is settled from all its facts, over all files, so that settling again changes nothing. A
//! crash before or after only delays: touched keys are on a list that is shortened in the transaction
//! that settles them. A key of many facts is settled while others have the database, and what it came
//! to counts if nothing has changed meanwhile.

use crate::error::Result;
use crate::failpoint;
use crate::pulse::Pulse;
use crate::store::Turns;
use crate::store::fault::Fault;
use crate::store::settle::{Unsettled, settle_key};
use sessionmill_contract::{Inputs, Processor, Rows, Settlement};

/// Settles all touched keys of a processor, or as many as there is time for. Returns those that failed;
/// they stay on the list, as those do that there was no time for.
///
/// # Errors
///
/// If the database cannot be read or written.
pub fn settle(store: &mut Turns, processor: &dyn Processor, pulse: &Pulse) -> Result<Vec<Unsettled>> {
    let mut failed = Vec::new();
    let manifest = processor.manifest();
    for settlement in manifest.settlements {
        failpoint::point("before-settle", settlement.facts.name);
        let ranges = store.get()?.touched(manifest, settlement)?;
        let large = if ranges.is_empty() { Vec::new() } else { store.get()?.large(manifest, settlement)? };
        for key_hash in large {
            if pulse.is_stopped() {
                return Ok(failed);
            }
            pulse.beat();
            settle_apart(store, processor, settlement, key_hash)?;
        }
        for range in ranges {
            if pulse.is_stopped() {
                return Ok(failed);
            }
            pulse.beat();
            let mut one = |key: &str, inputs: Inputs<'_>, entities: &mut Rows| {
                settle_key(processor, settlement, key, inputs, entities)
            };
            failed.append(&mut store.settle(manifest, settlement, range, &mut one)?);
            store.pass_on()?;
        }
        failpoint::point("after-settle", settlement.facts.name);
    }
    Ok(failed)
}

/// Settles a key with the database let go of. One that fails, or has changed meanwhile, stays touched, and
/// is settled with the others.
fn settle_apart(store: &mut Turns, processor: &dyn Processor, settlement: &Settlement, key_hash: i64) -> Result<()> {
    let basis = store.get()?.basis(settlement, key_hash)?;
    store.end()?;
    let key = settlement.facts.position(settlement.key).unwrap_or_default();
    let mut entities = Rows::default();
    let fine = basis.facts.chunk_by(|a, b| a.values[key] == b.values[key]).all(|facts| {
        let name = facts[0].values[key].as_str().unwrap_or_default();
        let inputs = Inputs { facts, reviews: &basis.reviews, memo: &basis.memo };
        settle_key(processor, settlement, name, inputs, &mut entities).is_ok()
    });
    if !fine {
        return Ok(());
    }
    match store.get()?.place(processor.manifest(), settlement, key_hash, &basis, &entities) {
        // What is to blame is found among the others.
        Err(error) if matches!(error.fault, Some(Fault::Refused | Fault::Memory | Fault::Unsure)) => store.close(),
        placed => placed?,
    }
    Ok(())
}
