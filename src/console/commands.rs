//! The commands for the account store: users, tokens, and importing login sessions.

use super::accounts::audit::Entry;
use super::accounts::import::Imported;
use super::accounts::token::{ApiToken, Scope};
use super::accounts::user::{Role, User};
use super::accounts::{Accounts, Micros, StoreError};
use super::{password, run};
use crate::base::error::{Error, Result, Status};
use crate::config::Config;
use chrono::{DateTime, Utc};
use std::time::Duration;

/// The account store, for commands.
pub struct StoreCommands {
    pub store: String,
    pub config: Config,
    pub now: DateTime<Utc>,
    /// Who runs the command, for the audit log.
    pub by: String,
}

impl StoreCommands {
    /// Adds a user. A user without a password can only log in through a trusted proxy.
    ///
    /// # Errors
    ///
    /// If the name is taken, or the password is too short or too long.
    pub fn add_user(&self, name: &str, role: Role, person: Option<&str>, password: Option<&str>) -> Result<()> {
        let password_hash = password.map(hash).transpose()?;
        self.with(async |accounts, now| {
            let person = person.map(str::to_owned);
            let user = User { name: name.to_owned(), role, person, password_hash, created_at: now };
            let added = accounts.add_user(&user, now).await;
            added.map_err(|error| match error {
                StoreError::Taken => StoreError::Invalid(format!("there is a user `{name}` already")),
                error => error,
            })?;
            self.note(accounts, "user.added", name, Some(role.name())).await
        })
    }

    /// All users, by name.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub fn users(&self) -> Result<Vec<User>> {
        self.with(async |accounts, now| accounts.users(now).await)
    }

    /// Changes the password of a user and ends their login sessions.
    ///
    /// # Errors
    ///
    /// If there is no such user, or the password is too short or too long.
    pub fn set_password(&self, name: &str, password: &str) -> Result<()> {
        let hash = hash(password)?;
        self.with(async |accounts, now| {
            known(accounts.set_password(name, &hash, None, now).await?, "user", name)?;
            self.note(accounts, "password", name, None).await
        })
    }

    /// Changes the role of a user and ends their login sessions.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn set_role(&self, name: &str, role: Role) -> Result<()> {
        self.with(async |accounts, now| {
            known(accounts.set_role(name, role, now).await?, "user", name)?;
            self.note(accounts, "role", name, Some(role.name())).await
        })
    }

    /// Removes a user with their login sessions and tokens.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn remove_user(&self, name: &str) -> Result<()> {
        self.with(async |accounts, now| {
            known(accounts.remove_user(name, now).await?, "user", name)?;
            self.note(accounts, "user.removed", name, None).await
        })
    }

    /// Makes a token for a user. Returns its secret and its id.
    ///
    /// # Errors
    ///
    /// If there is no such user, or the lifetime is too long.
    pub fn add_token(&self, user: &str, label: &str, scopes: &[Scope], life: Duration) -> Result<(String, String)> {
        self.with(async |accounts, now| {
            known(accounts.user(user, now).await?.is_some(), "user", user)?;
            let (secret, id) = accounts.add_token(user, label, scopes, life, now).await?;
            self.note(accounts, "token.added", &id, Some(label)).await?;
            Ok((secret.reveal().to_owned(), id))
        })
    }

    /// The tokens of a user, or of all users.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub fn tokens(&self, user: Option<&str>) -> Result<Vec<ApiToken>> {
        self.with(async |accounts, now| accounts.tokens(user, now).await)
    }

    /// Ends a token.
    ///
    /// # Errors
    ///
    /// If there is no token with this id.
    pub fn revoke_token(&self, id: &str) -> Result<()> {
        self.with(async |accounts, now| {
            known(accounts.revoke_token(None, id, now).await?, "token", id)?;
            self.note(accounts, "token.ended", id, None).await
        })
    }

    /// Imports the login sessions of an older store.
    ///
    /// # Errors
    ///
    /// If one of the stores cannot be reached.
    pub fn import(&self, url: &str) -> Result<Imported> {
        self.with(async |accounts, now| {
            let imported = accounts.import(url, &self.config.console, now).await?;
            let taken = imported.taken.to_string();
            let noted = self.note(accounts, "sessions.imported", &taken, None).await;
            if imported.interrupted.is_none() {
                noted?;
            }
            Ok(imported)
        })
    }

    /// Deletes expired login sessions and tokens, and old entries of the audit log. Returns the number of all.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub fn clean_up(&self) -> Result<u64> {
        self.with(async |accounts, now| accounts.clean_up(now).await)
    }

    async fn note(
        &self,
        accounts: &Accounts,
        event: &str,
        object: &str,
        detail: Option<&str>,
    ) -> std::result::Result<(), StoreError> {
        let (actor, object) = (Some(self.by.as_str()), Some(object));
        accounts.log(Entry { actor, event, object, detail, ..Entry::default() }, self.now.timestamp_micros()).await
    }

    fn with<T>(&self, work: impl AsyncFnOnce(&Accounts, Micros) -> std::result::Result<T, StoreError>) -> Result<T> {
        let done = run(async {
            let accounts = super::open(&self.store, &self.config)?;
            let done = work(&accounts, self.now.timestamp_micros()).await;
            accounts.close().await;
            Ok::<_, Error>(done)
        })??;
        done.map_err(|error| {
            let status = if matches!(error, StoreError::Invalid(_)) { Status::Usage } else { Status::CannotRun };
            Error::new(status, error.to_string())
        })
    }
}

fn hash(password: &str) -> Result<String> {
    password::check(password).map_err(|message| Error::new(Status::Usage, message))?;
    password::hash(password).ok_or_else(|| Error::new(Status::CannotRun, "the password could not be hashed"))
}

fn known(is_known: bool, what: &str, name: &str) -> std::result::Result<(), StoreError> {
    if is_known { Ok(()) } else { Err(StoreError::Invalid(format!("there is no {what} `{name}`"))) }
}
