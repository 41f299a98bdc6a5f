//! What all requests share.

use super::Setup;
use super::accounts::secret::SecretHash;
use super::accounts::{Accounts, Micros};
use super::answers::AnswerCache;
use super::claims::Claims;
use super::decisions::Decisions;
use super::password::Passwords;
use super::problem::Problem;
use super::throttle::Throttle;
use crate::base::error::Result;
use crate::base::moment::Moment;
use crate::config::Config;
use crate::config::console::Console;
use crate::plugs::{Decided, Plugs};
use crate::store::reader::Reader;
use crate::store::{DatabaseFile, DatabaseReader, Version};
use parking_lot::Mutex;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The console, as its requests see it.
pub(crate) struct App {
    pub accounts: Accounts,
    pub config: Arc<Config>,
    pub database: DatabaseFile,
    pub plugs: Plugs,
    pub reader: DatabaseReader,
    /// The login of the user whose process it is.
    pub login: String,
    /// The folder of events.
    pub events: Option<PathBuf>,
    /// What the process was started with, for a run of its own.
    pub flags: Vec<OsString>,
    /// Answers that hold until the database changes.
    pub answers: Mutex<AnswerCache>,
    /// Answers of this second, which depend on the clock.
    pub moments: Mutex<AnswerCache>,
    /// What was decided here, and no snapshot shows yet.
    decisions: Mutex<Decisions>,
    /// Tasks of events that no run has read yet.
    pub claims: Arc<tokio::sync::Mutex<Claims>>,
    pub passwords: Passwords,
    pub throttle: Mutex<Throttle>,
    /// What the one-time link of a laptop presents, until it is used.
    pub link: Mutex<Option<SecretHash>>,
    /// Reads the clock.
    pub now: fn() -> Moment,
    /// Turns at the database.
    pub turns: Semaphore,
}

/// Readers of the database at once. They share the memory that it may take, and long lists need much of it.
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
            claims: Arc::default(),
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

    /// This moment, as the store of login sessions has it.
    pub(crate) fn micros(&self) -> Micros {
        (self.now)().wall.timestamp_micros()
    }

    /// Reads the database. What is read runs on a thread that may wait.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        body: impl FnOnce(Reader<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Problem> {
        let app = Arc::clone(self);
        self.work(move || app.reader.read((app.now)().wall, body)).await
    }

    /// What a reader would read now.
    pub(crate) fn version(&self) -> std::result::Result<Version, Problem> {
        // A few looks at files, which are quicker than a change of threads.
        self.reader.version().map_err(Problem::from)
    }

    /// What was decided about what a processor shows since what is read was made. The live database shows it.
    pub(crate) fn decided(&self, processor: &str, version: &Version) -> Vec<Decided> {
        let Some(snapshot) = version.snapshot_time(&self.database) else { return Vec::new() };
        let triggers = self.config.daemon.triggers(&self.database);
        self.decisions.lock().about(processor, &triggers, snapshot, (self.now)().wall)
    }

    /// Does what may wait for files or the database.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Problem> {
        let turn = self.turns.acquire().await.map_err(|_| Problem::away("the console is stopping"))?;
        let done = tokio::task::spawn_blocking(work).await;
        drop(turn);
        match done {
            Ok(done) => done.map_err(Problem::from),
            Err(_) => Err(Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "the request failed: a bug")),
        }
    }
}
