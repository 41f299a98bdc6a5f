//! Which part of the database a report is about.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::base::names::{self, Fit};
use crate::base::zone;
use crate::dialect::directory::spelled;
use crate::identities::Identities;
use crate::identities::repository::repository;
use crate::plugs::usage::repositories::Repositories;
use crate::plugs::usage::sums::Responses;
use crate::report::trend::Steps;
use crate::store::reader::{Param, Reader};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Days and names. `None` means no restriction.
#[derive(Clone, Debug)]
pub struct Filter {
    pub days: Days,
    pub user: Option<Only>,
    pub team: Option<Only>,
    pub project: Option<Only>,
    pub model: Option<Only>,
    pub agent: Option<Only>,
    pub zone: Tz,
    /// Which folder belongs to which person.
    pub identities: Arc<Identities>,
}

/// A name from a flag or request, and the values of the database that match it: none if the name is unknown. Before
/// [`Filter::resolved`], the only value is the name itself.
#[derive(Clone, Debug)]
pub struct Only {
    pub name: String,
    values: Vec<String>,
    /// Whether the name may be a pattern or the beginning of a name.
    is_short: bool,
    /// The full names that a short name stands for; empty if it is a full name.
    pub stands_for: Vec<String>,
}

impl Only {
    /// Whether the database has a matching value.
    pub fn is_known(&self) -> bool {
        !self.values.is_empty()
    }
}

impl From<String> for Only {
    fn from(name: String) -> Self {
        Self { values: vec![name.clone()], name, is_short: false, stands_for: Vec::new() }
    }
}

impl Only {
    /// A name that may be shortened, as on the command line.
    pub fn short(name: String) -> Self {
        Self { is_short: true, ..name.into() }
    }

    /// The folders in `known` that belong to a user. Unless the name may be shortened, only full names match.
    ///
    /// # Errors
    ///
    /// If a short name matches nobody.
    pub(in crate::plugs) fn folders(&self, identities: &Identities, known: &[String]) -> Result<Vec<String>> {
        if self.is_short {
            return identities.meant(&self.name, known);
        }
        Ok(known.iter().filter(|folder| identities.is_of(folder, &self.name)).cloned().collect())
    }

    /// The best matches in `known`. Unless the name may be shortened, only full names match.
    pub(in crate::plugs) fn texts(&self, known: &[String], is_whole: impl Fn(&str) -> bool) -> Vec<String> {
        names::best(known, |text| match is_whole(text) {
            true => Some(Fit::Whole),
            false if self.is_short => names::fit(&self.name, text),
            false => None,
        })
    }

    /// Says which people a short name stands for; `None` if it is a full name.
    pub(in crate::plugs) fn people(&self, identities: &Identities, folders: &[String]) -> Option<String> {
        let is_whole = !self.is_short || folders.iter().any(|folder| identities.is_of(folder, &self.name));
        let labels: BTreeSet<_> = folders.iter().map(|folder| identities.label(folder)).collect();
        (!is_whole).then(|| self.note("user", labels.into_iter()))
    }

    /// The matching values in the database.
    pub(in crate::plugs) fn values(&self) -> &[String] {
        &self.values
    }

    /// Says which names a resolved short name stands for; `None` if it is a full name.
    pub(in crate::plugs) fn stood_for(&self, what: &str) -> Option<String> {
        (!self.stands_for.is_empty()).then(|| self.note(what, self.stands_for.iter().map(String::as_str)))
    }

    /// The sentence that says what a short name stands for.
    pub(in crate::plugs) fn note<'n>(&self, what: &str, names: impl Iterator<Item = &'n str>) -> String {
        let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
        format!("note: {what} `{}` is {}", self.name, names.join(", "))
    }
}

/// The names in the database, read once for any number of filters.
pub struct Names<'r> {
    reader: Reader<'r>,
    repositories: Option<Repositories>,
    /// By kind of name, and whether the name may be shortened.
    known: HashMap<(&'static str, bool), Vec<String>>,
    is_shown: Option<&'r IsShown<'r>>,
}

/// Whether somebody may know a name that these people use, given by a folder of each.
type IsShown<'r> = dyn Fn(&BTreeSet<String>) -> bool + 'r;

impl<'r> Names<'r> {
    pub fn new(reader: Reader<'r>) -> Self {
        Self { reader, repositories: None, known: HashMap::new(), is_shown: None }
    }

    /// Only names that somebody may know: other ones are unknown.
    pub fn shown(reader: Reader<'r>, is_shown: &'r IsShown<'r>) -> Self {
        Self { is_shown: Some(is_shown), ..Self::new(reader) }
    }

