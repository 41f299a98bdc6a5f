//! The store of the console: users, their login sessions, tokens of programs, and the audit log.
//!
//! One contract with three back ends by the scheme of the URL: `sqlite:` (the default, beside the database),
//! `postgres:`, and `mysql:` for MySQL and MariaDB, where several machines share the store.
//!
//! | module | noun |
//! | --- | --- |
//! | [`session`] | a login session: made once, touched, renewed, ended |
//! | [`user`] | who may log in, with a role and a person |
//! | [`token`] | what a program presents |
//! | [`audit`] | who did what, and when |
//! | [`import`] | the login sessions of an older store |
//! | `seal` | encryption of what is kept with login sessions |
//! | [`secret`] | what is presented, and the hash that is kept of it |
//! | `sql`, `migrate` | the three back ends, and their schema |
//!
//! A store that cannot be reached is an error, and never an empty answer: otherwise everybody would be logged out
//! while it is away, and a log-out would seem to have worked.

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
use std::time::Duration;
use tokio::sync::OnceCell;

/// Microseconds since 1970, UTC: they mean the same in every back end, whatever the zone of a connection.
pub type Micros = i64;

/// A moment as programs read it.
pub fn text(time: Micros) -> String {
    utc::microseconds(DateTime::from_timestamp_micros(time).unwrap_or_default())
}

/// Why the store could not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or does not answer: another try may find it.
    #[error("the store of login sessions is away: {0}")]
    Away(String),
    /// What was to be made is there already.
    #[error("it exists already")]
    Taken,
    /// Another statement was in the way.
    #[error("the store of login sessions is away: other writers were in the way")]
    Deadlock,
    /// The request is invalid.
    #[error("{0}")]
    Invalid(String),
}

/// The store.
#[derive(Debug)]
pub struct Accounts {
    sql: Sql,
    /// Made once the schema is up to date: what marks of the audit log are salted with.
    salt: OnceCell<Vec<u8>>,
    limits: session::Limits,
    /// What encrypts the data of login sessions, if anything does.
    seal: Option<Seal>,
    /// How long its schema may take to be ready.
    patience: Duration,
}

impl Accounts {
    /// Gets ready to connect. The store is looked at when it is first used, and again until it is there.
    ///
    /// # Errors
    ///
    /// If the URL is invalid, or the key cannot be read.
    pub fn new(url: &str, settings: &Console) -> Result<Self, StoreError> {
        let limits = session::Limits::of(settings);
        let seal = settings.data_key.as_deref().map(Seal::of_file).transpose()?;
        let (sql, patience) = (Sql::new(url, settings)?, settings.connect_timeout);
        Ok(Self { sql, salt: OnceCell::new(), limits, seal, patience })
    }

    /// Connects, if that was not done yet, and brings the schema up to date.
    ///
    /// # Errors
    ///
    /// If the store is away.
    pub async fn open(&self, now: Micros) -> Result<(), StoreError> {
        self.ready(now).await.map(|_| ())
    }

    /// Whether the store answers now.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub async fn probe(&self, now: Micros) -> Result<(), StoreError> {
        let sql = self.ready(now).await?;
        sql.row("SELECT version FROM schema_version", &[sql::Kind::Int], &[]).await.map(|_| ())
    }

    /// Lets go of all connections.
    pub async fn close(&self) {
        self.sql.close().await;
    }

    /// The store, once its schema is up to date.
    async fn ready(&self, now: Micros) -> Result<&Sql, StoreError> {
        let prepare = || async {
            migrate::migrate(&self.sql, now).await?;
            migrate::salt(&self.sql).await
        };
        match tokio::time::timeout(self.patience, self.salt.get_or_try_init(prepare)).await {
            Ok(ready) => ready.map(|_| &self.sql),
            Err(_) => Err(StoreError::Away("it was not ready in time".to_owned())),
        }
    }
}
