//! Which activity sessions a report is about.

use crate::base::error::Result;
use crate::base::names;
use crate::base::printable::printable;
use crate::base::zone;
use crate::identities::Identities;
use crate::plugs::tracking::report::visits::Visit;
use crate::plugs::usage::report as usage;
use crate::store::reader::{Param, Reader};
use chrono::NaiveDate;
use chrono_tz::Tz;
use clap::ValueEnum;
use std::sync::Arc;

/// Days, people and kinds; what is `None` is not asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    /// First day on which a session began.
    pub since: Option<NaiveDate>,
    /// Last day, which belongs to the report.
    pub until: Option<NaiveDate>,
    /// A person's name or e-mail address, a folder, or the id of a person of a site.
    pub user: Option<String>,
    pub kind: Option<Kind>,
    /// Sessions of programs count, too.
    pub bots: bool,
    pub zone: Tz,
    /// Whose folders are whose.
    pub identities: Arc<Identities>,
}

/// What sessions are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Events of sites and apps.
    Web,
    /// Work with coding agents.
    Agent,
}

impl Kind {
    /// As the database has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Agent => "agent",
        }
    }
}

/// A condition on `activity_sessions` in SQL, and its parameters.
pub(super) struct Where {
    pub(super) clause: String,
    pub(super) params: Vec<Param>,
}

impl Filter {
    /// The same days and people as those of a report of usage. `None` for one of a team, a project, a model or an
    /// agent, since activity is of people.
    pub fn of_usage(filter: &usage::filter::Filter) -> Option<Self> {
        let usage::filter::Filter { since, until, user, team, project, model, agent, zone, identities } = filter;
        let is_of_people = [team, project, model, agent].into_iter().all(Option::is_none);
        is_of_people.then(|| Self {
            since: *since,
            until: *until,
            user: user.as_ref().map(|only| only.name.clone()),
            kind: None,
            bots: false,
            zone: *zone,
            identities: identities.clone(),
        })
    }

    /// The condition; and a sentence about a user that no session is of, with the nearest name.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub(super) fn condition(&self, reader: Reader<'_>) -> Result<(Where, Option<String>)> {
        let mut clause = vec!["true".to_owned()];
        let mut params = Vec::new();
        let since = self.since.map(|day| ("started_at >= ?", zone::begin(day, self.zone)));
        let until = self.until.map(|day| ("started_at < ?", zone::end(day, self.zone)));
        for (part, time) in [since, until].into_iter().flatten() {
            clause.push(part.to_owned());
            params.push(Param::Time(time));
        }
        if let Some(kind) = self.kind {
            clause.push("kind = ?".to_owned());
            params.push(Param::Text(kind.name().to_owned()));
        }
        let mut stranger = None;
        if let Some(name) = &self.user {
            let folders = self.folders(reader, name)?;
            let is_known = !folders.is_empty() || has_person(reader, name)?;
            let marks = vec!["?"; folders.len()].join(", ");
            clause.push(match folders.is_empty() {
                true => "person_id = ?".to_owned(),
                false => format!("(username IN ({marks}) OR person_id = ?)"),
            });
            params.extend(folders.into_iter().map(Param::Text));
            params.push(Param::Text(name.clone()));
            if !is_known {
                stranger = Some(self.stranger(reader, name)?);
            }
        }
        Ok((Where { clause: clause.join(" AND "), params }, stranger))
    }

    /// The folders with sessions that are of a name.
    pub(super) fn folders(&self, reader: Reader<'_>, name: &str) -> Result<Vec<String>> {
        let mut folders = folders(reader)?;
        folders.retain(|folder| self.identities.is_of(folder, name));
        Ok(folders)
    }

    /// What somebody is called in a report.
    pub(super) fn who(&self, visit: &Visit) -> String {
        if visit.is_agent { self.identities.label(&visit.username).to_owned() } else { visit.person_id.clone() }
    }

    fn stranger(&self, reader: Reader<'_>, name: &str) -> Result<String> {
        let folders = folders(reader)?;
        let known = folders.iter().map(|folder| self.identities.label(folder));
        let hint = names::unknown("user", name, known).hint;
        let about = printable(&format!("no activity of user `{name}`"));
        Ok(hint.map_or_else(|| about.clone(), |hint| format!("{about}: {}", printable(&hint))))
    }
}

/// All folders with sessions.
fn folders(reader: Reader<'_>) -> Result<Vec<String>> {
    reader.rows("SELECT DISTINCT username FROM activity_sessions ORDER BY ALL", &[], |row| row.get(0))
}

/// Whether a person has this id.
fn has_person(reader: Reader<'_>, id: &str) -> Result<bool> {
    reader.one("SELECT count(*) > 0 FROM activity_sessions WHERE person_id = ?", &[id.into()], |row| row.get(0))
}
