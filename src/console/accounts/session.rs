//! Login sessions: from log-in to log-out, or to the end of the idle or the absolute limit.
//!
//! A session is inserted once, and every later write is an `UPDATE` that requires the row to exist. An upsert could
//! bring an ended session back. For example, a user logs out while a slow request of theirs is still running, and that
//! request saves session data when it ends. With an upsert, the session would exist again; here the update finds no
//! row.
//!
//! The store finds a session by the hash of its secret. When the secret is renewed, requests that are already under way
//! still present the previous one. The previous secret is accepted for [`GRACE`] more, but cannot be used to renew: if
//! two requests renew at the same time, only one succeeds.

use super::secret::{Secret, SecretHash, is_public_id, public_id};
use super::sql::{Cells, Kind, Value};
use super::{Accounts, Micros, StoreError, seal};
use crate::config::console::Console;
use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

type Result<T> = std::result::Result<T, StoreError>;

/// How long the previous secret is accepted after a renewal.
const GRACE: Micros = 30_000_000;
/// The time of last use is written at most this often, so that not every request writes. For idle limits under ten
/// minutes it is a tenth of the limit.
const TOUCH: Micros = 60_000_000;
/// The longest limit, far below where an addition overflows.
const LONGEST: Micros = Micros::MAX / 4;
/// The most bytes of a session's data.
pub(super) const DATA: usize = 64 << 10;
/// Attempts to find a secret that is not taken. In practice the first one succeeds.
const DRAWS: usize = 3;

/// How long sessions last, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    idle: Micros,
    absolute: Micros,
    renewal: Micros,
    touch: Micros,
}

impl Limits {
    pub(super) fn of(settings: &Console) -> Self {
        let micros = |time: Duration| Micros::try_from(time.as_micros()).unwrap_or(LONGEST).min(LONGEST);
        let (idle, absolute, renewal) = (settings.idle_timeout, settings.session_lifetime, settings.renewal);
        let idle = micros(idle);
        Self { idle, absolute: micros(absolute), renewal: micros(renewal), touch: TOUCH.min(idle / 10) }
    }

    /// When a session ends that is used now and not again. Requests within the next `touch` do not write, so this is
    /// the idle limit after the last of them.
    pub(super) fn idle_end(self, now: Micros) -> Micros {
        now + self.idle + self.touch
    }

    pub(super) fn absolute(self) -> Micros {
        self.absolute
    }
}

/// A login session that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginSession {
    pub hash: SecretHash,
    pub public_id: String,
    /// `None` before the log-in.
    pub user_id: Option<String>,
    pub created_at: Micros,
    pub last_accessed_at: Micros,
    pub auth_at: Option<Micros>,
    pub absolute_expires_at: Micros,
    pub expires_at: Micros,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    /// JSON.
    pub data: String,
    pub version: i64,
    /// Whether the request presented the previous secret.
    pub by_previous: bool,
    /// When the current secret was made.
    renewed_at: Micros,
}

/// The initial values of a session.
#[derive(Clone, Copy, Debug, Default)]
pub struct New<'n> {
    pub user_id: Option<&'n str>,
    pub ip_address: Option<&'n str>,
    pub user_agent: Option<&'n str>,
    /// JSON; an empty text means `{}`.
    pub data: &'n str,
}

/// The result of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    Done,
    /// Another request changed the session first; it must be read again.
    Conflict,
    /// The session has ended.
    Gone,
}

const COLUMNS: &str = "token_hash, public_id, user_id, created_at, last_accessed_at, auth_at, absolute_expires_at,
    expires_at, ip_address, user_agent, TEXT(data), version, prev_valid_until";

const KINDS: [Kind; 13] = {
    use Kind::{Bytes, Int, Text};
    [Bytes, Text, Text, Int, Int, Int, Int, Int, Text, Text, Text, Int, Int]
};

impl Accounts {
    /// Begins a session. Returns its secret, which is not stored, and its public id.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached, or the data is not JSON or too long.
    pub async fn begin(&self, new: New<'_>, now: Micros) -> Result<(Secret, String)> {
        for _ in 0..DRAWS {
            let (secret, public_id) = (Secret::new(""), public_id());
            match self.insert(secret.hash(), &public_id, new, now).await {
                Err(StoreError::Taken) => {}
                inserted => return inserted.map(|()| (secret, public_id)),
            }
        }
        Err(StoreError::Taken)
    }

