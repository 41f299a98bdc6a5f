//! Which tasks are asked for.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::base::zone;
use crate::identities::Identities;
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
    /// A person, a folder, or for whom the task is done.
    pub user: Option<String>,
    /// Whose folders are whose.
    pub identities: Arc<Identities>,
    pub status: Vec<String>,
    /// A type, or what stands before the colon in several. Without one, runs of the program are left out.
    pub task_type: Option<String>,
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
    pub(super) fn condition(&self, reader: Reader<'_>) -> Result<Condition> {
        let mut condition = Condition::default();
        if let Some(day) = self.days.since {
            condition.add("created_at >= ?", [Param::Time(zone::begin(day, self.zone))]);
        }
        if let Some(day) = self.days.until {
            condition.add("created_at < ?", [Param::Time(zone::end(day, self.zone))]);
        }
        if let Some(user) = &self.user {
            let mut names = self.folders(reader, user)?;
            names.push(user.clone());
            let marks = vec!["?"; names.len()].join(", ");
            let names = names.into_iter().map(Param::Text);
            condition.add(format!("(username IN ({marks}) OR user_id = ?)"), names.chain([Param::Text(user.clone())]));
        }
        if !self.status.is_empty() {
            let marks = vec!["?"; self.status.len()].join(", ");
            condition.add(format!("status IN ({marks})"), self.status.iter().cloned().map(Param::Text));
        }
        match &self.task_type {
            Some(task_type) => {
                let names = [task_type.clone(), format!("{task_type}:")].map(Param::Text);
                condition.add("(task_type = ? OR starts_with(task_type, ?))", names);
            }
            // Runs of the program, of which there are many, are shown to who asks for them.
            None => condition.add("session_file IS NOT NULL", []),
        }
        if let Some(short_id) = &self.short_id {
            condition.add("short_id = ?", [Param::Text(short_id.clone())]);
        }
        if !self.with_closed {
            condition.add("closed_at IS NULL", []);
        }
        Ok(condition)
    }

    /// The folders of a person.
    fn folders(&self, reader: Reader<'_>, user: &str) -> Result<Vec<String>> {
        let sql = "SELECT DISTINCT username FROM task_sessions WHERE username IS NOT NULL";
        let folders: Vec<String> = reader.rows(sql, &[], |row| row.get(0))?;
        Ok(folders.into_iter().filter(|folder| self.identities.is_of(folder, user)).collect())
    }
}
