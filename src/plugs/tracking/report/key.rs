//! The keys of a session in the report of activity: the names of the rows that it is in.

use crate::base::zone::Period;
use crate::plugs::tracking::report::by::By;
use crate::plugs::tracking::report::filter::Filter;
use crate::plugs::tracking::report::visits::Visit;
use crate::plugs::usage::repositories::Repositories;
use chrono::{Datelike, Timelike};
use std::collections::BTreeSet;

/// The keys of a row.
pub(super) type Keys = Vec<Option<Key>>;

/// The rows that a session is in: all combinations of its names. Never empty.
pub(super) fn keys(by: &[By], visit: &Visit, filter: &Filter, repositories: &Repositories) -> Vec<Keys> {
    by.iter().enumerate().fold(vec![Keys::new()], |rows, (at, by)| {
        let of_this = keys_at(*by, at, visit, filter, repositories);
        let longer =
            |row: &Keys| of_this.iter().map(|key| [row, std::slice::from_ref(key)].concat()).collect::<Vec<_>>();
        rows.iter().flat_map(longer).collect()
    })
}

/// The names of a session for one key, each with its position. Never empty.
fn keys_at(by: By, at: usize, visit: &Visit, filter: &Filter, repositories: &Repositories) -> BTreeSet<Option<Key>> {
    let of_column = visit.names.get(at).cloned().flatten();
    let named = |name: String| Some(Key { place: 0, name });
    let local = visit.started.with_timezone(&filter.zone);
    let key = match by {
        By::Day => named(local.date_naive().to_string()),
        By::Week => named(Period::Week.of_day(local.date_naive())),
        By::Hour => named(format!("{:02}", local.hour())),
        By::Weekday => {
            let name = local.format("%A").to_string();
            Some(Key { place: local.weekday().number_from_monday(), name })
        }
        By::User => named(visit.who(&filter.identities)),
        By::Team if visit.is_agent => filter.identities.team(&visit.username).map(str::to_owned).and_then(named),
        By::Team => None,
        By::Project => {
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

/// The name of a row, and its position if rows are not sorted by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    place: u32,
    pub(super) name: String,
}
