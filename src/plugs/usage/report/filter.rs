//! Which part of the database a report is about.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::base::names::{self, Fit};
use crate::base::zone;
use crate::dialect::directory::spelled;
use crate::identities::Identities;
use crate::identities::repository::repository;
use crate::plugs::usage::repositories::Repositories;
use crate::store::reader::{Param, Reader};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::collections::BTreeSet;
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
}

/// A condition in SQL, and its parameters.
#[derive(Debug)]
pub(in crate::plugs) struct Where {
    pub(in crate::plugs) clause: String,
    pub(in crate::plugs) params: Vec<Param>,
}

impl Filter {
    /// What is asked for by name: what it is, the column that has it, the name.
    pub(in crate::plugs::usage) fn names(&self) -> impl Iterator<Item = (&'static str, &'static str, &Only)> {
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
        let mut filter = self.clone();
        if self.names().next().is_none() {
            return Ok(filter);
        }
        let repositories = Repositories::read(reader, &self.identities)?;
        for (what, column, only) in self.names() {
            // Who has transcripts is somebody, with responses or without.
            let others = if what == "user" && only.is_short {
                "UNION SELECT split_part(session_file, '/', 1) FROM session_files"
            } else {
                ""
            };
            let sql = format!(
                "SELECT DISTINCT {column} FROM usage_responses WHERE {column} IS NOT NULL {others} ORDER BY ALL"
            );
            let known: Vec<String> = reader.rows(&sql, &[], |row| row.get(0))?;
            let values = match what {
                "user" if only.is_short => self.identities.meant(&only.name, &known)?,
                _ => names::best(&known, |value| self.fit(what, only, value, &repositories)),
            };
            if values.is_empty() && only.is_short {
                let names: BTreeSet<_> =
                    known.iter().filter_map(|value| self.answers(what, value, &repositories)[0]).collect();
                return Err(names::unknown(what, &only.name, names.into_iter()));
            }
            let labels: BTreeSet<_> =
                values.iter().filter_map(|value| self.answers(what, value, &repositories)[0]).collect();
            let is_whole = values.iter().any(|value| self.fit(what, only, value, &repositories) == Some(Fit::Whole));
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

    /// When the last response was made of which the names tell, whatever the days.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn newest(&self, reader: Reader<'_>) -> Result<Option<DateTime<Utc>>> {
        let Where { clause, params } = Self { days: Days::default(), ..self.clone() }.condition();
        let sql = format!("SELECT max(time) FROM usage_responses WHERE {clause}");
        reader.one(&sql, &params, |row| row.time(0))
    }

    /// How a name fits a value of a column.
    fn fit(&self, what: &str, only: &Only, value: &str, repositories: &Repositories) -> Option<Fit> {
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
    fn answers<'a>(&'a self, what: &str, value: &'a str, repositories: &'a Repositories) -> [Option<&'a str>; 3] {
        match what {
            "user" => [Some(self.identities.label(value)), Some(value), None],
            "team" => [self.identities.team(value), None, None],
            "project" => [Some(repositories.name(value)), Some(repository(value)), Some(value)],
            _ => [Some(value), None, None],
        }
    }

    pub(in crate::plugs) fn condition(&self) -> Where {
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
            parts.push(format!("{column} IN ({})", vec!["?"; values.len()].join(", ")));
            params.extend(values.iter().cloned().map(Param::Text));
        }
        Where { clause: parts.join(" AND "), params }
    }
}
