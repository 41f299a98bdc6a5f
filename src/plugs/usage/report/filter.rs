//! Which part of the database a report is about.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::base::names::{self, Fit};
use crate::base::zone;
use crate::identities::Identities;
use crate::store::reader::Param;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::collections::BTreeSet;
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

/// A name from a flag or request, and the values of the database that match it: none if the name is unknown. Before the
/// name is looked up, the only value is the name itself.
#[derive(Clone, Debug)]
pub struct Only {
    pub name: String,
    pub(super) values: Vec<String>,
    /// Whether the name may be a pattern or the beginning of a name.
    pub(super) is_short: bool,
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

/// A condition in SQL, and its parameters.
#[derive(Clone, Debug)]
pub(in crate::plugs) struct Where {
    pub(in crate::plugs) clause: String,
    pub(in crate::plugs) params: Vec<Param>,
}

/// Up to this number, sessions are selected by their ids. For more, all sessions are read.
pub(super) const NAMED: usize = 500;

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
