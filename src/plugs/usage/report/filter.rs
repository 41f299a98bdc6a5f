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

/// Days and names; what is `None` is not asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    pub days: Days,
    pub user: Option<Only>,
    pub team: Option<Only>,
    pub project: Option<Only>,
    pub model: Option<Only>,
    pub agent: Option<Only>,
    pub zone: Tz,
    /// Whose folders are whose.
    pub identities: Arc<Identities>,
}

/// A name that is asked for, and what the database has for it: nothing, if the name is unknown. Until that is asked, the
/// name itself.
#[derive(Clone, Debug)]
pub struct Only {
    pub name: String,
    values: Vec<String>,
    /// The name can be a pattern, or the beginning of others.
    is_short: bool,
    /// What those are called that it is short for.
    pub stands_for: Vec<String>,
}

impl Only {
    /// Whether the database has anything for it.
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
    /// A name as people write it for short.
    pub fn short(name: String) -> Self {
        Self { is_short: true, ..name.into() }
    }

    /// The folders of a user, among those that are known; whole names only, unless it is short.
    ///
    /// # Errors
    ///
    /// If it is short and fits nobody.
    pub(in crate::plugs) fn folders(&self, identities: &Identities, known: &[String]) -> Result<Vec<String>> {
        if self.is_short {
            return identities.meant(&self.name, known);
        }
        Ok(known.iter().filter(|folder| identities.is_of(folder, &self.name)).cloned().collect())
    }

    /// The texts that fit best; whole ones only, unless it is short.
    pub(in crate::plugs) fn texts(&self, known: &[String], is_whole: impl Fn(&str) -> bool) -> Vec<String> {
        names::best(known, |text| match is_whole(text) {
            true => Some(Fit::Whole),
            false if self.is_short => names::fit(&self.name, text),
            false => None,
        })
    }

    /// Whom a short name stands for, in words, where it is nobody's whole one.
    pub(in crate::plugs) fn people(&self, identities: &Identities, folders: &[String]) -> Option<String> {
        let is_whole = !self.is_short || folders.iter().any(|folder| identities.is_of(folder, &self.name));
        let labels: BTreeSet<_> = folders.iter().map(|folder| identities.label(folder)).collect();
        (!is_whole).then(|| self.note("user", labels.into_iter()))
    }

    /// What the database has for it.
    pub(in crate::plugs) fn values(&self) -> &[String] {
        &self.values
    }

    /// Says what a resolved name stands for, where it is short for others.
    pub(in crate::plugs) fn stood_for(&self, what: &str) -> Option<String> {
        (!self.stands_for.is_empty()).then(|| self.note(what, self.stands_for.iter().map(String::as_str)))
    }

    /// Says what a short name stands for.
    pub(in crate::plugs) fn note<'n>(&self, what: &str, names: impl Iterator<Item = &'n str>) -> String {
        let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
        format!("note: {what} `{}` is {}", self.name, names.join(", "))
    }
}

/// What the database has to be named: read once, however many filters ask.
pub struct Names<'r> {
    reader: Reader<'r>,
    repositories: Option<Repositories>,
    /// By what is named, and whether it is for short.
    known: HashMap<(&'static str, bool), Vec<String>>,
}

impl<'r> Names<'r> {
    pub fn new(reader: Reader<'r>) -> Self {
        Self { reader, repositories: None, known: HashMap::new() }
    }

    fn read(&mut self, what: &'static str, column: &str, is_short: bool, identities: &Arc<Identities>) -> Result<()> {
        if what == "project" && self.repositories.is_none() {
            self.repositories = Some(Repositories::read(self.reader, identities)?);
        }
        if !self.known.contains_key(&(what, is_short)) {
            // Who has transcripts is somebody, with responses or without.
            let others = match what {
                "user" if is_short => "UNION SELECT split_part(session_file, '/', 1) FROM session_files",
                _ => "",
            };
            let responses = Responses::added_up(self.reader, &Where::everything(), None)?.table;
            let sql =
                format!("SELECT DISTINCT {column} FROM {responses} WHERE {column} IS NOT NULL {others} ORDER BY ALL");
            self.known.insert((what, is_short), self.reader.rows(&sql, &[], |row| row.get(0))?);
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

    /// The same of sessions in which somebody interrupted the agent.
    #[must_use]
    pub(in crate::plugs) fn of_interrupted(mut self) -> Self {
        self.clause += " AND session_id IN (SELECT session_id FROM usage_sessions WHERE interruptions > 0)";
        self
    }

    /// The same of some sessions.
    pub(in crate::plugs) fn of_sessions<'i>(mut self, ids: impl ExactSizeIterator<Item = &'i str>) -> Self {
        // As rows, not as a list: DuckDB compares each id with a list one by one, and looks it up among rows.
        self.clause = format!("({}) AND session_id IN (VALUES {})", self.clause, vec!["(?)"; ids.len()].join(", "));
        self.params.extend(ids.map(Param::from));
        self
    }
}

impl Filter {
    /// What is asked for by name: what it is, the column that has it, the name.
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

    /// The columns that say what is asked for by name.
    pub(in crate::plugs) fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.names().map(|(_, column, _)| column)
    }

    /// Everything.
    pub fn of_all(zone: Tz, identities: Arc<Identities>) -> Self {
        let (user, team, project, model, agent) = (None, None, None, None, None);
        Self { days: Days::default(), user, team, project, model, agent, zone, identities }
    }

    /// Whether it leaves anything out.
    pub fn is_narrow(&self) -> bool {
        !self.days.is_all() || self.names().next().is_some()
    }

    /// The same with what the database has for the names.
    ///
    /// # Errors
    ///
    /// If the database cannot be read, or has nothing for a short name: then with the nearest ones that it has.
    pub fn resolved(&self, reader: Reader<'_>) -> Result<Self> {
        self.resolved_by(&mut Names::new(reader))
    }

    /// The same where others are asked, too.
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

    /// The steps that a row is drawn in: of the days that are asked for, or of those with usage.
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

    /// When the last response was made of which the names tell, whatever the days.
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

    /// How a name fits a value of a column.
    fn fit(&self, what: &str, only: &Only, value: &str, repositories: Option<&Repositories>) -> Option<Fit> {
        let name = &only.name;
        let is_whole = match what {
            "user" => self.identities.is_of(value, name),
            // A directory can be asked for in any spelling, and can be stored in one of an older version.
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

    /// The names that a value of a column answers to, first that which reports tell it by.
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

    /// Whether what is of a folder and a working directory is asked for, as far as these tell; of a resolved filter.
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

    /// The same of calls of tools: their model is that of the response that made them.
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
        let since = self.days.since.map(|day| ("time >= ?", zone::begin(day, self.zone)));
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
