//! Users of the console: their roles, and the people that they are in the data.

use super::sql::{Cells, Kind, Value};
use super::{Accounts, Micros, StoreError};
use crate::plugs::call::{Level, Viewer};
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, StoreError>;

/// Who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub role: Role,
    /// The entry of the identities file, or the folder, whose data is their own.
    pub person: Option<String>,
    /// None: somebody who cannot log in with a password.
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

    /// A role that is not known has the fewest rights.
    fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|role| role.name() == name).unwrap_or(Self::Member)
    }
}

const COLUMNS: &str = "name, role, person, password_hash, created_at";
const KINDS: [Kind; 5] = [Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Int];

impl User {
    /// Who they are in the data. They see sums of others, if nothing else is said.
    pub(crate) fn viewer(&self) -> Viewer {
        let person = self.person.clone().unwrap_or_else(|| self.name.clone());
        Viewer { name: self.name.clone(), person, others: Level::Aggregate, sees_knowledge: false }
    }

    /// Whether a name can be one: MySQL ignores spaces at the end, log files have lines, and the events of a user are in
    /// a folder of that name, which is none that begins with a dot.
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
    /// With [`StoreError::Taken`] if there is one of that name.
    pub async fn add_user(&self, user: &User, now: Micros) -> Result<()> {
        if !User::is_name(&user.name) {
            let message = "the name of a user is 1 to 100 letters, digits and . _ - @ +, and begins with no dot";
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
        // What a removal that was stopped half-way has left of somebody of the same name.
        store.execute("DELETE FROM api_tokens WHERE user_id = ?", &[(&*user.name).into()]).await?;
        self.revoke_all(&user.name, None, "removed", now).await?;
        Ok(())
    }

    /// The user of a name.
    ///
    /// # Errors
    ///
    /// If the store is away.
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
    /// If the store is away.
    pub async fn users(&self, now: Micros) -> Result<Vec<User>> {
        let sql = format!("SELECT {COLUMNS} FROM users ORDER BY name");
        Ok(self.ready(now).await?.rows(&sql, &KINDS, &[]).await?.into_iter().map(user).collect())
    }

    /// Gives a user another role. Their login sessions end. Whether there is such a user.
    ///
    /// # Errors
    ///
    /// If the store is away.
    pub async fn set_role(&self, name: &str, role: Role, now: Micros) -> Result<bool> {
        let sql = self.ready(now).await?;
        let met = sql.execute("UPDATE users SET role = ? WHERE name = ?", &[role.name().into(), name.into()]).await?;
        self.revoke_all(name, None, "role", now).await?;
        Ok(met > 0)
    }

    /// Gives a user another password. Their login sessions end, except one. Returns whether there is such a user.
    ///
    /// # Errors
    ///
    /// If the store is away.
    pub async fn set_password(&self, name: &str, hash: &str, but: Option<&str>, now: Micros) -> Result<bool> {
        let sql = self.ready(now).await?;
        let met = sql.execute("UPDATE users SET password_hash = ? WHERE name = ?", &[hash.into(), name.into()]).await?;
        self.revoke_all(name, but, "password", now).await?;
        Ok(met > 0)
    }

    /// Removes a user, whose login sessions and tokens end. Whether there was one.
    ///
    /// # Errors
    ///
    /// If the store is away.
    pub async fn remove_user(&self, name: &str, now: Micros) -> Result<bool> {
        let sql = self.ready(now).await?;
        // The user goes first: who is stopped half-way has removed all rights, which are looked up for each request.
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
