//! The report of what came of the work: lines, files, commits, pull requests, tests, and what they cost.
//!
//! It says what transcripts show. A commit that somebody makes by hand is in none, and a line that is written twice
//! counts twice.

use crate::base::error::Result;
use crate::base::zone::Period;
use crate::plugs::usage::NAME;
use crate::plugs::usage::report::active::{self, Whose};
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::facts::{CALLS, OUTCOME, Outcome};
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::key::Key;
use crate::plugs::usage::report::period::Names;
use crate::plugs::usage::report::spending::{self, Columns, Spent};
use crate::plugs::usage::repositories::Repositories;
use crate::price::{PicoUsd, Prices};
use crate::report::trend::{Steps, Trend};
use crate::report::{Column, Row, Sheet, freshness};
use crate::store::reader::{self, Reader};
use clap::ValueEnum;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

/// What a row of the report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutcomesBy {
    Day,
    Week,
    Month,
    User,
    Team,
    Project,
    Agent,
    Session,
}

impl From<OutcomesBy> for By {
    fn from(by: OutcomesBy) -> Self {
        match by {
            OutcomesBy::Day => Self::Day,
            OutcomesBy::Week => Self::Week,
            OutcomesBy::Month => Self::Month,
            OutcomesBy::User => Self::User,
            OutcomesBy::Team => Self::Team,
            OutcomesBy::Project => Self::Project,
            OutcomesBy::Agent => Self::Agent,
            OutcomesBy::Session => Self::Session,
        }
    }
}

const COLUMNS: [Column; 12] = [
    Column::count("lines_added", "Added"),
    Column::count("lines_removed", "Removed").rank(1),
    Column::count("files", "Files").rank(3),
    Column::count("commits", "Commits"),
    Column::count("pull_requests", "Pull requests").rank(4),
    Column::count("test_runs", "Test runs").rank(2),
    Column::failures("failed_test_runs", "Failed").rank(5),
    Column::count("interrupted_sessions", "Interrupted sessions").rank(3),
    Column::seconds("active_seconds", "Active").rank(4),
    Column::money("cost_usd", "Cost"),
    Column::money("cost_per_commit_usd", "Per commit").rank(1),
    Column::money("cost_per_active_hour_usd", "Per hour").rank(2),
];

/// A row on its way.
#[derive(Default)]
struct Sums {
    outcome: Outcome,
    /// Changed files, each with whose it is: one that is changed again and again is one file.
    files: HashSet<String>,
    spent: Spent,
    costs: Trend,
    /// Sessions that somebody interrupted.
    interrupted: HashSet<String>,
    active_micros: i128,
}

impl Sums {
    fn add(&mut self, outcome: &Outcome) {
        let sum = &mut self.outcome;
        sum.lines_added += outcome.lines_added;
        sum.lines_removed += outcome.lines_removed;
        sum.commits += outcome.commits;
        sum.pull_requests += outcome.pull_requests;
        sum.test_runs += outcome.test_runs;
        sum.failed_test_runs += outcome.failed_test_runs;
    }

    /// In the order of [`COLUMNS`].
    fn numbers(&self) -> Vec<Option<i128>> {
        const HOUR: i128 = 3_600_000_000;
        let Self { outcome, files, spent, interrupted, active_micros, .. } = self;
        let each = |of: PicoUsd, number: i128| (number > 0).then(|| of / number);
        let count = |number: u64| Some(i128::from(number));
        vec![
            count(outcome.lines_added),
            count(outcome.lines_removed),
            i128::try_from(files.len()).ok(),
            count(outcome.commits),
            count(outcome.pull_requests),
            count(outcome.test_runs),
            count(outcome.failed_test_runs),
            i128::try_from(interrupted.len()).ok(),
            Some(active_micros / 1_000_000),
            spent.cost,
            spent.cost.and_then(|cost| each(cost, outcome.commits.into())),
            spent.cost.and_then(|cost| each(cost * HOUR, *active_micros)),
        ]
    }
}

