//! The report of activity: numbers of sessions and people, durations, and cost.

use crate::base::error::{Result, count};
use crate::plugs::tracking::report::by::By;
use crate::plugs::tracking::report::cost::Costs;
use crate::plugs::tracking::report::filter::Filter;
use crate::plugs::tracking::report::key::{Keys, keys};
use crate::plugs::tracking::report::visits::{self, Visit};
use crate::plugs::usage::repositories::Repositories;
use crate::price::{PicoUsd, Prices};
use crate::report::trend::{Steps, Trend};
use crate::report::{Column, Row, SPARE, Sheet, freshness, ratio};
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use sessionmill_tracking::NAME;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};

const COLUMNS: [Column; 11] = [
    Column::count("sessions", "Sessions"),
    Column::count("people", "People").rank(1),
    Column::seconds("active_seconds", "Presence"),
    Column::count("most_parallel", "At once").spare(),
    Column::seconds("median_seconds", "Median").rank(2),
    Column::seconds("p90_seconds", "p90").rank(3),
    Column::count("page_views", "Views").rank(4),
    Column::ratio("views_per_session", "Per session").rank(5),
    Column::share("bounce_rate", "Bounced").rank(3),
    Column::share("engaged_rate", "Engaged").rank(3),
    Column::money("cost_usd", "Cost").rank(1),
];

/// Indexes of columns: parallel transcripts, views of pages or prompts, and bounces.
const AT_ONCE: usize = 3;
const VIEWS: usize = 6;
const BOUNCED: usize = 8;

/// The sums of a row while it is read.
#[derive(Debug, Default)]
struct Sums {
    sessions: i128,
    /// By number.
    people: HashSet<usize>,
    active_seconds: i128,
    lengths: Vec<i128>,
    views: i128,
    /// The most transcripts of one person that were active at the same time.
    parallel: i128,
    /// Sessions that can be a bounce, and sessions that are one.
    judged: i128,
    bounced: i128,
    engaged: i128,
    cost: Option<PicoUsd>,
    /// The start of each session, with its cost.
    starts: Vec<(DateTime<Utc>, PicoUsd)>,
}

impl Sums {
    fn add(&mut self, visit: &Visit, person: usize, cost: Option<PicoUsd>) {
        self.sessions += 1;
        self.people.insert(person);
        self.active_seconds += visit.active_seconds;
        self.lengths.push(visit.duration_seconds);
        self.views += visit.views;
        self.parallel = self.parallel.max(visit.parallel);
        self.judged += i128::from(visit.is_bounce.is_some());
        self.bounced += i128::from(visit.is_bounce == Some(true));
        self.engaged += i128::from(visit.is_engaged);
        self.cost = self.cost.into_iter().chain(cost).reduce(|a, b| a + b);
        self.starts.push((visit.started, cost.unwrap_or_default()));
    }

    /// For each step the cost, or the number of sessions if nothing has a cost.
    fn trend(&self, steps: &Steps, has_costs: bool) -> Vec<i128> {
        let mut trend = Trend::default();
        self.starts.iter().for_each(|(time, cost)| trend.add(steps.at(*time), if has_costs { *cost } else { 1 }));
        steps.numbers(&trend)
    }

    /// The numbers in the order of [`COLUMNS`].
    fn numbers(mut self) -> Vec<Option<i128>> {
        self.lengths.sort_unstable();
        vec![
            Some(self.sessions),
            Some(self.people.len() as i128),
            Some(self.active_seconds),
            Some(self.parallel).filter(|most| *most > 0),
            percentile(&self.lengths, 50),
            percentile(&self.lengths, 90),
            Some(self.views),
            rounded(self.views * 100, self.sessions),
            rounded(self.bounced * 1000, self.judged),
            rounded(self.engaged * 1000, self.sessions),
            self.cost,
        ]
    }
}

/// A percentile by the nearest rank: the smallest number that at least this percentage of the numbers do not exceed.
/// The numbers must be sorted.
fn percentile(numbers: &[i128], percent: usize) -> Option<i128> {
    numbers.get((numbers.len() * percent).div_ceil(100).checked_sub(1)?).copied()
}

/// A quotient, rounded half up; `None` if the divisor is 0.
fn rounded(part: i128, of: i128) -> Option<i128> {
    (of > 0).then(|| ratio(part, of, 1))
}

/// Makes the report.
///
/// # Errors
///
/// If the database cannot be read.
pub fn activity(reader: Reader<'_>, by: &[By], filter: &Filter, prices: &Prices) -> Result<Sheet> {
    let costs = Costs::read(reader, filter, prices)?;
    let repositories = Repositories::read(reader, &filter.identities)?;
    let (as_of, pending) = freshness(reader, NAME)?;
    let sheet = of_visits(by, filter, &visits::read(reader, by, filter)?, &repositories, &costs);
    Ok(Sheet { as_of, pending, ..sheet })
}

