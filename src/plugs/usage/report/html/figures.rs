//! The sums that the page's charts and tables are made of, by day of the report's zone.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::base::zone::Period;
use crate::plugs::usage::report::active::{self, Whose};
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::period::{self, quarter};
use crate::plugs::usage::report::sessions::Session;
use crate::plugs::usage::report::spending::{self, Spent, Uses};
use crate::plugs::usage::repositories::Repositories;
use crate::price::{PicoUsd, Prices};
use crate::store::reader::{Param, Reader, Row};
use chrono::NaiveDate;
use std::cmp::Reverse;
use std::collections::BTreeMap;

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

#[derive(Debug)]
pub(super) struct Figures<'p> {
    pub(super) all: Sums,
    pub(super) models: Series,
    pub(super) people: Series,
    projects: Series,
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

impl<'p> Figures<'p> {
    pub(super) fn read(reader: Reader<'_>, filter: &Filter, prices: &'p Prices, sessions: &[Session]) -> Result<Self> {
        let (mut all, mut models, mut people) = (Sums::default(), Series::new(), Series::new());
        let mut projects = Series::new();
        let repositories = Repositories::read(reader, &filter.identities)?;
        let mut hours: BTreeMap<_, Spent> = BTreeMap::new();
        let key = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        type Key = (Option<i64>, String, Option<String>);
        let add = |(quarter, user, cwd): Key, model: Option<&str>, spent: &Spent| {
            let day = quarter.and_then(|quarter| period::day(quarter, filter.zone));
            let model = model.unwrap_or("(no model)").to_owned();
            let user = filter.identities.label(&user).to_owned();
            let project = cwd.as_deref().map_or("(no project)", |cwd| repositories.name(cwd)).to_owned();
            if let Some(hour) = day.zip(quarter.and_then(|quarter| period::hour(quarter, filter.zone))) {
                hours.entry(hour).or_default().add(spent);
            }
            let series = [(&mut models, model), (&mut people, user), (&mut projects, project)];
            let named = series.map(|(series, name)| series.entry(name).or_default());
            named.into_iter().chain([&mut all]).for_each(|sums| sums.add(day, spent));
        };
        let keys = [quarter(filter.zone)[0], "username", "project"];
        let uses = spending::read(reader, prices, &keys, &filter.condition(), key, add)?;
        Ok(Self { all, models, people, projects, hours, activity: activity(reader, filter, sessions)?, uses })
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

/// What of a series is in some days.
pub(super) fn within(series: &Series, days: Days) -> Series {
    let within = series.iter().map(|(name, sums)| (name.clone(), sums.within(days)));
    within.filter(|(_, sums)| !sums.days.is_empty()).collect()
}

/// The names of a series, the heaviest first.
pub(super) fn ranked(series: &Series) -> Vec<(&String, &Sums)> {
    let mut ranked: Vec<_> = series.iter().collect();
    ranked.sort_by_key(|(_, sums)| Reverse(sums.weight()));
    ranked
}

fn activity(reader: Reader<'_>, filter: &Filter, sessions: &[Session]) -> Result<Active> {
    let mut activity = Active::new();
    for session in sessions {
        let day = session.begun.map(|time| time.with_timezone(&filter.zone).date_naive());
        let of_day = activity.entry(session.user.clone()).or_default().entry(day).or_default();
        of_day.add(Activity { sessions: 1, active_micros: 0 });
    }
    add_active(&mut activity, reader, filter)?;
    Ok(activity)
}

/// Adds how long people were at it.
fn add_active(activity: &mut Active, reader: Reader<'_>, filter: &Filter) -> Result<()> {
    let People { person, join, params } = People::read(reader, filter)?;
    let whose = Whose { who: person, join: &join, params: &params, zone: Some(filter.zone) };
    active::read(reader, &whose, &filter.condition(), |person, quarter, active_micros| {
        let day = period::day(quarter, filter.zone);
        let of_day = activity.entry(person).or_default().entry(day).or_default();
        of_day.add(Activity { sessions: 0, active_micros });
    })
}

/// Whose a response is, in SQL: what somebody does in two folders at a time counts once.
struct People {
    person: &'static str,
    join: String,
    params: Vec<Param>,
}

impl People {
    fn read(reader: Reader<'_>, filter: &Filter) -> Result<Self> {
        let mut people = Self { person: "username", join: String::new(), params: Vec::new() };
        if filter.identities.is_empty() {
            return Ok(people);
        }
        let sql = "SELECT DISTINCT username FROM usage_responses";
        for folder in reader.rows::<String>(sql, &[], |row| row.get(0))? {
            let label = filter.identities.label(&folder).to_owned();
            if label != folder {
                people.params.extend([folder, label].map(Param::Text));
            }
        }
        if !people.params.is_empty() {
            let rows = vec!["(?, ?)"; people.params.len() / 2].join(", ");
            people.person = "coalesce(person, username)";
            people.join = format!("LEFT JOIN (VALUES {rows}) AS people(folder, person) ON folder = username");
        }
        Ok(people)
    }
}
