//! Imports the login sessions of an older store once, so that users need not log in again.
//!
//! The older table is `sessions(id, user_id, created_at, last_accessed_at, expires_at, ip_address, user_agent,
//! is_active, data)`. Its ids are the secrets in the cookies; only their hashes are imported. Each back end stores the
//! times in a different type, so the query converts them to seconds.

use super::secret::{Secret, public_id};
use super::session::DATA;
use super::sql::{Connections, Kind, Sql, Value};
use super::{Accounts, Micros, StoreError};
use crate::config::console::Console;

/// The result of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Imported now.
    pub taken: u64,
    /// Imported before.
    pub known: u64,
    /// Ended already.
    pub ended: u64,
    /// Not imported, because the id cannot be used or the data cannot be stored.
    pub refused: u64,
}

impl Accounts {
    /// Imports the sessions of an older store.
    ///
    /// # Errors
    ///
    /// If one of the stores cannot be reached, or the older one has no such table.
    pub async fn import(&self, url: &str, settings: &Console, now: Micros) -> Result<Imported, StoreError> {
        use Kind::{Int, Text};
        let older = Sql::new(url, settings)?;
        let select = select(&older.pool);
        let rows = older.rows(&select, &[Text, Text, Int, Int, Int, Text, Text, Int, Text], &[]).await;
        older.close().await;
        let mut imported = Imported::default();
        for mut cells in rows? {
            let (id, user_id) = (cells.text().unwrap_or_default(), cells.text());
            let mut time = || cells.int().map(|seconds| seconds.saturating_mul(1_000_000));
            let (created_at, last_accessed_at, expires_at) = (time(), time(), time());
            let (ip_address, user_agent) = (cells.text(), cells.text());
            let (is_active, data) = (cells.int() == Some(1), cells.text().unwrap_or_else(|| "{}".to_owned()));
            let expires_at = expires_at.unwrap_or_default();
            if !is_active || expires_at <= now {
                imported.ended += 1;
                continue;
            }
            let (secret, data) = (Secret::presented(&id), nested(&data));
            let (Some(secret), Some(data)) = (secret, data) else {
                imported.refused += 1;
                continue;
            };
            // A session lives no longer than it would have in the older store, and no longer than a new one here.
            let until = expires_at.min(now + self.limits.absolute());
            let idle = until.min(now + self.limits.idle());
            let (hash, public_id) = (secret.hash(), public_id());
            let data = self.kept(&data, &public_id)?;
            let insert = "INSERT INTO login_sessions (token_hash, public_id, user_id, created_at, last_accessed_at,
                              auth_at, idle_expires_at, absolute_expires_at, expires_at, ip_address, user_agent, data,
                              version)
                          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, JSON(?), 1)";
            let created_at = created_at.unwrap_or(now);
            let cut = |text: &Option<String>, length| text.as_ref().map(|t| t.chars().take(length).collect::<String>());
            // PostgreSQL returns an address as a network: `192.0.2.9/32`.
            let ip_address = ip_address.map(|text| text.split('/').next().unwrap_or_default().to_owned());
            let (ip_address, user_agent) = (cut(&ip_address, 45), cut(&user_agent, 512));
            let values: [Value<'_>; 12] = [
                (&hash.0).into(),
                (&*public_id).into(),
                user_id.as_deref().into(),
                created_at.into(),
                last_accessed_at.unwrap_or(created_at).into(),
                user_id.as_ref().map(|_| created_at).into(),
                idle.into(),
                until.into(),
                idle.into(),
                ip_address.as_deref().into(),
                user_agent.as_deref().into(),
                (&*data).into(),
            ];
            match self.ready(now).await?.execute(insert, &values).await {
                Ok(_) => imported.taken += 1,
                Err(StoreError::Taken) => imported.known += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(imported)
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
        Connections::Postgres(_) => format!("CAST(extract(epoch FROM {column}) AS BIGINT)"),
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
