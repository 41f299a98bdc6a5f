//! What settling the touched keys of a processor left behind.

use crate::base::error::Result;
use crate::base::heartbeat::Heartbeat;
use crate::pass::settle;
use crate::source::retry::Retries;
use crate::store::failures::{self, FailedKey};
use crate::store::{SharedStore, Store};
use sessionmill_contract::Processor;

/// What there is to tell of a processor when its keys are settled.
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
        // Most passes find nothing to settle, and then there is nothing to tell of it either.
        if !store.get()?.is_any_due(manifest)? {
            store.get()?.sweep(manifest, retries.now)?;
            return Ok(Self { dropped: Vec::new(), unsettled: Vec::new() });
        }
        // It is told from the keys that are touched, so before they are settled.
        let dropped = if heartbeat.is_stopped() { Vec::new() } else { store.get()?.dropped(manifest)? };
        settle::settle(store, processor, retries, heartbeat)?;
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
        settle::settle(store, processor, retries, heartbeat)?;
        Ok(Self { unsettled: unsettled(store.get()?, processor)?, ..self })
    }
}

fn unsettled(store: &Store, processor: &dyn Processor) -> Result<Vec<FailedKey>> {
    failures::unsettled(store.reader(), processor.manifest().name)
}
