//! The events that wake the daemon, the results of a run, and the settings.

use crate::base::error::Result;
use crate::config::Config;
use crate::plug::Plugs;
use crate::run::summary::Summary;
use crate::service::trigger::Claim;
use crate::source::Source;
use crate::store::DatabaseFile;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can wake the daemon, other than a timeout.
#[derive(Debug)]
pub enum Event {
    /// A trigger file may have arrived.
    TriggerAdded,
    /// Something in a source may have changed.
    SourceChanged,
    /// A run has ended.
    Ended(Results),
    /// A trigger's action, other than a run, has ended. On success, with the result as a sentence.
    Acted { claim: Box<Claim>, result: Result<String> },
    /// The attempt to publish a snapshot has ended.
    Published { took: Duration, is_done: bool },
    /// The daemon is asked to stop.
    Stop,
    /// The daemon is asked to read the configuration again.
    Reload,
}

/// The result of a run, for each of its processors.
pub type Results = Vec<(&'static str, Result<Summary>)>;

/// The settings of the daemon, made from the configuration and the environment.
#[derive(Clone, Debug)]
pub struct Settings {
    pub database: DatabaseFile,
    pub plugs: Plugs,
    pub sources: Vec<Source>,
    /// Why no processor can run, if there are no sources.
    pub lacks: Option<String>,
    /// The event folder, if it is not used yet: the daemon starts to read it when it is.
    pub awaits: Option<PathBuf>,
    pub config: Config,
    /// The user of source files that are not in a user's folder.
    pub login: String,
    /// Where the service manager puts secrets.
    pub credentials: Option<PathBuf>,
}
