//! The sums that the page's charts and tables are made of, by day of the report's zone.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::base::zone::Period;
use crate::plugs::usage::report::active::{self, People, Whose};
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::outcomes;
use crate::plugs::usage::report::period::{self, quarter};
use crate::plugs::usage::report::sessions;
use crate::plugs::usage::report::spending::{self, Spent, Uses, model_name};
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
    /// What has no time is in here too.
    pub(super) total: Spent,
    pub(super) days: BTreeMap<NaiveDate, Spent>,
}

/// What people did, by day.
pub(super) type Active = BTreeMap<String, BTreeMap<Option<NaiveDate>, Activity>>;

/// What a person did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Activity {
    /// That began.
    pub(super) sessions: i128,
    /// Time between responses, without long pauses; what runs side by side counts once.
    pub(super) active_micros: i128,
}

#[derive(Debug, Default)]
pub(super) struct Figures<'p> {
    pub(super) all: Sums,
    pub(super) models: Series,
    pub(super) people: Series,
    projects: Series,
    /// What people and their agents were at: teams, slash commands, skills, types of subagents, MCP servers.
    work: [Series; WORK.len()],
    /// By day, and hour of the day.
    pub(super) hours: BTreeMap<(NaiveDate, String), Spent>,
    pub(super) activity: Active,
    /// Of the whole; a part of it has none.
    pub(super) uses: Uses<'p>,
}

impl Sums {
    /// What of it is in some days.
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

/// What has no name of the kind that a table is about.
pub(super) const NONE: &str = "(none)";

/// What the series of [`Figures::work`] are by.
const WORK: [&str; 5] = ["team", "slash command", "skill", SUBAGENT, "MCP server"];

pub(super) const SUBAGENT: &str = "type of subagent";

/// What has no type of a subagent.
pub(super) const MAIN: &str = "(main conversation)";

impl<'p> Figures<'p> {
    /// Reads all but the activity, with one question to the database: it groups by all that a series is by.
    pub(super) fn read(reader: Reader<'_>, filter: &Filter, prices: &'p Prices) -> Result<Self> {
        let repositories = Repositories::read(reader, &filter.identities)?;
        let starts = Starts::read(reader)?;
        let quarter = quarter(filter.zone)[0];
        let keys = [quarter, "username", "project", "command", "skill", subagents::ID, "side_chain", "mcp_server"];
        let key = |row: &Row<'_>| {
            let [command, skill, subagent, mcp_server] = [3, 4, 5, 7].map(|column| row.get::<Option<String>>(column));
            let (command, skill, subagent) = (command?, skill?, subagent?);
            let caller = || subagent.as_deref();
            let work = [
                command.or_else(|| starts.at(caller()?, |start| &start.command)).map(|command| format!("/{command}")),
                skill.or_else(|| starts.at(caller()?, |start| &start.skill)),
                starts.kind(caller(), row.get(6)?),
                mcp_server?,
            ];
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, work))
        };
        type Key = (Option<i64>, String, Option<String>, [Option<String>; 4]);
        // There can be a hundred thousand groups, and each counts in all series.
        let mut series: [HashMap<String, Sums>; 3 + WORK.len()] = Default::default();
        let mut quarters: HashMap<Option<i64>, Spent> = HashMap::new();
        let add = |(quarter, user, cwd, work): Key, model: Option<&str>, spent: &Spent| {
            quarters.entry(quarter).or_default().add(spent);
            let day = quarter.and_then(|quarter| period::day(quarter, filter.zone));
            let (person, team) = (filter.identities.label(&user), filter.identities.team(&user).unwrap_or(NONE));
            let project = cwd.as_deref().map_or(NONE, |cwd| repositories.name(cwd));
            let [command, skill, subagent, mcp_server] = work.each_ref().map(|name| name.as_deref().unwrap_or(NONE));
            let names = [model_name(model), person, project, team, command, skill, subagent, mcp_server];
            for (series, name) in series.iter_mut().zip(names) {
                match series.get_mut(name) {
                    Some(sums) => sums.add(day, spent),
                    None => series.entry(name.to_owned()).or_default().add(day, spent),
                }
            }
        };
        let uses = spending::read(reader, prices, &keys, &filter.condition(), key, add)?;
        let [models, people, projects, work @ ..] = series.map(|series| series.into_iter().collect());
        let mut figures = Self { models, people, projects, work, uses, ..Self::default() };
        for (quarter, spent) in quarters {
            let day = quarter.and_then(|quarter| period::day(quarter, filter.zone));
            if let Some(hour) = day.zip(quarter.and_then(|quarter| period::hour(quarter, filter.zone))) {
                figures.hours.entry(hour).or_default().add(&spent);
            }
            figures.all.add(day, &spent);
        }
        Ok(figures)
    }

    /// Tables of what it was for: teams, projects, and what people and their agents were at, where any has a name.
    pub(super) fn work(&self) -> impl Iterator<Item = (&'static str, &Series)> {
        let [team, rest @ ..] = &self.work;
        let projects = [(WORK[0], team), ("project", &self.projects)];
        let all = projects.into_iter().chain(WORK[1..].iter().copied().zip(rest));
        all.filter(|(_, series)| series.keys().any(|name| name != NONE))
    }

    /// What each project cost.
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

    /// What a chart beside that of models is by: people, but for somebody alone.
    pub(super) fn people_or_projects(&self) -> (&'static str, &Series) {
        if self.people.len() > 1 { ("person", &self.people) } else { ("project", &self.projects) }
    }

    /// The same of the days of a filter. A pause is active time where both of its ends are in these days.
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
        add_active(&mut activity, reader, filter)?;
        let hours = self.hours.iter().filter(|((day, _), _)| days.has(*day));
        Ok(Self {
            all: self.all.within(days),
            models: series(&self.models),
            people: series(&self.people),
            projects: series(&self.projects),
            work: self.work.each_ref().map(series),
            hours: hours.map(|(hour, spent)| (hour.clone(), spent.clone())).collect(),
            activity,
            uses: Uses::new(),
        })
    }

    /// The bars of a chart over time: days, or longer periods where there are too many.
    pub(super) fn bars(&self, days: Days) -> (Period, Vec<String>) {
        const MOST: usize = 92;
        let used = || self.all.days.keys().copied();
        let (first, last) = (days.since.or(used().next()), days.until.or(used().next_back()));
        let Some((first, last)) = first.zip(last) else { return (Period::Day, Vec::new()) };
        let days = usize::try_from((last - first).num_days()).unwrap_or_default() + 1;
        let period = match days {
            0..=MOST => Period::Day,
            93..=644 => Period::Week,
            _ => Period::Month,
        };
        // A wrong clock can put a response anywhere: over many years only those with usage are shown.
        let mut bars: Vec<_> = if days <= 30 * MOST {
            first.iter_days().take(days).map(|day| period.of_day(day)).collect()
        } else {
            used().map(|day| period.of_day(day)).collect()
        };
        bars.dedup();
        (period, bars)
    }
}