    fn read(&mut self, what: &'static str, column: &str, is_short: bool, identities: &Arc<Identities>) -> Result<()> {
        if what == "project" && self.repositories.is_none() {
            self.repositories = Some(Repositories::read(self.reader, identities)?);
        }
        if !self.known.contains_key(&(what, is_short)) {
            // People with transcripts can be named even if they have no responses.
            let others = match what {
                "user" if is_short => "UNION SELECT split_part(session_file, '/', 1) FROM session_files",
                _ => "",
            };
            let responses = Responses::added_up(self.reader, &Where::everything(), None)?.table;
            let sql =
                format!("SELECT DISTINCT {column} FROM {responses} WHERE {column} IS NOT NULL {others} ORDER BY ALL");
            let mut known: Vec<String> = self.reader.rows(&sql, &[], |row| row.get(0))?;
            if let Some(is_shown) = self.is_shown.filter(|_| is_short) {
                let sql = format!("SELECT DISTINCT {column}, username FROM {responses} WHERE {column} IS NOT NULL");
                let mut people: HashMap<String, BTreeSet<String>> = HashMap::new();
                let mut folders: HashMap<String, String> = HashMap::new();
                let name = |value: &str| match what {
                    "team" => identities.team(value).unwrap_or_default().to_owned(),
                    _ => value.to_owned(),
                };
                self.reader.each(&sql, &[], |row| {
                    let (value, folder): (String, String) = (row.get(0)?, row.get(1)?);
                    let person = identities.label(&folder).to_owned();
                    people.entry(name(&value)).or_default().insert(folders.entry(person).or_insert(folder).clone());
                    Ok(())
                })?;
                known.retain(|value| people.get(&name(value)).is_some_and(is_shown));
            }
            self.known.insert((what, is_short), known);
        }
        Ok(())
    }
}

/// A condition in SQL, and its parameters.
#[derive(Clone, Debug)]
pub(in crate::plugs) struct Where {
    pub(in crate::plugs) clause: String,
    pub(in crate::plugs) params: Vec<Param>,
}

impl Where {
    pub(in crate::plugs) fn everything() -> Self {
        Self { clause: "true".to_owned(), params: Vec::new() }
    }

    /// Restricted to sessions in which a person interrupted the agent.
    #[must_use]
    pub(in crate::plugs) fn of_interrupted(mut self) -> Self {
        self.clause += " AND session_id IN (SELECT session_id FROM usage_sessions WHERE interruptions > 0)";
        self
    }

    /// Restricted to some sessions.
    pub(in crate::plugs) fn of_sessions<'i>(mut self, ids: impl ExactSizeIterator<Item = &'i str>) -> Self {
        // The ids are rows, not a list: DuckDB compares an id with the items of a list one by one, but joins rows by
        // hash.
        self.clause = format!("({}) AND session_id IN (VALUES {})", self.clause, vec!["(?)"; ids.len()].join(", "));
        self.params.extend(ids.map(Param::from));
        self
    }
}

impl Filter {
    /// When the first day begins.
    pub(in crate::plugs) fn begin(&self) -> Option<DateTime<Utc>> {
        self.days.since.map(|day| zone::begin(day, self.zone))
    }

    /// The names that are asked for: kind, column, name.
    pub(in crate::plugs) fn names(&self) -> impl Iterator<Item = (&'static str, &'static str, &Only)> {
        [
            ("user", "username", &self.user),
            ("team", "username", &self.team),
            ("project", "project", &self.project),
            ("model", "model", &self.model),
            ("agent", "agent", &self.agent),
        ]
        .into_iter()
        .filter_map(|(what, column, only)| Some((what, column, only.as_ref()?)))
    }

