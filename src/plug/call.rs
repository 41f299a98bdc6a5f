//! A call of the HTTP API that a processor answers from its tables. It does not depend on HTTP: it gets the values of
//! its parameters, the viewer, and a database to read, and returns a reply.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::config::Config;
use crate::identities::Identities;
use crate::plug::Decided;
use crate::store::reader::Reader;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A call of the API.
pub struct Call {
    /// The path below `/api/v1`, with parameters in braces: `/things/{id}`.
    pub path: &'static str,
    /// The operation id in the OpenAPI document, for generated clients.
    pub id: &'static str,
    pub summary: &'static str,
    pub parameters: &'static [Parameter],
    /// The schema of the answer.
    pub schema: fn(&mut Schemas) -> Schema,
    /// Whether the answer depends only on the database, not on the time. It is then cached until the database changes.
    pub is_stable: bool,
    /// Whether the answer is JSON Lines of the schema instead of a single object.
    pub is_lines: bool,
    pub answer: fn(&Asked, Reader<'_>) -> Result<Reply>,
    /// How to remove the object with DELETE at the same path, if that is possible.
    pub remove: Option<Removing>,
}

/// A DELETE request for an object.
#[derive(Clone, Copy)]
pub struct Removing {
    /// The operation id.
    pub id: &'static str,
    pub summary: &'static str,
    /// The parameter of the path that names the object.
    pub parameter: &'static str,
    /// Finds the object, as far as the viewer may see it.
    pub find: fn(&Asked, Reader<'_>) -> Result<Reply>,
}

/// Passes on all events of the tasks with these ids, including tasks that are not listed.
pub type TaskEvents = fn(Reader<'_>, &[String], &mut dyn FnMut(TaskEvent)) -> Result<()>;

/// An event of a task, with the folders that decide who may see it.
#[derive(Clone, Debug)]
pub struct TaskEvent {
    pub task_id: String,
    /// The folder that the task belongs to.
    pub owner: String,
    /// The folder that contains the event.
    pub folder: String,
    pub source: String,
    pub event_id: Option<String>,
    pub short_id: Option<String>,
    /// The type, or the name that serves as one.
    pub task_type: Option<String>,
}

/// Passes on the folders that own tasks of these short ids that have ended and are held: for each, the short id, the type
/// of task that releases it, and the folder.
pub type HeldTasks = fn(Reader<'_>, &[String], &mut dyn FnMut(String, String, String)) -> Result<()>;

/// A schema, or a reference to one.
pub type Schema = utoipa::openapi::RefOr<utoipa::openapi::Schema>;
/// Schemas that others refer to, by name.
pub type Schemas = Vec<(String, Schema)>;

/// Adds the schema of a type, and returns a reference to it.
pub fn schema_of<T: utoipa::ToSchema + utoipa::PartialSchema>(schemas: &mut Schemas) -> Schema {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
    utoipa::openapi::Ref::from_schema_name(T::name()).into()
}

/// A parameter of a call.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub words: &'static str,
    /// The valid values; empty for any text.
    pub values: &'static [&'static str],
}

/// Parameters of all lists.
pub const LIMIT: Parameter =
    Parameter { name: "limit", words: "rows of a page, 100 unless it is said, 500 at most", values: &[] };
pub const CURSOR: Parameter = Parameter { name: "cursor", words: "`next_cursor` of the page before", values: &[] };

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The most rows.
    pub limit: u32,
    /// Where the page begins: the number of rows before it, or the key of the row before it, depending on the list.
    /// `None` for the first page.
    pub from: Option<u64>,
}

/// The rows of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows<T> {
    pub rows: Vec<T>,
    /// The number of rows in the whole list.
    pub total: usize,
    /// The cursor of the next page; `None` on the last page.
    pub next_cursor: Option<String>,
}

