//! The sums for the charts and tables of the page, by day in the report's time zone.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::base::zone::Period;
use crate::plugs::usage::report::active::{People, Whose, Work};
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::outcomes::{self, ActiveTime};
use crate::plugs::usage::report::period::{self, quarter, quarter_of_day};
use crate::plugs::usage::report::sessions;
use crate::plugs::usage::report::spending::{self, Asked, Columns, Spent, Uses, model_name};
use crate::plugs::usage::report::subagents::{self, Starts};
use crate::plugs::usage::repositories::Repositories;
use crate::price::{PicoUsd, Prices};
use crate::report::trend::Trend;
use crate::store::reader::{Reader, Row};
use chrono::NaiveDate;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Sums by name and day.
pub(super) type Series = BTreeMap<String, Sums>;

/// The sums of one name.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// Includes usage without a time, which `days` does not.
    pub(super) total: Spent,
    pub(super) days: BTreeMap<NaiveDate, Spent>,
}

/// Activity by person and day.
pub(super) type Active = BTreeMap<String, BTreeMap<Option<NaiveDate>, Activity>>;

/// The activity of a person on a day.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Activity {
    /// Sessions that began.
    pub(super) sessions: i128,
    /// Active time in microseconds. Parallel work counts once.
    pub(super) active_micros: i128,
}

#[derive(Debug, Default)]
pub(super) struct Figures<'p> {
    pub(super) all: Sums,
    pub(super) models: Series,
    pub(super) people: Series,
    projects: Series,
    teams: Series,
    commands: Series,
    skills: Series,
    subagents: Series,
    servers: Series,
    /// By day and hour of the day.
    pub(super) hours: BTreeMap<(NaiveDate, String), Spent>,
    pub(super) activity: Active,
    /// Active time by project.
    pub(super) active: HashMap<Option<String>, i128>,
    /// Empty for a period that is a part of the page.
    pub(super) uses: Uses<'p>,
}

impl Sums {
    /// The sums of some days.
    pub(super) fn within(&self, days: Days) -> Self {
        let mut within = Self::default();
        let chosen = self.days.iter().filter(|(day, _)| days.has(**day));
        chosen.for_each(|(day, spent)| within.add(Some(*day), spent));
        within
    }

    pub(super) fn add(&mut self, day: Option<NaiveDate>, spent: &Spent) {
        self.total.add(spent);
        day.into_iter().for_each(|day| self.days.entry(day).or_default().add(spent));
    }

    pub(super) fn weight(&self) -> (PicoUsd, i128) {
        (self.total.cost.unwrap_or_default(), self.total.tokens.total())
    }
}

impl Activity {
    pub(super) fn add(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.active_micros += other.active_micros;
    }
}

/// The name for usage without one, such as responses outside of a project.
pub(super) const NONE: &str = "(none)";

pub(super) const SUBAGENT: &str = "type of subagent";

/// The name for responses that are not of a subagent.
pub(super) const MAIN: &str = "(main conversation)";

/// Series while they are read. Each group of responses is added to all of them, and there can be 100,000 groups, so
/// names are looked up by hash.
struct Growing<const N: usize>([HashMap<String, Sums>; N]);

impl<const N: usize> Growing<N> {
    fn new() -> Self {
        Self(std::array::from_fn(|_| HashMap::new()))
    }

    /// Adds a group, which has a name in each series.
    fn add(&mut self, names: [&str; N], day: Option<NaiveDate>, spent: &Spent) {
        for (series, name) in self.0.iter_mut().zip(names) {
            match series.get_mut(name) {
                Some(sums) => sums.add(day, spent),
                None => series.entry(name.to_owned()).or_default().add(day, spent),
            }
        }
    }

    fn done(self) -> [Series; N] {
        self.0.map(|series| series.into_iter().collect())
    }
}

impl<'p> Figures<'p> {
    /// Reads everything except the activity, in three queries, each with related columns. A single query would have
    /// several times as many groups.
    pub(super) fn read(reader: Reader<'_>, filter: &Filter, prices: &'p Prices) -> Result<Self> {
        let ([commands, skills, subagents], (figures, [people, teams])) = reader.both(
            |reader| at_work(reader, filter, prices),
            |reader| Ok((Self::of_models(reader, filter, prices)?, people_and_teams(reader, filter, prices)?)),
        )?;
        Ok(Self { people, teams, commands, skills, subagents, ..figures })
    }

