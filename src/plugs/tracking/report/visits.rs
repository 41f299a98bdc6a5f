//! The activity sessions of a report, read one by one. Percentiles need the single values, and names depend on time
//! zones and identities, which the database does not know.

use crate::base::error::Result;
use crate::identities::Identities;
use crate::plugs::tracking::report::by::By;
use crate::plugs::tracking::report::filter::Filter;
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};

/// The fields of an activity session that reports need.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) session_id: String,
    pub(super) is_agent: bool,
    /// The folder.
    pub(super) username: String,
    pub(super) person_id: String,
    pub(super) started: DateTime<Utc>,
    /// Time of the last event of any class.
    pub(super) until: DateTime<Utc>,
    pub(super) duration_seconds: i128,
    pub(super) active_seconds: i128,
    pub(super) views: i128,
    /// The most transcripts that were active at the same time.
    pub(super) parallel: i128,
    pub(super) is_bounce: Option<bool>,
    pub(super) is_engaged: bool,
    pub(super) is_bot: bool,
    /// The values that name the session's rows, one for each key.
    pub(super) names: Vec<Option<String>>,
}

impl Visit {
    /// The name of its person in reports.
    pub(super) fn who(&self, identities: &Identities) -> String {
        match self.is_agent {
            true => identities.label(&self.username).to_owned(),
            // The same id can belong to another person on another site.
            false => format!("{}/{}", self.username, self.person_id),
        }
    }
}

/// Reads the sessions of a filter in order of time, including those of bots.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn read(reader: Reader<'_>, by: &[By], filter: &Filter) -> Result<Vec<Visit>> {
    let condition = filter.condition(reader)?;
    let names: String = by.iter().map(|by| format!(", {}", by.column())).collect();
    let sql = format!(
        "SELECT session_id, kind = 'agent', username, person_id, started_at, seen_until,
             duration_seconds, active_seconds, page_views, is_bounce, is_engaged, is_bot,
             coalesce(parallel_transcripts, 0){names}
         FROM activity_sessions WHERE {} ORDER BY started_at, session_id",
        condition.clause()
    );
    reader.rows(&sql, &condition.params, |row| {
        Ok(Visit {
            session_id: row.get(0)?,
            is_agent: row.get(1)?,
            username: row.get(2)?,
            person_id: row.get(3)?,
            started: row.time(4)?.unwrap_or_default(),
            until: row.time(5)?.unwrap_or_default(),
            duration_seconds: row.integer(6)?,
            active_seconds: row.integer(7)?,
            views: row.integer(8)?,
            is_bounce: row.get(9)?,
            is_engaged: row.get(10)?,
            is_bot: row.get(11)?,
            parallel: row.integer(12)?,
            names: (0..by.len()).map(|at| row.get(13 + at)).collect::<Result<_>>()?,
        })
    })
}
