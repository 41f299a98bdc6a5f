//! Sessions, subagents included: what each one cost, how long somebody was at it, and what failed in it.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::base::utc;
use crate::plugs::usage::report::active::{self, Active};
use crate::plugs::usage::report::facts::{self, Facts, Outcome};
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::spending::{self, Spent};
use crate::plugs::usage::repositories::Repositories;
use crate::price::Prices;
use crate::report::trend::Steps;
use crate::report::{money, number};
use crate::store::reader::{Reader, Row};
use chrono::{DateTime, NaiveDate, Utc};
use clap::ValueEnum;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    /// Of tools, MCP servers and subagents.
    pub outcome: Outcome,
}

/// What a list of sessions begins with: the most of something, or the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Order {
    #[default]
    Cost,
    /// When they began
    Date,
    /// Active time
    #[value(alias = "active")]
    Duration,
    Tokens,
}

/// A part of a list of sessions.
#[derive(Debug)]
pub struct Part {
    pub sessions: Vec<Session>,
    /// How many there are in the list.
    pub all: usize,
}

/// A session, as far as its responses tell it when they are added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Cost {
    pub(super) id: String,
    pub(super) begun: Option<DateTime<Utc>>,
    /// Of the first response.
    pub(super) folder: String,
    spent: Spent,
    models: BTreeMap<Option<String>, Spent>,
}

/// Reads all sessions, the costliest first. What has no session id is in none.
///
/// # Errors
///
/// If the database cannot be read.
pub fn sessions(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Session>> {
    Ok(part(reader, filter, &filter.condition(), prices, Order::Cost, [0, usize::MAX])?.sessions)
}

/// Reads a page of a list of sessions: `most` of them, from the one at `from` on. The condition is that of the filter, or
/// one that leaves out more.
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
    let by_cost = "cost DESC NULLS LAST, tokens DESC, key";
    let order = match order_by {
        // How long somebody was at it the database does not work out in one question.
        Order::Duration => None,
        _ if most > NAMED => None,
        Order::Cost => Some(by_cost.to_owned()),
        Order::Tokens => Some(format!("tokens DESC, {by_cost}")),
        Order::Date => Some(format!("begun DESC NULLS LAST, {by_cost}")),
    };
    if let Some(order) = order {
        let (ids, all) = spending::ranked(reader, prices, "session_id", condition, &order, [from, most])?;
        if ids.is_empty() {
            return Ok(Part { sessions: Vec::new(), all });
        }
        let costs = costs(reader, filter, &condition.clone().of_sessions(ids.iter().map(String::as_str)), prices)?;
        let mut costs: HashMap<String, Cost> = costs.into_iter().map(|cost| (cost.id.clone(), cost)).collect();
        let costs = ids.iter().filter_map(|id| costs.remove(id)).collect();
        return Ok(Part { sessions: whole(reader, filter, condition, costs, all, None)?, all });
    }
    let (mut costs, mut active) = (costs(reader, filter, condition, prices)?, None);
    match order_by {
        Order::Cost => {}
        Order::Tokens => costs.sort_by_key(|cost| Reverse(cost.spent.tokens.total())),
        Order::Date => costs.sort_by_key(|cost| Reverse(cost.begun)),
        Order::Duration => {
            let of_all = active::of_sessions(reader, condition)?;
            costs.sort_by_cached_key(|cost| Reverse(of_all.get(&cost.id).copied()));
            active = Some(of_all);
        }
    }
    let all = costs.len();
    let costs = costs.into_iter().skip(from).take(most).collect();
    Ok(Part { sessions: whole(reader, filter, condition, costs, all, active)?, all })
}

/// Makes sessions of what they cost, in their order: those of a condition that has `all` sessions. The active time of
/// sessions need not be known.
pub(super) fn whole(
    reader: Reader<'_>,
    filter: &Filter,
    condition: &Where,
    costs: Vec<Cost>,
    all: usize,
    active: Option<Active>,
) -> Result<Vec<Session>> {
    let ids: Vec<_> = costs.iter().map(|cost| cost.id.clone()).collect();
    let mut sessions = begun(reader, filter, condition, costs, all)?;
    let outcomes = facts::outcomes(reader, filter, &named(filter.of_calls(), &ids, all))?;
    let active = match active {
        Some(active) => active,
        None => active::of_sessions(reader, &named(condition.clone(), &ids, all))?,
    };
    for session in &mut sessions {
        session.active_seconds = active.get(&session.id).copied().unwrap_or_default() / 1_000_000;
        session.outcome = outcomes.get(&session.id).copied().unwrap_or_default();
    }
    Ok(sessions)
}

