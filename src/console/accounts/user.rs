//! Users of the console: their roles, and which person in the data each of them is.

use super::sql::{Cells, Kind, Value};
use super::{Accounts, Micros, StoreError};
use crate::plug::call::{Level, Viewer};
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, StoreError>;

/// Who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub role: Role,
    /// The person in the identities file, or the folder, whose data belongs to this user.
    pub person: Option<String>,
    /// `None` for a user who cannot log in with a password.
    pub password_hash: Option<String>,
    pub created_at: Micros,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Their own content, and aggregates of the team
    Member,
    /// Aggregates and metadata of the team
    Lead,
    /// Knowledge with its quotes
    Curator,
    /// The pipeline and access, without content
    Admin,
    /// Content with a written reason, which its owner sees
    Auditor,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Member, Self::Lead, Self::Curator, Self::Admin, Self::Auditor];

    pub fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Lead => "lead",
            Self::Curator => "curator",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }

    /// An unknown role gets the fewest rights.
    fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|role| role.name() == name).unwrap_or(Self::Member)
    }
}

const COLUMNS: &str = "name, role, person, password_hash, created_at";
const KINDS: [Kind; 5] = [Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Int];

impl User {
    /// The viewer for queries. Sees only aggregates of other people, unless the caller raises that.
    pub(crate) fn viewer(&self) -> Viewer {
        let person = self.person.clone().unwrap_or_else(|| self.name.clone());
        Viewer { name: self.name.clone(), person, others: Level::Aggregate, sees_knowledge: false }
    }

    /// Whether a text is a valid user name. MySQL ignores trailing spaces, log entries must fit on a line, and the
    /// events of a user are stored in a folder with the user's name.
    pub fn is_name(name: &str) -> bool {
        let is_fine = |c: char| c.is_alphanumeric() || "._-@+".contains(c);
        (1..=100).contains(&name.len()) && name.chars().all(is_fine) && !name.starts_with('.')
    }
}

impl Accounts {
    /// Adds a user.
    ///
    /// # Errors
    ///
    /// With [`StoreError::Taken`] if the name is taken.
    pub async fn add_user(&self, user: &User, now: Micros) -> Result<()> {
        if !User::is_name(&user.name) {
            let message = "a user name has 1 to 100 letters, digits and . _ - @ +, and does not begin with a dot";
            return Err(StoreError::Invalid(message.to_owned()));
        }
        let sql = "INSERT INTO users (name, role, person, password_hash, created_at) VALUES (?, ?, ?, ?, ?)";
        let values: [Value<'_>; 5] = [
            (&*user.name).into(),
            user.role.name().into(),
            user.person.as_deref().into(),
            user.password_hash.as_deref().into(),
            user.created_at.into(),
        ];
        let store = self.ready(now).await?;
        store.execute(sql, &values).await?;
        // An interrupted removal of an earlier user with this name can have left tokens and sessions.
        store.execute("DELETE FROM api_tokens WHERE user_id = ?", &[(&*user.name).into()]).await?;
        self.revoke_all(&user.name, None, "removed", now).await?;
        Ok(())
    }

    /// The user with this name.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn user(&self, name: &str, now: Micros) -> Result<Option<User>> {
        if !User::is_name(name) {
            return Ok(None);
        }
        let sql = format!("SELECT {COLUMNS} FROM users WHERE name = ?");
        Ok(self.ready(now).await?.row(&sql, &KINDS, &[name.into()]).await?.map(user))
    }

    /// All users, by name.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn users(&self, now: Micros) -> Result<Vec<User>> {
        let sql = format!("SELECT {COLUMNS} FROM users ORDER BY name");
        Ok(self.ready(now).await?.rows(&sql, &KINDS, &[]).await?.into_iter().map(user).collect())
    }

    /// Changes the role of a user and ends their login sessions. Returns whether the user exists.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn set_role(&self, name: &str, role: Role, now: Micros) -> Result<bool> {
        let sql = self.ready(now).await?;
        let met = sql.execute("UPDATE users SET role = ? WHERE name = ?", &[role.name().into(), name.into()]).await?;
        self.revoke_all(name, None, "role", now).await?;
        Ok(met > 0)
    }

    /// Changes the password of a user and ends their login sessions, except one. Returns whether the user exists.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn set_password(&self, name: &str, hash: &str, but: Option<&str>, now: Micros) -> Result<bool> {
        let sql = self.ready(now).await?;
        let met = sql.execute("UPDATE users SET password_hash = ? WHERE name = ?", &[hash.into(), name.into()]).await?;
        self.revoke_all(name, but, "password", now).await?;
        Ok(met > 0)
    }

    /// Removes a user with their login sessions and tokens. Returns whether the user existed.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn remove_user(&self, name: &str, now: Micros) -> Result<bool> {
        let sql = self.ready(now).await?;
        // The user goes first. Each request looks the user up, so an interrupted removal has already taken away all
        // rights.
        let met = sql.execute("DELETE FROM users WHERE name = ?", &[name.into()]).await?;
        sql.execute("DELETE FROM api_tokens WHERE user_id = ?", &[name.into()]).await?;
        self.revoke_all(name, None, "removed", now).await?;
        Ok(met > 0)
    }
}

fn user(mut cells: Cells) -> User {
    let name = cells.text().unwrap_or_default();
    let role = Role::of(&cells.text().unwrap_or_default());
    let (person, password_hash) = (cells.text(), cells.text());
    User { name, role, person, password_hash, created_at: cells.int().unwrap_or_default() }
}
