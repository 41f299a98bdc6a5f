//! Which tasks are asked for.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::base::zone;
use crate::identities::Identities;
use crate::plugs::tasks::report::session::{self, Tasks};
use crate::plugs::usage::report::filter::Only;
use crate::store::reader::{Param, Reader};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::sync::Arc;

/// What is `None`, or empty, is not asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    /// On which the task was created.
    pub days: Days,
    pub zone: Tz,
    /// Whose it is, or for whom it is done.
    pub user: Option<Only>,
    /// Whose folders are whose.
    pub identities: Arc<Identities>,
    pub status: Vec<String>,
    /// A type, or what stands before the colon in several. Without one, runs of the program are left out.
    pub task_type: Option<Only>,
    pub short_id: Option<String>,
    /// Tasks that are closed, too.
    pub with_closed: bool,
    /// The moment at which tasks are orphaned, closed or purged.
    pub now: DateTime<Utc>,
}

/// A condition in SQL on rows of tasks, and its parameters.
#[derive(Debug, Default)]
pub(super) struct Condition {
    parts: Vec<String>,
    pub(super) params: Vec<Param>,
}

impl Condition {
    fn add(&mut self, part: impl Into<String>, params: impl IntoIterator<Item = Param>) {
        self.parts.push(part.into());
        self.params.extend(params);
    }

    pub(super) fn clause(&self) -> String {
        if self.parts.is_empty() { "true".to_owned() } else { self.parts.join(" AND ") }
    }
}

impl Filter {
    /// Runs of the program, of which there are many, are shown to who asks for their type.
    pub(super) fn tasks(&self) -> Tasks {
        if self.task_type.is_some() { Tasks::All } else { Tasks::Tracked }
    }

    pub(super) fn condition(&self, reader: Reader<'_>) -> Result<Condition> {
        let mut condition = Condition::default();
        if let Some(day) = self.days.since {
            condition.add("created_at >= ?", [Param::Time(zone::begin(day, self.zone))]);
        }
        if let Some(day) = self.days.until {
            condition.add("created_at < ?", [Param::Time(zone::end(day, self.zone))]);
        }
        if let Some(user) = &self.user {
            let mut names = user.folders(&self.identities, &users(reader)?)?;
            names.push(user.name.clone());
            let marks = vec!["?"; names.len()].join(", ");
            let names = || names.iter().cloned().map(Param::Text);
            condition.add(format!("(username IN ({marks}) OR user_id IN ({marks}))"), names().chain(names()));
        }
        if !self.status.is_empty() {
            let marks = vec!["?"; self.status.len()].join(", ");
            condition.add(format!("status IN ({marks})"), self.status.iter().cloned().map(Param::Text));
        }
        if let Some(only) = &self.task_type {
            let is_whole = |known: &str| {
                known.strip_prefix(&only.name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            };
            let types = only.texts(&session::types(reader, self.now)?, is_whole);
            let marks = vec!["?"; types.len()].join(", ");
            let clause = if types.is_empty() { "false".to_owned() } else { format!("task_type IN ({marks})") };
            condition.add(clause, types.into_iter().map(Param::Text));
        }
        if let Some(short_id) = &self.short_id {
            condition.add("short_id = ?", [Param::Text(short_id.clone())]);
        }
        if !self.with_closed {
            condition.add("closed_at IS NULL", []);
        }
        Ok(condition)
    }
}

/// Everybody who has tasks or transcripts, and for whom tasks are done.
fn users(reader: Reader<'_>) -> Result<Vec<String>> {
    let sql = "SELECT username FROM facts.task_state WHERE username IS NOT NULL
               UNION SELECT user_id FROM facts.task_state WHERE user_id IS NOT NULL
               UNION SELECT requested_by FROM processor_runs WHERE requested_by IS NOT NULL
               UNION SELECT username FROM session_files ORDER BY ALL";
    reader.rows(sql, &[], |row| row.get(0))
}
