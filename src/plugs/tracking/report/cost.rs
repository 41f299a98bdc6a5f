//! What the responses in activity sessions cost, by list prices, as the reports of usage count them.

use crate::base::error::Result;
use crate::base::zone;
use crate::plugs::tracking::report::filter::Filter;
use crate::plugs::usage::report::filter::Where;
use crate::plugs::usage::report::period::{QUARTER, QUARTER_MICROS};
use crate::plugs::usage::report::spending::{self, Columns};
use crate::plugs::usage::repositories::Repositories;
use crate::price::{PicoUsd, Prices};
use crate::store::reader::{Param, Reader, Row};
use std::collections::HashMap;

/// What the view `activity_usage` says: a response is in the last session of its folder that began before it, if that had
/// not ended. The view puts all responses in order for that; here, they are found by the quarters of an hour that a session
/// touches, which takes a fifth of the time.
fn in_sessions() -> String {
    format!(
        "JOIN (
    SELECT *, unnest(range(epoch_us(started_at) // {QUARTER_MICROS}, epoch_us(seen_until) // {QUARTER_MICROS} + 1)) AS quarter
    FROM (
        SELECT session_id AS activity, username AS folder, started_at, seen_until,
            lead(started_at) OVER (PARTITION BY username ORDER BY started_at) AS next
        FROM facts.activity_sessions WHERE kind = 'agent')
    ) ON username = folder AND time BETWEEN started_at AND seen_until AND (next IS NULL OR time < next)
         AND {QUARTER} = quarter"
    )
}

/// Costs by session and project.
#[derive(Default)]
pub(super) struct Costs(HashMap<String, Vec<(Option<String>, PicoUsd)>>);

impl Costs {
    /// Reads them. What has no price costs nothing here; the report of usage says which models have none.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub(super) fn read(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Self> {
        // No response is older than the session that it is in.
        let mut condition = match filter.days.since {
            Some(day) => {
                Where { clause: "time >= ?".to_owned(), params: vec![Param::Time(zone::begin(day, filter.zone))] }
            }
            None => Where { clause: "true".to_owned(), params: Vec::new() },
        };
        if let Some(projects) = &filter.projects {
            condition.clause += &format!(" AND project IN ({})", vec!["?"; projects.len()].join(", "));
            condition.params.extend(projects.iter().cloned().map(Param::Text));
        }
        let join = in_sessions();
        let columns = Columns { join: &join, ..Columns::of(&["activity", "project"]).one_by_one() };
        let repositories = Repositories::read(reader, &filter.identities)?;
        let mut costs: HashMap<String, Vec<(Option<String>, PicoUsd)>> = HashMap::new();
        let key = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<Option<String>>(1)?));
        for ((session, cwd), cost) in spending::costs(reader, prices, columns, &condition, key)? {
            let project = cwd.map(|cwd| repositories.name(&cwd).to_owned());
            costs.entry(session).or_default().push((project, cost));
        }
        Ok(Self(costs))
    }

    /// The cost of a session; `None` if nothing in it has one.
    pub(super) fn of(&self, session: &str) -> Option<PicoUsd> {
        self.0.get(session)?.iter().map(|(_, cost)| *cost).reduce(|a, b| a + b)
    }

    /// What of it was for a project.
    pub(super) fn of_project(&self, session: &str, project: Option<&str>) -> Option<PicoUsd> {
        let costs = self.0.get(session)?.iter().filter(|(name, _)| name.as_deref() == project);
        costs.map(|(_, cost)| *cost).reduce(|a, b| a + b)
    }
}
