//! The cost of the responses in activity sessions, by list prices, with the same rules as in reports of usage.

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

/// SQL that assigns responses to sessions, with the same result as the view `activity_usage`: a response belongs to the
/// last session of its folder that began before it, if this session had not ended. The view sorts all responses. This
/// query joins on the quarters of an hour that a session covers, which takes a fifth of the time. For example, a
/// session from 10:05 to 10:40 is compared only with responses from 10:00 to 10:45.
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
    /// Reads the costs. Responses without a price add nothing; the report of usage names their models.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub(super) fn read(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Self> {
        // A response is never older than its session.
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

    /// The cost of a session; `None` if nothing in it has a cost.
    pub(super) fn of(&self, session: &str) -> Option<PicoUsd> {
        self.0.get(session)?.iter().map(|(_, cost)| *cost).reduce(|a, b| a + b)
    }

    /// The cost of a session for one project.
    pub(super) fn of_project(&self, session: &str, project: Option<&str>) -> Option<PicoUsd> {
        let costs = self.0.get(session)?.iter().filter(|(name, _)| name.as_deref() == project);
        costs.map(|(_, cost)| *cost).reduce(|a, b| a + b)
    }
}
