//! A question to a processor's tables that the HTTP API passes on. It knows no HTTP: it gets the values of its
//! parameters, who asks, and a database to read, and says what there is.

use crate::base::error::Result;
use crate::config::Config;
use crate::identities::Identities;
use crate::store::reader::Reader;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One question of the API.
pub struct Call {
    /// Below `/api/v1`, with the names of parameters in braces: `/things/{id}`.
    pub path: &'static str,
    /// A name for programs that are generated from the description of the API.
    pub id: &'static str,
    pub summary: &'static str,
    pub parameters: &'static [Parameter],
    /// The schema of the answer.
    pub schema: fn(&mut Schemas) -> Schema,
    /// The answer follows from the database alone: the same question to the same state has the same one.
    pub is_stable: bool,
    pub answer: fn(&Asked, Reader<'_>) -> Result<Reply>,
}

/// A schema, or where it is.
pub type Schema = utoipa::openapi::RefOr<utoipa::openapi::Schema>;
/// Schemas that others name.
pub type Schemas = Vec<(String, Schema)>;

/// The schema of a type, by its name.
pub fn schema_of<T: utoipa::ToSchema + utoipa::PartialSchema>(schemas: &mut Schemas) -> Schema {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
    utoipa::openapi::Ref::from_schema_name(T::name()).into()
}

/// A parameter of a question.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub words: &'static str,
    /// The values that there are; none for any text.
    pub values: &'static [&'static str],
}

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Of the path and of the query, by name. All of them are parameters of the question.
    pub values: BTreeMap<String, String>,
    pub viewer: Viewer,
    pub now: DateTime<Utc>,
    pub zone: Tz,
    pub identities: Arc<Identities>,
    pub config: Arc<Config>,
    /// Most rows of a list, and where it begins.
    pub limit: u32,
    pub cursor: Option<String>,
    /// Groups of fewer people are merged for everybody else.
    pub min_group: u32,
}

/// How much of something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Counts, cost, kinds.
    Aggregate,
    /// Titles, branches, files, commands.
    Metadata,
    /// Prompts, replies, quotes.
    Content,
}

/// Who looks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Viewer {
    /// The user, whose folder of events has this name.
    pub name: String,
    /// An entry of the identities, or a folder.
    pub person: String,
    /// How much they see of what is others'.
    pub others: Level,
    /// They see what others stated, with its quotes.
    pub sees_knowledge: bool,
}

/// What there is to say.
#[derive(Clone, Debug)]
pub enum Reply {
    Found(Value),
    /// Nothing of that name, or nothing for those who ask.
    NotFound,
    /// It is at another path now, below `/api/v1`.
    Moved(String),
    /// A parameter makes no sense.
    Invalid(String),
}

impl Asked {
    /// The value of a parameter, if it has one that is not empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether they may see something of a folder at a level. What belongs to nobody is like others'.
    pub fn may_see(&self, folder: Option<&str>, level: Level) -> bool {
        level <= self.viewer.others || folder.is_some_and(|folder| self.is_own(folder))
    }

    /// Whether a folder is theirs.
    pub fn is_own(&self, folder: &str) -> bool {
        self.is_self(folder) || self.identities.is_of(folder, &self.viewer.person)
    }

    /// Whether a name is theirs.
    pub fn is_self(&self, name: &str) -> bool {
        name == self.viewer.person || name == self.viewer.name
    }

    /// Where the page of a list begins; `None` if the cursor is none of ours.
    pub fn offset(&self) -> Option<usize> {
        self.cursor.as_deref().map_or(Some(0), |cursor| cursor.strip_prefix('p')?.parse().ok())
    }

    /// The cursor of the page after one that begins there, has so many rows and is of so many; `None` after the last.
    pub fn next(&self, from: usize, rows: usize, total: usize) -> Option<String> {
        let next = from.saturating_add(rows);
        (rows > 0 && next < total).then(|| format!("p{next}"))
    }

    /// A day, or why it is none.
    pub fn day(&self, name: &str) -> std::result::Result<Option<NaiveDate>, Reply> {
        let day = self.value(name).map(str::parse::<NaiveDate>).transpose();
        day.map_err(|_| Reply::Invalid(format!("`{name}` is no day such as 2026-02-01")))
    }
}

#[cfg(test)]
impl Asked {
    /// A question without parameters.
    pub(crate) fn of(viewer: Viewer) -> Self {
        Self {
            values: BTreeMap::new(),
            viewer,
            now: DateTime::UNIX_EPOCH,
            zone: Tz::UTC,
            identities: Arc::default(),
            config: Arc::default(),
            limit: 100,
            cursor: None,
            min_group: 3,
        }
    }
}