    /// The columns of the names that are asked for.
    pub(in crate::plugs) fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.names().map(|(_, column, _)| column)
    }

    /// A filter without restrictions.
    pub fn of_all(zone: Tz, identities: Arc<Identities>) -> Self {
        let (user, team, project, model, agent) = (None, None, None, None, None);
        Self { days: Days::default(), user, team, project, model, agent, zone, identities }
    }

    /// Whether there is any restriction.
    pub fn is_narrow(&self) -> bool {
        !self.days.is_all() || self.names().next().is_some()
    }

    /// Looks up the names in the database.
    ///
    /// # Errors
    ///
    /// If the database cannot be read, or nothing matches a short name. That error suggests the nearest known names.
    pub fn resolved(&self, reader: Reader<'_>) -> Result<Self> {
        self.resolved_by(&mut Names::new(reader))
    }

    /// The same with names that several filters share.
    ///
    /// # Errors
    ///
    /// As [`Filter::resolved`].
    pub fn resolved_by(&self, names: &mut Names<'_>) -> Result<Self> {
        let mut filter = self.clone();
        for (what, column, only) in self.names() {
            names.read(what, column, only.is_short, &self.identities)?;
            let (known, repositories) = (&names.known[&(what, only.is_short)], names.repositories.as_ref());
            let values = match what {
                "user" => only.folders(&self.identities, known)?,
                _ => names::best(known, |value| self.fit(what, only, value, repositories)),
            };
            if values.is_empty() && only.is_short {
                let names: BTreeSet<_> =
                    known.iter().filter_map(|value| self.answers(what, value, repositories)[0]).collect();
                return Err(names::unknown(what, &only.name, names.into_iter()));
            }
            let labels: BTreeSet<_> =
                values.iter().filter_map(|value| self.answers(what, value, repositories)[0]).collect();
            let is_whole = values.iter().any(|value| self.fit(what, only, value, repositories) == Some(Fit::Whole));
            let stands_for = if is_whole { Vec::new() } else { labels.into_iter().map(str::to_owned).collect() };
            let only = Only { values, stands_for, ..only.clone() };
            *match what {
                "user" => &mut filter.user,
                "team" => &mut filter.team,
                "project" => &mut filter.project,
                "model" => &mut filter.model,
                _ => &mut filter.agent,
            } = Some(only);
        }
        Ok(filter)
    }

    /// The steps of the small charts in rows. They divide the days of the filter, or the days with usage if it has
    /// none.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub(in crate::plugs) fn steps(&self, reader: Reader<'_>) -> Result<Steps> {
        let used = match self.days {
            Days { since: Some(_), until: Some(_) } => [None; 2],
            _ => {
                let condition = self.condition();
                let responses = Responses::added_up(reader, &condition, None)?.table;
                let sql = format!("SELECT min(first_time), max(last_time) FROM {responses} WHERE {}", condition.clause);
                reader.one(&sql, &condition.params, |row| Ok([row.time(0)?, row.time(1)?]))?
            }
        };
        Ok(Steps::of(self.days, used, self.zone))
    }

    /// The time of the last response that matches the names, on any day.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn newest(&self, reader: Reader<'_>) -> Result<Option<DateTime<Utc>>> {
        let condition = Self { days: Days::default(), ..self.clone() }.condition();
        let responses = Responses::added_up(reader, &condition, None)?.table;
        let sql = format!("SELECT max(last_time) FROM {responses} WHERE {}", condition.clause);
        reader.one(&sql, &condition.params, |row| row.time(0))
    }

    /// How well a name matches a value of a column.
    fn fit(&self, what: &str, only: &Only, value: &str, repositories: Option<&Repositories>) -> Option<Fit> {
        let name = &only.name;
        let is_whole = match what {
            "user" => self.identities.is_of(value, name),
            // A directory can be spelled in several ways, and an older version may have stored another spelling.
            "project" => self.answers(what, &spelled(value), repositories).contains(&Some(&spelled(name))),
            _ => self.answers(what, value, repositories).contains(&Some(name)),
        };
        if is_whole {
            return Some(Fit::Whole);
        }
        let short = || {
            self.answers(what, value, repositories)
                .into_iter()
                .flatten()
                .filter_map(|known| names::fit(name, known))
                .max()
        };
        if only.is_short { short() } else { None }
    }

    /// The names that match a value of a column. The first is the one that reports use.
    fn answers<'a>(
        &'a self,
        what: &str,
        value: &'a str,
        repositories: Option<&'a Repositories>,
    ) -> [Option<&'a str>; 3] {
        match what {
            "user" => [Some(self.identities.label(value)), Some(value), None],
            "team" => [self.identities.team(value), None, None],
            "project" => [repositories.map(|known| known.name(value)), Some(repository(value)), Some(value)],
            _ => [Some(value), None, None],
        }
    }

    /// Whether a folder and a working directory match the names of a resolved filter. Teams are checked by their
    /// folders; models and agents are not checked.
    pub(in crate::plugs) fn is_of(&self, folder: &str, project: Option<&str>) -> bool {
        self.names().all(|(_, column, Only { values, .. })| match column {
            "username" => values.iter().any(|value| value == folder),
            "project" => values.iter().any(|value| Some(value.as_str()) == project),
            _ => true,
        })
    }

    pub(in crate::plugs) fn condition(&self) -> Where {
        self.condition_by(|column, values| format!("{column} IN ({values})"))
    }

    /// The condition for tool calls. The model of a call is that of the response that made it.
    pub(in crate::plugs) fn of_calls(&self) -> Where {
        self.condition_by(|column, values| match column {
            "model" => {
                format!("message_id IN (SELECT message_id FROM usage_responses WHERE model IN ({values}) AND part = 0)")
            }
            _ => format!("{column} IN ({values})"),
        })
    }

    fn condition_by(&self, is_one_of: impl Fn(&str, &str) -> String) -> Where {
        let mut parts = vec!["true".to_owned()];
        let mut params = Vec::new();
        let since = self.begin().map(|begin| ("time >= ?", begin));
        let until = self.days.until.map(|day| ("time < ?", zone::end(day, self.zone)));
        for (part, time) in [since, until].into_iter().flatten() {
            parts.push(part.to_owned());
            params.push(Param::Time(time));
        }
        for (_, column, Only { values, .. }) in self.names() {
            if values.is_empty() {
                parts.push("false".to_owned());
                continue;
            }
            parts.push(is_one_of(column, &vec!["?"; values.len()].join(", ")));
            params.extend(values.iter().cloned().map(Param::Text));
        }
        Where { clause: parts.join(" AND "), params }
    }
}
