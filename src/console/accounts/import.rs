//! Imports the login sessions of an older store, so that users need not log in again.
//!
//! The older table is `sessions(id, user_id, created_at, last_accessed_at, expires_at, ip_address, user_agent,
//! is_active, data)`. Its ids are the secrets in the cookies; only their hashes are imported. Each back end stores the
//! times in a different type, so the query converts them to seconds.
//!
//! A session is imported once. Its hash stays in `imported_sessions` when it has another secret or has ended. Otherwise
//! a second import would bring back sessions that were logged out.

use super::secret::{Secret, SecretHash, public_id};
use super::session::DATA;
use super::sql::{Cells, Connections, Kind, Sql, Value};
use super::user::User;
use super::{Accounts, Micros, StoreError};
use crate::config::console::Console;
use std::collections::{BTreeSet, HashSet};

/// The result of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Imported now.
    pub taken: u64,
    /// Imported before.
    pub known: u64,
    /// Ended already.
    pub ended: u64,
    /// Of users whom the console does not have. An import after these users were added takes them.
    pub of_strangers: u64,
    /// The names of these users.
    pub strangers: BTreeSet<String>,
    /// Rows that cannot be used.
    pub refused: Vec<Refused>,
    /// Why the import stopped before its end, if it did.
    pub interrupted: Option<StoreError>,
}

/// A row that cannot be used. Its id is a secret, so it is told by its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its number among all rows in order of their ids, from 1.
    pub row: u64,
    /// The user, if the row names one.
    pub user: Option<String>,
    pub why: String,
}

/// A session of the older store.
struct Older {
    id: String,
    user_id: Option<String>,
    created_at: Option<Micros>,
    last_accessed_at: Option<Micros>,
    expires_at: Option<Micros>,
    ip_address: Option<String>,
    user_agent: Option<String>,
    is_active: bool,
    data: String,
}

/// What became of a session.
enum Outcome {
    Taken,
    Known,
    Ended,
    /// Of a user whom the console does not have.
    Stranger(String),
}

impl Accounts {
    /// Imports the sessions of an older store.
    ///
    /// # Errors
    ///
    /// If one of the stores cannot be reached, or the older one has no such table.
    pub async fn import(&self, url: &str, settings: &Console, now: Micros) -> Result<Imported, StoreError> {
        use Kind::{Int, Text};
        let older = Sql::of_others(url, settings)?;
        let kinds = [Text, Text, Int, Int, Int, Text, Text, Int, Text];
        let rows = older.each_row(&select(&older.pool), &kinds, &[]).await;
        older.close().await;
        let rows = rows.map_err(StoreError::of_others)?;
        let users: HashSet<_> = self.users(now).await?.into_iter().map(|user| user.name).collect();
        let mut imported = Imported::default();
        for (row, cells) in (1..).zip(rows) {
            let (user, outcome) = match cells.map(Older::of) {
                Ok(older) => (older.user_id.clone(), self.take(older, &users, now).await),
                Err(error) => (None, Err(StoreError::Invalid(error.cause()))),
            };
            match outcome {
                Ok(Outcome::Taken) => imported.taken += 1,
                Ok(Outcome::Known) => imported.known += 1,
                Ok(Outcome::Ended) => imported.ended += 1,
                Ok(Outcome::Stranger(name)) => {
                    imported.of_strangers += 1;
                    imported.strangers.insert(name);
                }
                Err(StoreError::Invalid(why)) => {
                    imported.refused.push(Refused { row, user: user.filter(|name| User::is_name(name)), why });
                }
                Err(error) => {
                    imported.interrupted = Some(error);
                    break;
                }
            }
        }
        Ok(imported)
    }

