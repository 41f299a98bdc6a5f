//! The report of outcomes: lines, files, commits, pull requests and tests, and what they cost.
//!
//! It contains only what transcripts show. A commit that a person makes by hand is in no transcript, and a line that an
//! agent writes twice counts twice.

use crate::base::error::Result;
use crate::base::zone::Period;
use crate::plugs::usage::report::active::{People, Whose, Work};
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::facts::Outcome;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::key::Key;
use crate::plugs::usage::report::period::Names;
use crate::plugs::usage::report::spending::{self, Asked, Columns, Spent};
use crate::plugs::usage::report::times;
use crate::plugs::usage::repositories::Repositories;
use crate::plugs::usage::sums::{self, Responses};
use crate::price::{PicoUsd, Prices};
use crate::report::trend::{Steps, Trend};
use crate::report::{Column, Row, Sheet, freshness};
use crate::store::reader::{self, Reader};
use clap::ValueEnum;
use sessionmill_usage::NAME;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a row of the report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutcomesBy {
    Day,
    Week,
    Month,
    #[value(alias = "person")]
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
    Column::count("lines_removed", "Removed").rank(2),
    Column::count("files", "Files").rank(6),
    Column::count("commits", "Commits"),
    Column::count("pull_requests", "Pull requests").rank(8),
    Column::count("test_runs", "Test runs").rank(4),
    Column::failures("failed_test_runs", "Failed").rank(7),
    Column::count("interrupted_sessions", "Interrupted sessions").rank(9),
    Column::seconds("active_seconds", "Active").rank(1),
    Column::money("cost_usd", "Cost"),
    Column::money("cost_per_commit_usd", "Per commit").rank(3),
    Column::money("cost_per_active_hour_usd", "Per hour").rank(5),
];

/// The sums of a row while it is read.
#[derive(Default)]
struct Sums {
    outcome: Outcome,
    /// Changed files, each with its owner, so that a file that is changed several times counts once.
    files: HashSet<String>,
    spent: Spent,
    costs: Trend,
    /// Sessions that a person interrupted.
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

    /// The numbers in the order of [`COLUMNS`].
    fn numbers(&self) -> Vec<Option<i128>> {
        self.numbers_with([self.files.len(), self.interrupted.len()])
    }

    /// The same with these numbers of files and interrupted sessions.
    fn numbers_with(&self, [files, interrupted]: [usize; 2]) -> Vec<Option<i128>> {
        const HOUR: i128 = 3_600_000_000;
        let Self { outcome, spent, active_micros, .. } = self;
        let each = |of: PicoUsd, number: i128| (number > 0).then(|| of / number);
        let count = |number: u64| Some(i128::from(number));
        vec![
            count(outcome.lines_added),
            count(outcome.lines_removed),
            i128::try_from(files).ok(),
            count(outcome.commits),
            count(outcome.pull_requests),
            count(outcome.test_runs),
            count(outcome.failed_test_runs),
            i128::try_from(interrupted).ok(),
            Some(active_micros / 1_000_000),
            spent.cost,
            spent.cost.and_then(|cost| each(cost, outcome.commits.into())),
            spent.cost.and_then(|cost| each(cost * HOUR, *active_micros)),
        ]
    }
}

/// The cost of each row, and its course over the steps of the report.
pub(super) type Costs = BTreeMap<Option<String>, (Spent, Trend)>;

/// Makes the report. A file or session that is in several rows counts in each of them, and once in the total.
///
/// # Errors
///
/// If the database cannot be read.
pub fn outcomes(reader: Reader<'_>, by: OutcomesBy, filter: &Filter, prices: &Prices) -> Result<Sheet> {
    let Some(mut key) = Key::of(by.into(), reader, filter)? else { return Ok(Sheet::default()) };
    let steps = if key.is_time() { Steps::default() } else { times::steps(reader, filter)? };
    let step = steps.sql("time");
    let columns = key.columns();
    let with_step: Vec<&str> = columns.iter().copied().chain([step.as_str()]).collect();
    let name = |row: &reader::Row<'_>| Ok((key.name(row)?, row.get::<Option<i64>>(columns.len())?));
    let mut costs = Costs::new();
    let condition = filter.condition();
    let with_step = Columns::of(&with_step).only(Asked::Costs);
    spending::read(reader, prices, with_step, &condition, name, |(name, step), _, spent| {
        let (sum, trend) = costs.entry(name).or_default();
        sum.add(spent);
        if let Some(step) = step.and_then(|step| usize::try_from(step).ok()) {
            trend.add(step, spent.cost.unwrap_or_default());
        }
    })?;
    of_costs(reader, by, filter, costs, &steps, None)
}

