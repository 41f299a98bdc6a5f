//! API tokens for programs: each belongs to a user, has scopes, and expires.

use super::secret::{Secret, TOKEN_PREFIX, is_public_id, public_id};
use super::sql::{Cells, Kind, Value};
use super::{Accounts, Micros, StoreError};
use serde::{Deserialize, Serialize};
use std::time::Duration;

type Result<T> = std::result::Result<T, StoreError>;

/// An API token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    pub public_id: String,
    pub user_id: String,
    /// What the token is for, in the words of its owner.
    pub label: String,
    pub scopes: Vec<Scope>,
    pub created_at: Micros,
    pub expires_at: Micros,
    pub last_used_at: Option<Micros>,
}

/// What a token allows. It never allows more than its user's role does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Ask questions
    Read,
    /// Start runs, and try failures again
    Run,
    /// Append events
    Ingest,
    /// Everything that its user may do
    Admin,
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::Read, Self::Run, Self::Ingest, Self::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
            Self::Ingest => "ingest",
            Self::Admin => "admin",
        }
    }
}

/// The longest lifetime of a token.
const LONGEST_LIFE: Duration = Duration::from_secs(366 * 86_400);

/// The time of last use is written at most this often.
const NOTED: Micros = 60_000_000;

const COLUMNS: &str = "public_id, user_id, label, scopes, created_at, expires_at, last_used_at";
const KINDS: [Kind; 7] = {
    use Kind::{Int, Text};
    [Text, Text, Text, Text, Int, Int, Int]
};

impl Accounts {
    /// Makes a token. Returns its secret, which is not stored, and its public id.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached, the label is empty or too long, there is no scope, or the lifetime is too long.
    pub async fn add_token(
        &self,
        user_id: &str,
        label: &str,
        scopes: &[Scope],
        life: Duration,
        now: Micros,
    ) -> Result<(Secret, String)> {
        if life > LONGEST_LIFE {
            let days = LONGEST_LIFE.as_secs() / 86_400;
            return Err(StoreError::Invalid(format!("a token can be valid for at most {days} days")));
        }
        let expires_at = now + Micros::try_from(life.as_micros()).unwrap_or_default();
        if !(1..=100).contains(&label.chars().count()) || scopes.is_empty() {
            return Err(StoreError::Invalid("a token needs a label of 1 to 100 characters and a scope".to_owned()));
        }
        let (secret, public_id) = (Secret::new(TOKEN_PREFIX), public_id());
        let names = scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ");
        let sql = "INSERT INTO api_tokens (token_hash, public_id, user_id, label, scopes, created_at, expires_at)
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        let hash = secret.hash();
        let values: [Value<'_>; 7] = [
            (&hash.0).into(),
            (&*public_id).into(),
            user_id.into(),
            label.into(),
            (&*names).into(),
            now.into(),
            expires_at.into(),
        ];
        self.ready(now).await?.execute(sql, &values).await?;
        Ok((secret, public_id))
    }

    /// The token with this secret, if it has not expired. Records its use.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn token(&self, secret: &Secret, now: Micros) -> Result<Option<ApiToken>> {
        let hash = secret.hash();
        let sql = self.ready(now).await?;
        let select = format!("SELECT {COLUMNS} FROM api_tokens WHERE token_hash = ? AND expires_at > ?");
        let row = sql.row(&select, &KINDS, &[(&hash.0).into(), now.into()]).await?;
        let Some(token) = row.map(token) else { return Ok(None) };
        if token.last_used_at.is_none_or(|used| used <= now - NOTED) {
            let update = "UPDATE api_tokens SET last_used_at = ? WHERE token_hash = ?";
            sql.execute(update, &[now.into(), (&hash.0).into()]).await?;
        }
        Ok(Some(token))
    }

    /// The tokens of a user or of all users that have not expired, the newest first.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn tokens(&self, user_id: Option<&str>, now: Micros) -> Result<Vec<ApiToken>> {
        let sql = self.ready(now).await?;
        let order = "ORDER BY created_at DESC, public_id";
        let rows = match user_id {
            Some(user_id) => {
                let select = format!("SELECT {COLUMNS} FROM api_tokens WHERE user_id = ? AND expires_at > ? {order}");
                sql.rows(&select, &KINDS, &[user_id.into(), now.into()]).await?
            }
            None => {
                let select = format!("SELECT {COLUMNS} FROM api_tokens WHERE expires_at > ? {order}");
                sql.rows(&select, &KINDS, &[now.into()]).await?
            }
        };
        Ok(rows.into_iter().map(token).collect())
    }

    /// Ends a token; with `user_id`, only if it belongs to that user. Returns whether it existed.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn revoke_token(&self, user_id: Option<&str>, public_id: &str, now: Micros) -> Result<bool> {
        if !is_public_id(public_id) {
            return Ok(false);
        }
        let sql = self.ready(now).await?;
        let met = match user_id {
            Some(user_id) => {
                let delete = "DELETE FROM api_tokens WHERE public_id = ? AND user_id = ?";
                sql.execute(delete, &[public_id.into(), user_id.into()]).await?
            }
            None => sql.execute("DELETE FROM api_tokens WHERE public_id = ?", &[public_id.into()]).await?,
        };
        Ok(met > 0)
    }

    /// Deletes expired tokens. Returns their number.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn clean_up_tokens(&self, now: Micros) -> Result<u64> {
        self.ready(now).await?.execute("DELETE FROM api_tokens WHERE expires_at <= ?", &[now.into()]).await
    }
}

fn token(mut cells: Cells) -> ApiToken {
    let mut text = || cells.text().unwrap_or_default();
    let (public_id, user_id, label, names) = (text(), text(), text(), text());
    let scopes = Scope::ALL.into_iter().filter(|scope| names.split(' ').any(|name| name == scope.name())).collect();
    let mut int = || cells.int();
    let (created_at, expires_at, last_used_at) = (int().unwrap_or_default(), int().unwrap_or_default(), int());
    ApiToken { public_id, user_id, label, scopes, created_at, expires_at, last_used_at }
}