    /// Inserts a session. Never overwrites one.
    ///
    /// # Errors
    ///
    /// With [`StoreError::Taken`] if the secret or the public id exists already.
    pub async fn insert(&self, hash: SecretHash, public_id: &str, new: New<'_>, now: Micros) -> Result<()> {
        let data = if new.data.is_empty() { "{}" } else { new.data };
        let data = &*self.kept(data, public_id)?;
        let absolute = now + self.limits.absolute;
        let idle = self.limits.idle_end(now).min(absolute);
        let sql = "INSERT INTO login_sessions (token_hash, public_id, user_id, created_at, last_accessed_at, auth_at,
                       idle_expires_at, absolute_expires_at, expires_at, ip_address, user_agent, data, version)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, JSON(?), 1)";
        let ip_address = new.ip_address.map(|text| cut(text, 45));
        let user_agent = new.user_agent.map(|text| cut(text, 512));
        let auth_at = new.user_id.map(|_| now);
        let values: [Value<'_>; 12] = [
            (&hash.0).into(),
            public_id.into(),
            new.user_id.into(),
            now.into(),
            now.into(),
            auth_at.into(),
            idle.into(),
            absolute.into(),
            idle.into(),
            ip_address.into(),
            user_agent.into(),
            data.into(),
        ];
        self.ready(now).await?.execute(sql, &values).await.map(|_| ())
    }

    /// The session with this secret, if it has not ended and its data can be decrypted. An expired session is deleted,
    /// unless another request extends it at this moment.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn session(&self, secret: &Secret, now: Micros) -> Result<Option<LoginSession>> {
        let hash = secret.hash();
        let sql = self.ready(now).await?;
        let own = format!("SELECT {COLUMNS} FROM login_sessions WHERE token_hash = ? AND revoked_at IS NULL");
        if let Some(cells) = sql.row(&own, &KINDS, &[(&hash.0).into()]).await? {
            let session = session(cells, false);
            if session.expires_at > now {
                return Ok(self.opened(session));
            }
            self.delete_expired(hash, now).await?;
            return Ok(None);
        }
        let before = format!(
            "SELECT {COLUMNS} FROM login_sessions
             WHERE prev_token_hash = ? AND prev_valid_until > ? AND revoked_at IS NULL AND expires_at > ?"
        );
        let row = sql.row(&before, &KINDS, &[(&hash.0).into(), now.into(), now.into()]).await?;
        Ok(row.and_then(|cells| self.opened(session(cells, true))))
    }

    /// Deletes a session if it is still expired, that is, if no request has extended it since it was read.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn delete_expired(&self, hash: SecretHash, now: Micros) -> Result<bool> {
        let sql = "DELETE FROM login_sessions WHERE token_hash = ? AND expires_at <= ?";
        Ok(self.ready(now).await?.execute(sql, &[(&hash.0).into(), now.into()]).await? > 0)
    }

    /// Writes the data of a session, unless another request has written it since it was read.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached, or the data is not JSON or too long.
    pub async fn update(&self, session: &LoginSession, data: &str, now: Micros) -> Result<Updated> {
        let data = &*self.kept(data, &session.public_id)?;
        let sql = self.ready(now).await?;
        let update = "UPDATE login_sessions SET data = JSON(?), version = version + 1
                      WHERE token_hash = ? AND version = ? AND revoked_at IS NULL AND expires_at > ?";
        let hash = &session.hash.0;
        if sql.execute(update, &[data.into(), hash.into(), session.version.into(), now.into()]).await? > 0 {
            return Ok(Updated::Done);
        }
        let lives = "SELECT version FROM login_sessions WHERE token_hash = ? AND revoked_at IS NULL AND expires_at > ?";
        let row = sql.row(lives, &[Kind::Int], &[hash.into(), now.into()]).await?;
        Ok(if row.is_some() { Updated::Conflict } else { Updated::Gone })
    }

    /// Records that a session is in use, at most once in [`TOUCH`]. Does not change its data or version.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn touch(&self, session: &LoginSession, now: Micros) -> Result<bool> {
        let before = now - self.limits.touch;
        if session.last_accessed_at > before {
            return Ok(false);
        }
        let idle = self.limits.idle_end(now).min(session.absolute_expires_at);
        let sql = "UPDATE login_sessions SET last_accessed_at = ?, idle_expires_at = ?, expires_at = ?
                   WHERE token_hash = ? AND revoked_at IS NULL AND expires_at > ? AND last_accessed_at <= ?";
        let hash = (&session.hash.0).into();
        let values = [now.into(), idle.into(), idle.into(), hash, now.into(), before.into()];
        Ok(self.ready(now).await?.execute(sql, &values).await? > 0)
    }

    /// Renews the secret of a session if it is old enough. `None` if it is not, or if another request renews it.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn renew(&self, session: &LoginSession, now: Micros) -> Result<Option<Secret>> {
        if session.renewed_at > now - self.limits.renewal {
            return Ok(None);
        }
        self.renew_now(session, now).await
    }

    /// Renews the secret of a session, however old it is. `None` if another request renews it.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn renew_now(&self, session: &LoginSession, now: Micros) -> Result<Option<Secret>> {
        if session.by_previous {
            return Ok(None);
        }
        self.replace(session, Some(now + GRACE), now).await
    }

    /// Replaces the secret of a session. The current secret and the previous one become invalid at once, also if the
    /// secret was renewed since the session was read. `None` if the session has ended.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn rotate(&self, session: &LoginSession, now: Micros) -> Result<Option<Secret>> {
        self.replace(session, None, now).await
    }

    async fn replace(&self, session: &LoginSession, until: Option<Micros>, now: Micros) -> Result<Option<Secret>> {
        let new = Secret::new("");
        let old = &session.hash.0;
        let previous = Value::Bytes(until.map(|_| old.as_slice()));
        // MySQL assigns columns from left to right, so the hash comes last: the other assignments then see its old
        // value. Only the current secret can be renewed.
        let by_previous = if until.is_none() { "OR prev_token_hash = ?" } else { "" };
        let sql = format!(
            "UPDATE login_sessions SET prev_token_hash = ?, prev_valid_until = ?, token_hash = ?
             WHERE revoked_at IS NULL AND expires_at > ? AND (token_hash = ? {by_previous})"
        );
        // The time is stored even without a grace period, because it also says when the secret was made.
        let until = until.unwrap_or(now);
        let hash = new.hash();
        let mut values = vec![previous, until.into(), (&hash.0).into(), now.into(), old.into()];
        if !by_previous.is_empty() {
            values.push(old.into());
        }
        let met = self.ready(now).await?.execute(&sql, &values).await?;
        Ok((met > 0).then_some(new))
    }

    /// Ends the session with this current or previous secret. It is not an error if there is none.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached. The session may then still exist.
    pub async fn delete(&self, hash: SecretHash, now: Micros) -> Result<()> {
        let sql = "DELETE FROM login_sessions WHERE token_hash = ? OR prev_token_hash = ?";
        self.ready(now).await?.execute(sql, &[(&hash.0).into(), (&hash.0).into()]).await.map(|_| ())
    }

    /// The sessions of a user that have not ended, the last used first. Their data stays encrypted if it is: a list shows
    /// also those that only another machine, with another key, can use.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn sessions_of(&self, user_id: &str, now: Micros) -> Result<Vec<LoginSession>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM login_sessions WHERE user_id = ? AND revoked_at IS NULL AND expires_at > ?
             ORDER BY last_accessed_at DESC, public_id"
        );
        let rows = self.ready(now).await?.rows(&sql, &KINDS, &[user_id.into(), now.into()]).await?;
        Ok(rows.into_iter().map(|cells| session(cells, false)).collect())
    }

    /// The stored form of a session's data: checked, and encrypted if a key is configured.
    pub(super) fn kept<'d>(&self, data: &'d str, public_id: &str) -> Result<Cow<'d, str>> {
        check(data)?;
        match &self.seal {
            Some(seal) => seal.seal(data, public_id).map(Cow::Owned),
            None => Ok(Cow::Borrowed(data)),
        }
    }

    /// The session with its data decrypted; `None` if that needs another key. Nobody is logged in by such a session:
    /// its data can say that the user must log in again before changing something. The row stays, for the right key.
    fn opened(&self, session: LoginSession) -> Option<LoginSession> {
        let Some(data) = seal::open(self.seal.as_ref(), session.data, &session.public_id) else {
            if !self.has_warned.swap(true, Ordering::Relaxed) {
                tracing::warn!("login sessions are encrypted with another key than that of [console] data_key");
            }
            return None;
        };
        Some(LoginSession { data, ..session })
    }

    /// Ends a session of a user, given by its public id. Returns whether it existed.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn revoke(&self, user_id: &str, public_id: &str, reason: &str, now: Micros) -> Result<bool> {
        if !is_public_id(public_id) {
            return Ok(false);
        }
        let sql = "UPDATE login_sessions SET revoked_at = ?, revoke_reason = ?, expires_at = ?
                   WHERE user_id = ? AND public_id = ? AND revoked_at IS NULL AND expires_at > ?";
        let values = [now.into(), reason.into(), now.into(), user_id.into(), public_id.into(), now.into()];
        Ok(self.ready(now).await?.execute(sql, &values).await? > 0)
    }

    /// Ends all sessions of a user, except one. Returns their number.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn revoke_all(&self, user_id: &str, but: Option<&str>, reason: &str, now: Micros) -> Result<u64> {
        let sql = "UPDATE login_sessions SET revoked_at = ?, revoke_reason = ?, expires_at = ?
                   WHERE user_id = ? AND public_id <> ? AND revoked_at IS NULL AND expires_at > ?";
        let but = but.unwrap_or_default();
        let values = [now.into(), reason.into(), now.into(), user_id.into(), but.into(), now.into()];
        self.ready(now).await?.execute(sql, &values).await
    }

    /// Deletes expired and revoked sessions in batches. Returns their number. A revoked session expires at the moment
    /// of revocation, so one index finds both kinds.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached. Batches deleted before that stay deleted.
    pub async fn clean_up_sessions(&self, now: Micros) -> Result<u64> {
        let sql = self.ready(now).await?;
        sql.delete("login_sessions", "token_hash", "expires_at <= ?", "expires_at", &[now.into()]).await
    }
}

