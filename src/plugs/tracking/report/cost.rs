//! What the responses in activity sessions cost, by list prices, as the reports of usage count them.

use crate::base::error::Result;
use crate::base::zone;
use crate::plugs::tracking::report::filter::Filter;
use crate::plugs::usage::report::filter::Where;
use crate::plugs::usage::report::spending::{self, Columns};
use crate::plugs::usage::repositories::Repositories;
use crate::price::{PicoUsd, Prices};
use crate::store::reader::{Param, Reader, Row};
use std::collections::HashMap;

/// Costs by session and project.
pub(super) struct Costs(HashMap<String, Vec<(Option<String>, PicoUsd)>>);

impl Costs {
    /// Reads them. What has no price costs nothing here; the report of usage says which models have none.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub(super) fn read(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Self> {
        // No response is older than the session that it is in.
        let (mut clause, mut params) = ("time <= seen_until".to_owned(), Vec::new());
        if let Some(day) = filter.days.since {
            clause += " AND time >= ?";
            params.push(Param::Time(zone::begin(day, filter.zone)));
        }
        let condition = Where { clause, params };
        // What the view `activity_usage` says, without finding each response a second time.
        let columns = Columns {
            keys: &["work.activity", "project"],
            join: "ASOF JOIN (
                 SELECT username AS who, started_at, seen_until, session_id AS activity FROM activity_sessions
                 WHERE kind = 'agent') AS work ON username = who AND time >= started_at",
        };
        let repositories = Repositories::read(reader, &filter.identities)?;
        let mut costs: HashMap<String, Vec<(Option<String>, PicoUsd)>> = HashMap::new();
        let key = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<Option<String>>(1)?));
        spending::read(reader, prices, columns, &condition, key, |(session, cwd), _, spent| {
            if let Some(cost) = spent.cost {
                let project = cwd.map(|cwd| repositories.name(&cwd).to_owned());
                costs.entry(session).or_default().push((project, cost));
            }
        })?;
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
