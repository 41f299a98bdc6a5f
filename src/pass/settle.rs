//! Facts become entities, for the keys that passes have touched.
//!
//! A key is settled from all its facts, over all files, so that settling again changes nothing. A
//! crash before or after only delays: touched keys are on a list that is shortened in the transaction
//! that settles them.

use crate::base::error::Result;
use crate::base::failpoint;
use crate::base::heartbeat::Heartbeat;
use crate::source::retry::Retries;
use crate::store::failures::{self, FailedKey};
use crate::store::{SharedStore, Store};
use sessionmill_contract::Processor;

/// What settling the keys of a processor left behind.
#[derive(Debug)]
pub struct Settled {
    /// Items that were known from files and are in none any more, with how many.
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
        // Most passes find nothing to settle, and then nothing can be dropped or unsettled either.
        if !store.get()?.is_any_due(manifest)? {
            store.get()?.sweep(manifest, retries.now)?;
            return Ok(Self { dropped: Vec::new(), unsettled: Vec::new() });
        }
        // What is dropped follows from the touched keys, so it is read before they are settled.
        let dropped = if heartbeat.is_stopped() { Vec::new() } else { store.get()?.dropped(manifest)? };
        settle(store, processor, retries, heartbeat)?;
        Ok(Self { dropped, unsettled: unsettled(store.get()?, processor)? })
    }

    /// Settles again what was touched since.
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

/// Settles the keys of a processor that are due, or as many as there is time for: those that are touched, and those
/// that failed and are to be tried again. A failure is stored, and a key that there was no time for stays due. Then
/// deletes the entities that have ended.
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
