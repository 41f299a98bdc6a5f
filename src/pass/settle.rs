//! Facts become entities, for the keys that passes have touched.
//!
//! A key is settled from all its facts, over all files, so that settling again changes nothing. A
//! crash before or after only delays: touched keys are on a list that is shortened in the transaction
//! that settles them. A key of many facts is settled while others have the database, and what it came
//! to counts if nothing has changed meanwhile.

use crate::base::error::Result;
use crate::base::failpoint;
use crate::base::heartbeat::Heartbeat;
use crate::source::retry::Retries;
use crate::store::SharedStore;
use sessionmill_contract::Processor;

/// Settles all keys of a processor that are due, or as many as there is time for: those that are touched, and
/// those that have failed and are to be tried again. What fails is kept, and a key that there was no time for
/// stays due. Then deletes the entities that have ended.
///
/// # Errors
///
/// If the database cannot be read or written.
pub fn settle(
    store: &mut SharedStore,
    processor: &dyn Processor,
    retries: Retries,
    heartbeat: &Heartbeat,
) -> Result<()> {
    let manifest = processor.manifest();
    for settlement in manifest.settlements {
        failpoint::point("before-settle", settlement.facts.name);
        if store.get()?.may_be_due(manifest, settlement)? {
            for key_hash in store.get()?.large(manifest, settlement, retries)? {
                if heartbeat.is_stopped() {
                    return Ok(());
                }
                heartbeat.beat();
                store.settle_apart(processor, settlement, key_hash, retries)?;
            }
            for range in store.get()?.due(manifest, settlement, retries)? {
                if heartbeat.is_stopped() {
                    return Ok(());
                }
                heartbeat.beat();
                store.settle(processor, settlement, range, retries)?;
                store.pass_on()?;
            }
        }
        failpoint::point("after-settle", settlement.facts.name);
    }
    store.get()?.sweep(manifest, retries.now)
}
