//! Restricts a report to some tasks.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::identities::Identities;
use crate::plugs::tasks::report::table::{self, Tasks};
use crate::plugs::usage::report::filter::Only;
use crate::store::condition::{Condition, one_of};
use crate::store::reader::{Param, Reader};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::sync::Arc;

/// Fields that are `None` or empty do not restrict.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The days on which tasks were created.
    pub days: Days,
    pub zone: Tz,
    /// The owner of the task, or the user that it is done for.
    pub user: Option<Only>,
    /// Which folder belongs to which person.
    pub identities: Arc<Identities>,
    pub status: Vec<String>,
    /// A type, or the part before the colon of several types. Without it, runs of the program are left out.
    pub task_type: Option<Only>,
    pub short_id: Option<String>,
    /// Includes closed tasks.
    pub with_closed: bool,
    /// The time that decides whether a task is orphaned, closed or purged.
    pub now: DateTime<Utc>,
}

impl Filter {
    /// Which tasks to read. Runs of the program are many, so they are included only if a type is given.
    pub(super) fn tasks(&self) -> Tasks {
        if self.task_type.is_some() { Tasks::All } else { Tasks::Tracked }
    }

    /// The condition for rows of tasks.
    pub(super) fn condition(&self, reader: Reader<'_>) -> Result<Condition> {
        let mut condition = Condition::default();
        condition.is_in_days("created_at", self.days, self.zone);
        if let Some(user) = &self.user {
            let mut names = user.folders(&self.identities, &users(reader)?)?;
            names.push(user.name.clone());
            let [owner, user] = ["username", "user_id"].map(|column| one_of(column, names.len()));
            let names = || names.iter().cloned().map(Param::Text);
            condition.add(format!("({owner} OR {user})"), names().chain(names()));
        }
        if !self.status.is_empty() {
            condition.is_one_of("status", self.status.iter().cloned());
        }
        if let Some(only) = &self.task_type {
            let is_whole = |known: &str| {
                known.strip_prefix(&only.name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            };
            condition.is_one_of("task_type", only.texts(&table::types(reader, self.now)?, is_whole));
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

/// All users who have tasks or transcripts, or for whom tasks are done.
fn users(reader: Reader<'_>) -> Result<Vec<String>> {
    let sql = "SELECT username FROM facts.task_state WHERE username IS NOT NULL
               UNION SELECT user_id FROM facts.task_state WHERE user_id IS NOT NULL
               UNION SELECT requested_by FROM processor_runs WHERE requested_by IS NOT NULL
               UNION SELECT username FROM session_files ORDER BY ALL";
    reader.rows(sql, &[], |row| row.get(0))
}
