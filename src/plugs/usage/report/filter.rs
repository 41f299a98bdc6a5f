//! Which part of the database a report is about.

use crate::base::error::Result;
use crate::base::names;
use crate::base::printable::printable;
use crate::base::zone;
use crate::dialect::directory::spelled;
use crate::identities::Identities;
use crate::identities::repository::repository;
use crate::plugs::usage::repositories::Repositories;
use crate::store::reader::{Param, Reader};
use chrono::NaiveDate;
use chrono_tz::Tz;
use std::sync::Arc;

/// Days and names; what is `None` is not asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    /// First day.
    pub since: Option<NaiveDate>,
    /// Last day, which belongs to the report.
    pub until: Option<NaiveDate>,
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
}

impl Only {
    /// Whether the database has anything for it.
    pub fn is_known(&self) -> bool {
        !self.values.is_empty()
    }
}

impl From<String> for Only {
    fn from(name: String) -> Self {
        Self { values: vec![name.clone()], name }
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
    pub(super) fn names(&self) -> impl Iterator<Item = (&'static str, &'static str, &Only)> {
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

    /// Whether it leaves anything out.
    pub fn is_narrow(&self) -> bool {
        self.since.is_some() || self.until.is_some() || self.names().next().is_some()
    }

    /// The same with what the database has for the names; and sentences about those that it has nothing
    /// for, each with the nearest one that it has.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn resolved(&self, reader: Reader<'_>) -> Result<(Self, Vec<String>)> {
        let mut filter = self.clone();
        let mut sentences = Vec::new();
        let repositories = Repositories::read(reader, &self.identities)?;
        for (what, column, Only { name, .. }) in self.names() {
            let sql = format!("SELECT DISTINCT {column} FROM usage_responses WHERE {column} IS NOT NULL ORDER BY ALL");
            let known: Vec<String> = reader.rows(&sql, &[], |row| row.get(0))?;
            let answers = |value: &&String| match what {
                "user" => self.identities.is_of(value, name),
                // A directory can be asked for in any spelling, and can be stored in one of an older version.
                "project" => {
                    let (name, value) = (spelled(name), spelled(value));
                    self.answers(what, &value, &repositories).contains(&Some(&name))
                }
                _ => self.answers(what, value, &repositories).contains(&Some(name)),
            };
            let values: Vec<_> = known.iter().filter(answers).cloned().collect();
            if values.is_empty() {
                let names = known.iter().filter_map(|value| self.answers(what, value, &repositories)[0]);
                let error = names::unknown(what, name, names);
                let about = format!("no usage of {what} `{name}`");
                sentences.extend([Some(about), error.hint].into_iter().flatten().map(|text| printable(&text)));
            }
            let only = match what {
                "user" => &mut filter.user,
                "team" => &mut filter.team,
                "project" => &mut filter.project,
                "model" => &mut filter.model,
                _ => &mut filter.agent,
            };
            *only = Some(Only { name: name.clone(), values });
        }
        Ok((filter, sentences))
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

    pub(super) fn condition(&self) -> Where {
        let mut parts = vec!["true".to_owned()];
        let mut params = Vec::new();
        let since = self.since.map(|day| ("time >= ?", zone::begin(day, self.zone)));
        let until = self.until.map(|day| ("time < ?", zone::end(day, self.zone)));
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
