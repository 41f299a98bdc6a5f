//! Unsuccessful calls of a tool with the same cause in several sessions, or in several consecutive responses, by
//! project, person or team, with their cost and advice.

use crate::base::error::Result;
use crate::base::utc;
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::causes::{EXAMPLE, LOOPS, find_loops};
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::key::Key;
use crate::plugs::usage::report::spending::{self, Columns};
use crate::plugs::usage::report::trouble::{advice, dollars};
use crate::plugs::usage::sums;
use crate::price::{PicoUsd, Prices};
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The minimum of calls and of sessions. Fewer can be an accident.
const CALLS: i128 = 3;
const SESSIONS: usize = 2;

/// Whose calls a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecurringBy {
    Project,
    /// A person with all their folders; without identities a folder.
    #[value(alias = "person")]
    User,
    /// Team of the person.
    Team,
}

impl RecurringBy {
    pub fn name(self) -> &'static str {
        self.by().name()
    }

    fn by(self) -> By {
        match self {
            Self::Project => By::Project,
            Self::User => By::User,
            Self::Team => By::Team,
        }
    }
}

/// A tool and a cause that recur.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Recurring {
    /// The name of the project, person or team.
    #[serde(skip)]
    pub name: Option<String>,
    pub tool: String,
    pub cause: String,
    /// Unsuccessful calls.
    pub count: i128,
    /// All calls of the tool.
    pub of: i128,
    pub sessions: usize,
    /// The number of responses with such a call that are in retry loops: three or more in a row.
    pub in_loops: i128,
    pub first_seen: Option<String>,
    /// List price of the responses that made the calls.
    #[serde(rename = "cost_usd", serialize_with = "dollars")]
    pub cost: Option<PicoUsd>,
    /// The newest error message that the model got.
    pub example: Option<String>,
    pub advice: &'static str,
}

/// A project, person or team; a tool; a cause.
type Pattern = (Option<String>, String, String);

/// The calls of a [`Pattern`].
#[derive(Default)]
struct Calls {
    count: i128,
    sessions: BTreeSet<Option<String>>,
    in_loops: i128,
    first: Option<DateTime<Utc>>,
    example: Option<(DateTime<Utc>, String)>,
}

/// Leaves out calls that nobody can improve: a person stopped the turn, or another call of the response failed.
const NOT_BY_ITSELF: &str = "cause NOT IN ('interrupted', 'not_run')";

/// Reads recurring failures by name, the most frequent first.
///
/// # Errors
///
/// If the database cannot be read.
pub fn recurring(reader: Reader<'_>, by: RecurringBy, filter: &Filter, prices: &Prices) -> Result<Vec<Recurring>> {
    // Responses can be grouped by all of these names, so there is a key.
    let Some(mut key) = Key::of(by.by(), reader, filter)? else { return Ok(Vec::new()) };
    let column = key.columns().join(", ");
    let Where { clause, params } = filter.of_calls();
    let failed = format!("FROM {} WHERE {clause} AND {NOT_BY_ITSELF}", sums::notable_calls(reader)?);
    let sql = format!(
        "SELECT {column}, tool, cause, session_id, count(*), max(time) FILTER (error <> ''), {EXAMPLE}, min(time)
         {failed} GROUP BY ALL"
    );
    let mut bad: BTreeMap<Pattern, Calls> = BTreeMap::new();
    reader.each(&sql, &params, |row| {
        let calls = bad.entry((key.name(row)?, row.get(1)?, row.get(2)?)).or_default();
        calls.count += row.integer(4)?;
        calls.sessions.insert(row.get(3)?);
        let example = row.time(5)?.zip(row.get(6)?);
        calls.example = calls.example.take().max(example);
        calls.first = calls.first.into_iter().chain(row.time(7)?).min();
        Ok(())
    })?;
    find_loops(reader, filter)?;
    let sql = format!("SELECT {column}, tool, cause, count(*) FROM {LOOPS} GROUP BY ALL");
    reader.each(&sql, &[], |row| {
        let calls = bad.entry((key.name(row)?, row.get(1)?, row.get(2)?)).or_default();
        calls.in_loops += row.integer(3)?;
        Ok(())
    })?;
    bad.retain(|_, calls| calls.in_loops > 0 || calls.count >= CALLS && calls.sessions.len() >= SESSIONS);
    if bad.is_empty() {
        return Ok(Vec::new());
    }
    let mut all: BTreeMap<(Option<String>, String), i128> = BTreeMap::new();
    let calls = sums::calls(reader, filter)?;
    let sql = format!("SELECT {column}, tool, sum(calls) FROM {calls} WHERE {clause} GROUP BY ALL");
    reader.each(&sql, &params, |row| {
        *all.entry((key.name(row)?, row.get(1)?)).or_default() += row.integer(2)?;
        Ok(())
    })?;
    let join = format!("JOIN (SELECT DISTINCT message_id, tool, cause {failed}) AS bad USING (message_id)");
    let keys = [&*column, "bad.tool", "bad.cause"];
    let columns = Columns { join: &join, params: &params, ..Columns::of(&keys).one_by_one() };
    let costs: HashMap<Pattern, PicoUsd> = spending::costs(reader, prices, columns, &Where::everything(), |row| {
        Ok((key.name(row)?, row.get(1)?, row.get(2)?))
    })?;
    let mut rows: Vec<_> = bad
        .into_iter()
        .map(|(place, calls)| {
            let cost = costs.get(&place).copied();
            let (name, tool, cause) = place;
            let of = all.get(&(name.clone(), tool.clone())).copied().unwrap_or(calls.count);
            Recurring {
                advice: advice(&cause),
                count: calls.count,
                of,
                sessions: calls.sessions.len(),
                in_loops: calls.in_loops,
                first_seen: calls.first.map(utc::shortest),
                cost,
                example: calls.example.map(|(_, example)| example),
                name,
                tool,
                cause,
            }
        })
        .collect();
    // The row without a name comes last.
    rows.sort_by(|a, b| (a.name.is_none(), &a.name, b.count).cmp(&(b.name.is_none(), &b.name, a.count)));
    Ok(rows)
}
