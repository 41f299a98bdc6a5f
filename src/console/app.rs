//! The state that all requests share.

use super::Setup;
use super::accounts::secret::SecretHash;
use super::accounts::{Accounts, Micros};
use super::answers::AnswerCache;
use super::decisions::Decisions;
use super::password::Passwords;
use super::problem::Problem;
use super::throttle::Throttle;
use super::unread::Unread;
use crate::base::error::Result;
use crate::base::moment::Moment;
use crate::config::Config;
use crate::config::console::Console;
use crate::plug::{Decided, Plugs};
use crate::store::reader::Reader;
use crate::store::{DatabaseFile, DatabaseReader, Version};
use parking_lot::Mutex;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The console, as handlers of requests see it.
pub(crate) struct App {
    pub accounts: Accounts,
    pub config: Arc<Config>,
    pub database: DatabaseFile,
    pub plugs: Plugs,
    pub reader: DatabaseReader,
    /// The login name of the user who runs the process.
    pub login: String,
    /// The folder of events.
    pub events: Option<PathBuf>,
    /// Flags that the process was started with, to start a run with the same ones.
    pub flags: Vec<OsString>,
    /// Answers that are valid until the database changes.
    pub answers: Mutex<AnswerCache>,
    /// Answers that depend on the clock and are valid for this second.
    pub moments: Mutex<AnswerCache>,
    /// Decisions that no snapshot shows yet.
    decisions: Mutex<Decisions>,
    /// What events say that were accepted and that no run has read yet.
    pub unread: Arc<tokio::sync::Mutex<Unread>>,
    pub passwords: Passwords,
    pub throttle: Mutex<Throttle>,
    /// The hash of the one-time link's secret, until the link is used.
    pub link: Mutex<Option<SecretHash>>,
    /// Reads the clock.
    pub now: fn() -> Moment,
    /// Limits the number of threads that read the database.
    pub turns: Semaphore,
}

/// The number of threads that may read the database at the same time. They share its memory limit, and long lists need
/// much of it.
const READERS: usize = 2;

impl App {
    pub(super) fn new(setup: Setup, accounts: Accounts, link: Option<SecretHash>) -> Self {
        let Setup { config, database, plugs, store: _, login, events, flags, now } = setup;
        Self {
            accounts,
            config: Arc::new(config),
            reader: DatabaseReader::new(database.clone()),
            database,
            plugs,
            login,
            events,
            flags,
            answers: Mutex::default(),
            moments: Mutex::default(),
            decisions: Mutex::default(),
            unread: Arc::default(),
            passwords: Passwords::default(),
            throttle: Mutex::default(),
            link: Mutex::new(link),
            now,
            turns: Semaphore::new(READERS),
        }
    }

    pub(crate) fn settings(&self) -> &Console {
        &self.config.console
    }

    /// The present time in the unit of the account store.
    pub(crate) fn micros(&self) -> Micros {
        (self.now)().wall.timestamp_micros()
    }

    /// Reads the database on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        body: impl FnOnce(Reader<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Problem> {
        let app = Arc::clone(self);
        self.work(move || app.reader.read((app.now)().wall, body)).await
    }

    /// The version of the database that a read would see now.
    pub(crate) fn version(&self) -> std::result::Result<Version, Problem> {
        // This only stats a few files, which is faster than switching to another thread.
        self.reader.version().map_err(Problem::from)
    }

    /// Decisions about results of a processor that the present snapshot does not show. Empty if the live database is
    /// read, which shows them all.
    pub(crate) fn decided(&self, processor: &str, version: &Version) -> Vec<Decided> {
        let Some(snapshot) = version.snapshot_time(&self.database) else { return Vec::new() };
        let triggers = self.config.daemon.triggers(&self.database);
        self.decisions.lock().about(processor, &triggers, snapshot, (self.now)().wall)
    }

    /// Runs code that may block on files or the database.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Problem> {
        let turn = self.turns.acquire().await.map_err(|_| Problem::unavailable("the console is stopping"))?;
        let done = tokio::task::spawn_blocking(work).await;
        drop(turn);
        match done {
            Ok(done) => done.map_err(Problem::from),
            Err(_) => {
                Err(Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "the request failed because of a bug"))
            }
        }
    }
}