    /// Imports a session.
    async fn take(&self, older: Older, users: &HashSet<String>, now: Micros) -> Result<Outcome, StoreError> {
        let invalid = |why: &str| StoreError::Invalid(why.to_owned());
        let expires_at = older.expires_at.ok_or_else(|| invalid("its end is not a time"))?;
        if !older.is_active || expires_at <= now {
            return Ok(Outcome::Ended);
        }
        let secret = Secret::presented(&older.id).ok_or_else(|| invalid("its id is empty or over 512 bytes"))?;
        match older.user_id {
            Some(name) if !User::is_name(&name) => return Err(invalid("its user has no name that the console allows")),
            Some(name) if !users.contains(&name) => return Ok(Outcome::Stranger(name)),
            _ => {}
        }
        let (hash, public_id) = (secret.hash(), public_id());
        let data = nested(&older.data).ok_or_else(|| invalid("its data is not JSON, or too long"))?;
        let data = self.kept(&data, &public_id)?;
        // A session lives no longer than it would have in the older store, and no longer than a new one here.
        let until = expires_at.min(now + self.limits.absolute());
        let idle = until.min(self.limits.idle_end(now));
        let created_at = older.created_at.unwrap_or(now).min(now);
        let last_accessed_at = older.last_accessed_at.unwrap_or(created_at).min(now);
        let cut = |text: &Option<String>, length| text.as_ref().map(|t| t.chars().take(length).collect::<String>());
        // PostgreSQL returns an address as a network: `192.0.2.9/32`.
        let ip_address = older.ip_address.map(|text| text.split('/').next().unwrap_or_default().to_owned());
        let (ip_address, user_agent) = (cut(&ip_address, 45), cut(&older.user_agent, 512));
        let insert = "INSERT INTO login_sessions (token_hash, public_id, user_id, created_at, last_accessed_at,
                          auth_at, idle_expires_at, absolute_expires_at, expires_at, ip_address, user_agent, data,
                          version)
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, JSON(?), 1)";
        let values: [Value<'_>; 12] = [
            (&hash.0).into(),
            (&*public_id).into(),
            older.user_id.as_deref().into(),
            created_at.into(),
            last_accessed_at.into(),
            older.user_id.as_ref().map(|_| created_at).into(),
            idle.into(),
            until.into(),
            idle.into(),
            ip_address.as_deref().into(),
            user_agent.as_deref().into(),
            (&*data).into(),
        ];
        let sql = self.ready(now).await?;
        match sql.execute_all(&[(REMEMBER, &remembered(&hash, now)), (insert, &values)]).await {
            Ok(_) => Ok(Outcome::Taken),
            // An import of a version before `imported_sessions` can have left the session alone.
            Err(StoreError::Taken) => match sql.execute(REMEMBER, &remembered(&hash, now)).await {
                Ok(_) | Err(StoreError::Taken) => Ok(Outcome::Known),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }
}

const REMEMBER: &str = "INSERT INTO imported_sessions (token_hash, imported_at) VALUES (?, ?)";

fn remembered(hash: &SecretHash, now: Micros) -> [Value<'_>; 2] {
    [(&hash.0).into(), now.into()]
}

impl Older {
    fn of(mut cells: Cells) -> Self {
        let (id, user_id) = (cells.text().unwrap_or_default(), cells.text());
        let mut time = || cells.int().map(|seconds| seconds.saturating_mul(1_000_000));
        let (created_at, last_accessed_at, expires_at) = (time(), time(), time());
        let (ip_address, user_agent) = (cells.text(), cells.text());
        let (is_active, data) = (cells.int() == Some(1), cells.text().unwrap_or_else(|| "{}".to_owned()));
        Self { id, user_id, created_at, last_accessed_at, expires_at, ip_address, user_agent, is_active, data }
    }
}

/// The data of an older session, below a key of its own: the console takes rights from the other keys. `None` if it
/// cannot be stored.
fn nested(data: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(data).ok()?;
    Some(format!("{{\"older\": {data}}}")).filter(|data| data.len() <= DATA)
}

/// The query for the sessions of an older store, with columns in the order in which [`Accounts::import`] reads them.
fn select(pool: &Connections) -> String {
    let seconds = |column: &str| match pool {
        // A number of seconds, or a text that SQLite can parse.
        Connections::Sqlite(_) => format!(
            "CASE typeof({column}) WHEN 'integer' THEN {column} WHEN 'real' THEN CAST({column} AS INTEGER)
             ELSE CAST(strftime('%s', {column}) AS INTEGER) END"
        ),
        // An infinite time is no number.
        Connections::Postgres(_) => format!(
            "CASE WHEN isfinite({column}) THEN CAST(floor(extract(epoch FROM {column})) AS BIGINT)
             WHEN {column} > now() THEN CAST(253402300799 AS BIGINT) WHEN {column} < now() THEN CAST(0 AS BIGINT) END"
        ),
        // A time without a zone is in UTC, so the connection's zone must not be applied.
        Connections::MySql(_) => format!("CAST(TIMESTAMPDIFF(SECOND, '1970-01-01 00:00:00', {column}) AS SIGNED)"),
    };
    let text = |column: &str| match pool {
        Connections::MySql(_) => format!("CAST({column} AS CHAR)"),
        _ => format!("CAST({column} AS TEXT)"),
    };
    let active = match pool {
        Connections::MySql(_) => "CASE WHEN is_active THEN CAST(1 AS SIGNED) ELSE CAST(0 AS SIGNED) END",
        _ => "CASE WHEN is_active THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END",
    };
    format!(
        "SELECT {}, {}, {}, {}, {}, {}, {}, {active}, {} FROM sessions ORDER BY 1",
        text("id"),
        text("user_id"),
        seconds("created_at"),
        seconds("last_accessed_at"),
        seconds("expires_at"),
        text("ip_address"),
        text("user_agent"),
        text("data"),
    )
}
