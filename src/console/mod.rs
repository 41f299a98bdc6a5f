//! The HTTP console: an API that programs call, and pages on which people log in.
//!
//! The console is a separate process. It reads snapshots, or opens a live database of its own user for moments at a
//! time; it never opens a database for writing. For changes it uses the same actions as commands and triggers. All
//! async code of the program is in this folder; code that blocks on files or the database runs on threads of its own.
//!
//! | module | noun |
//! | --- | --- |
//! | [`accounts`] | the account store: users, login sessions, tokens, audit log |
//! | `gate` | the checks that every request passes; read it first |
//! | `caller`, `client` | who sends a request, and from where |
//! | `login`, `password`, `throttle`, `cookie` | log-in and log-out |
//! | `router`, `paths` | all paths with the gate in front; the base of the API |
//! | `routes` | the API, one file per family of calls |
//! | `pages` | the pages |
//! | `changes` | requests for changes, to the daemon or to an action |
//! | `decisions` | requested changes that no snapshot shows yet |
//! | `lines` | the body of an answer that is produced while it is sent |
//! | `answers` | a cache of answers |
//! | `append`, `unread` | requests that append events; the events that no run has read yet |
//! | `app`, `problem` | the state that requests share; the answer when a request fails |
//! | `server`, `tls`, `write_timeout` | the process, and its connections |
//! | [`commands`] | the commands for the account store |

pub mod accounts;
mod answers;
mod app;
mod append;
mod caller;
mod changes;
mod client;
pub mod commands;
mod cookie;
mod decisions;
mod gate;
mod lines;
mod login;
mod pages;
mod password;
mod paths;
mod problem;
mod router;
mod routes;
mod server;
mod throttle;
mod tls;
mod unread;
mod write_timeout;

use crate::base::error::{Error, Result, Status};
use crate::base::moment::Moment;
use crate::config::Config;
use crate::plug::Plugs;
use crate::source::access::may_write;
use crate::store::DatabaseFile;
use accounts::Accounts;
use accounts::secret::Secret;
use app::App;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// What the console needs to start.
pub struct Setup {
    pub config: Config,
    pub database: DatabaseFile,
    pub plugs: Plugs,
    /// The URL of the account store.
    pub store: String,
    /// The login name of the user who runs the process.
    pub login: String,
    /// The folder of events.
    pub events: Option<PathBuf>,
    /// Flags that name the database and the configuration, for runs that the console starts.
    pub flags: Vec<OsString>,
    /// Reads the clock.
    pub now: fn() -> Moment,
}

/// Serves until a signal ends it. `listening` gets the URL for browsers. If the store has no users and the machine is
/// the owner's own, the URL is a one-time link that logs the owner in.
///
/// # Errors
///
/// If the settings are invalid, or the console cannot listen.
pub fn serve(setup: Setup, listening: impl FnOnce(String)) -> Result<()> {
    server::check(&setup.config.console)?;
    run(async {
        let accounts = open(&setup.store, &setup.config)?;
        let now = (setup.now)().wall.timestamp_micros();
        let settings = setup.config.console.clone();
        // Behind a proxy, every client seems to come from this machine.
        let is_laptop = settings.listen.ip().is_loopback()
            && settings.public_url.is_none()
            // The link must not show more to its user than commands would.
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

/// Opens the store of a URL. Its connections belong to the async runtime that is running now.
fn open(url: &str, config: &Config) -> Result<Accounts> {
    Accounts::new(url, &config.console).map_err(|error| Error::new(Status::Config, error.to_string()))
}

/// Runs async code on two threads, with more threads for code that blocks.
fn run<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build()
        .map_err(|error| Error::cannot("start", "threads", error))?;
    Ok(runtime.block_on(work))
}
