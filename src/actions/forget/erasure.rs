//! What every way to forget somebody shares: nobody else uses the database meanwhile, what depended on the erased
//! facts is settled again, and no snapshot of before stays.

use super::{ForgetOutcome, Search};
use crate::base::error::{Error, Result, Status, count};
use crate::base::holder::Holder;
use crate::base::lock::{ProcessorLock, WorkLock};
use crate::pass::settle;
use crate::plugs::configured;
use crate::source::retry::Retries;
use crate::store::lookup::{self, Lookup};
use crate::store::publish::Publisher;
use crate::store::{SharedStore, failures, forget, leftovers, quarantine, snapshot};
use sessionmill_contract::Processor;
use std::time::{Duration, Instant};

/// How long others are waited for who publish or copy the database.
const PATIENCE: Duration = Duration::from_secs(10);

/// The database, while somebody is erased from it.
pub(super) struct Erasure<'s> {
    search: &'s Search<'s>,
    pub(super) store: SharedStore,
    publisher: Publisher<'s>,
    lookups: Vec<Lookup>,
    /// How many were there before.
    snapshots: u64,
    _health: WorkLock,
    _processors: Vec<ProcessorLock>,
}

/// Nobody runs a processor until the locks are dropped.
pub(super) fn lock(search: &Search<'_>) -> Result<Vec<ProcessorLock>> {
    let database = &search.resources.database;
    let holder = Holder::new("forget", search.resources.now);
    search.resources.plugs.names().map(|name| ProcessorLock::take(database, name, &holder)).collect()
}

fn until() -> Instant {
    Instant::now() + PATIENCE
}

impl<'s> Erasure<'s> {
    /// Waits for everybody else, and removes the snapshots.
    pub(super) fn begin(search: &'s Search<'s>) -> Result<Self> {
        let database = &search.resources.database;
        let lookups = configured::lookups(search.resources.plugs, search.config)?;
        let processors = lock(search)?;
        // Who publishes or copies meanwhile would show or leave what is erased here.
        let publisher = Publisher::take(database, until())?;
        let health = WorkLock::take(database, "health", until())?;
        leftovers::erase(database, until())?;
        // Whenever this process ends, no published snapshot is about somebody who is erased.
        let snapshots = snapshot::remove(database)?;
        let store = SharedStore::new(database, search.resources.now);
        Ok(Self { search, store, publisher, lookups, snapshots, _health: health, _processors: processors })
    }

    /// Settles what is due for a processor.
    pub(super) fn settle(&mut self, processor: &dyn Processor) -> Result<()> {
        let resources = self.search.resources;
        settle::settle(
            &mut self.store,
            processor,
            Retries { now: resources.now, is_asked: false },
            &resources.heartbeat,
        )
    }

    /// Settles what depended on the erased facts, and publishes a new snapshot where there were some. Says that `who`
    /// is forgotten, and what was `erased` of them.
    pub(super) fn end(mut self, processors: &[&dyn Processor], who: String, erased: &str) -> Result<ForgetOutcome> {
        let Search { config, resources, .. } = self.search;
        let mut left = None;
        for processor in processors {
            self.settle(*processor)?;
            let name = processor.manifest().name;
            let unsettled = failures::unsettled(self.store.get()?.reader(), name)?;
            if let Some(first) = unsettled.first() {
                let (keys, failure) = (count(unsettled.len() as u64, "key"), &first.standing.failure);
                let message = format!("{who} is erased, but {keys} of `{name}` still tell of it: {failure}");
                left.get_or_insert(Error::new(Status::CannotRun, message).hint("`sessionmill run` settles them"));
            }
        }
        // Directories and models of who is erased are in these tables.
        lookup::refresh(self.store.get()?, &self.lookups)?;
        forget::end(self.store.get()?)?;
        self.store.get()?.checkpoint()?;
        self.store.close();
        leftovers::erase(&resources.database, until())?;
        // What is still in entities of failed keys is not published again.
        if let Some(error) = left {
            return Err(error);
        }
        let mut notes = Vec::new();
        if self.snapshots > 0 {
            let unpublished = |error: Error| Error {
                what: format!("{who} is forgotten, but no new snapshot is published: {}", error.what),
                ..error
            };
            self.publisher.publish(&config.publish, resources.now).map_err(unpublished)?;
            notes.push(format!("{} of before removed, and a new one published", count(self.snapshots, "snapshot")));
        }
        let aside = quarantine::moved_aside(&resources.database).into_iter();
        notes.extend(aside.map(|aside| {
            format!("note: `{}` was moved aside as damaged and can hold remains: delete it", aside.display())
        }));
        Ok(ForgetOutcome { who, state: format!("is forgotten: {erased}"), notes })
    }
}
