//! What the rows of a report are about: the columns that a query groups by, and the name that each of its
//! groups has in the report.
//!
//! Every response is in exactly one row, which may be that of what has no name. So the sum over the rows
//! is the total, whatever they are about.

use crate::base::error::Result;
use crate::base::zone::Period;
use crate::identities::Identities;
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::period::{Names, hour, quarter, quarter_of_day};
use crate::plugs::usage::report::subagents::{self, Starts};
use crate::plugs::usage::repositories::Repositories;
use crate::store::reader::{Reader, Row};
use chrono_tz::Tz;

/// Columns, and how they become a name.
pub(super) struct Key<'f> {
    keys: &'static [&'static str],
    naming: Naming<'f>,
    /// The place of the first column in a row.
    first: usize,
}

/// Several keys at a time, whose columns follow each other.
pub(super) struct Keys<'f>(Vec<Key<'f>>);

impl<'f> Keys<'f> {
    /// The keys of a report; `None` if one of them is none of responses.
    pub(super) fn of(by: &[By], reader: Reader<'_>, filter: &'f Filter) -> Result<Option<Self>> {
        let mut keys: Vec<Key<'f>> = Vec::new();
        for by in by {
            let Some(key) = Key::of(*by, reader, filter)? else { return Ok(None) };
            let first = keys.last().map_or(0, |last| last.first + last.keys.len());
            keys.push(Key { first, ..key });
        }
        Ok(Some(Self(keys)))
    }

    /// All columns.
    pub(super) fn columns(&self) -> Vec<&'static str> {
        self.0.iter().flat_map(|key| key.keys).copied().collect()
    }

    pub(super) fn names(&mut self, row: &Row<'_>) -> Result<Vec<Option<String>>> {
        self.0.iter_mut().map(|key| key.name(row)).collect()
    }

    /// Of each key, whether its rows are in the order of time.
    pub(super) fn are_times(&self) -> Vec<bool> {
        self.0.iter().map(Key::is_time).collect()
    }
}

enum Naming<'f> {
    /// The value of the column.
    Plain,
    Period(Names),
    Hour(Tz),
    User(&'f Identities),
    Team(&'f Identities),
    Project(Repositories),
    /// Of the subagent.
    Kind(Starts),
    /// The value, else that of whoever started the subagent.
    Command(Starts),
    Skill(Starts),
}

impl<'f> Key<'f> {
    /// The key of a report; `None` for those that are not made of responses by groups.
    pub(super) fn of(by: By, reader: Reader<'_>, filter: &'f Filter) -> Result<Option<Self>> {
        let period = |period| Naming::Period(Names::new(period, filter.zone));
        let (keys, naming): (&[&str], _) = match by {
            By::Day => (quarter_of_day(filter.zone), period(Period::Day)),
            By::Week => (quarter_of_day(filter.zone), period(Period::Week)),
            By::Month => (quarter_of_day(filter.zone), period(Period::Month)),
            By::Hour => (quarter(filter.zone), Naming::Hour(filter.zone)),
            By::User => (&["username"], Naming::User(&filter.identities)),
            By::Team => (&["username"], Naming::Team(&filter.identities)),
            By::Project => (&["project"], Naming::Project(Repositories::read(reader, &filter.identities)?)),
            By::Path => (&["project"], Naming::Plain),
            By::Branch => (&["branch"], Naming::Plain),
            By::Model => (&["model"], Naming::Plain),
            By::Session => (&["session_id"], Naming::Plain),
            By::Agent => (&["agent"], Naming::Plain),
            By::McpServer => (&["mcp_server"], Naming::Plain),
            By::Subagent => (&[subagents::ID, "side_chain"], Naming::Kind(Starts::read(reader)?)),
            By::Command => (&["command", subagents::ID], Naming::Command(Starts::read(reader)?)),
            By::Skill => (&["skill", subagents::ID], Naming::Skill(Starts::read(reader)?)),
            By::Block | By::Tool => return Ok(None),
        };
        Ok(Some(Self { keys, naming, first: 0 }))
    }

    pub(super) fn columns(&self) -> &'static [&'static str] {
        self.keys
    }

    /// Whether rows are in the order of time, not of weight.
    pub(super) fn is_time(&self) -> bool {
        matches!(self.naming, Naming::Period(_) | Naming::Hour(_))
    }

    /// The name of a group.
    pub(super) fn name(&mut self, row: &Row<'_>) -> Result<Option<String>> {
        let first = self.first;
        let text = |column: usize| row.text(first + column);
        let name = |name: &str| name.to_owned();
        Ok(match &mut self.naming {
            Naming::Plain => text(0)?.map(name),
            Naming::Period(names) => names.of(row.get(first)?),
            Naming::Hour(zone) => row.get::<Option<i64>>(first)?.and_then(|quarter| hour(quarter, *zone)),
            Naming::User(identities) => text(0)?.map(|folder| name(identities.label(folder))),
            Naming::Team(identities) => text(0)?.and_then(|folder| identities.team(folder)).map(name),
            Naming::Project(repositories) => text(0)?.map(|cwd| name(repositories.name(cwd))),
            Naming::Kind(starts) => starts.kind(text(0)?, row.get(first + 1)?).map(name),
            Naming::Command(starts) => {
                let of_caller = starts.of(text(1)?).and_then(|start| start.command.as_deref());
                text(0)?.or(of_caller).map(|command| format!("/{command}"))
            }
            Naming::Skill(starts) => {
                let of_caller = starts.of(text(1)?).and_then(|start| start.skill.as_deref());
                text(0)?.or(of_caller).map(name)
            }
        })
    }
}
