//! Keys of a report: the columns that a query groups by, and how the values of a group become a name in the report.
//!
//! Every response is in exactly one row. Responses without a name share a row, too, so the rows always add up to the
//! total.

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

/// The columns of a key, and how their values become a name.
pub(super) struct Key<'f> {
    keys: &'static [&'static str],
    naming: Naming<'f>,
    /// The index of its first column in a row of the query.
    first: usize,
}

/// Several keys, with their columns one after the other.
pub(super) struct Keys<'f>(Vec<Key<'f>>);

impl<'f> Keys<'f> {
    /// The keys of a report; `None` if one of them does not group responses.
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

    /// For each key, whether its rows are sorted by time.
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
    /// The type of the subagent.
    Kind(Starts),
    /// The command or skill of the response, else that of whoever started the subagent.
    Command(Starts),
    Skill(Starts),
}

impl<'f> Key<'f> {
    /// The key of a report; `None` for reports that are not made by grouping responses.
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

    /// Whether rows are sorted by time instead of by usage.
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
