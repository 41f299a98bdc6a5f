//! Sessions, subagents included: what each one cost, how long somebody was at it, and what failed in it.

use crate::base::error::Result;
use crate::base::utc;
use crate::plugs::usage::report::active::{self, Whose};
use crate::plugs::usage::report::facts::{self, Facts, Outcome};
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::spending::{self, Spent};
use crate::plugs::usage::repositories::Repositories;
use crate::price::Prices;
use crate::report::{money, number};
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// One session.
#[derive(Debug, Default)]
pub struct Session {
    pub id: String,
    /// The person, else the folder.
    pub user: String,
    /// Project of the first response.
    pub project: Option<String>,
    /// Times of the first and the last response.
    pub begun: Option<DateTime<Utc>>,
    pub ended: Option<DateTime<Utc>>,
    /// Time between responses, without long pauses.
    pub active_seconds: i128,
    /// Source file and line of the first response.
    pub file: String,
    pub line: i64,
    pub spent: Spent,
    pub models: BTreeMap<Option<String>, Spent>,
    pub facts: Facts,
    /// Of tools, MCP servers and subagents, whatever model made them.
    pub outcome: Outcome,
}

/// Reads the sessions, the costliest first. What has no session id is in none.
///
/// # Errors
///
/// If the database cannot be read.
pub fn sessions(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Session>> {
    Ok(costliest(reader, filter, prices, usize::MAX, |_| true)?.sessions)
}

/// The costliest sessions of a list.
#[derive(Debug)]
pub struct Costliest {
    pub sessions: Vec<Session>,
    /// How many there are in the list.
    pub all: usize,
}

/// Reads the costliest ones of the sessions whose facts are wanted. Only what they cost is asked for of all of them.
///
/// # Errors
///
/// If the database cannot be read.
pub fn costliest(
    reader: Reader<'_>,
    filter: &Filter,
    prices: &Prices,
    most: usize,
    is_wanted: impl Fn(&Facts) -> bool,
) -> Result<Costliest> {
    let (facts, mut spent) = (facts::facts(reader)?, spent(reader, filter, prices)?);
    let nothing = Facts::default();
    spent.retain(|(id, ..)| is_wanted(facts.get(id).unwrap_or(&nothing)));
    let all = spent.len();
    spent.truncate(most);
    let of_calls = Filter { model: None, ..filter.clone() }.condition();
    let [condition, of_calls] = [filter.condition(), of_calls].map(|condition| match spent.len() {
        some if some < all && some <= NAMED => condition.of_sessions(spent.iter().map(|(id, ..)| id.as_str())),
        _ => condition,
    });
    let mut sessions = begun(reader, filter, &condition, spent, facts)?;
    let outcomes = facts::outcomes(reader, &of_calls)?;
    let mut active: HashMap<String, i128> = HashMap::new();
    let whose = Whose { who: "session_id", join: "", params: &[], zone: None };
    active::read(reader, &whose, &condition, |id, _, micros| *active.entry(id).or_default() += micros)?;
    for session in &mut sessions {
        session.active_seconds = active.get(&session.id).copied().unwrap_or_default() / 1_000_000;
        session.outcome = outcomes.get(&session.id).copied().unwrap_or_default();
    }
    Ok(Costliest { sessions, all })
}

/// Up to this number of sessions are asked for by their ids; of more, all are read.
const NAMED: usize = 500;

/// The same without active time and without what came of the calls.
///
/// # Errors
///
/// If the database cannot be read.
pub fn costs(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Session>> {
    begun(reader, filter, &filter.condition(), spent(reader, filter, prices)?, facts::facts(reader)?)
}

/// A session, what it cost, and which models did.
type Cost = (String, Spent, BTreeMap<Option<String>, Spent>);

/// What sessions cost, the costliest first.
fn spent(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Cost>> {
    let mut spent: HashMap<Option<String>, BTreeMap<Option<String>, Spent>> = HashMap::new();
    spending::read(
        reader,
        prices,
        &["session_id"],
        &filter.condition(),
        |row| row.get(0),
        |id, model, sum| {
            spent.entry(id).or_default().entry(model.map(str::to_owned)).or_default().add(sum);
        },
    )?;
    let of_session = |(id, models): (Option<String>, BTreeMap<Option<String>, Spent>)| {
        let mut sum = Spent::default();
        models.values().for_each(|spent| sum.add(spent));
        Some((id?, sum, models))
    };
    let mut spent: Vec<Cost> = spent.into_iter().filter_map(of_session).collect();
    spent.sort_by(|(a, spent_a, _), (b, spent_b, _)| {
        let weight = |spent: &Spent| Reverse((spent.cost, spent.tokens.total()));
        weight(spent_a).cmp(&weight(spent_b)).then_with(|| a.cmp(b))
    });
    Ok(spent)
}

/// Sessions of a condition in their order, with where and when they began.
fn begun(
    reader: Reader<'_>,
    filter: &Filter,
    condition: &Where,
    spent: Vec<Cost>,
    mut facts: HashMap<String, Facts>,
) -> Result<Vec<Session>> {
    let Where { clause, params } = condition;
    let sql = format!(
        "WITH chosen AS NOT MATERIALIZED (
             SELECT session_id AS id, time, username, project, session_file, line, part
             FROM usage_responses WHERE {clause} AND session_id IS NOT NULL),
         span AS (SELECT id, min(time) AS begun, max(time) AS ended FROM chosen GROUP BY id)
         SELECT chosen.id, username, project, begun, ended, session_file, line
         FROM chosen JOIN span ON chosen.id = span.id AND chosen.time IS NOT DISTINCT FROM begun
         QUALIFY row_number() OVER (PARTITION BY chosen.id ORDER BY session_file, line, part) = 1"
    );
    let repositories = Repositories::read(reader, &filter.identities)?;
    let mut begun: HashMap<String, Session> = HashMap::new();
    reader.each(&sql, params, |row| {
        let session = Session {
            user: filter.identities.label(&row.get::<String>(1)?).to_owned(),
            project: row.get::<Option<String>>(2)?.map(|cwd| repositories.name(&cwd).to_owned()),
            begun: row.time(3)?,
            ended: row.time(4)?,
            file: row.get(5)?,
            line: row.get(6)?,
            ..Session::default()
        };
        begun.insert(row.get(0)?, session);
        Ok(())
    })?;
    let session = |(id, spent, models): Cost| {
        let begun = begun.remove(&id)?;
        Some(Session { facts: facts.remove(&id).unwrap_or_default(), id, spent, models, ..begun })
    };
    Ok(spent.into_iter().filter_map(session).collect())
}

/// Names of the cells of a session, in JSON and CSV.
pub const CELLS: [&str; 28] = [
    "session",
    "user",
    "project",
    "begun",
    "ended",
    "active_seconds",
    "responses",
    "total_tokens",
    "cost_usd",
    "calls",
    "errors",
    "models",
    "file",
    "line",
    "title",
    "title_source",
    "prompts",
    "turns",
    "compactions",
    "interruptions",
    "rejections",
    "lines_added",
    "lines_removed",
    "files_changed",
    "commits",
    "pull_requests",
    "test_runs",
    "failed_test_runs",
];

impl Session {
    /// In the order of [`CELLS`].
    pub fn cells(&self) -> [Value; CELLS.len()] {
        let time = |time: Option<DateTime<Utc>>| json!(time.map(utc::shortest));
        [
            json!(self.id),
            json!(self.user),
            json!(self.project),
            time(self.begun),
            time(self.ended),
            number(self.active_seconds),
            number(self.spent.responses),
            number(self.spent.tokens.total()),
            json!(self.spent.cost.map(money::dollars)),
            json!(self.outcome.calls),
            json!(self.outcome.errors),
            json!(self.models.keys().collect::<Vec<_>>()),
            json!(self.file),
            json!(self.line),
            json!(self.facts.title),
            json!(self.facts.title_source),
            json!(self.facts.prompts),
            json!(self.facts.turns),
            json!(self.facts.compactions),
            json!(self.facts.interruptions),
            json!(self.outcome.rejections),
            json!(self.outcome.lines_added),
            json!(self.outcome.lines_removed),
            json!(self.outcome.files),
            json!(self.outcome.commits),
            json!(self.outcome.pull_requests),
            json!(self.outcome.test_runs),
            json!(self.outcome.failed_test_runs),
        ]
    }
}
