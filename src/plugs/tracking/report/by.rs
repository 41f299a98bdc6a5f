//! What the rows of the report of activity are grouped by, and the keys of each session.

use crate::base::zone::Period;
use crate::plugs::tracking::report::filter::Filter;
use crate::plugs::tracking::report::visits::Visit;
use crate::plugs::usage::repositories::Repositories;
use chrono::{Datelike, Timelike};
use clap::ValueEnum;
use std::collections::BTreeSet;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Day on which the session began.
    Day,
    /// Named after its Monday.
    Week,
    /// Hour of the day in which the session began.
    Hour,
    /// Weekday on which the session began.
    Weekday,
    /// For web events the site and the id of the visitor; for agents a person with all their folders.
    #[value(alias = "person")]
    User,
    /// Team of the person who works with agents.
    Team,
    /// For agents: a session counts in each of its projects, and once in the total.
    Project,
    /// Kind of traffic that led to the visit.
    Channel,
    /// Source of the campaign, else the domain of the referrer.
    Source,
    Campaign,
    Country,
    /// Type of the device.
    Device,
    /// Path of the first page.
    Entry,
    /// Path of the last page.
    Exit,
}

impl By {
    /// The name in JSON and CSV.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Hour => "hour",
            Self::Weekday => "weekday",
            Self::User => "user",
            Self::Team => "team",
            Self::Project => "project",
            Self::Channel => "channel",
            Self::Source => "source",
            Self::Campaign => "campaign",
            Self::Country => "country",
            Self::Device => "device",
            Self::Entry => "entry",
            Self::Exit => "exit",
        }
    }

    /// The SQL expression that gives the name of a row, as text.
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Day | Self::Week | Self::Hour | Self::Weekday | Self::User | Self::Team => "NULL::VARCHAR",
            Self::Project => "projects",
            Self::Channel => "channel",
            // Lower case, as in the rules for channels: `Newsletter` and `newsletter` are the same.
            Self::Source => "coalesce(lower(trim(utm_source)), referring_domain)",
            Self::Campaign => "lower(trim(utm_campaign))",
            Self::Country => "country",
            Self::Device => "device_type",
            Self::Entry => "landing_page",
            Self::Exit => "exit_page",
        }
    }

    /// Whether rows are sorted by time instead of by size.
    pub(super) fn is_time(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Hour | Self::Weekday)
    }

    /// The names of a session for one key, each with its position. Never empty.
    fn keys_at(self, at: usize, visit: &Visit, filter: &Filter, repositories: &Repositories) -> BTreeSet<Option<Key>> {
        let of_column = visit.names.get(at).cloned().flatten();
        let named = |name: String| Some(Key { place: 0, name });
        let local = visit.started.with_timezone(&filter.zone);
        let key = match self {
            Self::Day => named(local.date_naive().to_string()),
            Self::Week => named(Period::Week.of_day(local.date_naive())),
            Self::Hour => named(format!("{:02}", local.hour())),
            Self::Weekday => {
                let name = local.format("%A").to_string();
                Some(Key { place: local.weekday().number_from_monday(), name })
            }
            Self::User => named(filter.who(visit)),
            Self::Team if visit.is_agent => filter.identities.team(&visit.username).map(str::to_owned).and_then(named),
            Self::Team => None,
            Self::Project => {
                let projects: Vec<String> =
                    of_column.as_deref().and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default();
                let asked = projects.iter().filter(|cwd| filter.has_project(cwd));
                let projects: BTreeSet<_> = asked.map(|cwd| named(repositories.name(cwd).to_owned())).collect();
                return if projects.is_empty() { BTreeSet::from([None]) } else { projects };
            }
            _ => of_column.and_then(named),
        };
        BTreeSet::from([key])
    }
}

/// The keys of a row.
pub(super) type Keys = Vec<Option<Key>>;

/// The rows that a session is in: all combinations of its names. Never empty.
pub(super) fn keys(by: &[By], visit: &Visit, filter: &Filter, repositories: &Repositories) -> Vec<Keys> {
    by.iter().enumerate().fold(vec![Keys::new()], |rows, (at, by)| {
        let of_this = by.keys_at(at, visit, filter, repositories);
        let longer =
            |row: &Keys| of_this.iter().map(|key| [row, std::slice::from_ref(key)].concat()).collect::<Vec<_>>();
        rows.iter().flat_map(longer).collect()
    })
}

/// The name of a row, and its position if rows are not sorted by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    place: u32,
    pub(super) name: String,
}