    /// Sums by model, project and MCP server, and by hour.
    fn of_models(reader: Reader<'_>, filter: &Filter, prices: &'p Prices) -> Result<Self> {
        let repositories = Repositories::read(reader, &filter.identities)?;
        let (mut series, mut quarters) = (Growing::new(), HashMap::<Option<i64>, Spent>::new());
        let keys = [quarter(filter.zone)[0], "project", "mcp_server"];
        let key = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        type Key = (Option<i64>, Option<String>, Option<String>);
        let add = |(quarter, cwd, server): Key, model: Option<&str>, spent: &Spent| {
            quarters.entry(quarter).or_default().add(spent);
            let project = cwd.as_deref().map_or(NONE, |cwd| repositories.name(cwd));
            let names = [model_name(model), project, server.as_deref().unwrap_or(NONE)];
            series.add(names, day(quarter, filter), spent);
        };
        let uses = spending::read(reader, prices, &keys, &filter.condition(), key, add)?;
        let [models, projects, servers] = series.done();
        let mut figures = Self { models, projects, servers, uses, ..Self::default() };
        for (quarter, spent) in quarters {
            let day = day(quarter, filter);
            if let Some(hour) = day.zip(quarter.and_then(|quarter| period::hour(quarter, filter.zone))) {
                figures.hours.entry(hour).or_default().add(&spent);
            }
            figures.all.add(day, &spent);
        }
        Ok(figures)
    }

    /// The tables of what the work was for, if they have any name: teams, projects, slash commands, skills, subagents
    /// and MCP servers.
    pub(super) fn work(&self) -> impl Iterator<Item = (&'static str, &Series)> {
        let all = [
            ("team", &self.teams),
            ("project", &self.projects),
            ("slash command", &self.commands),
            ("skill", &self.skills),
            (SUBAGENT, &self.subagents),
            ("MCP server", &self.servers),
        ];
        all.into_iter().filter(|(_, series)| series.keys().any(|name| name != NONE))
    }

    /// Active time by project, and of all people.
    pub(super) fn active_time(&self) -> ActiveTime {
        let of_days = self.activity.values().flat_map(BTreeMap::values);
        let of_people = of_days.map(|activity| activity.active_micros).sum();
        ActiveTime { of_rows: self.active.clone(), of_people }
    }

    /// The cost of each project.
    pub(super) fn of_projects(&self) -> outcomes::Costs {
        let cost = |(name, sums): (&String, &Sums)| {
            let name = Some(name).filter(|name| *name != NONE).cloned();
            (name, (sums.total.clone(), Trend::default()))
        };
        self.projects.iter().map(cost).collect()
    }

    /// The series of people or projects.
    pub(super) fn series(&self, by: &str) -> &Series {
        if by == "person" { &self.people } else { &self.projects }
    }

    /// The second chart is by person, or by project if there is only one person.
    pub(super) fn people_or_projects(&self) -> (&'static str, &Series) {
        if self.people.len() > 1 { ("person", &self.people) } else { ("project", &self.projects) }
    }

    /// The figures of the days of a filter. Active time by project is not known by day, so active time is read again.
    pub(super) fn within(&self, reader: Reader<'_>, filter: &Filter) -> Result<Self> {
        let days = filter.days;
        let series = |series: &Series| within(series, days);
        let mut activity = Active::new();
        for (person, of_days) in &self.activity {
            for (day, begun) in of_days.iter().filter(|(day, _)| day.is_some_and(|day| days.has(day))) {
                let begun = Activity { active_micros: 0, ..*begun };
                activity.entry(person.clone()).or_default().insert(*day, begun);
            }
        }
        let active = add_active(&mut activity, reader, filter)?;
        let hours = self.hours.iter().filter(|((day, _), _)| days.has(*day));
        Ok(Self {
            all: self.all.within(days),
            models: series(&self.models),
            people: series(&self.people),
            projects: series(&self.projects),
            teams: series(&self.teams),
            commands: series(&self.commands),
            skills: series(&self.skills),
            subagents: series(&self.subagents),
            servers: series(&self.servers),
            hours: hours.map(|(hour, spent)| (hour.clone(), spent.clone())).collect(),
            activity,
            active,
            uses: Uses::new(),
        })
    }

    /// The bars of a chart over time: days, or weeks or months if there are too many days.
    pub(super) fn bars(&self, days: Days) -> OverTime {
        const MOST: usize = 92;
        let used = || self.all.days.keys().copied();
        let (first, last) = (days.since.or(used().next()), days.until.or(used().next_back()));
        let Some((first, last)) = first.zip(last) else { return OverTime::new(Period::Day, &[]) };
        let days = usize::try_from((last - first).num_days()).unwrap_or_default() + 1;
        let period = match days {
            0..=MOST => Period::Day,
            93..=644 => Period::Week,
            _ => Period::Month,
        };
        // A wrong clock can date a response to any year. If the range is very long, only days with usage are shown.
        let shown: Vec<_> = if days <= 30 * MOST { first.iter_days().take(days).collect() } else { used().collect() };
        OverTime::new(period, &shown)
    }
}

/// The bars of a chart over time.
pub(super) struct OverTime {
    pub(super) period: Period,
    pub(super) names: Vec<String>,
    /// The number of each day's bar.
    places: HashMap<NaiveDate, usize>,
}