/// Reads what people did: how long they were at it, and the sessions that began.
pub(super) fn activity(reader: Reader<'_>, filter: &Filter) -> Result<Active> {
    let mut activity = Active::new();
    sessions::begins(reader, &filter.condition(), filter.zone, |folder, quarter, sessions| {
        let day = quarter.and_then(|quarter| period::day(quarter, filter.zone));
        let person = filter.identities.label(folder).to_owned();
        let of_day = activity.entry(person).or_default().entry(day).or_default();
        of_day.add(Activity { sessions, active_micros: 0 });
    })?;
    add_active(&mut activity, reader, filter)?;
    Ok(activity)
}

/// What of a series is in some days.
fn within(series: &Series, days: Days) -> Series {
    let within = series.iter().map(|(name, sums)| (name.clone(), sums.within(days)));
    within.filter(|(_, sums)| !sums.days.is_empty()).collect()
}

/// The names of a series, the heaviest first.
pub(super) fn ranked(series: &Series) -> Vec<(&String, &Sums)> {
    let mut ranked: Vec<_> = series.iter().collect();
    ranked.sort_by_key(|(_, sums)| Reverse(sums.weight()));
    ranked
}

/// Adds how long people were at it.
fn add_active(activity: &mut Active, reader: Reader<'_>, filter: &Filter) -> Result<()> {
    let People { person, join, params } = People::read(reader, filter)?;
    let whose = Whose { who: &[person], join: &join, params: &params, zone: Some(filter.zone) };
    let name = |row: &Row<'_>| row.get::<String>(0);
    active::read(reader, &whose, &filter.condition(), name, |person, quarter, active_micros| {
        let day = period::day(quarter, filter.zone);
        let of_day = activity.entry(person).or_default().entry(day).or_default();
        of_day.add(Activity { sessions: 0, active_micros });
    })
}
