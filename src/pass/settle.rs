//! Settles the keys that passes have touched: makes entities from facts.
//!
//! A key is settled from all its facts in all files, so settling it again gives the same result. A crash only delays
//! settling: a key is removed from the list of touched keys in the transaction that settles it.

use crate::base::error::Result;
use crate::base::failpoint;
use crate::base::heartbeat::Heartbeat;
use crate::source::retry::Retries;
use crate::store::failures::{self, FailedKey};
use crate::store::{SharedStore, Store};
use sessionmill_contract::Processor;

/// The results of settling the keys of a processor that later stages need.
#[derive(Debug)]
pub struct Settled {
    /// How many items are no longer in the source files from which they were known, by file.
    pub dropped: Vec<(String, u64)>,
    /// Keys that could not be settled, in this pass or before.
    pub unsettled: Vec<FailedKey>,
}

impl Settled {
    /// Settles the keys of a processor that are due.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written.
    pub fn of(
        store: &mut SharedStore,
        processor: &dyn Processor,
        retries: Retries,
        heartbeat: &Heartbeat,
    ) -> Result<Self> {
        let manifest = processor.manifest();
        // In most passes no key is due. Then nothing is dropped, and no key is unsettled.
        if !store.get()?.is_any_due(manifest)? {
            store.get()?.sweep(manifest, retries.now)?;
            return Ok(Self { dropped: Vec::new(), unsettled: Vec::new() });
        }
        // Computed before settling, because it depends on the touched keys.
        let dropped = if heartbeat.is_stopped() { Vec::new() } else { store.get()?.dropped(manifest)? };
        settle(store, processor, retries, heartbeat)?;
        Ok(Self { dropped, unsettled: unsettled(store.get()?, processor)? })
    }

    /// Settles the keys that were touched since.
    ///
    /// # Errors
    ///
    /// As [`Settled::of`].
    pub fn again(
        self,
        store: &mut SharedStore,
        processor: &dyn Processor,
        retries: Retries,
        heartbeat: &Heartbeat,
    ) -> Result<Self> {
        settle(store, processor, retries, heartbeat)?;
        Ok(Self { unsettled: unsettled(store.get()?, processor)?, ..self })
    }
}

fn unsettled(store: &Store, processor: &dyn Processor) -> Result<Vec<FailedKey>> {
    failures::unsettled(store.reader(), processor.manifest().name)
}

/// Settles the keys of a processor that are due: those that are touched, and those that failed and whose wait is over.
/// If the pass is to stop, the remaining keys stay due. Otherwise, entities whose end time has passed are deleted
/// afterwards.
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
            store.get()?.cluster(processor, settlement)?;
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