/// The same with costs that were read already, and active time if it was read already.
pub(super) fn of_costs(
    reader: Reader<'_>,
    by: OutcomesBy,
    filter: &Filter,
    costs: Costs,
    steps: &Steps,
    active: Option<ActiveTime>,
) -> Result<Sheet> {
    let by = By::from(by);
    let Some(mut key) = Key::of(by, reader, filter)? else { return Ok(Sheet::default()) };
    let row = |(name, (spent, costs))| (name, Sums { spent, costs, ..Sums::default() });
    let mut sums: BTreeMap<Option<String>, Sums> = costs.into_iter().map(row).collect();
    let (active, ()) = reader.both(
        |reader| active.map_or_else(|| active_time(reader, by, filter), Ok),
        |reader| add_calls(reader, filter, &mut key, &mut sums),
    )?;
    for (name, micros) in active.of_rows {
        sums.entry(name).or_default().active_micros += micros;
    }
    let mut total = Sums { active_micros: active.of_people, ..Sums::default() };
    for Sums { outcome, spent, .. } in sums.values() {
        total.add(outcome);
        total.spent.add(spent);
    }
    let distinct = |set: fn(&Sums) -> &HashSet<String>| sums.values().flat_map(set).collect::<HashSet<_>>().len();
    let totals = total.numbers_with([distinct(|sums| &sums.files), distinct(|sums| &sums.interrupted)]);
    let mut sums: Vec<_> = sums.into_iter().collect();
    if !key.is_time() {
        sums.sort_by_key(|(_, sums)| Reverse((sums.spent.cost.unwrap_or_default(), sums.outcome.lines_added)));
    }
    let (as_of, pending) = freshness(reader, NAME)?;
    // Changed lines are not known by step, so without costs there is no trend.
    let has_costs = total.spent.cost.is_some_and(|cost| cost > 0);
    let row = |(key, sums): (Option<String>, Sums)| {
        let trend = if has_costs { steps.numbers(&sums.costs) } else { Vec::new() };
        Row { trend, ..Row::new(key, sums.numbers()) }
    };
    Ok(Sheet {
        by: by.name(),
        columns: COLUMNS.as_slice().into(),
        rows: sums.into_iter().map(row).collect(),
        totals,
        as_of,
        pending,
        notes: vec!["these are what transcripts show; work by hand is in none".to_owned()],
        ..Sheet::default()
    })
}

/// Adds the outcomes of calls, and the interrupted sessions.
fn add_calls(
    reader: Reader<'_>,
    filter: &Filter,
    key: &mut Key<'_>,
    sums: &mut BTreeMap<Option<String>, Sums>,
) -> Result<()> {
    let (keys, width) = (key.columns().join(", "), key.columns().len());
    let interrupted = filter.condition().of_interrupted();
    let responses = Responses::added_up(reader, &interrupted, None)?.table;
    let sql = format!("SELECT DISTINCT {keys}, session_id FROM {responses} WHERE {}", interrupted.clause);
    reader.each(&sql, &interrupted.params, |row| {
        sums.entry(key.name(row)?).or_default().interrupted.insert(row.get(width)?);
        Ok(())
    })?;
    let Where { clause, params } = &filter.of_calls();
    // Most calls only read. Calls that change nothing and run nothing are in no figure of this report.
    let sql = format!(
        "SELECT {keys}, {} FROM {} WHERE {clause}
             AND (lines_added > 0 OR lines_removed > 0 OR commits > 0 OR pull_requests > 0 OR test_runs > 0)
         GROUP BY {keys}",
        sums::sums_of_calls(),
        sums::calls(reader, filter)?
    );
    reader.each(&sql, params, |row| {
        sums.entry(key.name(row)?).or_default().add(&Outcome::read(row, width)?);
        Ok(())
    })?;
    let sql = format!(
        "SELECT DISTINCT {keys}, concat(username, chr(10), file) FROM {} WHERE {clause}",
        sums::file_changes(reader, filter)?
    );
    reader.each(&sql, params, |row| {
        sums.entry(key.name(row)?).or_default().files.insert(row.get(width)?);
        Ok(())
    })?;
    Ok(())
}

/// Active time in microseconds: of each row, and of all people. Work of a person in two projects at the same time is in
/// the rows of both projects, but counts once in the sum. So the sum is the same, whatever the rows are.
#[derive(Debug, Default)]
pub(super) struct ActiveTime {
    pub(super) of_rows: HashMap<Option<String>, i128>,
    pub(super) of_people: i128,
}

fn active_time(reader: Reader<'_>, by: By, filter: &Filter) -> Result<ActiveTime> {
    let People { person, join, params } = &People::read(reader, filter)?;
    let (part, period) = match by {
        By::Project => (Some("project"), None),
        By::Agent => (Some("agent"), None),
        By::Session => (Some("session_id"), None),
        By::Week => (None, Some(Period::Week)),
        By::Month => (None, Some(Period::Month)),
        By::Day => (None, Some(Period::Day)),
        _ => (None, None),
    };
    let mut names = period.map(|period| Names::new(period, filter.zone));
    let mut active = ActiveTime::default();
    let whose = Whose { who: person, part, join, params };
    let mut work = Work::read(reader, &whose, &filter.condition(), filter.begin())?;
    if by == By::Project {
        work = work.of_projects(&Repositories::read(reader, &filter.identities)?);
    }
    if part.is_some() {
        work.of_all(None, |_, _, micros| active.of_people += micros);
        work.of_parts(|part, micros| {
            *active.of_rows.entry(part.map(str::to_owned)).or_default() += micros;
        });
        return Ok(active);
    }
    work.of_all(period.map(|_| filter.zone), |folder, quarter, micros| {
        let name = match (by, &mut names) {
            (_, Some(names)) => names.of(Some(quarter)),
            (By::Team, _) => filter.identities.team(folder).map(str::to_owned),
            _ => Some(filter.identities.label(folder).to_owned()),
        };
        active.of_people += micros;
        *active.of_rows.entry(name).or_default() += micros;
    });
    Ok(active)
}
