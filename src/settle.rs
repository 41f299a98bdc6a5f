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
use crate::store::settle::Unsettled;
use chrono::{DateTime, Utc};
use sessionmill_contract::Processor;

/// Settles all touched keys of a processor, or as many as there is time for. Returns those that failed; they
/// stay touched for the next pass, as do those that there was no time for.
///
/// # Errors
///
/// If the database cannot be read or written.
pub fn settle(
    store: &mut Turns,
    processor: &dyn Processor,
    now: DateTime<Utc>,
    pulse: &Pulse,
) -> Result<Vec<Unsettled>> {
    let mut failed = Vec::new();
    let manifest = processor.manifest();
    for settlement in manifest.settlements {
        failpoint::point("before-settle", settlement.facts.name);
        let large = match store.get()?.touched(manifest, settlement)?[..] {
            [] => Vec::new(),
            _ => store.get()?.large(manifest, settlement)?,
        };
        for key_hash in large {
            if pulse.is_stopped() {
                return Ok(failed);
            }
            pulse.beat();
            failed.append(&mut store.settle_apart(processor, settlement, key_hash, now)?);
        }
        for range in store.get()?.touched(manifest, settlement)? {
            if pulse.is_stopped() {
                return Ok(failed);
            }
            pulse.beat();
            failed.append(&mut store.settle(processor, settlement, range, now)?);
            store.pass_on()?;
        }
        failpoint::point("after-settle", settlement.facts.name);
    }
    Ok(failed)
}
