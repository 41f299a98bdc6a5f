//! Restricts a report to some activity sessions.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::identities::Identities;
use crate::plugs::usage::report as usage;
use crate::plugs::usage::report::filter::Only;
use crate::store::condition::{Condition, one_of};
use crate::store::reader::{Param, Reader};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::ValueEnum;
use std::sync::Arc;

/// Days, people and kinds. `None` means no restriction.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The days on which sessions began.
    pub days: Days,
    /// A person's name or e-mail address, a folder, or a visitor of a site: `ID` or `SITE/ID`.
    pub user: Option<Only>,
    pub kind: Option<Kind>,
    /// Working directories. A session matches if it was in one of them.
    pub projects: Option<Vec<String>>,
    /// Includes sessions of bots.
    pub bots: bool,
    pub zone: Tz,
    /// Which folder belongs to which person.
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
    /// The value in the database.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Agent => "agent",
        }
    }
}

impl Filter {
    /// The same days and people as in a report of usage. `None` if that report is restricted to a team, project, model
    /// or agent, because activity cannot be restricted to these.
    pub fn of_usage(filter: &usage::filter::Filter) -> Option<Self> {
        let usage::filter::Filter { days, user, team, project, model, agent, zone, identities } = filter;
        let is_of_people = [team, project, model, agent].into_iter().all(Option::is_none);
        is_of_people.then(|| Self {
            days: *days,
            user: user.clone(),
            kind: None,
            projects: None,
            bots: false,
            zone: *zone,
            identities: identities.clone(),
        })
    }

    /// The condition for rows of `activity_sessions`.
    ///
    /// # Errors
    ///
    /// If the database cannot be read, or the user has no sessions.
    pub(super) fn condition(&self, reader: Reader<'_>) -> Result<Condition> {
        let mut condition = Condition::default();
        condition.is_in_days("started_at", self.days, self.zone);
        if let Some(kind) = self.kind {
            condition.add("kind = ?", [kind.name().into()]);
        }
        if let Some(projects) = &self.projects {
            let marks = vec!["?"; projects.len()].join(", ");
            let part = format!("list_has_any(from_json(projects, '[\"VARCHAR\"]'), [{marks}])");
            condition.add(part, projects.iter().cloned().map(Param::Text));
        }
        if let Some(only) = &self.user {
            let name = &only.name;
            // The id of a visitor counts as a full name.
            let exactly = Only::from(name.clone());
            let only = if has_person(reader, name)? { &exactly } else { only };
            let folders = only.folders(&self.identities, &folders(reader)?)?;
            let part = match folders.is_empty() {
                true => IS_PERSON.to_owned(),
                false => format!("({} OR {IS_PERSON})", one_of("username", folders.len())),
            };
            condition.add(part, folders.into_iter().map(Param::Text).chain([Param::Text(name.clone())]));
        }
        Ok(condition)
    }

    /// The start of the newest session that matches the filter, on any day.
    ///
    /// # Errors
    ///
    /// As [`Filter::condition`].
    pub fn newest(&self, reader: Reader<'_>) -> Result<Option<DateTime<Utc>>> {
        let condition = Self { days: Days::default(), ..self.clone() }.condition(reader)?;
        let sql = format!("SELECT max(started_at) FROM activity_sessions WHERE {}", condition.clause());
        reader.one(&sql, &condition.params, |row| row.time(0))
    }

    /// Whether a working directory matches.
    pub(super) fn has_project(&self, cwd: &String) -> bool {
        self.projects.as_ref().is_none_or(|projects| projects.contains(cwd))
    }
}

/// All folders with sessions or transcripts.
fn folders(reader: Reader<'_>) -> Result<Vec<String>> {
    let sql = "SELECT username FROM activity_sessions UNION SELECT split_part(session_file, '/', 1) FROM session_files
               ORDER BY ALL";
    reader.rows(sql, &[], |row| row.get(0))
}

/// SQL for whether a session is of the visitor with an id. An id without a site matches on every site.
const IS_PERSON: &str = "? IN (person_id, username || '/' || person_id)";

/// Whether a visitor has this id.
fn has_person(reader: Reader<'_>, id: &str) -> Result<bool> {
    let sql = format!("SELECT count(*) > 0 FROM activity_sessions WHERE {IS_PERSON}");
    reader.one(&sql, &[id.into()], |row| row.get(0))
}
