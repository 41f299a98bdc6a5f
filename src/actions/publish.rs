//! Publishes a snapshot for readers without access to the database, and the state of the processors beside it.

use crate::base::error::Result;
use crate::base::holder::Holder;
use crate::base::lock::{self, WorkLock};
use crate::base::moment::Moment;
use crate::config::Config;
use crate::plug::{ConfiguredProcessors, Resources};
use crate::store::publish::{self, Published};
use crate::store::record::{self, Record};
use crate::store::service_state::{self, ProcessorState, ServiceState, serving};
use crate::store::snapshot::Audience;
use crate::store::{Access, DatabaseFile, Store, known, quarantine};
use std::time::Instant;

/// Publishes a snapshot, unless nothing has changed since the newest one. `lacks` says what is missing that all
/// processors need, if anything. If the state of the processors cannot be written, that is only logged: the snapshot is
/// useful without it.
///
/// # Errors
///
/// If the database cannot be read or the snapshot cannot be written.
pub fn publish(config: &Config, resources: &Resources, lacks: Option<&str>, now: &Moment) -> Result<Published> {
    let published = publish::publish(&resources.database, &config.publish, now.wall)?;
    let written = ConfiguredProcessors::new(&[], config, resources)
        .and_then(|made| write_state(&resources.database, &made, lacks, now));
    if let Err(error) = written {
        tracing::warn!(error = error.to_string(), "cannot write the state of the processors");
    }
    Ok(published)
}

/// The result as a sentence.
pub fn words(published: &Published) -> String {
    match published {
        Published::New(snapshot) => format!("published {}", snapshot.path.display()),
        Published::Before(snapshot) => format!("nothing new since {}", snapshot.path.display()),
    }
}

/// Writes the state of the processors beside the snapshots. `lacks` says what is missing that all of them need.
///
/// # Errors
///
/// If the database cannot be read or the file cannot be written.
pub fn write_state(
    database: &DatabaseFile,
    configured: &ConfiguredProcessors,
    lacks: Option<&str>,
    now: &Moment,
) -> Result<()> {
    if !Audience::Readers.folder(database).is_dir() {
        return Ok(());
    }
    let _lock = WorkLock::take(database, "health", Instant::now() + service_state::PATIENCE)?;
    let pid = serving(database);
    // Only the daemon knows its credentials and network, so its last word on missing things is kept.
    let is_ours = pid.is_none_or(|pid| u32::try_from(pid) == Ok(std::process::id()));
    let last = ServiceState::read(database);
    let unpublished = last.as_ref().and_then(|last| last.unpublished.clone());
    let last = last.filter(|_| !is_ours);
    let lacks = |name: &str| match &last {
        Some(last) => last.of(name).and_then(|entry| entry.lacks.clone()),
        None => lacks.or(configured.disabled.why(name)).map(str::to_owned),
    };
    let store = Store::open_current(database, Access::ReadOnly, now.wall)?;
    let state = store.read(|reader| {
        let entry = |name: &'static str| {
            let running = lock::holder(database, name).and_then(|line| Holder::parse(&line));
            let record = Record::read(reader, name, configured.server_of(name))?.or_unwritten(database, name);
            Ok(ProcessorState { processor: name.to_owned(), lacks: lacks(name), running, record })
        };
        let processors = database.schema.names().map(entry);
        Ok(ServiceState {
            at: now.wall,
            pid,
            is_kept: record::is_kept(reader)?,
            alarms: known::alarms(reader)?,
            damaged: quarantine::warning(database),
            unpublished: unpublished.clone(),
            processors: processors.collect::<Result<_>>()?,
        })
    })?;
    drop(store);
    state.write(database)
}
