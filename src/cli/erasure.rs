//! What every way to forget somebody shares: nobody else uses the database meanwhile, what depended on the erased
//! facts is settled again, and no snapshot of before stays.

use crate::base::error::{Error, Result, Status, count};
use crate::base::heartbeat::Heartbeat;
use crate::base::holder::Holder;
use crate::base::lock::{ProcessorLock, WorkLock};
use crate::cli::forget::ForgetContext;
use crate::cli::remark;
use crate::pass::settle;
use crate::source::retry::Retries;
use crate::store::publish::Publisher;
use crate::store::{SharedStore, failures, leftovers, quarantine, snapshot};
use sessionmill_contract::Processor;
use std::time::{Duration, Instant};

/// How long others are waited for who publish or copy the database.
const PATIENCE: Duration = Duration::from_secs(10);

/// The database, while somebody is erased from it.
pub(super) struct Erasure<'f> {
    forget: &'f ForgetContext<'f>,
    pub store: SharedStore,
    publisher: Publisher<'f>,
    /// How many were there before.
    snapshots: u64,
    _health: WorkLock,
    _processors: Vec<ProcessorLock>,
}

/// Nobody runs a processor until the locks are dropped.
pub(super) fn lock(forget: &ForgetContext<'_>) -> Result<Vec<ProcessorLock>> {
    let holder = Holder::new("forget", forget.context.now.wall);
    let names = forget.context.plugs.names();
    names.map(|name| ProcessorLock::take(forget.database, name, &holder)).collect()
}

fn until() -> Instant {
    Instant::now() + PATIENCE
}

impl<'f> Erasure<'f> {
    /// Waits for everybody else, and removes the snapshots.
    pub(super) fn begin(forget: &'f ForgetContext<'f>) -> Result<Self> {
        let database = forget.database;
        let processors = lock(forget)?;
        // Who publishes or copies meanwhile would show or leave what is erased here.
        let publisher = Publisher::take(database, until())?;
        let health = WorkLock::take(database, "health", until())?;
        leftovers::erase(database, until())?;
        // Whenever this process ends, nothing that was published tells of somebody who is erased.
        let snapshots = snapshot::remove(database)?;
        let store = SharedStore::new(database, forget.context.now.wall);
        Ok(Self { forget, store, publisher, snapshots, _health: health, _processors: processors })
    }

    /// Settles what is due for a processor.
    pub(super) fn settle(&mut self, processor: &dyn Processor) -> Result<()> {
        let now = self.forget.context.now.wall;
        settle::settle(&mut self.store, processor, Retries { now, is_asked: false }, &Heartbeat::default())
    }

    /// Settles what depended on the erased facts, and publishes a new snapshot where there were some. Says that `who`
    /// is forgotten, and what was `erased` of them.
    pub(super) fn end(mut self, processors: &[&dyn Processor], who: &str, erased: &str) -> Result<Status> {
        let ForgetContext { config, database, context, .. } = self.forget;
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
        self.store.get()?.checkpoint()?;
        self.store.close();
        leftovers::erase(database, until())?;
        // What keys still tell of is not published again.
        if let Some(error) = left {
            return Err(error);
        }
        remark(&format!("{who} is forgotten: {erased}"));
        if self.snapshots > 0 {
            self.publisher.publish(&config.publish, context.now.wall)?;
            remark(&format!("{} of before removed, and a new one published", count(self.snapshots, "snapshot")));
        }
        for aside in quarantine::moved_aside(database) {
            remark(&format!("note: `{}` was moved aside as damaged and can hold remains: delete it", aside.display()));
        }
        Ok(Status::Done)
    }
}
