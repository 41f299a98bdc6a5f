//! The HTTP console: an API that programs call, and pages on which people log in.
//!
//! The console is a process of its own. It reads snapshots, or moments of a live database that its user owns, and
//! never opens that for writing; it asks for changes by the actions that commands and triggers use. All of the
//! program's async code is here: what waits for files or the database runs on threads that may wait.
//!
//! | module | noun |
//! | --- | --- |
//! | [`accounts`] | the store: users, login sessions, tokens, audit log |
//! | `gate` | what every request goes through; read it first |
//! | `caller`, `client` | who asks, and from where |
//! | `entrance`, `password`, `throttle`, `cookie` | logging in and out |
//! | `routes` | the API, one file for each family of calls |
//! | `pages` | the pages |
//! | `asking` | changes, which the daemon makes, or an action where there is none |
//! | `decisions` | what these changed, until a snapshot shows it |
//! | `lines` | the body of an answer that is made while it is sent |
//! | `answers` | answers that hold until the database changes |
//! | `claims` | whose the tasks are that events name |
//! | `app`, `problem` | what requests share; what a caller gets when something cannot be done |
//! | `server`, `tls`, `impatient` | the process, and its connections |
//! | [`commands`] | what the command line does with the store |

pub mod accounts;
mod answers;
mod app;
mod asking;
mod caller;
mod claims;
mod client;
pub mod commands;
mod cookie;
mod decisions;
mod entrance;
mod gate;
mod impatient;
mod lines;
mod pages;
mod password;
mod problem;
mod routes;
mod server;
mod throttle;
mod tls;

use crate::base::error::{Error, Result, Status};
use crate::base::moment::Moment;
use crate::config::Config;
use crate::plugs::Plugs;
use crate::source::access::may_write;
use crate::store::DatabaseFile;
use accounts::Accounts;
use accounts::secret::Secret;
use app::App;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// What the console works on.
pub struct Setup {
    pub config: Config,
    pub database: DatabaseFile,
    pub plugs: Plugs,
    /// The URL of the store.
    pub store: String,
    /// The login of the user whose process it is.
    pub login: String,
    /// The folder of events.
    pub events: Option<PathBuf>,
    /// Flags that name the database and the configuration, for a run of its own.
    pub flags: Vec<OsString>,
    /// Reads the clock.
    pub now: fn() -> Moment,
}

/// Serves until a signal ends it. `listening` gets the address at which a browser finds it: on a machine without
/// users of the console with a link that lets its owner in, once.
///
/// # Errors
///
/// If the settings are invalid, or it cannot listen.
pub fn serve(setup: Setup, listening: impl FnOnce(String)) -> Result<()> {
    server::check(&setup.config.console)?;
    run(async {
        let accounts = open(&setup.store, &setup.config)?;
        let now = (setup.now)().wall.timestamp_micros();
        let settings = setup.config.console.clone();
        // Behind a proxy every client seems to come from this machine.
        let is_laptop = settings.listen.ip().is_loopback()
            && settings.public_url.is_none()
            // Nobody reads more by the link than by commands.
            && may_write(&setup.database)
            && accounts.users(now).await.is_ok_and(|users| users.is_empty());
        let link = is_laptop.then(|| Secret::new(""));
        let app = Arc::new(App::new(setup, accounts, link.as_ref().map(Secret::hash)));
        let url = |address: SocketAddr| {
            let scheme = if settings.tls_certificate.is_some() { "https" } else { "http" };
            let base = settings.public_url.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
            let base = base.trim_end_matches('/');
            match &link {
                Some(link) => format!("{base}/link?token={}", link.reveal()),
                None => format!("{base}/"),
            }
        };
        server::serve(app, |address| listening(url(address))).await
    })?
}

/// The store of a URL. Its connections live on the runtime that it is opened on.
fn open(url: &str, config: &Config) -> Result<Accounts> {
    Accounts::new(url, &config.console).map_err(|error| Error::new(Status::Config, error.to_string()))
}

/// Runs what is async, on two threads beside those that may wait.
fn run<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build()
        .map_err(|error| Error::cannot("start", "threads", error))?;
    Ok(runtime.block_on(work))
}