fn session(mut cells: Cells, by_previous: bool) -> LoginSession {
    let mut hash = SecretHash([0; 32]);
    if let Some(bytes) = cells.bytes().filter(|bytes| bytes.len() == 32) {
        hash.0.copy_from_slice(&bytes);
    }
    let (public_id, user_id) = (cells.text().unwrap_or_default(), cells.text());
    let mut int = || cells.int();
    let (created_at, last_accessed_at, auth_at) = (int().unwrap_or_default(), int().unwrap_or_default(), int());
    let (absolute_expires_at, expires_at) = (int().unwrap_or_default(), int().unwrap_or_default());
    let (ip_address, user_agent, data) = (cells.text(), cells.text(), cells.text().unwrap_or_default());
    let (version, until) = (cells.int().unwrap_or_default(), cells.int());
    let renewed_at = until.map_or(created_at, |until| until - GRACE);
    LoginSession {
        hash,
        public_id,
        user_id,
        created_at,
        last_accessed_at,
        auth_at,
        absolute_expires_at,
        expires_at,
        ip_address,
        user_agent,
        data,
        version,
        by_previous,
        renewed_at,
    }
}

/// Refuses data that is too long or not JSON.
fn check(data: &str) -> Result<()> {
    if data.len() > DATA {
        return Err(StoreError::Invalid("the data of a login session is over 64 KiB".to_owned()));
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(data) {
        Ok(_) => Ok(()),
        Err(_) => Err(StoreError::Invalid("the data of a login session is not JSON".to_owned())),
    }
}

/// The first characters of a text.
fn cut(text: &str, length: usize) -> &str {
    text.char_indices().nth(length).map_or(text, |(end, _)| &text[..end])
}