/// The same for sessions that were read already.
pub(super) fn of_visits(
    by: &[By],
    filter: &Filter,
    visits: &[Visit],
    repositories: &Repositories,
    costs: &Costs,
) -> Sheet {
    let mut sums: BTreeMap<Keys, Sums> = BTreeMap::new();
    let mut total = Sums::default();
    let mut people: HashMap<(bool, String), usize> = HashMap::new();
    let project = by.iter().position(|by| *by == By::Project);
    let (mut bots, mut shared, mut has_web, mut has_agents) = (0, 0, false, false);
    for visit in visits {
        if visit.is_bot && !filter.bots {
            bots += 1;
            continue;
        }
        has_agents |= visit.is_agent;
        has_web |= !visit.is_agent;
        let next = people.len();
        let person = *people.entry((visit.is_agent, visit.who(&filter.identities))).or_insert(next);
        let rows = keys(by, visit, filter, repositories);
        shared += u64::from(rows.len() > 1);
        for keys in rows {
            let cost = match project {
                Some(at) => costs.of_project(&visit.session_id, keys[at].as_ref().map(|key| &*key.name)),
                None => costs.of(&visit.session_id),
            };
            sums.entry(keys).or_default().add(visit, person, cost);
        }
        total.add(visit, person, costs.of(&visit.session_id));
    }
    let sums = in_order(sums, by);
    let mut steps = Steps::default();
    if !by.iter().any(|by| by.is_time()) {
        let ends = [total.starts.first(), total.starts.last()].map(|start| start.map(|(time, _)| *time));
        steps = Steps::of(filter.days, ends, filter.zone);
    }
    let has_costs = total.cost.is_some_and(|cost| cost > 0);
    let row = |(keys, sums): (Keys, Sums)| {
        let trend = sums.trend(&steps, has_costs);
        let mut names = keys.into_iter().map(|key| key.map(|key| key.name));
        Row { key: names.next().flatten(), then: names.collect(), numbers: sums.numbers(), trend }
    };
    let mut columns = COLUMNS.to_vec();
    columns[VIEWS].title = match (has_web, has_agents) {
        (false, true) => "Prompts",
        (true, true) => "Views, prompts",
        _ => "Views",
    };
    // Parallel transcripts only occur with agents, and bounces only on sites.
    if total.parallel > 0 {
        columns[AT_ONCE].rank = 1;
    }
    if !has_web {
        columns[BOUNCED].rank = SPARE;
    }
    let mut names = by.iter().map(|by| by.name());
    Sheet {
        by: names.next().unwrap_or_default(),
        then: names.collect(),
        columns: columns.into(),
        rows: sums.into_iter().map(row).collect(),
        totals: total.numbers(),
        notes: notes(bots, shared),
        ..Sheet::default()
    }
}

/// The rows in the order of the report, level by level: periods by time, everything else by size, then by name. Rows
/// that share the names of the upper levels stay together.
fn in_order(sums: BTreeMap<Keys, Sums>, by: &[By]) -> Vec<(Keys, Sums)> {
    let mut levels: HashMap<Keys, (i128, i128)> = HashMap::new();
    for (keys, sums) in &sums {
        for level in 1..=keys.len() {
            let (sessions, active_seconds) = levels.entry(keys[..level].to_vec()).or_default();
            *sessions += sums.sessions;
            *active_seconds += sums.active_seconds;
        }
    }
    let mut rows: Vec<_> = sums.into_iter().collect();
    rows.sort_by(|(a, _), (b, _)| {
        let levels = by.iter().enumerate().map(|(level, by)| {
            let of = |keys: &Keys| levels.get(&keys[..=level]);
            let by_weight = if by.is_time() { Ordering::Equal } else { of(b).cmp(&of(a)) };
            by_weight.then_with(|| a[level].cmp(&b[level]))
        });
        levels.fold(Ordering::Equal, Ordering::then)
    });
    rows
}

fn notes(bots: u64, shared: u64) -> Vec<String> {
    let mut notes = Vec::new();
    if bots > 0 {
        let verb = if bots == 1 { "is" } else { "are" };
        notes.push(format!("{} of bots {verb} left out; --bots counts them", count(bots, "session")));
    }
    if shared > 0 {
        notes.push(format!(
            "{} with several projects: counted in each of them with all of their time, and once in the total",
            count(shared, "session")
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_numbers() {
        let numbers: Vec<i128> = (1..=10).collect();
        assert_eq!((percentile(&numbers, 50), percentile(&numbers, 90)), (Some(5), Some(9)));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 90)), (Some(7), Some(7)));
        assert_eq!(percentile(&[1, 2, 3], 50), Some(2));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn quotients_are_rounded_half_up() {
        assert_eq!(rounded(500, 3), Some(167));
        assert_eq!(rounded(5, 2), Some(3));
        assert_eq!(rounded(0, 4), Some(0));
        assert_eq!(rounded(1, 0), None);
    }
}
