//! The activity sessions of a report, each of them: medians and percentiles need each, and names come from zones and
//! identities that the database does not know.

use crate::base::error::Result;
use crate::plugs::tracking::report::by::By;
use crate::plugs::tracking::report::filter::Filter;
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};

/// An activity session, as far as reports need it.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) session_id: String,
    pub(super) is_agent: bool,
    /// Folder.
    pub(super) username: String,
    pub(super) person_id: String,
    pub(super) started: DateTime<Utc>,
    /// Time of the last event of any class.
    pub(super) until: DateTime<Utc>,
    pub(super) duration_seconds: i128,
    pub(super) active_seconds: i128,
    pub(super) views: i128,
    /// Transcripts that were at work at one time, at most.
    pub(super) parallel: i128,
    pub(super) is_bounce: Option<bool>,
    pub(super) is_engaged: bool,
    pub(super) is_bot: bool,
    /// What the report names it by, one for each key.
    pub(super) names: Vec<Option<String>>,
}

/// Reads the sessions of a filter in the order of time, those of bots among them.
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