impl Page {
    /// The maximum and the default number of rows.
    const MOST: u32 = 500;
    const USUAL: u32 = 100;
    /// JSON numbers are exact up to this limit, and no database has as many rows.
    const LAST: u64 = 1 << 53;

    /// Parses the parameters of a page. The error says why they are invalid.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>) -> std::result::Result<Self, String> {
        let limit = match limit.filter(|limit| !limit.is_empty()).map(str::parse::<u32>) {
            None => Self::USUAL,
            Some(Ok(limit)) if (1..=Self::MOST).contains(&limit) => limit,
            Some(_) => return Err(format!("`limit` is not a number from 1 to {}", Self::MOST)),
        };
        let from = match cursor.filter(|cursor| !cursor.is_empty()) {
            None => None,
            Some(cursor) => {
                let from = cursor.strip_prefix('p').and_then(|from| from.parse::<u64>().ok());
                let from = from.filter(|from| *from <= Self::LAST);
                Some(from.ok_or("`cursor` is not the `next_cursor` of a page")?)
            }
        };
        Ok(Self { limit, from })
    }

    /// The number of rows before the page.
    pub fn offset(self) -> u64 {
        self.from.unwrap_or(0)
    }

    /// The page's part of the whole list.
    pub fn cut<T>(self, all: Vec<T>) -> Rows<T> {
        let (total, offset) = (all.len(), usize::try_from(self.offset()).unwrap_or(usize::MAX));
        let rows: Vec<_> = all.into_iter().skip(offset).take(self.limit as usize).collect();
        Rows { next_cursor: self.next(rows.len(), total), rows, total }
    }

    /// The cursor of the next page, given the number of rows on this page and in the whole list; `None` after the last
    /// page.
    pub fn next(self, rows: usize, total: usize) -> Option<String> {
        let next = self.offset().saturating_add(rows as u64);
        (rows > 0 && next < total as u64).then(|| Self::cursor(next))
    }

    /// The cursor of a page that begins at `from`.
    pub fn cursor(from: u64) -> String {
        format!("p{from}")
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: Self::USUAL, from: None }
    }
}

/// A request: its parameters, the viewer, and what is needed to answer.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The parameters from path and query, by name. The call declares all of them.
    pub values: BTreeMap<String, String>,
    pub viewer: Viewer,
    pub now: DateTime<Utc>,
    pub zone: Tz,
    pub identities: Arc<Identities>,
    pub config: Arc<Config>,
    /// The page, for lists.
    pub page: Page,
    /// The fewest people in a group that a viewer with access to aggregates only may see.
    pub min_group: u32,
    /// Decisions of users that are newer than the database copy that is read.
    pub decided: Vec<Decided>,
    /// Folders of other people whose content the answer contains.
    pub disclosed: Disclosed,
}

/// Collects the folders of other people whose content an answer contains, for the audit log.
#[derive(Clone, Debug, Default)]
pub struct Disclosed(Arc<Mutex<BTreeSet<String>>>);

impl Disclosed {
    pub fn note(&self, folder: &str) {
        self.0.lock().insert(folder.to_owned());
    }

    pub fn folders(&self) -> BTreeSet<String> {
        self.0.lock().clone()
    }
}

/// How much of something may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Counts, cost, kinds.
    Aggregate,
    /// Titles, branches, files, commands.
    Metadata,
    /// Prompts, replies, quotes.
    Content,
}

/// The user who looks at the data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Viewer {
    /// The user's name, which is also the name of their folder of events.
    pub name: String,
    /// The person in the identities, or a folder.
    pub person: String,
    /// How much of other people's data they may see.
    pub others: Level,
    /// Whether they may see what other people stated, with quotes.
    pub sees_knowledge: bool,
}

impl Viewer {
    /// Whether they may see data of a folder at a level. Data without a folder counts as other people's.
    pub fn may_see(&self, folder: Option<&str>, level: Level, identities: &Identities) -> bool {
        level <= self.others || folder.is_some_and(|folder| self.owns(folder, identities))
    }

