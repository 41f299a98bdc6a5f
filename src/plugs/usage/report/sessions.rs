//! Sessions, including their subagents: cost, active time, and failed calls.

use crate::base::error::Result;
use crate::base::utc;
use crate::plugs::usage::report::active;
use crate::plugs::usage::report::facts::{self, Facts, Outcome};
use crate::plugs::usage::report::filter::{Filter, NAMED, Where};
use crate::plugs::usage::report::period::quarter_of_day;
use crate::plugs::usage::report::spending::{self, Spent};
use crate::plugs::usage::repositories::Repositories;
use crate::plugs::usage::sums::Responses;
use crate::price::Prices;
use crate::report::{money, number};
use crate::store::reader::{Reader, Row};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::ValueEnum;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// One session.
#[derive(Debug, Default)]
pub struct Session {
    pub id: String,
    /// The person, or the folder if the person is unknown.
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
    /// Results of calls of tools, MCP servers and subagents.
    pub outcome: Outcome,
}

/// What a list of sessions begins with: the most of something, or the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Order {
    #[default]
    Cost,
    /// Start of the session
    Date,
    /// Active time
    #[value(alias = "active")]
    Duration,
    Tokens,
    Responses,
    /// Tool calls
    Calls,
    /// Failed calls
    Failed,
}

/// A part of a list of sessions.
#[derive(Debug)]
pub struct Part {
    pub sessions: Vec<Session>,
    /// The number of sessions in the whole list.
    pub all: usize,
}

/// The order by cost, for [`spending::ranked`].
const BY_COST: &str = "cost DESC NULLS LAST, tokens DESC, key";

/// The cost of a session, from the sums of its responses.
#[derive(Debug, Default)]
struct Cost {
    id: String,
    spent: Spent,
    models: BTreeMap<Option<String>, Spent>,
}

/// Reads all sessions, the costliest first. Responses without a session id are left out.
///
/// # Errors
///
/// If the database cannot be read.
pub fn sessions(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Session>> {
    Ok(part(reader, filter, &filter.condition(), prices, Order::Cost, [0, usize::MAX])?.sessions)
}

/// Reads a page of a list of sessions: at most `most`, starting at index `from`. The condition is that of the filter,
/// or a narrower one.
///
/// # Errors
///
/// If the database cannot be read.
pub(in crate::plugs) fn part(
    reader: Reader<'_>,
    filter: &Filter,
    condition: &Where,
    prices: &Prices,
    order_by: Order,
    [from, most]: [usize; 2],
) -> Result<Part> {
    let order = match order_by {
        Order::Cost => BY_COST.to_owned(),
        Order::Tokens => format!("tokens DESC, {BY_COST}"),
        Order::Responses => format!("responses DESC, {BY_COST}"),
        Order::Date => format!("begun DESC NULLS LAST, {BY_COST}"),
        // These orders need more than the responses, so the ids are sorted here.
        Order::Duration | Order::Calls | Order::Failed => {
            let (mut ids, all) = spending::ranked(reader, prices, "session_id", condition, BY_COST, [0, usize::MAX])?;
            if order_by == Order::Duration {
                let active = active::of_sessions(reader, condition, filter.begin())?;
                ids.sort_by_cached_key(|id| Reverse(active.get(id).copied()));
            } else {
                let outcomes = facts::outcomes(reader, filter, &filter.of_calls())?;
                let number = |of: &Outcome| if order_by == Order::Calls { of.calls } else { of.errors };
                ids.sort_by_cached_key(|id| Reverse(outcomes.get(id).map(number)));
            }
            let ids: Vec<_> = ids.into_iter().skip(from).take(most).collect();
            return Ok(Part { sessions: of_ids(reader, filter, condition, prices, &ids, all)?, all });
        }
    };
    let (ids, all) = spending::ranked(reader, prices, "session_id", condition, &order, [from, most])?;
    Ok(Part { sessions: of_ids(reader, filter, condition, prices, &ids, all)?, all })
}

/// Restricts a condition to some ids out of the `all` sessions that match it, if there are few.
fn named(condition: Where, ids: &[String], all: usize) -> Where {
    match ids.len() {
        some if some < all && some <= NAMED => condition.of_sessions(ids.iter().map(String::as_str)),
        _ => condition,
    }
}

/// Reads all sessions without active time and without the outcome of calls.
///
/// # Errors
///
/// If the database cannot be read.
pub fn brief(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Session>> {
    let condition = filter.condition();
    let costs = costs(reader, &condition, prices)?;
    let ids: Vec<_> = costs.iter().map(|cost| cost.id.clone()).collect();
    let begun = begun(reader, filter, &condition, &ids, ids.len())?;
    Ok(with_costs(begun, costs))
}

/// The costs of the sessions of a condition, the costliest first.
fn costs(reader: Reader<'_>, condition: &Where, prices: &Prices) -> Result<Vec<Cost>> {
    let mut costs: HashMap<String, Cost> = HashMap::new();
    type Key = Option<String>;
    let key = |row: &Row<'_>| row.get(0);
    spending::read(reader, prices, &["session_id"], condition, key, |id: Key, model, spent| {
        let Some(id) = id else { return };
        let cost = costs.entry(id).or_default();
        cost.spent.add(spent);
        cost.models.entry(model.map(str::to_owned)).or_default().add(spent);
    })?;
    let mut costs: Vec<_> = costs.into_iter().map(|(id, cost)| Cost { id, ..cost }).collect();
    let weight = |spent: &Spent| Reverse((spent.cost, spent.tokens.total()));
    costs.sort_by(|a, b| weight(&a.spent).cmp(&weight(&b.spent)).then_with(|| a.id.cmp(&b.id)));
    Ok(costs)
}

/// The ids of the costliest sessions of a condition, and the number of all its sessions.
pub(super) fn costliest(
    reader: Reader<'_>,
    prices: &Prices,
    condition: &Where,
    most: usize,
) -> Result<(Vec<String>, usize)> {
    spending::ranked(reader, prices, "session_id", condition, BY_COST, [0, most])
}

/// The sessions with these ids, in this order. `all` is the number of sessions that match the condition.
pub(super) fn of_ids(
    reader: Reader<'_>,
    filter: &Filter,
    condition: &Where,
    prices: &Prices,
    ids: &[String],
    all: usize,
) -> Result<Vec<Session>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let of_ids = &named(condition.clone(), ids, all);
    let (begun, (costs, outcomes, active)) = reader.both(
        |reader| begun(reader, filter, condition, ids, all),
        |reader| {
            let costs = costs(reader, of_ids, prices)?;
            let outcomes = facts::outcomes(reader, filter, &named(filter.of_calls(), ids, all))?;
            Ok((costs, outcomes, active::of_sessions(reader, of_ids, filter.begin())?))
        },
    )?;
    let mut costs: HashMap<String, Cost> = costs.into_iter().map(|cost| (cost.id.clone(), cost)).collect();
    let mut sessions = with_costs(begun, ids.iter().filter_map(|id| costs.remove(id)));
    for session in &mut sessions {
        session.active_seconds = active.get(&session.id).copied().unwrap_or_default() / 1_000_000;
        session.outcome = outcomes.get(&session.id).copied().unwrap_or_default();
    }
    Ok(sessions)
}

/// The number of sessions that began, by the folder of their first response and its [day].
///
/// [day]: quarter_of_day
pub(super) fn begins(
    reader: Reader<'_>,
    condition: &Where,
    zone: Tz,
    mut each: impl FnMut(&str, Option<i64>, i128),
) -> Result<()> {
    let sql = format!(
        "WITH of_folders AS (
             SELECT session_id, username, min(first_time) AS time FROM {responses}
             WHERE {clause} AND session_id IS NOT NULL GROUP BY session_id, username),
         begun AS (
             SELECT min(time) AS time, arg_min(username, (time, username)) AS username FROM of_folders
             GROUP BY session_id)
         SELECT username, {quarter}, count(*) FROM begun GROUP BY ALL",
        responses = Responses::added_up(reader, condition, None)?.table,
        clause = condition.clause,
        quarter = quarter_of_day(zone)[0]
    );
    reader.each(&sql, &condition.params, |row| {
        each(&row.get::<String>(0)?, row.get(1)?, row.integer(2)?);
        Ok(())
    })
}

