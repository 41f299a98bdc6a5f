//! A question to a processor's tables that the HTTP API passes on. It knows no HTTP: it gets the values of its
//! parameters, who asks, and a database to read, and says what there is.

use crate::base::error::Result;
use crate::config::Config;
use crate::identities::Identities;
use crate::plugs::Decided;
use crate::store::reader::Reader;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
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
    /// The answer follows from the database alone, and not from the clock: it is kept until that changes.
    pub is_stable: bool,
    /// The answer is lines of the schema instead of one such object.
    pub is_lines: bool,
    pub answer: fn(&Asked, Reader<'_>) -> Result<Reply>,
    /// How what it is about can be removed, by DELETE at the same path.
    pub remove: Option<Removing>,
}

/// How something can be removed by a request.
#[derive(Clone, Copy)]
pub struct Removing {
    /// A name as that of the question.
    pub id: &'static str,
    pub summary: &'static str,
    /// The parameter of the path that names what is removed.
    pub parameter: &'static str,
    /// Whether it is there, for those who ask.
    pub find: fn(&Asked, Reader<'_>) -> Result<Reply>,
}

/// Hands on all events of the tasks that have these ids, whether they are listed or not.
pub type TaskEvents = fn(Reader<'_>, &[String], &mut dyn FnMut(TaskEvent)) -> Result<()>;

/// An event of a task, as far as it matters whose it is.
#[derive(Clone, Debug)]
pub struct TaskEvent {
    pub task_id: String,
    /// The folder that the task belongs to.
    pub owner: String,
    /// The folder that the event is in.
    pub folder: String,
    pub source: String,
    pub event_id: Option<String>,
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

/// What every list can be asked for.
pub const LIMIT: Parameter =
    Parameter { name: "limit", words: "rows of a page, 100 unless it is said, 500 at most", values: &[] };
pub const CURSOR: Parameter = Parameter { name: "cursor", words: "`next_cursor` of the page before", values: &[] };

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows at most.
    pub limit: u32,
    /// Where it begins, in numbers of the list: rows before it, or the key of the row before it. `None` for the first
    /// page.
    pub from: Option<u64>,
}

/// The rows of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows<T> {
    pub rows: Vec<T>,
    /// Of the whole list.
    pub total: usize,
    /// Of the page after it; `None` after the last one.
    pub next_cursor: Option<String>,
}

impl Page {
    /// Rows at most, and where nothing is said.
    const MOST: u32 = 500;
    const USUAL: u32 = 100;
    /// Numbers up to here are exact in JSON, and are none too many for any database.
    const LAST: u64 = 1 << 53;

    /// A page, or why the values are invalid.
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

    /// Rows before it.
    pub fn offset(self) -> u64 {
        self.from.unwrap_or(0)
    }

    /// Its rows, of all that the list has.
    pub fn cut<T>(self, all: Vec<T>) -> Rows<T> {
        let (total, offset) = (all.len(), usize::try_from(self.offset()).unwrap_or(usize::MAX));
        let rows: Vec<_> = all.into_iter().skip(offset).take(self.limit as usize).collect();
        Rows { next_cursor: self.next(rows.len(), total), rows, total }
    }

    /// The cursor of the page after it, given the rows of this page and of the whole list; `None` after the last page.
    pub fn next(self, rows: usize, total: usize) -> Option<String> {
        let next = self.offset().saturating_add(rows as u64);
        (rows > 0 && next < total as u64).then(|| Self::cursor(next))
    }

    /// The cursor of a page that begins there.
    pub fn cursor(from: u64) -> String {
        format!("p{from}")
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: Self::USUAL, from: None }
    }
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
    /// Of a list.
    pub page: Page,
    /// Groups of fewer people are merged for everybody else.
    pub min_group: u32,
    /// What was decided since what is read was made, by the same processor.
    pub decided: Vec<Decided>,
    /// Whose content the answer holds, beside that of those who ask: folders.
    pub disclosed: Disclosed,
}

/// Folders whose content others are shown.
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

impl Viewer {
    /// Whether they may see something of a folder at a level. What belongs to nobody is like others'.
    pub fn may_see(&self, folder: Option<&str>, level: Level, identities: &Identities) -> bool {
        level <= self.others || folder.is_some_and(|folder| self.owns(folder, identities))
    }

    /// Whether a folder is theirs.
    pub fn owns(&self, folder: &str, identities: &Identities) -> bool {
        self.is(folder) || identities.is_of(folder, &self.person)
    }

    /// Whether a name is theirs.
    pub fn is(&self, name: &str) -> bool {
        name == self.person || name == self.name
    }
}

/// What there is to say.
pub enum Reply {
    Found(Value),
    /// JSON objects, one a line. They are made while they are sent.
    Lines(Box<dyn Iterator<Item = Result<String>> + Send>),
    /// Nothing of that name, or nothing for those who ask.
    NotFound,
    /// It is not handed out, and why.
    Withheld(String),
    /// It is too large to be handed out, and what else can be done.
    TooLarge(String),
    /// It is at another path now, below `/api/v1`.
    Moved(String),
    /// A parameter is invalid.
    Invalid(String),
}

impl Asked {
    /// The value of a parameter, if it has one that is not empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether they may see something of a folder at a level. Content that they may see is in the answer.
    pub fn may_see(&self, folder: Option<&str>, level: Level) -> bool {
        let may = self.viewer.may_see(folder, level, &self.identities);
        if let Some(folder) = folder.filter(|folder| may && level == Level::Content && !self.is_own(folder)) {
            self.disclosed.note(folder);
        }
        may
    }

    /// What was decided about something since what is read was made.
    pub fn decision(&self, id: &str) -> Option<&str> {
        self.decided.iter().rev().find(|decided| decided.id == id).map(|decided| decided.action.as_str())
    }

    /// Whether a folder is theirs.
    pub fn is_own(&self, folder: &str) -> bool {
        self.viewer.owns(folder, &self.identities)
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