    /// Whether a folder belongs to them.
    pub fn owns(&self, folder: &str, identities: &Identities) -> bool {
        self.is(folder) || identities.is_of(folder, &self.person)
    }

    /// Whether a name is theirs.
    pub fn is(&self, name: &str) -> bool {
        name == self.person || name == self.name
    }
}

/// The answer to a call.
pub enum Reply {
    Found(Value),
    /// JSON objects, one on each line, produced while they are sent.
    Lines(Box<dyn Iterator<Item = Result<String>> + Send>),
    /// Not found, or not visible to the viewer.
    NotFound,
    /// Refused, with the reason.
    Withheld(String),
    /// Too large, with what to do instead.
    TooLarge(String),
    /// Moved to another path below `/api/v1`.
    Moved(String),
    /// A parameter is invalid, with the reason.
    Invalid(String),
}

impl Asked {
    /// The value of a parameter, unless it is missing or empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether the viewer may see data of a folder at a level. Records the folder in `disclosed` if it is other
    /// people's content.
    pub fn may_see(&self, folder: Option<&str>, level: Level) -> bool {
        let may = self.viewer.may_see(folder, level, &self.identities);
        if let Some(folder) = folder.filter(|folder| may && level == Level::Content && !self.is_own(folder)) {
            self.disclosed.note(folder);
        }
        may
    }

    /// The last such decision about an object.
    pub fn decision(&self, id: &str) -> Option<&str> {
        self.decided.iter().rev().find(|decided| decided.id == id).map(|decided| decided.action.as_str())
    }

    /// Whether a folder belongs to the viewer.
    pub fn is_own(&self, folder: &str) -> bool {
        self.viewer.owns(folder, &self.identities)
    }

    /// The days between two parameters; an error reply if one of them is not a valid day, or if there are no such days.
    pub fn days(&self, since: &str, until: &str) -> std::result::Result<Days, Reply> {
        let (since, until) = (self.day(since)?, self.day(until)?);
        Days::between(since, until).map_err(|why| Reply::Invalid(why.to_string()))
    }

    /// A parameter as a day; an error reply if it is not a valid day.
    fn day(&self, name: &str) -> std::result::Result<Option<NaiveDate>, Reply> {
        let day = self.value(name).map(str::parse::<NaiveDate>).transpose();
        day.map_err(|_| Reply::Invalid(format!("`{name}` is no day such as 2026-02-01")))
    }
}

#[cfg(test)]
impl Asked {
    /// A request without parameters.
    pub(crate) fn of(viewer: Viewer) -> Self {
        Self {
            values: BTreeMap::new(),
            viewer,
            now: DateTime::UNIX_EPOCH,
            zone: Tz::UTC,
            identities: Arc::default(),
            config: Arc::default(),
            page: Page::default(),
            min_group: 3,
            decided: Vec::new(),
            disclosed: Disclosed::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_page_by_page_to_its_end() {
        let page = |limit: &str, cursor: &str| Page::parse(Some(limit), Some(cursor));
        let cut = |cursor: &str| page("2", cursor).unwrap().cut((0..5).collect());
        let next_cursor = Some("p2".to_owned());
        assert_eq!(cut(""), Rows { rows: vec![0, 1], total: 5, next_cursor });
        assert_eq!(cut("p4"), Rows { rows: vec![4], total: 5, next_cursor: None });
        assert_eq!(cut("p9007199254740992"), Rows { rows: vec![], total: 5, next_cursor: None });
        assert_eq!(Page::parse(None, None), Ok(Page { limit: 100, from: None }));
        for (limit, cursor) in [("0", ""), ("501", ""), ("x", ""), ("2", "2"), ("2", "p-1"), ("2", "p9007199254740993")]
        {
            assert!(page(limit, cursor).is_err(), "{limit} {cursor}");
        }
    }
}
