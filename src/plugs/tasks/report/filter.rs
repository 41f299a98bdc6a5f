//! Which tasks are asked for.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::identities::Identities;
use crate::plugs::tasks::report::session::{self, Tasks};
use crate::plugs::usage::report::filter::Only;
use crate::store::condition::{Condition, one_of};
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

impl Filter {
    /// Runs of the program, of which there are many, are shown to who asks for their type.
    pub(super) fn tasks(&self) -> Tasks {
        if self.task_type.is_some() { Tasks::All } else { Tasks::Tracked }
    }

    /// The condition that rows of tasks meet.
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
            condition.is_one_of("task_type", only.texts(&session::types(reader, self.now)?, is_whole));
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