impl OverTime {
    /// The bars of these days, which must be sorted.
    fn new(period: Period, days: &[NaiveDate]) -> Self {
        let mut bars = Self { period, names: Vec::new(), places: HashMap::new() };
        for day in days {
            let name = period.of_day(*day);
            if bars.names.last() != Some(&name) {
                bars.names.push(name);
            }
            bars.places.insert(*day, bars.names.len() - 1);
        }
        bars
    }

    /// The sums of the bars.
    pub(super) fn sums(&self, days: impl Iterator<Item = (NaiveDate, i128)>) -> Vec<i128> {
        let mut sums = vec![0; self.names.len()];
        for (day, number) in days {
            if let Some(place) = self.places.get(&day) {
                sums[*place] += number;
            }
        }
        sums
    }
}

/// Reads the active time of people by day, the sessions that began, and the active time by project.
pub(super) fn activity(reader: Reader<'_>, filter: &Filter) -> Result<(Active, HashMap<Option<String>, i128>)> {
    let mut activity = Active::new();
    sessions::begins(reader, &filter.condition(), filter.zone, |folder, quarter, sessions| {
        let day = day(quarter, filter);
        let person = filter.identities.label(folder).to_owned();
        let of_day = activity.entry(person).or_default().entry(day).or_default();
        of_day.add(Activity { sessions, active_micros: 0 });
    })?;
    let active = add_active(&mut activity, reader, filter)?;
    Ok((activity, active))
}

fn people_and_teams(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<[Series; 2]> {
    let mut series = Growing::new();
    let keys = [quarter_of_day(filter.zone)[0], "username"];
    let key = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let add = |(quarter, folder): (Option<i64>, String), _: Option<&str>, spent: &Spent| {
        let (person, team) = (filter.identities.label(&folder), filter.identities.team(&folder).unwrap_or(NONE));
        series.add([person, team], day(quarter, filter), spent);
    };
    let columns = Columns::of(&keys).only(Asked::Costs);
    spending::read(reader, prices, columns, &filter.condition(), key, add)?;
    Ok(series.done())
}

/// Usage by slash command, by skill, and by type of subagent.
fn at_work(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<[Series; 3]> {
    let starts = Starts::read(reader)?;
    let mut series = Growing::new();
    let keys = [quarter_of_day(filter.zone)[0], "command", "skill", subagents::ID, "side_chain"];
    let key = |row: &Row<'_>| {
        let subagent = row.text(3)?;
        let start = starts.of(subagent);
        let command = row.text(1)?.or(start.and_then(|start| start.command.as_deref()));
        let skill = row.text(2)?.or(start.and_then(|start| start.skill.as_deref()));
        let kind = starts.kind(subagent, row.get(4)?);
        let names = [command.map(|command| format!("/{command}")), skill.map(str::to_owned), kind.map(str::to_owned)];
        Ok((row.get(0)?, names))
    };
    let add = |(quarter, names): (Option<i64>, [Option<String>; 3]), _: Option<&str>, spent: &Spent| {
        series.add(names.each_ref().map(|name| name.as_deref().unwrap_or(NONE)), day(quarter, filter), spent);
    };
    let columns = Columns::of(&keys).only(Asked::Costs);
    spending::read(reader, prices, columns, &filter.condition(), key, add)?;
    Ok(series.done())
}

/// The day that a quarter of an hour is in.
fn day(quarter: Option<i64>, filter: &Filter) -> Option<NaiveDate> {
    quarter.and_then(|quarter| period::day(quarter, filter.zone))
}

/// The part of a series in some days.
fn within(series: &Series, days: Days) -> Series {
    let within = series.iter().map(|(name, sums)| (name.clone(), sums.within(days)));
    within.filter(|(_, sums)| !sums.days.is_empty()).collect()
}

/// The names of a series, those with the most usage first.
pub(super) fn ranked(series: &Series) -> Vec<(&String, &Sums)> {
    let mut ranked: Vec<_> = series.iter().collect();
    ranked.sort_by_key(|(_, sums)| Reverse(sums.weight()));
    ranked
}

/// Adds the active time of people. Returns the active time by project.
fn add_active(activity: &mut Active, reader: Reader<'_>, filter: &Filter) -> Result<HashMap<Option<String>, i128>> {
    let People { person, join, params } = People::read(reader, filter)?;
    let whose = Whose { who: person, part: Some("project"), join: &join, params: &params };
    let work = Work::read(reader, &whose, &filter.condition(), filter.begin())?
        .of_projects(&Repositories::read(reader, &filter.identities)?);
    work.of_all(Some(filter.zone), |folder, quarter, active_micros| {
        let person = filter.identities.label(folder);
        let of_days = match activity.get_mut(person) {
            Some(of_days) => of_days,
            None => activity.entry(person.to_owned()).or_default(),
        };
        let of_day = of_days.entry(period::day(quarter, filter.zone)).or_default();
        of_day.add(Activity { sessions: 0, active_micros });
    });
    let mut of_projects = HashMap::new();
    work.of_parts(|project, micros| *of_projects.entry(project.map(str::to_owned)).or_default() += micros);
    Ok(of_projects)
}