/// Up to this number of sessions are asked for by their ids; of more, all are read.
pub(super) const NAMED: usize = 500;

/// A condition of `all` sessions, for some of them.
fn named(condition: Where, ids: &[String], all: usize) -> Where {
    match ids.len() {
        some if some < all && some <= NAMED => condition.of_sessions(ids.iter().map(String::as_str)),
        _ => condition,
    }
}

/// Reads all sessions without active time and without what came of the calls.
///
/// # Errors
///
/// If the database cannot be read.
pub fn brief(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Session>> {
    let condition = filter.condition();
    let costs = costs(reader, filter, &condition, prices)?;
    let all = costs.len();
    begun(reader, filter, &condition, costs, all)
}

/// What the sessions of a condition cost, the costliest first.
fn costs(reader: Reader<'_>, filter: &Filter, condition: &Where, prices: &Prices) -> Result<Vec<Cost>> {
    Ok(costs_of(reader, filter, condition, prices, &[Days::default()])?.swap_remove(0))
}

/// The same for several parts of the days of a condition, which are read together; all days are the whole of it.
pub(super) fn costs_of(
    reader: Reader<'_>,
    filter: &Filter,
    condition: &Where,
    prices: &Prices,
    parts: &[Days],
) -> Result<Vec<Vec<Cost>>> {
    // Parts overlap: the responses between two days on which one begins or is over are in the same parts.
    let begins = parts.iter().flat_map(|days| [days.since, days.until.and_then(|day| day.succ_opt())]).flatten();
    let begins: BTreeSet<NaiveDate> = begins.collect();
    let begins: Vec<_> = begins.into_iter().collect();
    let step = Steps::from(begins.iter().copied(), filter.zone).sql("time");
    let mut costs: Vec<HashMap<String, Cost>> = parts.iter().map(|_| HashMap::new()).collect();
    let keys = ["session_id", "username", step.as_str(), "min(epoch_us(first_time))"];
    type Key = (Option<String>, String, Option<i64>, Option<i64>);
    let key = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    spending::read(reader, prices, &keys, condition, key, |(id, folder, step, begun): Key, model, spent| {
        let Some(id) = id else { return };
        let begin = step.and_then(|step| begins.get(usize::try_from(step).ok()?.checked_sub(1)?));
        let begun = begun.and_then(DateTime::from_timestamp_micros);
        for (part, costs) in parts.iter().zip(&mut costs) {
            if part.is_all() || begin.is_some_and(|day| part.has(*day)) {
                let cost = costs.entry(id.clone()).or_insert_with(|| Cost { id: id.clone(), ..Cost::default() });
                cost.add(begun, &folder, model, spent);
            }
        }
    })?;
    let in_order = |costs: HashMap<String, Cost>| {
        let mut costs: Vec<_> = costs.into_values().collect();
        let weight = |spent: &Spent| Reverse((spent.cost, spent.tokens.total()));
        costs.sort_by(|a, b| weight(&a.spent).cmp(&weight(&b.spent)).then_with(|| a.id.cmp(&b.id)));
        costs
    };
    Ok(costs.into_iter().map(in_order).collect())
}

impl Cost {
    fn add(&mut self, begun: Option<DateTime<Utc>>, folder: &str, model: Option<&str>, spent: &Spent) {
        let order = |begun: Option<DateTime<Utc>>| (begun.is_none(), begun);
        if self.folder.is_empty() || (order(begun), folder) < (order(self.begun), &*self.folder) {
            (self.begun, self.folder) = (begun, folder.to_owned());
        }
        self.spent.add(spent);
        self.models.entry(model.map(str::to_owned)).or_default().add(spent);
    }
}

/// Sessions with their titles, and where and when they began, in the order of what they cost.
fn begun(reader: Reader<'_>, filter: &Filter, condition: &Where, costs: Vec<Cost>, all: usize) -> Result<Vec<Session>> {
    let ids: Vec<_> = costs.iter().map(|cost| cost.id.clone()).collect();
    let mut facts = facts::facts(reader, &named(Where::everything(), &ids, all))?;
    let Where { clause, params } = named(condition.clone(), &ids, all);
    // The responses of all sessions are read twice rather than kept.
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
    let session = |Cost { id, spent, models, .. }: Cost| {
        let begun = begun.remove(&id)?;
        Some(Session { id, spent, models, ..begun })
    };
    Ok(costs.into_iter().filter_map(session).collect())
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
