//! What can wake the daemon, and what it works on.

use crate::base::error::Result;
use crate::config::Config;
use crate::plugs::Plugs;
use crate::service::daemon::work::Results;
use crate::service::trigger::Claim;
use crate::source::Source;
use crate::store::DatabaseFile;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can wake the daemon, beside the time.
#[derive(Debug)]
pub enum Event {
    /// Something is new in the folder of triggers.
    Dropped,
    /// Something has changed in a source.
    Changed,
    /// A run has ended.
    Ended(Results),
    /// What a trigger asked for, other than a run, is done: the result in words.
    Acted { claim: Box<Claim>, result: Result<String> },
    /// Decisions are published, or could not be.
    Published { took: Duration },
    /// To end in order.
    Stop,
    /// To read the configuration again.
    Reload,
}

/// What the daemon works on.
#[derive(Clone, Debug)]
pub struct Settings {
    pub database: DatabaseFile,
    pub plugs: Plugs,
    pub sources: Vec<Source>,
    /// What it waits for, where there are no sources.
    pub lacks: Option<String>,
    /// The folder of events that is read as soon as somebody uses it.
    pub awaits: Option<PathBuf>,
    pub config: Config,
    /// The user of transcripts that lie in no user's folder.
    pub login: String,
    /// Where the service manager puts secrets.
    pub credentials: Option<PathBuf>,
}