/// Makes the report. A file or a session that several rows have counts in each of them, and once in the total.
///
/// # Errors
///
/// If the database cannot be read.
pub fn outcomes(reader: Reader<'_>, by: OutcomesBy, filter: &Filter, prices: &Prices) -> Result<Sheet> {
    let by = By::from(by);
    let condition = filter.condition();
    let mut sums: BTreeMap<Option<String>, Sums> = BTreeMap::new();
    let Some(mut key) = Key::of(by, reader, filter)? else { return Ok(Sheet::default()) };
    let columns = key.columns();
    let (keys, width) = (columns.keys.join(", "), columns.keys.len());
    let steps = if key.is_time() { Steps::default() } else { filter.steps(reader)? };
    let step = steps.sql("time");
    let with_step: Vec<&str> = columns.keys.iter().copied().chain([step.as_str()]).collect();
    let with_step = Columns { keys: &with_step, join: columns.join };
    let name = |row: &reader::Row<'_>| Ok((key.name(row)?, row.get::<Option<i64>>(width)?));
    spending::read(reader, prices, with_step, &condition, name, |(name, step), _, spent| {
        let sums = sums.entry(name).or_default();
        sums.spent.add(spent);
        if let Some(step) = step.and_then(|step| usize::try_from(step).ok()) {
            sums.costs.add(step, spent.cost.unwrap_or_default());
        }
    })?;
    let Where { clause, params } = &condition;
    let sql = format!(
        "SELECT DISTINCT {keys}, session_id FROM usage_responses WHERE {clause}
             AND session_id IN (SELECT session_id FROM usage_sessions WHERE interruptions > 0)"
    );
    reader.each(&sql, params, |row| {
        sums.entry(key.name(row)?).or_default().interrupted.insert(row.get(width)?);
        Ok(())
    })?;
    // Which model made a call is not told.
    if filter.model.is_none() {
        let sql = format!("SELECT {keys}, {OUTCOME} FROM {CALLS} WHERE {clause} GROUP BY {keys}");
        reader.each(&sql, params, |row| {
            sums.entry(key.name(row)?).or_default().add(&Outcome::read(row, width)?);
            Ok(())
        })?;
        let sql = format!(
            "SELECT DISTINCT {keys}, concat(username, chr(10), unnest(string_split(files, chr(10))))
             FROM {CALLS} WHERE {clause} AND is_done AND files IS NOT NULL"
        );
        reader.each(&sql, params, |row| {
            sums.entry(key.name(row)?).or_default().files.insert(row.get(width)?);
            Ok(())
        })?;
    }
    active(reader, by, filter, |name, micros| sums.entry(name).or_default().active_micros += micros)?;
    let mut total = Sums::default();
    for Sums { outcome, files, spent, interrupted, active_micros, .. } in sums.values() {
        total.add(outcome);
        total.files.extend(files.iter().cloned());
        total.interrupted.extend(interrupted.iter().cloned());
        total.spent.add(spent);
        total.active_micros += active_micros;
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    if !key.is_time() {
        sums.sort_by_key(|(_, sums)| Reverse((sums.spent.cost.unwrap_or_default(), sums.outcome.lines_added)));
    }
    let (as_of, pending) = freshness(reader, NAME)?;
    // Lines, which matter where nothing has a cost, are told by no step.
    let has_costs = total.spent.cost.is_some_and(|cost| cost > 0);
    let row = |(key, sums): (Option<String>, Sums)| {
        let trend = if has_costs { steps.numbers(&sums.costs) } else { Vec::new() };
        Row { trend, ..Row::new(key, sums.numbers()) }
    };
    Ok(Sheet {
        by: by.name(),
        columns: COLUMNS.as_slice().into(),
        rows: sums.into_iter().map(row).collect(),
        totals: total.numbers(),
        as_of,
        pending,
        notes: vec!["these are what transcripts show; work by hand is in none".to_owned()],
        ..Sheet::default()
    })
}

/// Reads the active time of each person in a row. Several projects of one person are at work side by side.
fn active(reader: Reader<'_>, by: By, filter: &Filter, mut each: impl FnMut(Option<String>, i128)) -> Result<()> {
    let column = match by {
        By::Project => "project",
        By::Agent => "agent",
        By::Session => "session_id",
        _ => "NULL",
    };
    let period = match by {
        By::Week => Period::Week,
        By::Month => Period::Month,
        _ => Period::Day,
    };
    let mut names = Names::new(period, filter.zone);
    let repositories = match by {
        By::Project => Some(Repositories::read(reader, &filter.identities)?),
        _ => None,
    };
    let who = format!("concat(username, chr(10), {column})");
    let zone = matches!(by, By::Day | By::Week | By::Month).then_some(filter.zone);
    let whose = Whose { who: &who, join: "", params: &[], zone };
    active::read(reader, &whose, &filter.condition(), |who, quarter, micros| {
        let (user, value) = who.split_once('\n').unwrap_or_default();
        let value = Some(value).filter(|value| !value.is_empty());
        let name = match by {
            By::User => Some(filter.identities.label(user).to_owned()),
            By::Team => filter.identities.team(user).map(str::to_owned),
            By::Project => value.map(|cwd| repositories.as_ref().map_or(cwd, |known| known.name(cwd)).to_owned()),
            By::Agent | By::Session => value.map(str::to_owned),
            _ => names.of(Some(quarter)),
        };
        each(name, micros);
    })
}
