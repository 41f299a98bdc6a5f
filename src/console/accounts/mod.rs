//! The account store of the console: users, their login sessions, API tokens, and the audit log.
//!
//! There are three back ends, chosen by the scheme of the URL: `sqlite:` (the default, a file beside the database),
//! `postgres:`, and `mysql:` for MySQL and MariaDB. Several machines can share a store on a server.
//!
//! | module | noun |
//! | --- | --- |
//! | [`session`] | a login session: created once, then touched, renewed and ended |
//! | [`user`] | who may log in, with a role and a person in the data |
//! | [`token`] | what programs use instead of a login session |
//! | [`audit`] | who did what, and when |
//! | [`import`] | the login sessions of an older store |
//! | `seal` | encryption of the data of login sessions |
//! | [`secret`] | secrets of cookies and tokens, and their stored hashes |
//! | `sql`, `migrate` | the three back ends, and their schema |
//!
//! A store that cannot be reached gives an error, never an empty result. Otherwise everybody would be logged out during
//! an outage, and a log-out that did not reach the store would seem to have worked.

pub mod audit;
pub mod import;
mod migrate;
mod seal;
pub mod secret;
pub mod session;
mod sql;
pub mod token;
pub mod user;

use crate::base::utc;
use crate::config::console::Console;
use chrono::DateTime;
use seal::Seal;
use sql::Sql;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Microseconds since 1970 in UTC. A number means the same in every back end, whatever the time zone of its connection.
pub type Micros = i64;

/// A time as text, for programs.
pub fn text(time: Micros) -> String {
    utc::microseconds(DateTime::from_timestamp_micros(time).unwrap_or_default())
}

/// Why the store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or does not answer. A later attempt may succeed.
    #[error("the account store cannot be reached: {0}")]
    Unreachable(String),
    /// It answers, and cannot be used until somebody mends it. For example, a table is missing.
    #[error("the account store cannot be used: {0}")]
    Unusable(String),
    /// The new row's key exists already.
    #[error("it exists already")]
    Taken,
    /// Another statement conflicted with this one.
    #[error("the account store cannot be reached: other writers blocked the statement")]
    Deadlock,
    /// The database of an older program cannot be read.
    #[error("cannot read the older program's login sessions: {0}")]
    Older(String),
    /// The request is invalid.
    #[error("{0}")]
    Invalid(String),
}

impl StoreError {
    /// As an error of the database of an older program.
    fn of_others(self) -> Self {
        match self {
            Self::Invalid(_) => self,
            error => Self::Older(error.cause()),
        }
    }

    /// The text without the words about the store.
    fn cause(self) -> String {
        match self {
            Self::Unreachable(cause) | Self::Unusable(cause) | Self::Older(cause) | Self::Invalid(cause) => cause,
            Self::Taken | Self::Deadlock => self.to_string(),
        }
    }
}

/// The account store.
#[derive(Debug)]
pub struct Accounts {
    sql: Sql,
    /// The salt for the marks in the audit log. Reading it needs the schema, so this is set once the schema is up to
    /// date.
    salt: OnceCell<Vec<u8>>,
    limits: session::Limits,
    /// How long entries of the audit log are kept, in microseconds.
    retention: Micros,
    /// Encrypts the data of login sessions, if a key is configured.
    seal: Option<Seal>,
    /// Whether the log says already that login sessions are encrypted with another key.
    has_warned: AtomicBool,
    /// How long opening the store may take, migrations included.
    patience: Duration,
}

impl Accounts {
    /// Prepares the store without connecting. It connects at its first use, and tries again at each use until that
    /// works.
    ///
    /// # Errors
    ///
    /// If the URL is invalid or the key cannot be read.
    pub fn new(url: &str, settings: &Console) -> Result<Self, StoreError> {
        let limits = session::Limits::of(settings);
        let seal = settings.data_key.as_deref().map(Seal::of_file).transpose()?;
        let (sql, patience) = (Sql::new(url, settings)?, settings.connect_timeout);
        let retention = Micros::try_from(settings.audit_retention.as_micros()).unwrap_or(Micros::MAX);
        Ok(Self { sql, salt: OnceCell::new(), limits, retention, seal, has_warned: AtomicBool::new(false), patience })
    }

    /// Connects and brings the schema up to date, unless that was done before.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn open(&self, now: Micros) -> Result<(), StoreError> {
        self.ready(now).await.map(|_| ())
    }

    /// Checks that the store answers and has its tables.
    ///
    /// # Errors
    ///
    /// If it does not answer, or a table is missing.
    pub async fn probe(&self, now: Micros) -> Result<(), StoreError> {
        let sql = self.ready(now).await?;
        let no_rows = "SELECT count(*) FROM schema_version, login_sessions, imported_sessions, users, api_tokens,
                           audit_log, audit_salt
                       WHERE 1 = 0";
        sql.row(no_rows, &[sql::Kind::Int], &[]).await.map(|_| ())
    }

    /// Deletes login sessions and tokens that have ended, and entries of the audit log that have been kept long enough.
    /// Returns the number of all.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached. Rows deleted before that stay deleted.
    pub async fn clean_up(&self, now: Micros) -> Result<u64, StoreError> {
        let (sessions, tokens) = (self.clean_up_sessions(now).await?, self.clean_up_tokens(now).await?);
        Ok(sessions + tokens + self.clean_up_log(now).await?)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.sql.close().await;
    }

    /// The store, with its schema up to date.
    async fn ready(&self, now: Micros) -> Result<&Sql, StoreError> {
        let prepare = || async {
            migrate::migrate(&self.sql, now).await?;
            migrate::salt(&self.sql).await
        };
        match tokio::time::timeout(self.patience, self.salt.get_or_try_init(prepare)).await {
            Ok(ready) => ready.map(|_| &self.sql),
            Err(_) => Err(StoreError::Unreachable("it was not ready in time".to_owned())),
        }
    }
}