/// Sessions by id, with their facts, and where and when they began.
fn begun(
    reader: Reader<'_>,
    filter: &Filter,
    condition: &Where,
    ids: &[String],
    all: usize,
) -> Result<HashMap<String, Session>> {
    let mut facts = facts::facts(reader, &named(Where::everything(), ids, all))?;
    let Where { clause, params } = named(condition.clone(), ids, all);
    // For many sessions, reading the responses twice is cheaper than keeping them in memory.
    let kept = if ids.len() <= NAMED { "MATERIALIZED" } else { "NOT MATERIALIZED" };
    let sql = format!(
        "WITH chosen AS {kept} (
             SELECT session_id AS id, time, username, project, session_file, line, part
             FROM usage_responses WHERE {clause} AND session_id IS NOT NULL),
         span AS (SELECT id, min(time) AS begun, max(time) AS ended FROM chosen GROUP BY id)
         SELECT chosen.id, username, project, begun, ended, session_file, line
         FROM chosen JOIN span ON chosen.id = span.id AND chosen.time IS NOT DISTINCT FROM begun
         QUALIFY row_number() OVER (PARTITION BY chosen.id ORDER BY session_file, line, part) = 1"
    );
    let repositories = Repositories::read(reader, &filter.identities)?;
    let mut begun: HashMap<String, Session> = HashMap::new();
    reader.each(&sql, &params, |row| {
        let (id, folder): (String, String) = (row.get(0)?, row.get(1)?);
        let session = Session {
            user: filter.identities.label(&folder).to_owned(),
            project: row.get::<Option<String>>(2)?.map(|cwd| repositories.name(&cwd).to_owned()),
            begun: row.time(3)?,
            ended: row.time(4)?,
            file: row.get(5)?,
            line: row.get(6)?,
            facts: facts.remove(&(id.clone(), folder)).unwrap_or_default(),
            ..Session::default()
        };
        begun.insert(id, session);
        Ok(())
    })?;
    Ok(begun)
}

/// Sessions with their costs, in the order of `costs`.
fn with_costs(mut begun: HashMap<String, Session>, costs: impl IntoIterator<Item = Cost>) -> Vec<Session> {
    let session = |Cost { id, spent, models }: Cost| {
        let begun = begun.remove(&id)?;
        Some(Session { id, spent, models, ..begun })
    };
    costs.into_iter().filter_map(session).collect()
}

/// The names of a session's fields in JSON and CSV.
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
    /// The values of a session in the order of [`CELLS`].
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
