//! The frame of every erasure: lock out other users of the database, settle again what depended on the erased facts,
//! and delete snapshots that were published before.

use super::{ForgetOutcome, Search};
use crate::base::error::{Error, Result, Status, count};
use crate::base::holder::Holder;
use crate::base::lock::{ProcessorLock, WorkLock};
use crate::pass::settle;
use crate::plug::configured;
use crate::source::retry::Retries;
use crate::store::lookup::{self, Lookup};
use crate::store::publish::Publisher;
use crate::store::{SharedStore, failures, forget, leftovers, quarantine, snapshot};
use sessionmill_contract::Processor;
use std::time::{Duration, Instant};

/// How long to wait for a process that publishes or copies the database.
const PATIENCE: Duration = Duration::from_secs(10);

/// The database while a person is being erased.
pub(super) struct Erasure<'s> {
    search: &'s Search<'s>,
    pub(super) store: SharedStore,
    publisher: Publisher<'s>,
    lookups: Vec<Lookup>,
    /// The number of snapshots that existed before.
    snapshots: u64,
    _health: WorkLock,
    _processors: Vec<ProcessorLock>,
}

/// Locks all processors. None can run until the locks are dropped.
pub(super) fn lock(search: &Search<'_>) -> Result<Vec<ProcessorLock>> {
    let database = &search.resources.database;
    let holder = Holder::new("forget", search.resources.now);
    search.resources.plugs.names().map(|name| ProcessorLock::take(database, name, &holder)).collect()
}

/// Says that `who` is kept out although the erasure was interrupted by an error.
pub(super) fn interrupted(who: &str) -> impl Fn(Error) -> Error {
    move |error| {
        let what = format!("{who} is kept out from now on, but not everything is erased yet: {}", error.what);
        Error { what, ..error }.hint("`sessionmill run` finishes it")
    }
}

fn until() -> Instant {
    Instant::now() + PATIENCE
}

impl<'s> Erasure<'s> {
    /// Waits for other processes, takes the locks, and removes the snapshots.
    pub(super) fn begin(search: &'s Search<'s>) -> Result<Self> {
        let database = &search.resources.database;
        let lookups = configured::lookups(search.resources.plugs, search.config)?;
        let processors = lock(search)?;
        // A process that publishes or copies now would publish or keep what is about to be erased.
        let publisher = Publisher::take(database, until())?;
        let health = WorkLock::take(database, "health", until())?;
        leftovers::erase(database, until())?;
        // Snapshots go first: even if this process is killed, no published snapshot contains erased data.
        let snapshots = snapshot::remove(database)?;
        let store = SharedStore::new(database, search.resources.now);
        Ok(Self { search, store, publisher, lookups, snapshots, _health: health, _processors: processors })
    }

    /// Settles the keys of a processor that are due.
    pub(super) fn settle(&mut self, processor: &dyn Processor) -> Result<()> {
        let resources = self.search.resources;
        settle::settle(
            &mut self.store,
            processor,
            Retries { now: resources.now, is_asked: false },
            &resources.heartbeat,
        )
    }

    /// Settles what depended on the erased facts, and closes the database. Returns an error about the first processor
    /// of which keys could not be settled.
    fn settle_all(&mut self, processors: &[&dyn Processor], who: &str) -> Result<Option<Error>> {
        let mut left = None;
        for processor in processors {
            self.settle(*processor)?;
            let name = processor.manifest().name;
            let unsettled = failures::unsettled(self.store.get()?.reader(), name)?;
            if let Some(first) = unsettled.first() {
                let (keys, failure) = (count(unsettled.len() as u64, "key"), &first.standing.failure);
                let message = format!("{who} is erased, but {keys} of `{name}` still contain their data: {failure}");
                left.get_or_insert(Error::new(Status::CannotRun, message).hint("`sessionmill run` settles them"));
            }
        }
        // The derived tables contain working directories and models of the erased person.
        lookup::refresh(self.store.get()?, &self.lookups)?;
        forget::end(self.store.get()?)?;
        self.store.get()?.checkpoint()?;
        self.store.close();
        leftovers::erase(&self.search.resources.database, until())?;
        Ok(left)
    }

    /// Settles what depended on the erased facts. Publishes a new snapshot if there were snapshots before. Reports that
    /// `who` is forgotten, and what was `erased`.
    pub(super) fn end(mut self, processors: &[&dyn Processor], who: String, erased: &str) -> Result<ForgetOutcome> {
        let Search { config, resources, .. } = self.search;
        // Entities of failed keys still contain erased data, so no snapshot is published.
        if let Some(error) = self.settle_all(processors, &who).map_err(interrupted(&who))? {
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
